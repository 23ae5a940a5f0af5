"""The matrix from its definition, the watchers and the registry: what `ci/matrix` and `ci/pipeline` start from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog import definition as definitions
from catalog.cell import CatalogError, Cell
from catalog.definition import Definition, OperatingSystem
from catalog.expand import Selection, cells
from catalog.fetch import HttpFetcher
from catalog.registry import ROOT, ArtifactRegistry, RegistryView, with_states
from catalog.watchers.debian import AptLists, DebianWatcher
from catalog.watchers.fedora_coreos import FedoraCoreosWatcher
from catalog.watchers.flatcar import FlatcarWatcher
from catalog.watchers.microos import MicroosWatcher
from catalog.watchers.nvidia import ListedDrivers
from catalog.watchers.port import DriverWatcher, Watcher
from catalog.watchers.ubuntu import UbuntuWatcher
from catalog.watching import Failure, Watched, watch

DEFINITION = ROOT / "ci/matrix.toml"


@dataclass(frozen=True)
class Matrix:
    cells: list[Cell]
    failures: list[Failure]
    watched: Watched


def real_watchers(definition: Definition) -> tuple[dict[str, Watcher], dict[str, DriverWatcher]]:
    """Those that ask archives and the network."""
    debian, fetcher = DebianWatcher(AptLists()), HttpFetcher()
    watchers: dict[str, Watcher] = {"debian": debian, "ubuntu": UbuntuWatcher(fetcher), "flatcar": FlatcarWatcher(fetcher),
                                    "fedora-coreos": FedoraCoreosWatcher(fetcher), "microos": MicroosWatcher(fetcher)}
    return watchers, {"debian-archive": debian, "nvidia": ListedDrivers(ROOT / definition.drivers.versions)}


def chosen_systems(definition: Definition, names: tuple[str, ...]) -> list[OperatingSystem]:
    known = {system.name: system for system in definition.systems}
    for name in names:
        if name not in known:
            raise CatalogError(f"no operating system '{name}' in the matrix; there are: {', '.join(known)}")
    return [system for name, system in known.items() if not names or name in names]


def make(definition: Definition, wanted: Selection, repository: str, watchers: Mapping[str, Watcher],
         driver_watchers: Mapping[str, DriverWatcher], registry: RegistryView | None) -> Matrix:
    """@param repository template; empty, or no `registry`: states stay unknown. @raise CatalogError"""
    systems = chosen_systems(definition, wanted.systems)
    watched = watch(systems, watchers, driver_watchers, wanted.architectures)
    found: dict[tuple[str, str, str], Cell] = {}
    for system in systems:
        for cell in cells(definition, system, watched.releases[system.name], watched.drivers[system.name], wanted, repository):
            # A release may be in two streams; it is built once, and counted in the first.
            found.setdefault((cell.os_id, cell.tag, cell.release.architecture), cell)
    states = with_states(found.values(), registry) if repository and registry else list(found.values())
    return Matrix([cell for cell in states if not wanted.states or cell.state in wanted.states], watched.failures, watched)


def real_matrix(wanted: Selection, repository: str = "", insecure: tuple[str, ...] = (), path: Path = DEFINITION) -> Matrix:
    """The matrix as it is now. @param repository template, e.g. `registry.example/overdrive/nvidia-{os_id}`"""
    definition = definitions.read(path)
    watchers, driver_watchers = real_watchers(definition)
    return make(definition, wanted, repository or definition.repository, watchers, driver_watchers, ArtifactRegistry(insecure))


def counts(found: list[Cell]) -> dict[str, int]:
    """State -> number of cells."""
    return dict(Counter(cell.state for cell in found))
