"""A hook as one would write it who trusts the container: it checks paths by name and then uses them by name.

Only here to prove the attacks of attack_test.py: each must succeed against it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def inside(rootfs: Path, path: str) -> Path:
    """Joins, resolves, and checks that the answer is in the container: right until somebody renames something."""
    joined = Path(os.path.realpath(rootfs / path.lstrip("/")))
    if not joined.is_relative_to(rootfs):
        raise PermissionError(f"{path} leaves the container")
    return rootfs / path.lstrip("/")


def create_symlinks(rootfs: Path, links: list[tuple[str, str]]) -> None:
    for target, link in links:
        try:
            place = inside(rootfs, link)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target)
        except OSError:
            continue


def update_ldcache(rootfs: Path, folder: str) -> None:
    drop_ins = rootfs / "etc/ld.so.conf.d"
    drop_ins.mkdir(parents=True, exist_ok=True)
    (drop_ins / "00-naive.conf").write_text(f"{folder}\n")
    subprocess.run(["/sbin/ldconfig", "-r", rootfs], check=False, stderr=subprocess.DEVNULL)


def cover_params(rootfs: Path, source: Path) -> None:
    try:
        place = inside(rootfs, "/proc/driver/nvidia/params")
    except OSError:
        return
    subprocess.run(["mount", "--bind", source, place], check=False, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    verb, rootfs = sys.argv[1], Path(os.path.realpath(sys.argv[2]))
    if verb == "update-ldcache":
        update_ldcache(rootfs, sys.argv[3])
    if verb == "cover-params":
        for _ in range(int(sys.argv[4])):
            cover_params(rootfs, Path(sys.argv[3]))
