"""Disks for /opt: made and looked into on this machine, written to by the node."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20
FILE_SYSTEM_BYTES = 512 * MIB  # xfs wants 300 MiB
DISK_BYTES = FILE_SYSTEM_BYTES + MIB  # the rest is for marks
FILE_SYSTEMS = ("ext4", "xfs")
# A small journal and nothing written later: fewer bytes to copy for every image. (64 MiB is the least for xfs.)
MAKE = {
    "ext4": ["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-J", "size=8", "-N", "8192"],
    "xfs": ["mkfs.xfs", "-q", "-f", "-K"],
}
# ext4 writes its superblock, two sectors with one checksum, where it lies: it relies on whole blocks.
TEAR = {"ext4": 4096, "xfs": 512}
OPTIONS = {"ext4": "loop", "xfs": "loop,nouuid"}


class DiskError(Exception):
    """A disk cannot be made or mounted; the text says why."""


def make_disk(kind: str, to: Path) -> None:
    """An empty file system in a sparse file, with room for marks behind it."""
    with to.open("wb") as file:
        file.truncate(FILE_SYSTEM_BYTES)
    _run([*MAKE[kind], str(to)])
    with to.open("r+b") as file:
        file.truncate(DISK_BYTES)
    _run(["fallocate", "--dig-holes", str(to)])


@contextmanager
def mounted(kind: str, image: Path, at: Path) -> Iterator[None]:
    """Mounts a disk, which replays its journal. Raises DiskError when it cannot be mounted."""
    _run(["mount", "-t", kind, "-o", OPTIONS[kind], str(image), str(at)])
    try:
        yield
    finally:
        _run(["umount", str(at)])


def blklogwrites(image: Path, log: Path) -> list[str]:
    """QEMU arguments for a disk of which every write and flush is logged."""
    with log.open("wb") as file:
        file.truncate(0)
    return ["-blockdev", f"driver=file,node-name=opt-file,filename={image},cache.direct=off,cache.no-flush=on",
            "-blockdev", f"driver=file,node-name=opt-log,filename={log},cache.no-flush=on",
            "-blockdev", "driver=blklogwrites,node-name=opt,file=opt-file,log=opt-log,log-sector-size=512",
            "-device", "virtio-blk-pci,drive=opt"]


def plain(image: Path) -> list[str]:
    """QEMU arguments for a disk that honours flushes."""
    return ["-drive", f"if=none,id=opt,file={image},format=raw,cache=writeback", "-device", "virtio-blk-pci,drive=opt"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise DiskError(f"{' '.join(command)}: {done.stdout.strip()}")


def copy_of(disk: Path, to: Path) -> None:
    """Copies a sparse disk to a new file."""
    to.unlink(missing_ok=True)
    _run(["cp", "--sparse=always", "--", str(disk), str(to)])
