"""This machine as a host that overdrive manages: what the program made below a host's tree is seen at its own paths, in a mount
namespace of this process, so that real podman takes it up. Roots for containers, and a way to run as an ordinary user.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/proof")]

import proof_host as proof  # noqa: E402
from said import Said  # noqa: E402
from said import said_by as said_anywhere  # noqa: E402

USER, UID = "odrootless", 64001
MUSL = Path("/lib/ld-musl-x86_64.so.1")
BUSYBOX = Path("/bin/busybox")
NEEDED = ("podman", "runc", "newuidmap", "setpriv")
# Raising limits is not allowed everywhere that tests run.
CONTAINERS_CONF = """[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
[containers]
default_ulimits=["nofile=1024:1024","nproc=500:500"]
netns="none"
"""
STORAGE_CONF = '[storage]\ndriver="overlay"\n'


def said_by(*words: object, env: dict[str, str] | None = None) -> Said:
    return said_anywhere(*words, env=env, cwd=Path("/"))


def must(*words: object) -> None:
    said = said_by(*words)
    if said.rc != 0:
        raise AssertionError(f"{words}: {said}")


def bind(source: Path, target: Path) -> None:
    must("mount", "--rbind", source, target)


def why_not() -> str | None:
    """What keeps these tests from running here."""
    if os.geteuid() != 0:
        return "mounting and making device nodes needs root"
    for program in NEEDED:
        if shutil.which(program) is None:
            return f"the program {program} is not installed (ci/setup images)"
    return None


def _copy_with_libraries(program: Path, root: Path) -> None:
    wanted = [program, Path("/lib64/ld-linux-x86-64.so.2")]
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    wanted += [Path(word) for word in listed.split() if word.startswith("/")]
    for file in wanted:
        target = root / str(file).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)


def _make_root(root: Path) -> None:
    for folder in ("bin", "dev", "etc", "proc", "run", "sys", "tmp", "usr/bin"):
        (root / folder).mkdir(parents=True)
    shutil.copy2(BUSYBOX, root / "bin/busybox")
    for name in ("sh", "ls", "cat", "sleep", "readlink", "stat"):
        (root / "bin" / name).symlink_to("busybox")


def make_debian_root(root: Path, *programs: Path) -> None:
    """This machine's C library, loader and their configuration, a shell, and these programs with their libraries."""
    _make_root(root)
    for program in programs:
        _copy_with_libraries(program, root)
    for name in ("libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1"):  # what programs of a driver are linked to
        shutil.copy2(f"/lib/x86_64-linux-gnu/{name}", root / "lib/x86_64-linux-gnu")
    shutil.copy2("/etc/ld.so.conf", root / "etc")
    shutil.copytree("/etc/ld.so.conf.d", root / "etc/ld.so.conf.d")
    shutil.copy2("/etc/debian_version", root / "etc")


def make_musl_root(root: Path) -> None:
    """Debian's musl in a root of busybox."""
    _make_root(root)
    (root / "lib").mkdir()
    shutil.copy2(MUSL, root / "lib", follow_symlinks=True)
    shutil.copytree("/etc/ld-musl-x86_64.d", root / "etc/ld-musl-x86_64.d")
    shutil.copy2("/etc/ld-musl-x86_64.path", root / "etc", follow_symlinks=False)


class PodmanCase(unittest.TestCase):
    """`node`: the tree of a host with a simulated kernel, whose /opt, /run/cdi and device nodes are this machine's too."""

    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        proof.leave_mount_namespace()
        made = tempfile.TemporaryDirectory(prefix="overdrive-podman-", dir="/tmp")  # /dev, and so /dev/shm, is covered
        cls.addClassCleanup(made.cleanup)
        cls.addClassCleanup(proof.cli_case.remove_shared)
        cls.work = Path(made.name)
        cls.work.chmod(0o755)
        cls._add_user()

    @classmethod
    def _add_user(cls) -> None:
        """An ordinary user with subordinate ids, known in this mount namespace only."""
        for name, line in (("passwd", f"{USER}:x:{UID}:{UID}::{cls.work}/home:/bin/sh\n"), ("group", f"{USER}:x:{UID}:\n"),
                           ("subuid", f"{USER}:700000:65536\n"), ("subgid", f"{USER}:700000:65536\n")):
            file = Path("/etc") / name
            if not file.exists():
                raise unittest.SkipTest(f"{file} is not there")
            copy = cls.work / name
            copy.write_text((file.read_text() if name in ("passwd", "group") else "") + line)
            bind(copy, file)
            cls.addClassCleanup(must, "umount", "--lazy", file)
        conf = cls.work / "home/.config/containers"
        conf.mkdir(parents=True)
        (conf / "containers.conf").write_text(CONTAINERS_CONF)
        (conf / "storage.conf").write_text(STORAGE_CONF)
        (cls.work / "xdg").mkdir(mode=0o700)
        must("chown", "-R", f"{UID}:{UID}", cls.work / "home", cls.work / "xdg")

    def see_as_own(self, node: Path) -> None:
        """From here on this machine's /opt, /run/cdi and NVIDIA nodes are those of `node`, until the test ends."""
        def seen(source: Path, target: Path) -> None:
            bind(source, target)
            self.addCleanup(must, "umount", "--recursive", "--lazy", target)
        made_here = not Path("/run/cdi").exists()
        Path("/run/cdi").mkdir(exist_ok=True)
        if made_here:
            self.addCleanup(Path("/run/cdi").rmdir)
        for folder in ("opt", "run/cdi"):
            (node / folder).mkdir(parents=True, exist_ok=True)
            seen(node / folder, Path("/") / folder)
        nodes, devices = self.work / "nodes", self.work / "dev"
        for folder in (nodes, devices):
            folder.mkdir(exist_ok=True)
        for file in (node / "dev").glob("nvidia*"):
            if stat.S_ISCHR(file.stat().st_mode) and not (nodes / file.name).exists():
                must("cp", "-a", file, nodes)
        must("mount", "-t", "overlay", "devices", "-o", f"lowerdir={nodes}:/dev", devices)
        for folder in ("pts", "shm", "mqueue"):
            if (Path("/dev") / folder).is_dir():
                bind(Path("/dev") / folder, devices / folder)
        seen(devices, Path("/dev"))
        self.addCleanup(must, "umount", "--recursive", "--lazy", devices)

    @staticmethod
    def podman(root: Path, *command: str, options: tuple[str, ...] = ()) -> Said:
        """A container of root's with all GPUs, in a root of ours."""
        return said_by("podman", "run", "--rm", "--runtime", "runc", "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit",
                       "nproc=1000:1000", "--device", "nvidia.com/gpu=all", *options, "--rootfs", root, *command)

    def podman_of_user(self, root: Path, *command: str) -> Said:
        """The same of an ordinary user without any right, in a copy of the root that is his. Nothing of it goes on afterwards."""
        own = self.work / f"{root.name}-of-{USER}"
        if not own.exists():
            must("cp", "-a", root, own)
            must("chown", "-R", f"{UID}:{UID}", own)
        return said_by("unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "setpriv", "--reuid", UID, "--regid", UID,
                       "--clear-groups", "--inh-caps=-all", "--", "env", "-i", f"HOME={self.work}/home", f"XDG_RUNTIME_DIR={self.work}/xdg", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                       "podman", "run", "--rm", "--device", "nvidia.com/gpu=all", "--rootfs", own, *command)
