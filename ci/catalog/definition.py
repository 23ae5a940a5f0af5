"""Reads matrix.toml: the matrix as data. Whatever is misspelt or missing is an error that names it."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from catalog.cell import CatalogError
from catalog.versions import Range

KEY_RULES = ("version", "version-kernel")
CI_SYSTEMS = ("github", "gitlab")
MODULE_TYPES = ("open", "proprietary", "stand-in")


@dataclass(frozen=True)
class Stream:
    """What of an operating system is followed as one line of releases."""

    name: str
    version: str = ""  # OS version, where the release of a kernel does not tell it
    suites: tuple[str, ...] = ()  # of an archive of packages, e.g. bookworm-security
    kernels: str = ""  # range; empty: all
    url: str = ""  # where the stream is told of, for watchers that need it
    newest: int = 0  # how many releases should have drivers; 0: all that are served


@dataclass(frozen=True)
class OperatingSystem:
    """One [[os]]."""

    name: str
    id: str
    watcher: str
    key: str
    drivers: str  # where its driver versions come from: debian-archive or nvidia
    architectures: tuple[str, ...]
    streams: tuple[Stream, ...]
    flavours: tuple[str, ...] = ("",)  # {arch} is Debian's word for the architecture
    sites: dict[str, str] = field(default_factory=dict, hash=False)  # architecture, or `all` -> where it is told of; a mirror may stand in
    places: dict[str, str] = field(default_factory=dict, hash=False)  # what a build needs -> where, with {version} and the like
    prove_in_vm: bool = False  # whether builder-images/prove --vm can boot its kernels
    exercised: bool = False  # whether this project has ever run watcher and builder against the real thing

    def site(self, architecture: str) -> str:
        """@raise CatalogError when matrix.toml names none"""
        return self._named(self.sites, architecture if architecture in self.sites else "all", "sites")

    def place(self, name: str) -> str:
        return self._named(self.places, name, "places")

    def _named(self, table: dict[str, str], name: str, what: str) -> str:
        if name not in table:
            raise CatalogError(f"[[os]] {self.name}: its {what} have no '{name}'")
        return table[name]


@dataclass(frozen=True)
class Blocked:
    """One [[blocked]]: what does not build, or must not be published, and why. Every field that is given must match."""

    reason: str
    where: str = ""
    os: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    flavours: tuple[str, ...] = ()  # shell patterns
    kernels: str = ""
    drivers: str = ""
    module_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class DriverPolicy:
    """Which of the driver versions that there are should be published."""

    branches: tuple[str, ...]
    newest: int = 1  # versions of each branch and module type
    module_types: tuple[str, ...] = ("open",)
    versions: str = ""  # file that lists NVIDIA's versions, relative to the repository


@dataclass(frozen=True)
class RetentionPolicy:
    """What stays in the registry whatever its age; see retention.py."""

    newest_drivers: int = 2
    days: int = 30


@dataclass(frozen=True)
class Channel:
    """One [[channel]]: a name that nodes follow, and what has to be published before it moves; see publishing/channels.py."""

    name: str
    driver: str  # branch or version
    os: tuple[str, ...]
    module_type: str = ""  # empty: any
    flavours: tuple[str, ...] = ()  # shell patterns of the kernels that it needs; empty: all
    kernels: int = 1  # how many of the newest of each stream and flavour it needs; 0: all


@dataclass(frozen=True)
class Definition:
    systems: tuple[OperatingSystem, ...]
    drivers: DriverPolicy
    blocked: tuple[Blocked, ...]
    retention: RetentionPolicy
    runners: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)  # architecture -> CI system -> labels of a runner
    repository: str = ""
    channels: tuple[Channel, ...] = ()


T = TypeVar("T")


def _made(kind: type[T], table: dict[str, Any], place: str) -> T:
    """A dataclass of a TOML table; lists become tuples."""
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise CatalogError(f"{place}: unknown key '{key}'; there are: {', '.join(sorted(known))}")
    for name, entry in known.items():
        if name not in table and entry.default is MISSING and entry.default_factory is MISSING:
            raise CatalogError(f"{place}: '{name}' is missing")
    values = {}
    for key, value in table.items():
        wanted = str(known[key].type)
        given = "tuple" if isinstance(value, list) else type(value).__name__
        if not wanted.startswith(given):
            raise CatalogError(f"{place}: '{key}' is {given}, wanted is {wanted}")
        values[key] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _system(table: dict[str, Any], number: int) -> OperatingSystem:
    place = f"[[os]] {table.get('name', number)}"
    streams = [_made(Stream, entry, f"{place}, stream {entry.get('name', '?')}") for entry in table.get("stream", [])]
    if not streams:
        raise CatalogError(f"{place}: it has no [[os.stream]]")
    rest = {key: value for key, value in table.items() if key != "stream"} | {"streams": streams}
    system = _made(OperatingSystem, rest, place)
    if system.key not in KEY_RULES:
        raise CatalogError(f"{place}: key is '{system.key}'; it must be one of {', '.join(KEY_RULES)}")
    return system


def _checked_blocked(table: dict[str, Any], number: int, names: set[str]) -> Blocked:
    place = f"[[blocked]] number {number}"
    blocked = _made(Blocked, table, place)
    for os_name in blocked.os:
        if os_name not in names:
            raise CatalogError(f"{place}: there is no [[os]] '{os_name}'")
    for module_type in blocked.module_types:
        if module_type not in MODULE_TYPES:
            raise CatalogError(f"{place}: '{module_type}' is no module type; there are: {', '.join(MODULE_TYPES)}")
    return blocked


def _runners(table: dict[str, Any]) -> dict[str, dict[str, tuple[str, ...]]]:
    for architecture, systems in table.items():
        if not isinstance(systems, dict) or not all(name in CI_SYSTEMS and isinstance(labels, list) for name, labels in systems.items()):
            raise CatalogError(f"[runners] {architecture}: wanted is {{ github = [LABEL...], gitlab = [TAG...] }}")
    return {architecture: {name: tuple(labels) for name, labels in systems.items()} for architecture, systems in table.items()}


def _channel(table: dict[str, Any], number: int, names: set[str]) -> Channel:
    place = f"[[channel]] {table.get('name', number)}"
    channel = _made(Channel, table, place)
    for os_name in channel.os:
        if os_name not in names:
            raise CatalogError(f"{place}: there is no [[os]] '{os_name}'")
    return channel


def parse(text: str) -> Definition:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"not TOML: {error}") from error
    known = {"schema", "repository", "os", "drivers", "blocked", "retention", "runners", "channel"}
    for key in document.keys() - known:
        raise CatalogError(f"unknown key '{key}'; there are: {', '.join(sorted(known))}")
    if document.get("schema") != 1:
        raise CatalogError(f"schema is {document.get('schema')}; this program reads 1")
    systems = tuple(_system(table, number) for number, table in enumerate(document.get("os", []), 1))
    names = {system.name for system in systems}
    if len(names) != len(systems):
        raise CatalogError("two [[os]] have the same name")
    blocked = tuple(_checked_blocked(table, number, names) for number, table in enumerate(document.get("blocked", []), 1))
    ranges = [stream.kernels for system in systems for stream in system.streams] + [text for entry in blocked for text in (entry.kernels, entry.drivers)]
    try:
        for text in ranges:
            Range(text)
    except ValueError as error:
        raise CatalogError(str(error)) from error
    return Definition(systems, _made(DriverPolicy, document.get("drivers", {}), "[drivers]"), blocked,
                      _made(RetentionPolicy, document.get("retention", {}), "[retention]"),
                      _runners(document.get("runners", {})), document.get("repository", ""),
                      tuple(_channel(table, number, names) for number, table in enumerate(document.get("channel", []), 1)))


def read(path: Path) -> Definition:
    try:
        return parse(path.read_text())
    except OSError as error:
        raise CatalogError(f"cannot read '{path}': {error.strerror}") from error
    except CatalogError as error:
        raise CatalogError(f"'{path}': {error}") from error
