"""Writes the initramfs of the proof's machine: a cpio archive ("newc"), uncompressed.

@see Documentation/driver-api/early-userspace/buffer-format.rst
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import IO

HEADER = "070701" + "%08X" * 13


class Initramfs:
    """Files of one initramfs; `write` makes the archive. Directories above a file come by themselves."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes | Path]] = {}

    def directory(self, name: str) -> None:
        parent = name.rpartition("/")[0]
        if parent:
            self.directory(parent)
        self._entries.setdefault(name, (stat.S_IFDIR | 0o755, b""))

    def add(self, name: str, content: bytes | Path, mode: int = 0o644) -> None:
        if "/" in name:
            self.directory(name.rpartition("/")[0])
        self._entries[name] = (stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        self._entries[name] = (stat.S_IFLNK | 0o777, target.encode())

    def write(self, to: Path) -> None:
        with to.open("wb") as archive:
            for number, (name, (mode, content)) in enumerate(self._entries.items(), start=1):
                _write_entry(archive, number, name, mode, content.read_bytes() if isinstance(content, Path) else content)
            _write_entry(archive, 0, "TRAILER!!!", 0, b"")


def _write_entry(archive: IO[bytes], number: int, name: str, mode: int, content: bytes) -> None:
    spelled = name.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, 4 device numbers, size of the name, checksum (unused)
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(spelled), 0)
    archive.write((HEADER % fields).encode() + spelled)
    archive.write(b"\0" * (-(6 + 8 * 13 + len(spelled)) % 4))
    archive.write(content)
    archive.write(b"\0" * (-len(content) % 4))
