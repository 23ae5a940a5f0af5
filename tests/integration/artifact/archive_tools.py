"""Programs that Debian 12 lacks, unpacked from the next release of Debian's archive, and the container tools with storage of
their own: what a test needs is said to be missing, and the test is skipped."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
UNPACK = '. "$1/ci/lib/debian-archive.sh"; archive_unpack "$2.$$" "$3" && rm -rf "$2" && mv -T "$2.$$" "$2"'


@functools.cache
def archive_tool(name: str) -> Path:
    """The program of a package of the same name, fetched at most once a checkout."""
    tools = TOP / "build/tools" / name
    program = tools / "usr/bin" / name
    if not program.exists():
        done = subprocess.run(["bash", "-c", UNPACK, "unpack", str(TOP), str(tools), name], capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise unittest.SkipTest(f"no {name} from the archive: {done.stderr.strip().splitlines()[-1:]}")
    return program


def need(*names: str) -> None:
    for name in names:
        if not shutil.which(name):
            raise unittest.SkipTest(f"the program {name} is not installed (ci/setup images)")


class Containers:
    """podman and buildah with storage in `directory`, settings as in builder-images/lib/containers.sh."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("storage", "run", "tmp"):
            (directory / name).mkdir(parents=True)
        text = '[engine]\nruntime = "runc"\n' if Path("/sys/fs/cgroup/unified").is_dir() else ""
        text += '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=10000:10000"]\n'
        (directory / "containers.conf").write_text(text)
        self.environment = {**os.environ, "TMPDIR": str(directory / "tmp"), "CONTAINERS_CONF": str(directory / "containers.conf"),
                            "XDG_RUNTIME_DIR": str(directory / "run")}

    def run(self, program: str, *arguments: object) -> str:
        words = [program, "--root", str(self.directory / "storage"), "--runroot", str(self.directory / "run")]
        if program == "podman":
            words += ["--tmpdir", str(self.directory / "run/libpod"), "--cgroup-manager", "cgroupfs", "--events-backend", "file"]
        return run(*words, *arguments, environment=self.environment, cwd=self.directory)

    def close(self) -> None:
        for mount in ("storage/overlay",):
            subprocess.run(["umount", str(self.directory / mount)], stderr=subprocess.DEVNULL, check=False)


def run(*words: object, environment: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """The output of a program that must succeed; what it says belongs to the failure."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, env=environment, cwd=cwd)
    if done.returncode:
        raise AssertionError(f"{words[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
