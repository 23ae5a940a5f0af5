"""overdrive as it is measured: a host's tree, and its commands over it."""

from __future__ import annotations

import functools
import shutil
import sys
from pathlib import Path

from inputs import cli_case, programs

FLAGS = "--no-activate --no-units".split()
AT_REBOOT = 4  # exit code of an install that is done and takes effect with the next boot, as FLAGS ask for


@functools.cache
def shipped() -> Path:
    """The program as images and nodes carry it: self-contained, not the development build's, which starts with its libraries."""
    program, development = programs() / "static/overdrive", programs() / "overdrive"
    how = "build it: ci/static-libraries/build, then cmake --preset dev && cmake --build build/dev --target overdrive-static"
    if not program.exists():
        raise SystemExit(f"bench: {program}, the program as it is shipped, is not there; {how}")
    if development.exists() and development.stat().st_mtime > program.stat().st_mtime:
        print(f"bench: {program} is older than {development}; if it is not to be measured as it is, {how}", file=sys.stderr)
    return program


class Node:
    """A host without a driver, below a directory of its own."""

    def __init__(self, root: Path, *, key: Path | None = None) -> None:
        """@param key public; the only one that is trusted. Without one, what is not signed is taken"""
        self.root = root
        self.program = shipped()
        self.host = cli_case.Host(root)
        if key:
            shutil.copy(key, root / "etc/trusted.pub")
        self.host.configure('[trust]\nkeys = ["/etc/trusted.pub"]\n' if key else "[trust]\nallow-unsigned = true\n")

    def words(self, *words: object) -> list[str]:
        return [str(word) for word in (self.program, "--root", self.root, "-q", *words)]

    def install(self, driver: str, source: str) -> list[str]:
        return self.words("install", driver, "--source", source, *FLAGS)

    def resolve(self, wish: str, source: str) -> list[str]:
        """Only finds out which artifact it would be."""
        return self.words("plan", wish, "--source", source, *FLAGS)
