"""Every write and flush that reached a virtual disk, in order: the log of QEMU's blklogwrites (Linux' dm-log-writes).

The disk is a little larger than its file system. What the guest writes behind the file system is no data but a mark:
it says, at its place among the writes, what the guest had just been told. A mark makes nothing durable.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

MAGIC = 0x6A736677736872
VERSION = 1
SECTOR = 512
SUPER = struct.Struct("<QQQL")
ENTRY = struct.Struct("<QQQQ")
FLUSH = 1  # virtio has no forced writes (FUA), and nothing here discards


class LogError(Exception):
    """This is no log, or one with something in it that the replay does not know."""


@dataclass(frozen=True)
class Write:
    """One write; `number` is its place in the log, `at` that of its data in the log's file."""

    number: int
    offset: int
    size: int
    at: int


@dataclass(frozen=True)
class Mark:
    """What the guest told when all entries before `number` had been written."""

    number: int
    text: str


@dataclass
class Epoch:
    """The writes between two flushes: any of them may be lost until the flush that ends the epoch is answered."""

    number: int
    first: int
    writes: list[Write] = field(default_factory=list)
    end: int | None = None  # the flush's entry; None when the log ends before one


@dataclass
class WriteLog:
    """A parsed log. `epochs` are in order; the last one may have no flush at its end."""

    path: Path
    entries: int
    epochs: list[Epoch]
    marks: list[Mark]
    tear: int  # a write of more bytes can be torn at multiples of this

    @property
    def flushes(self) -> int:
        return sum(epoch.end is not None for epoch in self.epochs)

    def read(self, write: Write, size: int | None = None) -> bytes:
        """The bytes of a write, or its first `size` bytes."""
        size = write.size if size is None else size
        with self.path.open("rb") as file:
            file.seek(write.at)
            data = file.read(size)
        if len(data) != size:
            raise LogError(f"{self.path}: write {write.number} is cut short")
        return data


def read_log(path: Path, file_system_bytes: int, tear: int = SECTOR) -> WriteLog:
    """Parses a whole log. What lies at or behind `file_system_bytes` is a mark."""
    with path.open("rb") as file:
        magic, version, count, sector = SUPER.unpack(file.read(SUPER.size))
        if (magic, version, sector) != (MAGIC, VERSION, SECTOR):
            raise LogError(f"{path} is no log of writes with {SECTOR}-byte sectors")
        log = WriteLog(path, count, [Epoch(0, 0)], [], tear)
        at = SECTOR
        for number in range(count):
            file.seek(at)
            start, sectors, flags, _ = ENTRY.unpack(file.read(ENTRY.size))
            at += SECTOR
            if flags & ~FLUSH:
                raise LogError(f"{path}: entry {number} has flags {flags:#x}; only writes and flushes are known here")
            write = Write(number, start * SECTOR, sectors * SECTOR, at)
            at += write.size
            # A flush covers what was written before it. If it carries data, that is written after.
            if flags & FLUSH:
                log.epochs[-1].end = number
                log.epochs.append(Epoch(len(log.epochs), number + 1))
            if write.size and write.offset >= file_system_bytes:
                file.seek(write.at)
                log.marks.append(Mark(number, file.read(write.size).rstrip(b"\0\n ").decode()))
            elif write.size:
                log.epochs[-1].writes.append(write)
    return log


def write_log(path: Path, entries: list[tuple[int, int, bytes]]) -> None:
    """Writes a log of (flags, offset, data), for tests of what reads one."""
    with path.open("wb") as file:
        file.write(SUPER.pack(MAGIC, VERSION, len(entries), SECTOR).ljust(SECTOR, b"\0"))
        for flags, offset, data in entries:
            file.write(ENTRY.pack(offset // SECTOR, len(data) // SECTOR, flags, 0).ljust(SECTOR, b"\0"))
            file.write(data)
