"""Reads what a kernel module file says of itself: .modinfo, its symbols, and the symbol versions it asks for."""

from __future__ import annotations

import lzma
import struct
from pathlib import Path
from typing import NamedTuple

SHN_UNDEF = 0
STB_WEAK = 2


class NotAModule(Exception):
    """The file is no 64-bit little-endian ELF relocatable."""


class KernelModule:
    """One .ko file, or .ko.xz, parsed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        try:
            self._sections = self._read_sections()
            self.fields = self._read_modinfo()
            self.undefined, defined = self._read_symbols()
            self.asked_versions = self._read_versions()
        except (struct.error, IndexError, ValueError) as error:
            raise NotAModule(f"{path} is no kernel module: {error}") from error
        prefix = "__ksymtab_"
        self.exported = {name[len(prefix):] for name in defined if name.startswith(prefix)}

    def field(self, name: str) -> str | None:
        values = self.fields.get(name)
        return values[0] if values else None

    @property
    def depends(self) -> list[str]:
        return [name for name in (self.field("depends") or "").split(",") if name]

    def section(self, name: str) -> bytes:
        """The bytes of a section; none if the module has no such section."""
        offset, size, _ = self._sections.get(name, (0, 0, 0))
        return self._data[offset:offset + size]

    def _read_sections(self) -> dict[str, tuple[int, int, int]]:
        if self._data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        table, = struct.unpack_from("<Q", self._data, 0x28)
        entry_size, count, names_index = struct.unpack_from("<HHH", self._data, 0x3A)
        headers = [struct.unpack_from("<IIQQQQIIQQ", self._data, table + i * entry_size) for i in range(count)]
        names = headers[names_index][4]
        return {self._string(names + header[0]): (header[4], header[5], header[1]) for header in headers}

    def _string(self, offset: int) -> str:
        return self._data[offset:self._data.index(b"\0", offset)].decode()

    def _read_modinfo(self) -> dict[str, list[str]]:
        fields: dict[str, list[str]] = {}
        for entry in self.section(".modinfo").split(b"\0"):
            key, separator, value = entry.decode(errors="replace").partition("=")
            if separator:
                fields.setdefault(key, []).append(value)
        if "vermagic" not in fields:
            raise ValueError("no vermagic in .modinfo")
        return fields

    def _read_symbols(self) -> tuple[set[str], set[str]]:
        undefined: set[str] = set()
        defined: set[str] = set()
        strings = self._sections[".strtab"][0] if ".strtab" in self._sections else 0
        for name, info, _, section, _, _ in struct.iter_unpack("<IBBHQQ", self.section(".symtab")):
            if name == 0:
                continue
            if section != SHN_UNDEF:
                defined.add(self._string(strings + name))
            elif info >> 4 != STB_WEAK:
                undefined.add(self._string(strings + name))
        return undefined, defined

    def _read_versions(self) -> dict[str, int]:
        versions = {}
        for crc, name in struct.iter_unpack("<Q56s", self.section("__versions")):
            versions[name.split(b"\0")[0].decode()] = crc & 0xFFFFFFFF
        return versions


class Export(NamedTuple):
    """A symbol that a kernel exports. CRC 0: the kernel has no symbol versions."""

    crc: int
    for_gpl_only: bool


def read_exports(path: Path) -> dict[str, Export]:
    """Module.symvers: what a kernel and its in-tree modules export."""
    exports = {}
    for line in path.read_text().splitlines():
        crc, name, _, kind, *_ = line.split("\t")
        exports[name] = Export(int(crc, 16), "_GPL" in kind)
    return exports


def read_symvers(path: Path) -> dict[str, int]:
    """The symbols that a kernel exports, with their checksums."""
    return {name: export.crc for name, export in read_exports(path).items()}
