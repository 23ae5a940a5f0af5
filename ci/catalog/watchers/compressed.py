"""Unpacks compressed documents as a stream, with a limit: a small file must not become a large one unnoticed."""

from __future__ import annotations

import gzip
import io
import lzma
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from catalog.watchers.port import WatchError

PIECE_BYTES = 1 << 18


class Bounded:
    """Reads from `source` until `most_bytes`."""

    def __init__(self, source: IO[bytes], most_bytes: int, name: str) -> None:
        self._source, self._left, self._name = source, most_bytes, name

    def read(self, size: int = PIECE_BYTES) -> bytes:
        """@raise WatchError beyond the limit"""
        piece = self._source.read(PIECE_BYTES if size < 0 else size)
        self._left -= len(piece)
        if self._left < 0:
            raise WatchError(f"'{self._name}' unpacks to more than it should")
        return piece

    def rest(self) -> bytes:
        return b"".join(iter(self.read, b""))


@contextmanager
def _unzstd(data: bytes, name: str) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as packed:
        packed.write(data)
        packed.seek(0)
        try:
            process = subprocess.Popen(["zstd", "-dcq"], stdin=packed, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except FileNotFoundError as error:
            raise WatchError(f"'{name}' is packed with zstd, which is not installed") from error
        with process:
            assert process.stdout is not None
            try:
                yield process.stdout
                if process.stdout.read(1) == b"" and process.wait() != 0:
                    raise WatchError(f"'{name}' is damaged: zstd cannot unpack it")
            finally:
                process.kill()


@contextmanager
def unpacked(data: bytes, name: str, most_bytes: int) -> Iterator[Bounded]:
    """@param name ends in .gz, .xz or .zst; anything else is read as it is. @raise WatchError: damaged, or larger than `most_bytes`"""
    try:
        if name.endswith(".zst"):
            with _unzstd(data, name) as source:
                yield Bounded(source, most_bytes, name)
        else:
            plain = io.BytesIO(data)
            opened = gzip.GzipFile(fileobj=plain) if name.endswith(".gz") else lzma.LZMAFile(plain) if name.endswith(".xz") else plain
            yield Bounded(opened, most_bytes, name)  # type: ignore[arg-type]
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise WatchError(f"'{name}' is damaged: {error}") from error
