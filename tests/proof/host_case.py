"""What the tests over a host's tree share: the artifacts of the class, and a fresh host for every test."""

from __future__ import annotations

import shutil
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

import proof_host as proof


class HostCase(unittest.TestCase):
    """A fresh host for every test, in a mount namespace of this process."""

    drivers: ClassVar[tuple[str, ...]] = proof.DRIVERS  # whose artifacts are there
    work: ClassVar[Path]
    node: Path

    @staticmethod
    def place() -> str | None:
        """Where the hosts lie; None for a disk."""
        return proof.fast_place()

    @classmethod
    def setUpClass(cls) -> None:
        proof.leave_mount_namespace()
        made = tempfile.TemporaryDirectory(prefix="overdrive-host-", dir=cls.place())
        cls.addClassCleanup(made.cleanup)
        cls.addClassCleanup(proof.cli_case.remove_shared)
        cls.work = Path(made.name)
        cls.work.chmod(0o755)  # other users have a way to the hosts
        proof.make_artifacts(cls.work, cls.drivers)

    def setUp(self) -> None:
        self.node = self.work / "node"
        self.node.mkdir()
        self.addCleanup(shutil.rmtree, self.node)
        proof.make_host(self.node, self.work)
        self.addCleanup(proof.detach_overlays, self.node)

    def run_well(self, *words: str) -> proof.Ended:
        ended = proof.run(self.node, *words)
        self.assertEqual(ended.rc, 0, ended)
        return ended
