"""overdrive as it is measured: a host's tree, and its commands over it."""

from __future__ import annotations

import shutil
from pathlib import Path

from inputs import cli_case, programs

FLAGS = "--no-activate --no-units".split()
AT_REBOOT = 4  # exit code of an install that is done and takes effect with the next boot, as FLAGS ask for


class Node:
    """A host without a driver, below a directory of its own."""

    def __init__(self, root: Path, *, key: Path | None = None) -> None:
        """@param key public; the only one that is trusted. Without one, what is not signed is taken"""
        self.root = root
        self.host = cli_case.Host(root)
        if key:
            shutil.copy(key, root / "etc/trusted.pub")
        self.host.configure('[trust]\nkeys = ["/etc/trusted.pub"]\n' if key else "[trust]\nallow-unsigned = true\n")

    def words(self, *words: object) -> list[str]:
        return [str(word) for word in (programs() / "overdrive", "--root", self.root, "-q", *words)]

    def install(self, driver: str, source: str) -> list[str]:
        return self.words("install", driver, "--source", source, *FLAGS)

    def resolve(self, wish: str, source: str) -> list[str]:
        """Only finds out which artifact it would be."""
        return self.words("plan", wish, "--source", source, *FLAGS)
