"""Releases times drivers: the cells. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from catalog.cell import Cell, Driver, Release, os_key_of
from catalog.definition import Definition, DriverPolicy, OperatingSystem
from catalog.pins import pin_of
from catalog.versions import natural

STAND_IN = "900.1.0"


@dataclass(frozen=True)
class Selection:
    """What the caller wants to see of the matrix; an empty field does not restrict."""

    systems: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()  # shell patterns over OS version or OS key
    kernels: tuple[str, ...] = ()  # shell patterns over the kernel release
    drivers: tuple[str, ...] = ()  # driver id, version or branch; stand-in or 900.N.M for the stand-in
    architectures: tuple[str, ...] = ()
    flavours: tuple[str, ...] = ()  # shell patterns
    states: tuple[str, ...] = ()
    limit: int = 0  # newest kernels of each stream, architecture and flavour


def newest(releases: Iterable[Release], count: int) -> list[Release]:
    """The newest `count` of each stream, architecture and flavour; 0 is all of them. Newest first."""
    lines: dict[tuple[str, str, str], list[Release]] = {}
    for release in releases:
        lines.setdefault((release.stream, release.architecture, release.flavour), []).append(release)
    kept = []
    for line in lines.values():
        line.sort(key=lambda release: (natural(release.version), natural(release.kernel)), reverse=True)
        kept += line[:count] if count else line
    return kept


def wanted_drivers(policy: DriverPolicy, drivers: Iterable[Driver]) -> list[Driver]:
    """The newest versions of each wanted branch, module type and architecture; newest first."""
    lines: dict[tuple[str, str, str], list[Driver]] = {}
    for driver in drivers:
        if driver.branch in policy.branches and driver.module_type in policy.module_types:
            for architecture in driver.architectures:
                one = replace(driver, architectures=(architecture,))
                lines.setdefault((driver.branch, driver.module_type, architecture), []).append(one)
    found = []
    for line in lines.values():
        line.sort(key=lambda driver: natural(driver.version), reverse=True)
        found += line[:policy.newest]
    return sorted(found, key=lambda driver: (natural(driver.version), driver.module_type), reverse=True)


def asked_for(driver: Driver, words: Sequence[str]) -> bool:
    return not words or any(word in (driver.id, driver.version, driver.branch) for word in words)


def stand_ins(words: Sequence[str], architectures: tuple[str, ...]) -> list[Driver]:
    """The stand-in driver is in the matrix only when it is asked for by name: it is a test means."""
    versions = [STAND_IN if word == "stand-in" else word for word in words if word == "stand-in" or word.startswith("900.")]
    return [Driver(version, "stand-in", architectures) for version in versions]


def _matches(release: Release, key: str, wanted: Selection) -> bool:
    def one_of(patterns: tuple[str, ...], *texts: str) -> bool:
        return not patterns or any(fnmatchcase(text, pattern) for text in texts for pattern in patterns)

    return (one_of(wanted.releases, release.version, key) and one_of(wanted.kernels, release.kernel)
            and one_of(wanted.flavours, release.flavour) and one_of(wanted.architectures, release.architecture))


def cells(definition: Definition, system: OperatingSystem, releases: Iterable[Release], drivers: Iterable[Driver], wanted: Selection,
          repository: str) -> list[Cell]:
    """The cells of one operating system, newest release and newest driver first; blocked ones say why."""
    streams = {stream.name: stream for stream in system.streams}
    chosen: list[Release] = []
    for name, stream in streams.items():
        chosen += newest((release for release in releases if release.stream == name), stream.newest)
    matching = [one for one in chosen if _matches(one, os_key_of(system.key, one.version, one.kernel), wanted)]
    all_drivers = stand_ins(wanted.drivers, system.architectures)
    all_drivers += [driver for driver in wanted_drivers(definition.drivers, drivers) if asked_for(driver, wanted.drivers)]
    found = []
    for release in newest(matching, wanted.limit):
        for driver in all_drivers:
            if release.architecture not in driver.architectures:
                continue
            cell = Cell(system.name, system.id, os_key_of(system.key, release.version, release.kernel), release, driver,
                        repository.replace("{os_id}", system.id), prove_in_vm=system.prove_in_vm, runner=definition.runners.get(release.architecture, {}))
            pin = pin_of(definition.blocked, cell)
            found.append(replace(cell, state="blocked", reason=pin.reason, where=pin.where) if pin else cell)
    return found
