"""Finds the build id of a kernel in its image (bzImage or arm64's Image): what a running kernel shows in /sys/kernel/notes."""

from __future__ import annotations

import lzma
import struct
import subprocess
import zlib
from pathlib import Path

PT_NOTE = 4
NT_GNU_BUILD_ID = 3
HEADER_MAGIC = b"HdrS"
# @see Documentation/arm64/booting.rst, drivers/firmware/efi/libstub/zboot-header.S
ARM64_MAGIC, ARM64_MAGIC_AT = b"ARM\x64", 0x38
ZBOOT_MAGIC, ZBOOT_MAGIC_AT = b"zimg", 4
BUILD_ID_NOTE = struct.pack("<III", 4, 20, NT_GNU_BUILD_ID) + b"GNU\0"


def decompress(payload: bytes, lz4_program: str) -> bytes:
    """Debian compresses kernels with LZ4, Zstandard or XZ, by series."""
    if payload.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(wbits=31).decompress(payload)
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


def arm64_image(data: bytes, lz4_program: str) -> bytes | None:
    """The Image in a vmlinuz of arm64: as it is, compressed, or in a program for EFI that decompresses it."""
    if data.startswith(b"\x1f\x8b"):
        data = decompress(data, lz4_program)
    if data[ZBOOT_MAGIC_AT:ZBOOT_MAGIC_AT + 4] == ZBOOT_MAGIC:
        offset, size = struct.unpack_from("<II", data, 8)
        data = decompress(data[offset:offset + size], lz4_program)
    return data if data[ARM64_MAGIC_AT:ARM64_MAGIC_AT + 4] == ARM64_MAGIC else None


def embedded_elf_files(data: bytes) -> list[tuple[int, int]]:
    """Where an Image holds whole ELF files: the vDSO for 64 and for 32 bit, which have build ids of their own."""
    found, at = [], data.find(b"\x7fELF")
    while at >= 0:
        kind, end = data[at + 4:at + 7], 0  # class, byte order, version; the kernel's own code knows the magic number too
        if kind == b"\x02\x01\x01":
            table, = struct.unpack_from("<Q", data, at + 0x28)
            entry_size, count = struct.unpack_from("<HH", data, at + 0x3A)
            end = at + table + entry_size * count
        elif kind == b"\x01\x01\x01":
            table, = struct.unpack_from("<I", data, at + 0x20)
            entry_size, count = struct.unpack_from("<HH", data, at + 0x2E)
            end = at + table + entry_size * count
        if at < end <= len(data):
            found.append((at, end))
        at = data.find(b"\x7fELF", at + 4)
    return found


def build_id_of_image(data: bytes) -> str | None:
    """An Image is no ELF file: the note is found by what it looks like."""
    inside = embedded_elf_files(data)
    at = data.find(BUILD_ID_NOTE)
    while at >= 0:
        if at % 4 == 0 and not any(first <= at < end for first, end in inside):
            start = at + len(BUILD_ID_NOTE)
            return data[start:start + 20].hex()
        at = data.find(BUILD_ID_NOTE, at + 4)
    return None


def kernel_build_id(image: Path, lz4_program: str) -> str | None:
    data = image.read_bytes()
    arm64 = arm64_image(data, lz4_program)
    if arm64 is not None:
        return build_id_of_image(arm64)
    elf = decompress(payload_of(data), lz4_program)
    for notes in notes_of(elf):
        build_id = build_id_of_notes(notes)
        if build_id:
            return build_id
    return None
