"""What the tests of ci/catalog share: a small matrix and watchers that answer from literals."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "ci"))

from catalog import definition  # noqa: E402
from catalog.cell import Driver, Release  # noqa: E402
from catalog.definition import Definition, OperatingSystem, Stream  # noqa: E402
from catalog.watchers.port import WatchError  # noqa: E402

ANSWERS = Path(__file__).resolve().parent / "answers"
SMALL = """
schema = 1
[runners]
x86_64 = { github = ["big"], gitlab = ["huge"] }
[drivers]
branches = ["535", "550"]
module_types = ["open", "proprietary"]
[retention]
[[os]]
name = "debian"
id = "debian"
watcher = "literal"
drivers = "literal"
key = "version-kernel"
architectures = ["x86_64", "aarch64"]
flavours = ["cloud-{arch}"]
[[os.stream]]
name = "bookworm"
version = "12"
[[os]]
name = "flatcar"
id = "flatcar"
watcher = "literal"
drivers = "literal"
key = "version"
architectures = ["x86_64"]
[[os.stream]]
name = "stable"
newest = 2
[[os.stream]]
name = "lts"
[[blocked]]
os = ["debian"]
kernels = ">=6.12"
drivers = "<550"
reason = "535 does not build on 6.12"
where = "https://example.org/1"
[[blocked]]
module_types = ["proprietary"]
reason = "not allowed"
"""


def small_matrix(more: str = "") -> Definition:
    return definition.parse(SMALL + more)


def release(kernel: str, stream: str = "bookworm", version: str = "12", architecture: str = "x86_64", flavour: str = "cloud-amd64") -> Release:
    return Release(stream, version, kernel, architecture, flavour)


def driver(version: str, module_type: str = "open", architectures: tuple[str, ...] = ("x86_64", "aarch64")) -> Driver:
    return Driver(version, module_type, architectures)


class Literal:
    """Watcher of releases and drivers over literals; what is in `failing` fails. Counts what it was asked."""

    def __init__(self, releases: list[Release], drivers: list[Driver], failing: Mapping[tuple[str, str], str] | None = None) -> None:
        self._releases, self._drivers, self._failing = releases, drivers, failing or {}
        self.asked: list[tuple[str, str]] = []

    def releases(self, system: OperatingSystem, stream: Stream, architecture: str) -> list[Release]:
        self.asked.append((stream.name, architecture))
        if (stream.name, architecture) in self._failing:
            raise WatchError(self._failing[stream.name, architecture])
        return [one for one in self._releases if (one.stream, one.architecture) == (stream.name, architecture)]

    def drivers(self, architecture: str) -> list[Driver]:
        if ("drivers", architecture) in self._failing:
            raise WatchError(self._failing["drivers", architecture])
        return self._drivers
