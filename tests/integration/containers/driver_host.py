"""A host with a driver in force, whose files and nodes are this machine's: what tests of container engines share."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import podman_machine as machine  # noqa: E402
from podman_machine import PodmanCase, make_debian_root, proof  # noqa: E402

FIRST, SECOND = proof.DRIVERS[:2]
PIECES = Path(os.environ.get("OVERDRIVE_HOOK_PIECES", machine.TOP / "build/dev/tests/integration/containers_hook"))
HOOK = "overdrive-cdi-hook"
NODES = {"/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"}


class DriverHostCase(PodmanCase):
    """`node` has driver FIRST in force, `debian` is a container's root with a program that shows what its linker finds."""

    LOOK = ("/bin/sh", "-c", "ls /dev/nvidia*; /probe libcuda.so.1; readlink /lib64/libcuda.so.1")

    def setUp(self) -> None:
        self.node = self.work / "node"
        self.node.mkdir()
        self.addCleanup(shutil.rmtree, self.node)
        if not (self.work / "layout").exists():
            proof.make_artifacts(self.work, (FIRST, SECOND))
        proof.make_host(self.node, self.work)
        self.addCleanup(proof.detach_overlays, self.node)
        own = self.node / "opt/overdrive/9.9.9/bin"
        own.mkdir(parents=True)
        shutil.copy2(proof.programs() / HOOK, own)
        (own.parents[1] / "current").symlink_to("9.9.9")
        self.run_well("install", FIRST)
        self.see_as_own(self.node)
        self.debian = self.work / "debian"
        if not self.debian.exists():
            make_debian_root(self.debian, PIECES / "hook_linker_probe")
            shutil.copy2(PIECES / "hook_linker_probe", self.debian / "probe")

    def run_well(self, *words: str) -> None:
        ended = proof.run(self.node, *words)
        self.assertEqual(ended.rc, 0, ended)

    def assert_has_driver(self, said: machine.Said, driver: str) -> None:
        """@param said  of LOOK"""
        lines = said.stdout.split()
        self.assertEqual((said.rc, lines[-2:]), (0, ["/lib64/libcuda.so.1", f"libcuda.so.{driver}"]), said)
        self.assertEqual({line for line in lines if line.startswith("/dev/")} - NODES, set(), said)
        self.assertLessEqual({"/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"}, set(lines), said)

    def fresh_root(self, name: str) -> Path:
        root = self.work / name
        machine.must("cp", "-a", self.debian, root)
        self.addCleanup(shutil.rmtree, root)
        return root
