"""Finds the build id of a kernel in its bzImage: what a running kernel shows in /sys/kernel/notes."""

from __future__ import annotations

import lzma
import struct
import subprocess
from pathlib import Path

PT_NOTE = 4
NT_GNU_BUILD_ID = 3
HEADER_MAGIC = b"HdrS"


def decompress(payload: bytes, lz4_program: str) -> bytes:
    """Debian compresses kernels with LZ4, Zstandard or XZ, by series."""
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(payload)
    programs = {b"\x02\x21\x4c\x18": [lz4_program, "-dc"], b"\x28\xb5\x2f\xfd": ["zstd", "-dcq"]}
    command = programs.get(payload[:4])
    if command is None:
        raise ValueError(f"unknown compression of the kernel: {payload[:4].hex()}")
    # The payload ends with its size, which is no part of the stream: the program's complaint is expected.
    return subprocess.run(command, input=payload, capture_output=True, check=False).stdout


def payload_of(image: bytes) -> bytes:
    if image[0x202:0x206] != HEADER_MAGIC:
        raise ValueError("not a bzImage")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    return image[start:start + length]


def notes_of(elf: bytes) -> list[bytes]:
    if elf[:4] != b"\x7fELF":
        raise ValueError("the decompressed kernel is no ELF file")
    table, = struct.unpack_from("<Q", elf, 0x20)
    entry_size, count = struct.unpack_from("<HH", elf, 0x36)
    headers = [struct.unpack_from("<IIQQQQQQ", elf, table + i * entry_size) for i in range(count)]
    return [elf[header[2]:header[2] + header[5]] for header in headers if header[0] == PT_NOTE]


def build_id_of_notes(notes: bytes) -> str | None:
    position = 0
    while position + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, position)
        name_end = position + 12 + (name_size + 3 & ~3)
        if kind == NT_GNU_BUILD_ID and notes[position + 12:position + 15] == b"GNU":
            return notes[name_end:name_end + size].hex()
        position = name_end + (size + 3 & ~3)
    return None


def kernel_build_id(image: Path, lz4_program: str) -> str | None:
    elf = decompress(payload_of(image.read_bytes()), lz4_program)
    for notes in notes_of(elf):
        build_id = build_id_of_notes(notes)
        if build_id:
            return build_id
    return None
