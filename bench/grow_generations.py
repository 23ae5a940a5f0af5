"""What a host does with the drivers that it keeps, as they become more."""

from __future__ import annotations

from pathlib import Path

import measure
from curve import Curve, gentle
from grow_artifact import Setting, directory
from inputs import SMALL, cli_case
from machine import Machine
from ours import AT_REBOOT, FLAGS, Node

VERBS: dict[str, list[str]] = {"status": ["status"], "prune --dry-run": ["prune", "--keep", "1", "--dry-run"], "activate, nothing to do": ["activate"]}
TIMES = 10  # each takes milliseconds


def generations(setting: Setting) -> list[Curve]:
    """(c) From 1 to 100 drivers for one kernel."""
    # A generation is a directory and a small record to be read: a hundredth of starting the program.
    curves = {name: Curve(name, "generations", "ms", gentle(0.02)) for name in VERBS}
    with directory(setting, "generations") as made:
        layout, node = made / "layout", Node(made / "host")
        there = 0
        for count in setting.choose((1, 3, 10, 30, 100), (1, 4)):
            for number in range(there, count):
                _install(node, layout, f"{SMALL[:-1]}{number + 1}")
            there = count
            with Machine(made / "machine", node.root) as machine:
                machine.overdrive("activate")
                for _ in range(max(2, setting.runs) * (1 if setting.quick else TIMES)):
                    for name, words in VERBS.items():
                        curves[name].add(count, machine.measure(*words).wall * 1000)
    return list(curves.values())


def _install(node: Node, layout: Path, driver: str) -> None:
    cli_case.pack(layout, driver, signed=False)
    run = node.host.overdrive("install", driver, "--source", f"oci:{layout}", *FLAGS)
    if run.rc != AT_REBOOT:
        raise measure.CommandFailed(f"installing {driver}: {run}")
