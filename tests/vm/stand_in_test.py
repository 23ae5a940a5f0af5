#!/usr/bin/env python3
"""The stand-in driver behaves in a node's kernel as the real one does where tests look: order, traces, failures."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))
from vm_node import Node, build_nodes  # noqa: E402

VERSION = "900.1.0"
INSMOD = "cd /tmp/driver/modules/lib/modules/*; insmod ./"


class StandInDriverTest(unittest.TestCase):
    node: Node

    @classmethod
    def setUpClass(cls) -> None:
        release = build_nodes()[0]
        with tempfile.TemporaryDirectory(prefix="stand-in-") as built:
            subprocess.run([TOP / "builder-images/stand-in/build", "--kernel", release.kernel, "--version", VERSION,
                            "--out", built, "--firmware-mib", "1"], check=True)
            cls.node = Node(release)
            cls.addClassCleanup(cls.node.close)
            cls.node.start()
            cls.node.put(Path(built), "/tmp/driver")

    def setUp(self) -> None:
        self.node.run("rmmod nvidia-drm nvidia-modeset nvidia-uvm nvidia; dmesg -C; rm -rf /dev/nvidia*")

    def load(self, *names: str) -> None:
        for name in names:
            self.node.check(f"{INSMOD}{name}.ko")

    def test_modules_load_in_order_only(self) -> None:
        rc, output = self.node.run(f"{INSMOD}nvidia-uvm.ko")
        self.assertNotEqual(rc, 0)
        self.assertIn("Unknown symbol in module", output)
        self.load("nvidia", "nvidia-uvm", "nvidia-modeset", "nvidia-drm")
        rc, output = self.node.run("rmmod nvidia")
        self.assertIn("Module nvidia is in use by: ", output)

    def test_leaves_the_real_ones_traces(self) -> None:
        self.load("nvidia", "nvidia-uvm", "nvidia-modeset")
        self.assertIn(f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {VERSION}  ",
                      self.node.check("cat /proc/driver/nvidia/version"))
        devices = self.node.check("cat /proc/devices")
        for line in ("195 nvidia\n", "195 nvidiactl\n", "195 nvidia-modeset\n", " nvidia-uvm\n"):
            self.assertIn(line, devices)
        self.assertIn("Device Minor: \t 0", self.node.check("cat /proc/driver/nvidia/gpus/*/information"))
        self.assertEqual(self.node.check("cat /sys/module/nvidia/version").strip(), VERSION)

    def test_nvidia_smi_answers_like_the_real_one(self) -> None:
        smi = "/tmp/driver/user-space/bin/nvidia-smi"
        self.assertEqual(self.node.run(smi)[0], 9)
        self.load("nvidia")
        self.node.check("mknod -m 666 /dev/nvidiactl c 195 255; mknod -m 666 /dev/nvidia0 c 195 0")
        rc, output = self.node.run(smi)
        self.assertEqual((rc, output.strip()), (6, "No devices were found"))

    def test_the_kernel_is_asked_for_the_firmware(self) -> None:
        path = "/sys/module/firmware_class/parameters/path"
        self.load("nvidia")
        self.node.check("mknod -m 666 /dev/nvidia0 c 195 0")
        self.node.run("cat /dev/nvidia0")
        self.assertIn(f"failed to load nvidia/{VERSION}/gsp_tu10x.bin", self.node.check("dmesg"))
        self.node.check(f"printf /tmp/driver/user-space/lib/firmware >{path}")
        self.node.run(f"cat /dev/nvidia0; printf '\\n' >{path}")
        self.assertIn(f"direct-loading firmware nvidia/{VERSION}/gsp_tu10x.bin", self.node.check("dmesg"))

    def test_fails_on_demand_with_the_errno_asked_for(self) -> None:
        rc, output = self.node.run(f"{INSMOD}nvidia.ko fail=12")
        self.assertNotEqual(rc, 0)
        self.assertIn("Cannot allocate memory", output)
        self.load("nvidia")
        self.assertIn("No such device", self.node.run(f"{INSMOD}nvidia-uvm.ko fail=19")[1])

    def test_says_no_such_device_without_a_gpu(self) -> None:
        gpu = "$(dirname $(grep -l 0x10de /sys/bus/pci/devices/*/vendor))"
        self.node.check(f"echo 1 >{gpu}/remove")
        rc, output = self.node.run(f"{INSMOD}nvidia.ko")
        self.node.run("echo 1 >/sys/bus/pci/rescan; rmmod fake_gpu; modprobe fake_gpu")
        self.assertNotEqual(rc, 0)
        self.assertIn("No such device", output)
        self.assertIn("NVRM: No NVIDIA GPU found", self.node.check("dmesg"))

    def test_persistenced_runs_as_its_user_and_holds_the_driver(self) -> None:
        self.load("nvidia")
        self.node.check("mknod -m 666 /dev/nvidiactl c 195 255")
        self.node.check("/tmp/driver/user-space/bin/nvidia-persistenced --user nobody --verbose")
        pid = self.node.check("cat /run/nvidia-persistenced/nvidia-persistenced.pid").strip()
        self.assertEqual(self.node.check(f"stat -c %U /proc/{pid}").strip(), "nobody")
        self.node.check("test -S /run/nvidia-persistenced/socket")
        self.assertIn("is in use", self.node.run("rmmod nvidia")[1])
        self.node.check(f"kill {pid}; while [ -e /proc/{pid} ]; do sleep 0.1; done; rmmod nvidia")
        self.node.check("test ! -e /run/nvidia-persistenced/nvidia-persistenced.pid")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
