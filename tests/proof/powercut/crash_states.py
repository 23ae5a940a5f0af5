"""The disks that a power cut can leave: what was flushed, and any part of what was not.

A state has a name, EPOCH/KIND/NUMBER, and with the log and the seed that name is all one needs to make it again. The
epoch is the stretch between two flushes in which the power fails; everything before it is on the disk. Kinds:
flush    nothing of the epoch: the cut comes at the flush boundary
all      all of it, as on a disk without a cache
prefix   its first writes, the last of them torn: only its beginning
dropped  all up to a point but one write, though it was not the last
last     only its last write of those up to a point: the latest came first
subset   any of its writes up to a point, some torn
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from write_log import Write, WriteLog

PAGE = 4096
KINDS = ("prefix", "dropped", "last", "subset")
_SUM = 1 << 256


@dataclass(frozen=True)
class Cut:
    """One crash state: it can be found after a cut anywhere from entry `earliest` to entry `latest` of the log."""

    name: str
    earliest: int  # the last write of which something is left
    latest: int  # the end of the epoch: until its flush is answered all other writes may be lost
    kept: tuple[tuple[Write, int], ...]  # writes of the epoch and how many of their bytes are on the disk


def cut_named(log: WriteLog, seed: int, name: str) -> Cut:
    """The state with this name. Raises ValueError for a name that this log does not have."""
    epoch_text, kind, _ = name.split("/")
    epoch = log.epochs[int(epoch_text)]
    if kind == "flush":
        kept: list[tuple[Write, int]] = []
    elif kind == "all":
        kept = [(one, one.size) for one in epoch.writes]
    elif kind in KINDS and epoch.writes:
        kept = _random_part(epoch.writes, kind, log.tear, random.Random(f"{seed}/{name}"))
    else:
        raise ValueError(f"there is no state {name}")
    earliest = kept[-1][0].number if kept else epoch.first - 1
    return Cut(name, earliest, log.entries if epoch.end is None else epoch.end, tuple(kept))


def _random_part(writes: list[Write], kind: str, tear: int, dice: random.Random) -> list[tuple[Write, int]]:
    seen = writes[: dice.randrange(1, len(writes) + 1)]
    if kind == "prefix":
        return [(one, one.size) for one in seen[:-1]] + [(seen[-1], _torn(seen[-1], tear, dice))]
    if kind == "dropped":
        lost = dice.randrange(len(seen))
        return [(one, one.size) for place, one in enumerate(seen) if place != lost]
    if kind == "last":
        return [(seen[-1], seen[-1].size)]
    share = dice.choice((0.1, 0.5, 0.9))
    return [(one, _torn(one, tear, dice) if dice.random() < 0.2 else one.size) for one in seen if dice.random() < share]


def _torn(write: Write, tear: int, dice: random.Random) -> int:
    """How many of its first bytes are there: a multiple of `tear`, not all."""
    first = tear - write.offset % tear
    return dice.choice((0, *range(first, write.size, tear)))


class Disk:
    """The disk's content at a flush boundary, moved forward epoch by epoch, with a hash that follows it.

    The hash is the sum of the SHA-256 of every page with its place, over pages that are not zero: equal for equal
    contents however they came about.
    """

    def __init__(self, base: Path, image: Path, log: WriteLog) -> None:
        """image: where the content is kept; `base` is copied there and stays as it is"""
        self.log, self.image = log, image
        copy_sparse(base, image)
        self._file = image.open("r+b")
        self._pages: dict[int, int] = {}
        self._sum = 0
        self.epoch = 0
        for page in _pages_with_data(image):
            self._put(self._pages, page, self._read_page(page))
        self._sum = sum(self._pages.values()) % _SUM

    def close(self) -> None:
        self._file.close()

    def advance(self) -> None:
        """Lets the epoch's writes reach the disk: its flush was answered."""
        for write in self.log.epochs[self.epoch].writes:
            self._file.seek(write.offset)
            self._file.write(self.log.read(write))
        self._file.flush()
        for page in _touched(self.log.epochs[self.epoch].writes):
            self._sum -= self._pages.pop(page, 0)
            self._put(self._pages, page, self._read_page(page))
            self._sum += self._pages.get(page, 0)
        self._sum %= _SUM
        self.epoch += 1

    def hash_of(self, cut: Cut) -> str:
        """Identifies the content of a state of the present epoch."""
        pages: dict[int, bytearray] = {}
        for write, data in self._kept(cut):
            for page in range(write.offset // PAGE, (write.offset + len(data) + PAGE - 1) // PAGE):
                content = pages.setdefault(page, bytearray())
                if not content:
                    content += self._read_page(page)
                start, stop = max(write.offset, page * PAGE), min(write.offset + len(data), (page + 1) * PAGE)
                content[start - page * PAGE : stop - page * PAGE] = data[start - write.offset : stop - write.offset]
        total, changed = self._sum, {}
        for page, content in pages.items():
            self._put(changed, page, bytes(content))
            total += changed.get(page, 0) - self._pages.get(page, 0)
        return f"{total % _SUM:064x}"

    def write_image(self, cut: Cut, to: Path) -> None:
        """Makes the disk that this state of the present epoch leaves, in a new file.

        Were it the file of the state before, mount might find a loop device that still shows the old content.
        """
        to.unlink(missing_ok=True)
        copy_sparse(self.image, to)
        with to.open("r+b") as file:
            for write, data in self._kept(cut):
                file.seek(write.offset)
                file.write(data)

    def _kept(self, cut: Cut) -> Iterator[tuple[Write, bytes]]:
        for write, size in cut.kept:
            yield write, self.log.read(write, size)

    def _read_page(self, page: int) -> bytes:
        self._file.seek(page * PAGE)
        return self._file.read(PAGE)

    @staticmethod
    def _put(pages: dict[int, int], page: int, content: bytes) -> None:
        if content.strip(b"\0"):
            pages[page] = int.from_bytes(hashlib.sha256(page.to_bytes(8, "little") + content).digest(), "little")


def rebuild(base: Path, log: WriteLog, seed: int, name: str, image: Path) -> Cut:
    """Makes one state again from its name."""
    cut = cut_named(log, seed, name)
    disk = Disk(base, image, log)
    try:
        for _ in range(int(name.split("/")[0])):
            disk.advance()
    finally:
        disk.close()
    with image.open("r+b") as file:
        for write, size in cut.kept:
            file.seek(write.offset)
            file.write(log.read(write, size))
    return cut


def _touched(writes: list[Write]) -> set[int]:
    pages: set[int] = set()
    for write in writes:
        pages.update(range(write.offset // PAGE, (write.offset + write.size + PAGE - 1) // PAGE))
    return pages


def _pages_with_data(image: Path) -> Iterator[int]:
    for start, stop in _extents(image):
        yield from range(start // PAGE, (stop + PAGE - 1) // PAGE)


def _extents(image: Path) -> Iterator[tuple[int, int]]:
    """Where a sparse file has data."""
    with image.open("rb") as file:
        size, place = os.fstat(file.fileno()).st_size, 0
        while place < size:
            try:
                start = os.lseek(file.fileno(), place, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole to the end
                    return
                raise
            place = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            yield start, place


def copy_sparse(source: Path, target: Path) -> None:
    """Copies a disk; what is a hole in the source is one in the copy."""
    with source.open("rb") as old, target.open("wb") as new:
        new.truncate(os.fstat(old.fileno()).st_size)
        for start, stop in _extents(source):
            old.seek(start)
            new.seek(start)
            left = stop - start
            while left:
                data = old.read(min(left, 1 << 20))
                new.write(data)
                left -= len(data)
