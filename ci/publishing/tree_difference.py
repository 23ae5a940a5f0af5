"""Which files of two trees are not the same: names, kinds, modes, contents."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path


def described(path: Path) -> str:
    """All of a file that a layer keeps."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return f"link to {os.readlink(path)}"
    if stat.S_ISDIR(status.st_mode):
        return f"directory, mode {status.st_mode & 0o7777:o}"
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{status.st_size} bytes, mode {status.st_mode & 0o7777:o}, sha256 {checksum[:12]}"


def facts_of(tree: Path) -> dict[str, str]:
    return {path.relative_to(tree).as_posix(): described(path) for path in tree.rglob("*")}


def differences(published: Path, again: Path, most: int) -> list[str]:
    """The first `most` paths that differ, a line each, and how many more there are."""
    before, after = facts_of(published), facts_of(again)
    lines = []
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            lines.append(f"{path}: published {before.get(path, 'not there')}; built again {after.get(path, 'not there')}")
    return lines if len(lines) <= most else [*lines[:most], f"... and {len(lines) - most} more"]
