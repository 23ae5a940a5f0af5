#!/usr/bin/env python3
"""A small registry that stands in for a conforming one with the referrers API, which Debian's docker-registry has not.

    with StandinRegistry(directory) as registry:
        ...  # push to and pull from registry.host, plain HTTP

As a program: standin_registry.py --directory DIR [--port 0] [--no-referrers] [--login USER:PASSWORD]
[--certificate PEM --key PEM]; prints its `HOST:PORT` when it answers, ends with SIGTERM, writes DIR/access.log.
@see OCI distribution-spec 1.1: pull, push, content discovery; content management (DELETE) is left out
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import re
import secrets
import signal
import ssl
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, quote, unquote

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from loopback_http import LoopbackServer, Reply, Request, Respond, parse_range  # noqa: E402
from registry_store import INDEX, RegistryStore, Repository, digest_of  # noqa: E402

NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
MOST_MANIFEST = 4 << 20
MOST_TAGS_A_PAGE = 1000


def refuse(status: int, code: str, message: str, *headers: tuple[str, str]) -> Reply:
    """@see distribution-spec, "Error Codes" """
    body = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()
    return Reply(status, [("Content-Type", "application/json"), *headers], body)


class RegistryApi:
    """The requests of the distribution API over a store."""

    def __init__(self, store: RegistryStore, *, referrers: bool = True) -> None:
        self.store = store
        self.referrers = referrers
        self._uploads: dict[str, bytes] = {}

    def __call__(self, request: Request) -> Reply:
        if request.path.rstrip("/") == "/v2":
            return Reply(200, [("Content-Type", "application/json"), ("Docker-Distribution-Api-Version", "registry/2.0")], b"{}")
        route = re.fullmatch(rf"/v2/({NAME})/(manifests|blobs|tags|referrers)/(.+)", unquote(request.path))
        if not route:
            return refuse(404, "NAME_INVALID", "no such place")
        name, kind, rest = route.groups()
        query = {key: values[-1] for key, values in parse_qs(request.target.partition("?")[2]).items()}
        with self.store.lock:
            if kind == "blobs" and rest.rstrip("/").startswith("uploads"):
                return self._upload(request, name, rest.removeprefix("uploads").strip("/"), query)
            if request.method in ("GET", "HEAD"):
                return {"manifests": self._get_manifest, "blobs": self._get_blob, "tags": self._tags, "referrers": self._referrers}[kind](
                    request, name, rest, query)
            if request.method == "PUT" and kind == "manifests":
                return self._put_manifest(request, name, rest)
        return refuse(405, "UNSUPPORTED", f"{request.method} is not offered here")

    # --- pull

    def _get_manifest(self, request: Request, name: str, reference: str, query: dict[str, str]) -> Reply:
        repository = self.store.repositories.get(name, Repository())
        digest = repository.tags.get(reference, reference)
        if digest not in repository.manifests:
            return refuse(404, "MANIFEST_UNKNOWN", f"there is no manifest {reference}")
        return Reply(200, [("Content-Type", repository.manifests[digest]), ("Docker-Content-Digest", digest)], self.store.read(digest))

    def _get_blob(self, request: Request, name: str, digest: str, query: dict[str, str]) -> Reply:
        repository = self.store.repositories.get(name, Repository())
        if digest not in repository.blobs:
            return refuse(404, "BLOB_UNKNOWN", f"there is no blob {digest}")
        body = self.store.read(digest)
        headers = [("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", digest), ("ETag", f'"{digest}"'),
                   ("Accept-Ranges", "bytes")]
        wanted = parse_range(request.headers.get("range", ""))
        if not wanted:
            return Reply(200, headers, body)
        first, last = wanted[0], min(wanted[1] if wanted[1] is not None else len(body) - 1, len(body) - 1)
        if first > last:
            return refuse(416, "RANGE_INVALID", "there is no such range", ("Content-Range", f"bytes */{len(body)}"))
        return Reply(206, [*headers, ("Content-Range", f"bytes {first}-{last}/{len(body)}")], body[first : last + 1])

    # --- discovery

    def _tags(self, request: Request, name: str, rest: str, query: dict[str, str]) -> Reply:
        if rest != "list" or name not in self.store.repositories:
            return refuse(404, "NAME_UNKNOWN", f"there is no repository {name}")
        tags = [tag for tag in sorted(self.store.repositories[name].tags) if tag > query.get("last", "")]
        most = min(int(query["n"]), MOST_TAGS_A_PAGE) if query.get("n", "").isdigit() else MOST_TAGS_A_PAGE
        headers = [("Content-Type", "application/json")]
        if 0 < most < len(tags):
            headers.append(("Link", f'</v2/{name}/tags/list?n={most}&last={quote(tags[most - 1])}>; rel="next"'))
        return Reply(200, headers, json.dumps({"name": name, "tags": tags[:most]}).encode())

    def _referrers(self, request: Request, name: str, digest: str, query: dict[str, str]) -> Reply:
        if not self.referrers:
            return refuse(404, "UNSUPPORTED", "there is no referrers API")
        if not DIGEST.fullmatch(digest):
            return refuse(400, "DIGEST_INVALID", f"'{digest}' is no digest")
        found = list(self.store.repositories.get(name, Repository()).referrers.get(digest, []))
        headers = [("Content-Type", INDEX)]
        if "artifactType" in query:
            found = [one for one in found if one.get("artifactType") == query["artifactType"]]
            headers.append(("OCI-Filters-Applied", "artifactType"))
        return Reply(200, headers, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}).encode())

    # --- push

    def _upload(self, request: Request, name: str, upload: str, query: dict[str, str]) -> Reply:
        if request.method == "POST" and not upload:
            return self._begin(request, name, query)
        if upload not in self._uploads:
            return refuse(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        if request.method == "GET":
            return self._progress(204, name, upload)
        if request.method == "DELETE":
            del self._uploads[upload]
            return Reply(204)
        if request.method not in ("PATCH", "PUT"):
            return refuse(405, "UNSUPPORTED", f"{request.method} is not offered here")
        announced = re.fullmatch(r"(?:bytes )?(\d+)-(\d+)(?:/.*)?", request.headers.get("content-range", ""))
        have = len(self._uploads[upload])
        if announced and (int(announced[1]) != have or int(announced[2]) != have + len(request.body) - 1):
            return self._progress(416, name, upload)
        self._uploads[upload] += request.body
        if request.method == "PATCH":
            return self._progress(202, name, upload)
        return self._finish(name, self._uploads.pop(upload), query.get("digest", ""))

    def _begin(self, request: Request, name: str, query: dict[str, str]) -> Reply:
        wanted = query.get("mount", "")
        if wanted and wanted in self.store.repositories.get(query.get("from", ""), Repository()).blobs:
            self.store.repository(name).blobs.add(wanted)
            return Reply(201, [("Location", f"/v2/{name}/blobs/{wanted}"), ("Docker-Content-Digest", wanted)])
        if "digest" in query:
            return self._finish(name, request.body, query["digest"])
        upload = secrets.token_hex(16)
        self._uploads[upload] = b""
        return self._progress(202, name, upload)

    def _progress(self, status: int, name: str, upload: str) -> Reply:
        # A relative Location with a query of its own, as the specification allows: whoever pushes must cope with both.
        return Reply(status, [("Location", f"/v2/{name}/blobs/uploads/{upload}?state={upload[:8]}"), ("Docker-Upload-UUID", upload),
                              ("Range", f"0-{max(0, len(self._uploads[upload]) - 1)}")])

    def _finish(self, name: str, content: bytes, digest: str) -> Reply:
        if not DIGEST.fullmatch(digest) or digest_of(content) != digest:
            return refuse(400, "DIGEST_INVALID", f"the bytes hash to {digest_of(content)}, not to '{digest}'")
        self.store.add_blob(name, content)
        return Reply(201, [("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", digest)])

    def _put_manifest(self, request: Request, name: str, reference: str) -> Reply:
        digest = digest_of(request.body)
        if len(request.body) > MOST_MANIFEST:
            return refuse(413, "SIZE_INVALID", f"a manifest has at most {MOST_MANIFEST} bytes")
        if ":" in reference and reference != digest:
            return refuse(400, "DIGEST_INVALID", f"the bytes hash to {digest}, not to '{reference}'")
        if ":" not in reference and not TAG.fullmatch(reference):
            return refuse(400, "TAG_INVALID", f"'{reference}' is no tag")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        try:
            document = json.loads(request.body)
            wrong = self._wrong_manifest(self.store.repository(name), document, media_type)
            subject = document["subject"]["digest"] if "subject" in document else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return refuse(400, "MANIFEST_INVALID", f"it cannot be understood: {error}")
        if wrong:
            return wrong
        self.store.add_manifest(name, request.body, media_type, None if ":" in reference else reference)
        headers = [("Location", f"/v2/{name}/manifests/{digest}"), ("Docker-Content-Digest", digest)]
        if subject and self.referrers:
            headers.append(("OCI-Subject", subject))
        return Reply(201, headers)

    @staticmethod
    def _wrong_manifest(repository: Repository, document: dict[str, object], media_type: str) -> Reply | None:
        if document.get("mediaType", media_type) != media_type:
            return refuse(400, "MANIFEST_INVALID", f"it says that it is a {document['mediaType']}, and came as {media_type}")
        entries = [*document.get("layers", []), *([document["config"]] if "config" in document else [])]  # type: ignore[misc,attr-defined]
        for entry in entries:
            if entry["digest"] not in repository.blobs and not entry.get("urls"):
                return refuse(404, "MANIFEST_BLOB_UNKNOWN", f"there is no blob {entry['digest']}")
        for entry in document.get("manifests", []):  # type: ignore[attr-defined]
            if entry["digest"] not in repository.manifests:
                return refuse(404, "MANIFEST_BLOB_UNKNOWN", f"there is no manifest {entry['digest']}")
        return None


def asking_for_login(respond: Respond, login: str, realm: str = "stand-in") -> Respond:
    """`respond` behind basic authentication. @param login  USER:PASSWORD"""
    wanted = "Basic " + base64.b64encode(login.encode()).decode()

    def guarded(request: Request) -> Reply:
        if secrets.compare_digest(request.headers.get("authorization", ""), wanted):
            return respond(request)
        return refuse(401, "UNAUTHORIZED", "log in", ("WWW-Authenticate", f'Basic realm="{realm}"'))

    return guarded


class StandinRegistry:
    """The stand-in on a port of the loopback interface, with content of its own."""

    def __init__(self, directory: Path | None = None, *, referrers: bool = True, login: str = "", tls: ssl.SSLContext | None = None,
                 port: int = 0) -> None:
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="overdrive-standin-")
        self.store = RegistryStore(directory or Path(self._temporary.name))  # type: ignore[union-attr]
        self.api = RegistryApi(self.store, referrers=referrers)
        respond: Respond = asking_for_login(self.api, login) if login else self.api
        self.server = LoopbackServer(respond, tls=tls, port=port)
        self.host = self.server.host

    def close(self) -> None:
        self.server.close()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> StandinRegistry:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-referrers", action="store_true")
    parser.add_argument("--login", default="", metavar="USER:PASSWORD")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    words = parser.parse_args()
    words.directory.mkdir(parents=True, exist_ok=True)
    tls = None
    if words.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(words.certificate, words.key)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    registry = StandinRegistry(words.directory, referrers=not words.no_referrers, login=words.login, tls=tls, port=words.port)
    print(registry.host, flush=True)
    written = 0
    with (words.directory / "access.log").open("w") as log:
        over = False
        while not over:
            over = ended.wait(0.1)
            for one in itertools.takewhile(lambda one: over or one.status, registry.server.seen[written:]):
                print(one.method, one.target, one.status, one.sent, file=log, flush=True)
                written += 1
    registry.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
