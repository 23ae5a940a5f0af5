"""What the tests of the hook program share: container roots, a bundle, and the call as a runtime makes it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/support"))
from said import Said, said_by  # noqa: E402

HOOK = Path(os.environ.get("OVERDRIVE_HOOK", TOP / "build/dev/bin/overdrive-cdi-hook"))
PIECES = Path(os.environ.get("OVERDRIVE_HOOK_PIECES", TOP / "build/dev/tests/integration/containers_hook"))
DRIVER_FOLDER = "/usr/local/nvidia/lib64"
SKIPPED = 77


def run_tests() -> None:
    """Runs the calling file's tests; for its last line."""
    if os.geteuid() != 0:
        print("SKIPPED: making container roots and namespaces needs root")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)


def in_own_mounts(script: str, *words: object, stdin: str = "") -> Said:
    """Runs a shell script in a mount namespace of its own; `words` are its $1 and so on."""
    return said_by("unshare", "--mount", "--propagation", "private", "bash", "-euc", script, "bash", *words, stdin=stdin)


def copy_into(rootfs: Path, source: Path) -> None:
    target = rootfs / str(source).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def make_debian_root(rootfs: Path) -> None:
    """The C library and the loader of this machine, their configuration, and the probe as /probe: enough to ask the linker."""
    listed = subprocess.run(["ldd", PIECES / "hook_linker_probe"], check=True, capture_output=True, text=True).stdout
    for word in listed.split():
        if word.startswith("/"):
            copy_into(rootfs, Path(word))
    for name in ("/etc/debian_version", "/etc/ld.so.conf", *(f"/etc/ld.so.conf.d/{file}" for file in ("libc.conf",))):
        copy_into(rootfs, Path(name))
    for file in Path("/etc/ld.so.conf.d").glob("*-linux-gnu.conf"):
        copy_into(rootfs, file)
    shutil.copy2(PIECES / "hook_linker_probe", rootfs / "probe")
    (rootfs / "proc").mkdir()


def add_driver(rootfs: Path, folder: str = DRIVER_FOLDER) -> None:
    """The file that a CDI mount would bring, without its links."""
    target = rootfs / folder.lstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(PIECES / "libcuda.so.900.1.0", target)


class HookCase(unittest.TestCase):
    """A bundle with an empty container root, and `host`, a directory outside that no attack may change."""

    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="overdrive-hook-"))
        self.addCleanup(shutil.rmtree, self.work)
        self.rootfs = self.work / "bundle/rootfs"
        self.rootfs.mkdir(parents=True)
        self.host = self.work / "host"
        self.host.mkdir()
        (self.work / "bundle/config.json").write_text(json.dumps({"ociVersion": "1.0.2", "root": {"path": "rootfs"}}))

    @property
    def state(self) -> str:
        return json.dumps({"ociVersion": "1.0.2", "id": "test", "status": "creating", "bundle": str(self.work / "bundle")})

    def hook(self, *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> Said:
        return said_by(HOOK, *arguments, stdin=self.state, env=env or {"NVIDIA_CTK_DEBUG": "false"}, cwd=cwd)

    def must(self, *arguments: str) -> None:
        said = self.hook(*arguments)
        self.assertEqual((said.rc, said.stderr), (0, ""), said)

    def write(self, name: str, text: str = "") -> Path:
        file = self.rootfs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def link(self, name: str, target: object) -> Path:
        file = self.rootfs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(str(target))
        return file

    def drop_ins(self, prefix: str) -> list[str]:
        return [file.read_text() for file in sorted(self.rootfs.glob(f"etc/ld.so.conf.d/{prefix}-*.conf"))]

    def found_by_linker(self, name: str) -> Said:
        """What the container's own dynamic linker finds."""
        return said_by("/usr/sbin/chroot", self.rootfs, "/probe", name, env={})

    def host_entries(self) -> list[str]:
        return sorted(str(path.relative_to(self.host)) for path in self.host.rglob("*"))
