"""Nodes that come up in the same moment, all on one registry."""

from __future__ import annotations

import json
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import inputs
from curve import FLAT, LINEAR, Curve
from grow_artifact import MEGA, Setting, directory
from inputs import KERNEL, OS_VERSION, REPOSITORY, SMALL, DriverTree, programs
from measure import CommandFailed
from ours import AT_REBOOT, Node
from vm_registry import Registry


@dataclass(frozen=True)
class Rush:
    """What came of commands that were started together."""

    seconds: list[float]  # of each, from the start of the first; sorted
    peak_kib: int  # of the largest

    def percentile(self, part: int) -> float:
        return self.seconds[0] if len(self.seconds) == 1 else statistics.quantiles(self.seconds, n=100, method="inclusive")[part - 1]


def nodes(setting: Setting) -> list[Curve]:
    """(e) From 1 to 500; processes of one machine, which they and the registry share."""
    installs = {name: Curve(f"install, {name}", "nodes at once", unit, expected)
                for name, unit, expected in (("p50", "s", LINEAR), ("p95", "s", LINEAR), ("last", "s", LINEAR), ("requests a node", "", FLAT), ("memory", "MiB", FLAT))}
    resolves = {name: Curve(f"resolve, {name}", "nodes at once", unit, expected)
                for name, unit, expected in (("p50", "s", LINEAR), ("p95", "s", LINEAR), ("last", "s", LINEAR), ("requests a node", "", FLAT))}
    with directory(setting, "nodes") as made, Registry(made / "registry") as registry:
        tree = DriverTree.made(made / "tree", {f"library{i}": MEGA // 10 for i in range(10)}, module_bytes=100_000)
        tag = inputs.pack(tree, KERNEL, OS_VERSION, made / "layout", made / "pack")
        source = inputs.push(registry, made / "layout", tag, REPOSITORY)
        for count in setting.choose((1, 10, 50, 100, 250, 500), (1, 8)):
            for _ in range(setting.runs):
                with directory(setting, "hosts") as hosts:
                    several = [Node(hosts / str(i)) for i in range(count)]
                    _measure(registry, resolves, [node.resolve(SMALL, source) for node in several], 0, hosts)
                    _measure(registry, installs, [node.install(SMALL, source) for node in several], AT_REBOOT, hosts)
    return [*resolves.values(), *installs.values()]


def _measure(registry: Registry, curves: dict[str, Curve], commands: list[list[str]], accepted: int, place: Path) -> None:
    mark, count = registry.mark(), len(commands)
    rush = start_together(commands, accepted, place)
    values = {"p50": rush.percentile(50), "p95": rush.percentile(95), "last": rush.seconds[-1],
              "requests a node": len(registry.requests(since=mark)) / count, "memory": rush.peak_kib / 1024}
    for name, curve in curves.items():
        curve.add(count, values[name])


def start_together(commands: list[list[str]], accepted: int, place: Path) -> Rush:
    """@throws CommandFailed when one ends otherwise than with `accepted`"""
    tool, begun = str(programs() / "bench_stages"), time.monotonic()
    started = {_start([tool, "cost", f"{place}/{number}.cost", *words], place / f"{number}.log"): number for number, words in enumerate(commands)}
    seconds: list[float] = []
    failed: list[str] = []
    while len(seconds) < len(commands):
        pid, status = os.wait()
        if pid not in started:
            raise CommandFailed("the registry ended")
        seconds.append(time.monotonic() - begun)
        if os.waitstatus_to_exitcode(status) != accepted:
            said = (place / f"{started[pid]}.log").read_text(errors="replace")[-500:]
            failed.append(f"exit code {os.waitstatus_to_exitcode(status)}: {said}")
    if failed:
        raise CommandFailed(f"{len(failed)} of {len(commands)} failed, the first one: {failed[0]}")
    return Rush(sorted(seconds), max(json.loads(one.read_text())["peak_kib"] for one in place.glob("*.cost")))


def _start(words: list[str], log: Path) -> int:
    output = [(os.POSIX_SPAWN_OPEN, stream, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) for stream in (1, 2)]
    return os.posix_spawn(words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), *output])
