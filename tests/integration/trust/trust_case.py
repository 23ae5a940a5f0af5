"""What the tests of trust share: the real cosign, a real docker-registry, and artifacts that are not signed in themselves."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/integration/cli"), str(TOP / "tests/support")]

from cli_case import OS_VERSION, CliTestCase, Run, pack, say, shared  # noqa: E402
from vm_registry import Registry  # noqa: E402

REPOSITORY = "overdrive/nvidia-coreos"
DRIVER = "900.1.0"
TAG = f"{OS_VERSION}-{DRIVER}"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
# A transparency log or a time-stamp authority is nowhere asked: everything here works without a network.
OFFLINE = ["--tlog-upload=false", "--yes"]
FETCH_COSIGN = '. ci/lib/debian-archive.sh && archive_unpack "$1" cosign'


def skip(why: str) -> None:
    """Exit 77 is ctest's sign of a skipped test."""
    print(f"SKIPPED: {why}")
    sys.exit(77)


@functools.cache
def cosign_program() -> Path:
    """Debian 13's cosign, unpacked once a checkout; it runs on Debian 12 as it is."""
    tools = TOP / "build/tools/cosign"
    if not (tools / "usr/bin/cosign").exists():
        made = tools.with_name(f"cosign.{os.getpid()}")
        done = subprocess.run(["bash", "-c", FETCH_COSIGN, "bash", made], cwd=TOP, capture_output=True, text=True)
        if done.returncode:
            skip(f"no cosign from the archive: {done.stderr.strip().splitlines()[-1:]}")
        with contextlib.suppress(OSError):  # another test was faster
            made.rename(tools)
        shutil.rmtree(made, ignore_errors=True)
    return tools / "usr/bin/cosign"


def cosign(*words: object, **environment: str) -> str:
    return say([cosign_program(), *words], cwd=shared(), env={**os.environ, "HOME": str(shared()), "COSIGN_PASSWORD": "", **environment})


@functools.cache
def cosign_key(name: str) -> tuple[Path, Path]:
    """A key pair: as cosign keeps the private one, and the public one in PEM. `ed25519` is one that openssl made."""
    prefix = f"cosign-{name}"  # keys() of cli_case has the names without it
    if name == "ed25519":
        say(["openssl", "genpkey", "-algorithm", name, "-out", shared() / f"{name}.pem"])
        cosign("import-key-pair", "--key", shared() / f"{name}.pem", "--output-key-prefix", prefix)
    else:
        cosign("generate-key-pair", "--output-key-prefix", prefix)
    return shared() / f"{prefix}.key", shared() / f"{prefix}.pub"


@functools.cache
def unsigned_layout() -> Path:
    """Two artifacts for the same tag, and one for another; none has a driver.json.sig."""
    made = shared() / "unsigned"
    pack(made / "one", DRIVER, signed=False)
    pack(made / "one", "900.2.0", signed=False)
    pack(made / "rebuilt", DRIVER, signed=False, modules_bytes=41_000)
    return made


class TrustCase(CliTestCase):
    """A host, a registry with an artifact that nobody has signed yet, and cosign."""

    def setUp(self) -> None:
        super().setUp()
        cosign_program()
        self.registry = self.enterContext(Registry())
        self.repository = f"{self.registry.on_host}/{REPOSITORY}"
        self.source = f"docker://{self.repository}"
        self.push()
        self.trust("first")

    def asked(self, path: str) -> http.client.HTTPResponse:
        kinds = f"{MANIFEST}, {INDEX}"
        return urllib.request.urlopen(  # type: ignore[no-any-return]
            urllib.request.Request(f"http://{self.registry.on_host}/v2/{REPOSITORY}/{path}", headers={"Accept": kinds}), timeout=10)

    def digest(self, tag: str = TAG) -> str:
        with self.asked(f"manifests/{tag}") as answer:
            return str(answer.headers["Docker-Content-Digest"])

    def manifest(self, tag: str = TAG) -> dict[str, Any]:
        with self.asked(f"manifests/{tag}") as answer:
            return dict(json.loads(answer.read()))

    def blob(self, digest: str) -> bytes:
        with self.asked(f"blobs/{digest}") as answer:
            return bytes(answer.read())

    def push(self, layout: str = "one", tag: str = TAG) -> None:
        say(["skopeo", "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false", f"oci:{unsigned_layout()}/{layout}:{tag}",
             f"docker://{self.repository}:{tag}"])

    def put_index(self) -> None:
        """Puts an index around the manifest that the tag names, as tags of several architectures have it."""
        with self.asked(f"manifests/{TAG}") as answer:
            entry = {"mediaType": MANIFEST, "digest": self.digest(), "size": len(answer.read()), "platform": {"architecture": "amd64", "os": "linux"}}
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
        urllib.request.urlopen(urllib.request.Request(
            f"http://{self.registry.on_host}/v2/{REPOSITORY}/manifests/{TAG}", json.dumps(document).encode(), {"Content-Type": INDEX}, method="PUT"), timeout=10)

    def trust(self, *names: str, more: str = "") -> None:
        """The host trusts these keys."""
        for name in names:
            shutil.copy(cosign_key(name)[1], self.host.root / f"etc/{name}.pub")
        paths = ", ".join(f'"/etc/{name}.pub"' for name in names)
        self.host.configure(f"[trust]\nkeys = [{paths}]\n{more}")

    def sign(self, name: str, *more: object, tag: str = TAG, **environment: str) -> None:
        """As CI signs what it has pushed: by digest."""
        cosign("sign", "--key", cosign_key(name)[0], *OFFLINE, *more, f"{self.repository}@{self.digest(tag)}", **environment)

    def signature_tag(self, tag: str = TAG) -> str:
        return self.digest(tag).replace(":", "-") + ".sig"

    def remove_installed(self) -> None:
        """So that the next install fetches it anew."""
        shutil.rmtree(self.host.generation(DRIVER))

    def try_install(self, *more: object) -> Run:
        return self.install(self.source, DRIVER, *more)

    def accepted(self, *more: object) -> Run:
        run = self.try_install(*more)
        self.assert_installed(run, DRIVER)
        return run

    def refused(self, reason: str, *words: str) -> None:
        self.assert_refused(self.try_install(), reason, 2, *words)
        self.assertFalse(self.host.generation(DRIVER).exists())
