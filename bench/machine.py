"""A machine without a GPU, in which overdrive runs as it does on a host: over / and not over --root.

`activate` works on nothing else. What it changes lies in an overlay over this machine's own /, and goes with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import measure
from ours import shipped


def enter_namespace() -> None:
    """What is mounted from here on goes when this process goes."""
    if os.environ.get("OVERDRIVE_BENCH_NAMESPACE") != "yes":
        os.environ["OVERDRIVE_BENCH_NAMESPACE"] = "yes"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv])


class Machine:
    """Of this machine's programs, with the /etc and /opt of a node. The caller is in a mount namespace of its own."""

    def __init__(self, directory: Path, node: Path) -> None:
        """@param node whose drivers and settings it has; they stay as they are"""
        self._directory, self._node, self._root = directory, node, directory / "root"
        self._program = shipped()
        self._mounted: list[Path] = []

    def __enter__(self) -> Machine:
        try:
            self._set_up()
        except BaseException:
            self._take_down()
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._take_down()

    def overdrive(self, *words: str) -> str:
        """Runs what has to succeed."""
        done = subprocess.run(["chroot", self._root, self._program, *words], capture_output=True, text=True)
        if done.returncode:
            raise measure.CommandFailed(f"{' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def measure(self, *words: str) -> measure.Cost:
        return measure.measure([str(self._program), "-q", *words], self._directory, self._directory / "log/said", inside=self._root)

    def _set_up(self) -> None:
        for part in ("root", "upper", "work", "log"):
            (self._directory / part).mkdir(parents=True)
        for part in ("etc", "opt"):
            shutil.copytree(self._node / part, self._directory / "upper" / part, symlinks=True, copy_function=_link_or_copy)
        layers = f"lowerdir=/,upperdir={self._directory}/upper,workdir={self._directory}/work"
        self._mount("-t", "overlay", "-o", layers, "bench", self._root)
        self._mount("-t", "proc", "proc", self._root / "proc")
        self._mount("-t", "tmpfs", "tmpfs", self._root / "sys")
        self._mount("-t", "tmpfs", "tmpfs", self._root / "run")
        self._mount("--rbind", "/dev", self._root / "dev")
        self._mount("--bind", self._directory / "log", self._root / (self._directory / "log").relative_to("/"))
        (self._root / "sys/kernel").mkdir()

    def _mount(self, *words: object) -> None:
        subprocess.run(["mount", *map(str, words)], check=True)
        self._mounted.append(Path(str(words[-1])))

    def _take_down(self) -> None:
        for place in reversed(self._mounted):
            subprocess.run(["umount", "-R", "-l", place], check=True)
        self._mounted.clear()
        shutil.rmtree(self._directory, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> str:
    """The bytes of a driver are not needed twice; what an install may change is."""
    if "/opt/nvidia/.overdrive/" in source or "/etc/" in source:
        return str(shutil.copy2(source, target))
    os.link(source, target, follow_symlinks=False)
    return target
