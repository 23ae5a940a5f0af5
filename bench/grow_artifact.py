"""An install, as its driver grows in bytes and in files: time, processor and memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import inputs
import measure
from curve import FLAT, LINEAR, Curve, Expected
from inputs import KERNEL, OS_VERSION, REPOSITORY, SMALL, DriverTree
from ours import AT_REBOOT, Node
from vm_registry import Registry

MEGA = 1_000_000
FILES_OF_A_DRIVER = 40


@dataclass(frozen=True)
class Setting:
    """How a growth is to be measured."""

    work: Path  # on the disk that is measured; everything in it is removed afterwards
    quick: bool
    runs: int

    def choose(self, full: tuple[int, ...], quick: tuple[int, ...]) -> tuple[int, ...]:
        return quick if self.quick else full


@contextmanager
def directory(setting: Setting, name: str) -> Iterator[Path]:
    made = setting.work / name
    made.mkdir()
    try:
        yield made
    finally:
        shutil.rmtree(made)


def sizes(setting: Setting) -> list[Curve]:
    """(a) The same number of files, of more bytes."""
    megabytes = setting.choose((50, 200, 800, 2000, 4000), (30, 60))
    trees = {size: {f"library{i}": size * MEGA // FILES_OF_A_DRIVER for i in range(FILES_OF_A_DRIVER)} for size in megabytes}
    return _installs(setting, "MB of driver", trees, FLAT)


def files(setting: Setting) -> list[Curve]:
    """(b) The same bytes in more files. driver.json, of at most 16 MiB, can list some 70,000."""
    counts, total = setting.choose((10, 100, 1000, 5000, 20_000, 50_000), (10, 200)), (8 if setting.quick else 128) * MEGA
    trees = {count: {f"part{i // 1000}/library{i}": total // count for i in range(count)} for count in counts}
    # driver.json has a line a file, and is held in memory.
    return _installs(setting, "files", trees, LINEAR)


def _installs(setting: Setting, work: str, trees: dict[int, dict[str, int]], memory: Expected) -> list[Curve]:
    wall, cpu, peak = (Curve(f"install, {what}", work, unit, expected)
                       for what, unit, expected in (("wall", "s", LINEAR), ("processor", "s", LINEAR), ("memory", "MiB", memory)))
    for count, parts in trees.items():
        with directory(setting, "artifact") as made, Registry(made / "registry") as registry:
            tree = DriverTree.made(made / "tree", parts)
            tag = inputs.pack(tree, KERNEL, OS_VERSION, made / "layout", made / "pack")
            source = inputs.push(registry, made / "layout", tag, REPOSITORY)
            for part in ("tree", "layout", "pack"):  # the largest would not leave room for an install
                shutil.rmtree(made / part)
            for _ in range(setting.runs):
                cost = _install(made, source)
                for curve, value in ((wall, cost.wall), (cpu, cost.cpu), (peak, cost.peak_kib / 1024)):
                    curve.add(count, value)
    return [wall, cpu, peak]


def _install(place: Path, source: str) -> measure.Cost:
    node = Node(place / "host")
    measure.sync(place)
    cost = measure.measure(node.install(SMALL, source), place, place / "said.log", accepted=AT_REBOOT)
    shutil.rmtree(node.root)
    return cost
