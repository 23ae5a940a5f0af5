"""The power cut for real: QEMU is killed while the program runs, the node boots again, and is looked at."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import disks
from judge import recorded_driver
from oracle import STATE, Oracle
from scenario import DRIVERS, PROGRAM, SUCCESS, prepare
from stand_in_artifacts import StandInArtifacts
from vm_node import Node, NodeError, OsRelease

MOUNT_UNIT = """\
[Unit]
Description=The disk of /opt
DefaultDependencies=no
Before=local-fs.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mount /dev/vdc /opt
[Install]
WantedBy=local-fs.target
"""


class KilledNode:
    """One node whose /opt is a disk of its own and whose power is cut again and again."""

    def __init__(self, kind: str, release: OsRelease, artifacts: StandInArtifacts, seed: int) -> None:
        self.kind, self.release = kind, release
        self._work = tempfile.TemporaryDirectory(prefix="overdrive-powercut-")
        self._image = Path(self._work.name) / "opt.img"
        disks.make_disk(kind, self._image)
        self._oracle = Oracle(Path(self._work.name) / "host")
        (self._oracle.root / "opt").mkdir(parents=True)
        with self._mounted_copy():
            self._oracle.remember()
        self._dice = random.Random(f"{seed}/boots/{kind}")
        self._node = Node(release, power_cut=True, qemu_arguments=disks.plain(self._image))
        self._artifacts = artifacts
        self.outcomes: list[str] = []

    def __enter__(self) -> KilledNode:
        self._node.start()
        prepare(self._node, self._artifacts)
        self._node.check(f"cat >/etc/systemd/system/opt-disk.service <<'END'\n{MOUNT_UNIT}END\n"
                         "systemctl enable -q opt-disk.service; systemctl start opt-disk.service; sync")
        return self

    def __exit__(self, *_: object) -> None:
        self._node.close()
        self._work.cleanup()

    def cut(self, driver: str, within: float) -> list[str]:
        """Cuts the power within `within` seconds after an install began; returns what is wrong then and after a rerun."""
        self._configure(driver)
        job = self._node.spawn(f"{PROGRAM} --json install {driver}")
        wait = self._dice.uniform(0.0, within)
        time.sleep(wait)
        finished = job.done() and job.wait().rc in SUCCESS
        self._node.power_cut()
        where = f"{self.kind}, install {driver}, cut after {wait:.1f} s"
        faults, recorded = self._look()
        if finished and recorded != driver:
            faults.append(f"success was reported, but {recorded} is recorded")
        self.outcomes.append(f"{where}: {recorded} recorded")
        print(f"  {self.outcomes[-1]}", file=sys.stderr, flush=True)
        return [f"{where}: {fault}" for fault in faults + self._boot_and_rerun(driver)]

    def _configure(self, driver: str) -> None:
        self._node.check(f"sed -i '/^driver/d; 1i driver = \"{driver}\"' /etc/overdrive/config.toml; sync")

    def _look(self) -> tuple[list[str], str]:
        """The rules over a copy of the disk: looking at the disk itself would recover it."""
        with self._mounted_copy():
            return self._oracle.check(), recorded_driver(self._oracle)

    @contextmanager
    def _mounted_copy(self) -> Iterator[None]:
        copied = self._image.with_suffix(".copy")
        disks.copy_of(self._image, copied)
        with disks.mounted(self.kind, copied, self._oracle.root / "opt"):
            yield

    def _boot_and_rerun(self, driver: str) -> list[str]:
        faults = []
        self._node.start(wait="running")
        rc, output = self._node.run(f"{PROGRAM} --json install {driver} 2>/tmp/said", timeout=600)
        if rc not in SUCCESS:
            return [f"the next run ended with {rc}: {output}{self._node.run('cat /tmp/said').output}"]
        pair = f"{driver}/{self.release.version}"
        if json.loads(output).get("generation") != pair:
            faults.append(f"the next run speaks of another driver: {output}")
        if left := self._node.check(f"ls /{STATE}/staging").split():
            faults.append(f"the next run left in staging: {left}")
        self._node.check("sync")
        return faults


def run(kind: str, release: OsRelease, artifacts: StandInArtifacts, *, cuts: int, seconds: tuple[float, float], seed: int) -> tuple[list[str], list[str]]:
    """Cuts the power `cuts` times, each in the install of another driver. Returns what was seen, and what was wrong.

    seconds: what a first install takes, and another one, when nothing disturbs them
    """
    faults: list[str] = []
    with KilledNode(kind, release, artifacts, seed) as node:
        for number, driver in enumerate(DRIVERS[:cuts]):
            try:
                faults += node.cut(driver, 1.1 * seconds[min(number, 1)])
            except NodeError as error:
                faults.append(f"{kind}, cut {number}: {error}")
                break
        return node.outcomes, faults
