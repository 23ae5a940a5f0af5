#!/usr/bin/env python3
"""The stand-in registry does what the distribution specification asks of one, and skopeo gets along with it.
Run: python3 tests/integration/registry/standin_test.py
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/support"))

from registry_store import INDEX, MANIFEST, digest_of  # noqa: E402
from standin_registry import StandinRegistry  # noqa: E402

CONFIG = b'{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'
BLOB = bytes(range(256)) * 8


def manifest(**more: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                       "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(CONFIG), "size": len(CONFIG)},
                       "layers": [], **more}).encode()


class StandinTest(unittest.TestCase):
    def setUp(self) -> None:
        self.registry = StandinRegistry()
        self.addCleanup(self.registry.close)

    def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self.registry.host, timeout=10)
        self.addCleanup(connection.close)
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()

    def push(self, content: bytes, repository: str = "a/b") -> str:
        answer, _ = self.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={digest_of(content)}", content)
        self.assertEqual(answer.status, 201)
        return digest_of(content)

    def put_manifest(self, content: bytes, reference: str, media_type: str = MANIFEST) -> http.client.HTTPResponse:
        return self.ask("PUT", f"/v2/a/b/manifests/{reference}", content, Content_Type=media_type)[0]

    def test_a_blob_is_read_whole_and_in_ranges(self) -> None:
        digest = self.push(BLOB)
        self.assertEqual(self.ask("GET", f"/v2/a/b/blobs/{digest}")[1], BLOB)
        answer, body = self.ask("GET", f"/v2/a/b/blobs/{digest}", Range="bytes=2000-")
        self.assertEqual((answer.status, answer.headers["Content-Range"], body), (206, "bytes 2000-2047/2048", BLOB[2000:]))
        self.assertEqual(self.ask("GET", f"/v2/a/b/blobs/{digest}", Range="bytes=2048-")[0].status, 416)
        head, body = self.ask("HEAD", f"/v2/a/b/blobs/{digest}")
        self.assertEqual((head.headers["Content-Length"], body), ("2048", b""))
        self.assertEqual(self.ask("GET", f"/v2/other/blobs/{digest}")[0].status, 404)

    def test_a_blob_is_pushed_in_chunks_in_order(self) -> None:
        begun, _ = self.ask("POST", "/v2/a/b/blobs/uploads/")
        place = begun.headers["Location"]
        self.assertEqual(begun.status, 202)
        first, _ = self.ask("PATCH", place, BLOB[:1000], Content_Range="0-999")
        self.assertEqual((first.status, first.headers["Range"]), (202, "0-999"))
        self.assertEqual(self.ask("PATCH", place, BLOB[:1000], Content_Range="0-999")[0].status, 416)
        self.assertEqual(self.ask("GET", place)[0].headers["Range"], "0-999")
        wrong, _ = self.ask("PUT", f"{place}&digest={digest_of(b'')}", BLOB[1000:])
        self.assertEqual(wrong.status, 400)
        place = self.ask("POST", "/v2/a/b/blobs/uploads/")[0].headers["Location"]
        self.ask("PATCH", place, BLOB[:1000])
        self.assertEqual(self.ask("PUT", f"{place}&digest={digest_of(BLOB)}", BLOB[1000:])[0].status, 201)
        self.assertEqual(self.ask("GET", f"/v2/a/b/blobs/{digest_of(BLOB)}")[1], BLOB)

    def test_a_blob_is_mounted_from_another_repository(self) -> None:
        digest = self.push(BLOB, "from/here")
        self.assertEqual(self.ask("POST", f"/v2/a/b/blobs/uploads/?mount={digest}&from=from/here")[0].status, 201)
        self.assertEqual(self.ask("GET", f"/v2/a/b/blobs/{digest}")[1], BLOB)
        self.assertEqual(self.ask("POST", f"/v2/a/b/blobs/uploads/?mount={digest}&from=not/here")[0].status, 202)

    def test_a_manifest_needs_its_blobs_and_its_type(self) -> None:
        self.assertEqual(self.put_manifest(manifest(), "v1").status, 404)
        self.push(CONFIG)
        self.assertEqual(self.put_manifest(manifest(), "v1", INDEX).status, 400)
        self.assertEqual(self.put_manifest(manifest(), digest_of(b"")).status, 400)
        self.assertEqual(self.put_manifest(manifest(), "v1").status, 201)
        answer, body = self.ask("GET", "/v2/a/b/manifests/v1")
        self.assertEqual((answer.headers["Content-Type"], answer.headers["Docker-Content-Digest"], body), (MANIFEST, digest_of(body), manifest()))

    def test_referrers_are_listed_and_filtered(self) -> None:
        self.push(CONFIG)
        self.put_manifest(manifest(), "v1")
        subject = {"mediaType": MANIFEST, "digest": digest_of(manifest()), "size": len(manifest())}
        one, two = (manifest(subject=subject, artifactType=kind, annotations={"a": kind}) for kind in ("x/one", "x/two"))
        for content in (one, two):
            answer = self.put_manifest(content, digest_of(content))
            self.assertEqual((answer.status, answer.headers["OCI-Subject"]), (201, subject["digest"]))
        place = f"/v2/a/b/referrers/{subject['digest']}"
        answer, body = self.ask("GET", place)
        self.assertEqual((answer.headers["Content-Type"], [entry["artifactType"] for entry in json.loads(body)["manifests"]]), (INDEX, ["x/one", "x/two"]))
        answer, body = self.ask("GET", f"{place}?artifactType=x/two")
        self.assertEqual(answer.headers["OCI-Filters-Applied"], "artifactType")
        self.assertEqual(json.loads(body)["manifests"], [{"mediaType": MANIFEST, "digest": digest_of(two), "size": len(two),
                                                          "artifactType": "x/two", "annotations": {"a": "x/two"}}])
        self.assertEqual(json.loads(self.ask("GET", f"/v2/a/b/referrers/{digest_of(b'')}")[1])["manifests"], [])

    def test_tags_come_in_pages(self) -> None:
        self.push(CONFIG)
        for tag in ("c", "a", "b"):
            self.put_manifest(manifest(), tag)
        answer, body = self.ask("GET", "/v2/a/b/tags/list?n=2")
        self.assertEqual((json.loads(body)["tags"], answer.headers["Link"]), (["a", "b"], '</v2/a/b/tags/list?n=2&last=b>; rel="next"'))
        answer, body = self.ask("GET", "/v2/a/b/tags/list?n=2&last=b")
        self.assertEqual((json.loads(body)["tags"], answer.headers["Link"]), (["c"], None))

    @unittest.skipUnless(shutil.which("skopeo"), "skopeo is not installed (ci/setup images)")
    def test_skopeo_pushes_to_it_and_pulls_from_it(self) -> None:
        with tempfile.TemporaryDirectory(prefix="overdrive-standin-test-") as work_name:
            first, second = (Path(work_name) / name for name in ("first", "second"))
            (first / "blobs/sha256").mkdir(parents=True)
            layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest_of(bytes(10240)), "size": 10240}
            document = manifest(layers=[layer])
            for content in (CONFIG, bytes(10240), document):
                (first / "blobs" / digest_of(content).replace(":", "/")).write_bytes(content)
            (first / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
            (first / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
                {"mediaType": MANIFEST, "digest": digest_of(document), "size": len(document), "annotations": {"org.opencontainers.image.ref.name": "v1"}}]}))
            remote = f"docker://{self.registry.host}/a/b:v1"
            copy = ["skopeo", "copy", "-q", "--preserve-digests"]
            subprocess.run([*copy, "--dest-tls-verify=false", f"oci:{first}:v1", remote], check=True)
            subprocess.run([*copy, "--src-tls-verify=false", remote, f"oci:{second}:v1"], check=True)
            self.assertEqual((second / "blobs" / digest_of(document).replace(":", "/")).read_bytes(), document)


if __name__ == "__main__":
    unittest.main()
