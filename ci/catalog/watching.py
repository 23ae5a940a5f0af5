"""Asks the watchers, all of them: one that fails is reported, the others go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from catalog.cell import Driver, Release
from catalog.definition import OperatingSystem
from catalog.watchers.port import DriverWatcher, Watcher, WatchError


@dataclass(frozen=True)
class Failure:
    """A question that got no answer: what it would have told is missing from the matrix."""

    os_name: str
    stream: str  # empty: the driver versions
    architecture: str
    reason: str

    def as_json(self) -> dict[str, str | None]:
        return {"os": self.os_name, "stream": self.stream or None, "architecture": self.architecture, "reason": self.reason}

    def as_line(self) -> str:
        return f"{self.os_name} {self.stream or 'driver versions'} ({self.architecture}): {self.reason}"


@dataclass(frozen=True)
class Watched:
    """What the watchers told."""

    releases: Mapping[str, list[Release]]  # by name of the operating system
    drivers: Mapping[str, list[Driver]]
    failures: list[Failure]


def watch(systems: Iterable[OperatingSystem], watchers: Mapping[str, Watcher], driver_watchers: Mapping[str, DriverWatcher],
          architectures: tuple[str, ...] = ()) -> Watched:
    """@param architectures which to ask for; empty: all"""
    releases: dict[str, list[Release]] = {}
    drivers: dict[str, list[Driver]] = {}
    failures: list[Failure] = []
    for system in systems:
        releases[system.name], drivers[system.name] = [], []
        for architecture in system.architectures:
            if architectures and architecture not in architectures:
                continue
            for stream in system.streams:
                try:
                    releases[system.name] += watchers[system.watcher].releases(system, stream, architecture)
                except WatchError as error:
                    failures.append(Failure(system.name, stream.name, architecture, str(error)))
            try:
                drivers[system.name] += driver_watchers[system.drivers].drivers(architecture)
            except WatchError as error:
                failures.append(Failure(system.name, "", architecture, str(error)))
    return Watched(releases, drivers, failures)
