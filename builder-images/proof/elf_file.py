"""Reads what the dynamic linker would: libraries that an ELF file needs, its interpreter, run path and symbol versions.

64-bit little-endian files of any machine; x86_64 and aarch64 are the same to it.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path

MAGIC = b"\x7fELF"
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH = 0, 1, 5, 14, 15, 29
DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF


class NotElf(Exception):
    """The file is no ELF file of the kind that can be read; the text says why."""


def machine_of(head: bytes) -> int | None:
    """e_machine of the first bytes of a file; None when it is no 64-bit little-endian ELF file."""
    if len(head) < 20 or head[:6] != MAGIC + b"\x02\x01":
        return None
    return int(struct.unpack_from("<H", head, 18)[0])


@dataclass
class ElfFile:
    """needed: names; versions: library -> the symbol versions asked of it. A static program needs nothing."""

    path: Path
    machine: int = 0
    interpreter: str = ""
    soname: str = ""
    needed: list[str] = field(default_factory=list)
    run_paths: list[str] = field(default_factory=list)
    versions: dict[str, list[str]] = field(default_factory=dict)


def read_elf(path: Path) -> ElfFile:
    """Raises NotElf when the file is damaged or of another class."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        machine = machine_of(data[:64])
        if machine is None:
            raise NotElf(f"{path.name} is no 64-bit little-endian ELF file")
        try:
            return _Reader(data).read(ElfFile(path, machine))
        except (struct.error, IndexError, ValueError) as error:
            raise NotElf(f"{path.name} is a damaged ELF file: {error}") from error


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        table, = struct.unpack_from("<Q", data, 0x20)
        size, count = struct.unpack_from("<HH", data, 0x36)
        # type, flags, offset, virtual address, physical address, size in the file
        self._segments = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]

    def read(self, elf: ElfFile) -> ElfFile:
        for kind, _, offset, _, _, size in self._segments:
            if kind == PT_INTERP:
                elf.interpreter = self._data[offset:offset + size].rstrip(b"\0").decode()
            if kind == PT_DYNAMIC:
                self._read_dynamic(elf, offset, size)
        return elf

    def _read_dynamic(self, elf: ElfFile, offset: int, size: int) -> None:
        entries: dict[int, list[int]] = {}
        for place in range(offset, offset + size, 16):
            tag, value = struct.unpack_from("<QQ", self._data, place)
            if tag == DT_NULL:
                break
            entries.setdefault(tag, []).append(value)
        if DT_STRTAB not in entries:
            return
        strings = self._offset(entries[DT_STRTAB][0])
        elf.needed = [self._string(strings + name) for name in entries.get(DT_NEEDED, [])]
        elf.run_paths = [self._string(strings + name) for tag in (DT_RPATH, DT_RUNPATH) for name in entries.get(tag, [])]
        elf.soname = next((self._string(strings + name) for name in entries.get(DT_SONAME, [])), "")
        if DT_VERNEED in entries:
            elf.versions = self._read_versions(self._offset(entries[DT_VERNEED][0]), entries[DT_VERNEEDNUM][0], strings)

    def _read_versions(self, place: int, count: int, strings: int) -> dict[str, list[str]]:
        versions: dict[str, list[str]] = {}
        for _ in range(count):
            _, names, library, first, following = struct.unpack_from("<HHIII", self._data, place)
            inner = place + first
            for _ in range(names):
                _, _, _, name, step = struct.unpack_from("<IHHII", self._data, inner)
                versions.setdefault(self._string(strings + library), []).append(self._string(strings + name))
                inner += step
            place += following
        return versions

    def _offset(self, address: int) -> int:
        """Where in the file the byte lies that is mapped at an address."""
        for kind, _, offset, start, _, size in self._segments:
            if kind == PT_LOAD and start <= address < start + size:
                return int(offset + address - start)
        raise ValueError(f"no segment holds the address {address:#x}")

    def _string(self, place: int) -> str:
        end = self._data.find(b"\0", place)
        if end < 0:
            raise ValueError("a name has no end")
        return self._data[place:end].decode()
