#!/usr/bin/env python3
"""NVML, asked by the program that lies beside overdrive: the development build's, the bundle's, and where nothing can be loaded.
Run as root: python3 tests/integration/containers/nvml_test.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
PROGRAMS = Path(os.environ.get("OVERDRIVE_BIN", TOP / "build/dev/bin"))
BUNDLE = Path(os.environ.get("OVERDRIVE_BUNDLE", TOP / "build/bundle")) / "bin"
STAND_INS = Path(os.environ.get("OVERDRIVE_FAKE_NVML", TOP / "build/dev/tests/integration/containers"))
VERSION = "999.88.77"
UUIDS = {"MIG-aaaaaaaa-0000-0000-0000-00000000000a", "MIG-bbbbbbbb-0000-0000-0000-00000000000b"}
CAPABILITIES = {"gi7/access": 66, "gi7/ci0/access": 67, "gi9/access": 84, "gi9/ci0/access": 85}


def make_host(root: Path) -> None:
    """As the stand-in library describes it: a whole GPU, and one with two instances, whose UUIDs /proc does not have."""
    driver = root / "opt/driver/lib64"
    driver.mkdir(parents=True)
    (driver / f"libcuda.so.{VERSION}").touch()
    shutil.copy(STAND_INS / "libfake_nvml_loaded.so", driver / f"libnvidia-ml.so.{VERSION}")
    (root / "sys").mkdir()
    nodes = root / "dev/nvidia-caps"
    nodes.mkdir(parents=True)
    numbers = []
    for minor, address, uuid in ((0, "0000:07:00.0", "GPU-11111111-0000-0000-0000-000000000001"), (1, "0000:0a:00.0", "GPU-22222222-0000-0000-0000-000000000002")):
        gpu = root / "proc/driver/nvidia/gpus" / address
        gpu.mkdir(parents=True)
        (gpu / "information").write_text(f"Model: \t\t NVIDIA H200\nGPU UUID: \t {uuid}\nDevice Minor: \t {minor}\n")
        os.mknod(root / f"dev/nvidia{minor}", 0o020666, os.makedev(195, minor))
    for place, number in CAPABILITIES.items():
        file = root / "proc/driver/nvidia/capabilities/gpu1/mig" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"DeviceFileMinor: {number}\nDeviceFileMode: 292\nDeviceFileModify: 1\n")
        os.mknod(nodes / f"nvidia-cap{number}", 0o020444, os.makedev(237, number))
        numbers.append(f"gpu1/{place} {number}\n")
    (root / "proc/driver/nvidia-caps").mkdir()
    (root / "proc/driver/nvidia-caps/mig-minors").write_text("".join(numbers))


class NvmlTest(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="overdrive-nvml-")))
        make_host(self.root)

    def generate(self, program: Path, *words: str, within: Path | None = None) -> subprocess.CompletedProcess[str]:
        """@param within  the program's own root, whose /host is the host's"""
        host = "/host" if within else str(self.root)
        call = [str(program), "--root", host, "cdi", "generate", "--driver-root", "/opt/driver", "--dev-root", "/", "--hook-path", "/h", *words]
        return subprocess.run((["/usr/sbin/chroot", within] if within else []) + call, capture_output=True, text=True, timeout=120,
                              env={"PATH": "/bin", **({"LD_PRELOAD": "/nonexistent.so"} if program.is_relative_to(BUNDLE) else {})})

    def assert_has_uuids(self, made: subprocess.CompletedProcess[str]) -> None:
        self.assertEqual(made.returncode, 0, made)
        names = {line.split()[-1].strip('"') for line in made.stdout.splitlines() if "name: " in line}
        self.assertLessEqual(UUIDS | {"0", "1:0", "1:2", "all"}, names, made)
        self.assertNotIn("NVML", made.stderr)
        self.assertNotIn("LD_PRELOAD", made.stderr, "the caller's environment is not the helper's")

    def cell(self) -> Path:
        """A root without any C library that sees the host."""
        cell = self.root.parent / f"{self.root.name}-cell"
        self.addCleanup(shutil.rmtree, cell)
        shutil.copytree(BUNDLE, cell / "bin")
        (cell / "proc").mkdir()
        shutil.copytree(self.root, cell / "host", copy_function=lambda one, two: shutil.copy2(one, two) if Path(one).is_file() else subprocess.run(["cp", "-a", one, two], check=True))
        subprocess.run(["mount", "--rbind", "/proc", cell / "proc"], check=True)
        self.addCleanup(subprocess.run, ["umount", "--recursive", "--lazy", cell / "proc"], check=True)
        return cell

    def test_the_development_build_knows_what_only_nvml_knows(self) -> None:
        self.assert_has_uuids(self.generate(PROGRAMS / "overdrive"))

    def test_so_does_what_images_and_nodes_carry_with_the_same_bytes(self) -> None:
        for words in ([], ["--mode", "nvml"]):
            made = self.generate(BUNDLE / "overdrive", *words)
            self.assert_has_uuids(made)
            self.assertEqual(made.stdout, self.generate(PROGRAMS / "overdrive", *words).stdout)

    def test_without_a_c_library_instances_have_their_index_names_and_that_is_said(self) -> None:
        cell = self.cell()
        made = self.generate(Path("/bin/overdrive"), within=cell)
        self.assertEqual(made.returncode, 0, made)
        self.assertIn("1:1", made.stdout)
        self.assertNotIn("MIG-", made.stdout)
        self.assertIn("'/bin/overdrive-nvml' needs glibc, as NVML does; of /proc/driver/nvidia alone, UUIDs of MIG instances", made.stderr)
        refused = self.generate(Path("/bin/overdrive"), "--mode", "nvml", within=cell)
        self.assertEqual((refused.returncode, refused.stdout), (1, ""))
        self.assertIn("--mode nvml: NVML cannot be asked on this host", refused.stderr)
        (cell / "bin/overdrive-nvml").unlink()
        refused = self.generate(Path("/bin/overdrive"), "--mode", "nvml", within=cell)
        self.assertIn("'/bin/overdrive-nvml', which comes with the program, is not there", refused.stderr)

    def test_the_driver_that_is_not_loaded_is_told_in_its_librarys_words(self) -> None:
        shutil.copy(STAND_INS / "libfake_nvml_not_loaded.so", self.root / f"opt/driver/lib64/libnvidia-ml.so.{VERSION}")
        refused = self.generate(PROGRAMS / "overdrive", "--mode", "nvml")
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn("NVML: nvmlInit_v2: Driver Not Loaded (9)", refused.stderr)
        (self.root / f"opt/driver/lib64/libnvidia-ml.so.{VERSION}").write_text("no shared object")
        self.assertIn("load NVML: ", self.generate(PROGRAMS / "overdrive", "--mode", "nvml").stderr)

    def test_the_helper_explains_itself(self) -> None:
        helper = BUNDLE / "overdrive-nvml"
        self.assertEqual(subprocess.run([helper, "--help"], capture_output=True).returncode, 0)
        self.assertEqual(subprocess.run([helper], capture_output=True).returncode, 2)
        self.assertLess(helper.stat().st_size, 100_000)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: making device nodes and a root of its own needs root")
        sys.exit(77)
    unittest.main(verbosity=2)
