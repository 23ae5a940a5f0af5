"""What the tests of overdrive-artifact against registries share: small artifacts, the program, real and faulty registries."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import unittest
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/integration/cli"), str(TOP / "tests/support")]

import cli_case  # noqa: E402
from cli_case import OS_VERSION, CliTestCase, layout, programs, say, shared  # noqa: E402
from registry_faults import FaultyRegistry  # noqa: E402
from registry_store import RegistryStore  # noqa: E402
from standin_registry import RegistryApi  # noqa: E402
from vm_registry import Registry  # noqa: E402

DRIVER = "900.1.0"
TAG = f"{OS_VERSION}-{DRIVER}"
REPOSITORY = "overdrive/nvidia-coreos"


@dataclass
class Said:
    """What overdrive-artifact said and how it ended."""

    rc: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, object]:
        return dict(json.loads(self.stdout))

    def __str__(self) -> str:
        return f"exit code {self.rc}\n{self.stdout}{self.stderr}"


def artifact(*arguments: object) -> Said:
    words = [str(word) for word in [programs() / "overdrive-artifact", *arguments]]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
    return Said(done.returncode, done.stdout, done.stderr)


def index_entry(at: Path, tag: str) -> dict[str, object]:
    """The entry of a layout's index.json with this tag."""
    for entry in json.loads((at / "index.json").read_text())["manifests"]:
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag:
            return dict(entry)
    raise AssertionError(f"{at} has no tag {tag}")


def blob(at: Path, digest: str) -> dict[str, object]:
    return dict(json.loads((at / "blobs" / digest.replace(":", "/")).read_text()))


def for_architecture(source: Path, made: Path, architecture: str) -> None:
    """A layout with the artifacts of another that say they are for `architecture`; what is in the layers stays."""
    shutil.copytree(source, made)
    index = json.loads((made / "index.json").read_text())
    for entry in index["manifests"]:
        document = blob(made, str(entry["digest"]))
        config = blob(made, document["config"]["digest"])  # type: ignore[index]
        config["architecture"] = architecture
        document["config"].update(_put(made, config))  # type: ignore[attr-defined]
        document["annotations"]["org.overdrive.architecture"] = architecture  # type: ignore[index]
        entry.update(_put(made, document))
        entry["platform"]["architecture"] = architecture
    (made / "index.json").write_text(json.dumps(index))


def _put(at: Path, document: dict[str, object]) -> dict[str, object]:
    content = json.dumps(document).encode()
    digest = cli_case.hashlib.sha256(content).hexdigest()
    (at / "blobs/sha256" / digest).write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


class ArtifactCase(CliTestCase):
    """An artifact in a layout, and a stand-in registry that goes wrong as it is told."""

    def setUp(self) -> None:
        super().setUp()
        self.store = RegistryStore(self.work / "store")
        self.registry = self.serve(RegistryApi(self.store))
        self.host.configure(f'[trust]\nkeys = ["/etc/first.pub"]\n')
        shutil.copy(cli_case.keys()[1], self.host.root / "etc/first.pub")

    def serve(self, respond: object) -> FaultyRegistry:
        made = FaultyRegistry(respond)  # type: ignore[arg-type]
        self.addCleanup(made.close)
        return made

    @property
    def source(self) -> str:
        return f"oci:{layout()}:{TAG}"

    def at(self, registry: object = None, repository: str = REPOSITORY) -> str:
        found = registry or self.registry
        return f"docker://{getattr(found, 'host', None) or getattr(found, 'on_host')}/{repository}"

    def done(self, *arguments: object) -> Said:
        said = artifact(*arguments)
        self.assertEqual(said.rc, 0, said)
        return said

    def refused(self, rc: int, reason: str, *arguments: object) -> Said:
        said = artifact(*arguments)
        self.assertEqual(said.rc, rc, said)
        self.assertIn(f"error ({reason})", said.stderr, said)
        return said


def remove_shared() -> None:
    cli_case.remove_shared()


__all__ = ["ArtifactCase", "Said", "artifact", "blob", "for_architecture", "index_entry", "layout", "programs", "remove_shared", "say", "shared"]


class RegistryCase(ArtifactCase):
    """With a real docker-registry of the class's own, and a repository of each test's own."""

    docker: Registry

    @classmethod
    def setUpClass(cls) -> None:
        if not shutil.which("docker-registry"):
            raise unittest.SkipTest("docker-registry is not installed (ci/setup images)")
        cls.docker = Registry()
        cls.docker.start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.docker.close()

    def setUp(self) -> None:
        super().setUp()
        self.repository = f"overdrive/{self.id().rsplit('.', 1)[-1].lower()[:80].rstrip('_')}"
        self.place = self.at(self.docker, self.repository)
