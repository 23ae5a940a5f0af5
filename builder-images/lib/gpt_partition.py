#!/usr/bin/env python3
"""Prints where a partition of a disk image with a GUID partition table begins: `OFFSET SIZE`, in bytes."""

from __future__ import annotations

import argparse
import struct
import sys
from pathlib import Path

SECTOR = 512
SIGNATURE = b"EFI PART"


class NoPartition(Exception):
    """The image has no partition table, or not this partition."""


def partition(image: Path, label: str) -> tuple[int, int]:
    """@see UEFI specification 2.10, 5.3: the header is in the second sector, names are UTF-16."""
    with image.open("rb") as file:
        file.seek(SECTOR)
        header = file.read(92)
        if len(header) < 92 or header[:8] != SIGNATURE:
            raise NoPartition(f"{image} has no GUID partition table")
        table, = struct.unpack_from("<Q", header, 72)
        count, size = struct.unpack_from("<II", header, 80)
        if not 128 <= size <= 4096 or count > 1024:
            raise NoPartition(f"{image} has a damaged partition table")
        file.seek(table * SECTOR)
        entries = file.read(count * size)
    names = []
    for at in range(0, len(entries) - size + 1, size):
        first, last = struct.unpack_from("<QQ", entries, at + 32)
        name = entries[at + 56:at + 128].decode("utf-16-le", errors="replace").split("\0")[0]
        if name == label and last >= first:
            return first * SECTOR, (last - first + 1) * SECTOR
        names += [name] if name else []
    raise NoPartition(f"{image} has no partition {label}; it has: {', '.join(names) or 'none'}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("label")
    options = parser.parse_args()
    try:
        print(*partition(options.image, options.label))
    except NoPartition as error:
        print(f"gpt_partition: error: inputs: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
