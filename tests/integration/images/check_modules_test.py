#!/usr/bin/env python3
"""builder-images/check-modules: every check provoked by tampering with freshly built stand-in modules."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VERSION = "900.1.0"
ARCHIVE = f". {ROOT}/ci/lib/debian-archive.sh; . {ROOT}/ci/lib/kernel-headers.sh; set -euo pipefail; "


def shell(script: str) -> str:
    return subprocess.run(["bash", "-c", ARCHIVE + script], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class CheckModulesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.release = shell("archive_kernels cloud-amd64 6.1 | tail -n 1")
        cls.kernel_symvers = Path(shell(f"kernel_headers {cls.release}")) / "Module.symvers"
        cls.built = Path(tempfile.mkdtemp(prefix="check-modules-"))
        cls.addClassCleanup(shutil.rmtree, cls.built)
        subprocess.run([ROOT / "builder-images/stand-in/build", "--kernel", cls.release, "--version", VERSION,
                        "--out", cls.built, "--firmware-mib", "0"], check=True)

    def setUp(self) -> None:
        self.tree = Path(tempfile.mkdtemp(prefix="check-modules-"))
        self.addCleanup(shutil.rmtree, self.tree)
        shutil.copytree(self.built, self.tree, symlinks=True, dirs_exist_ok=True)
        self.modules = self.tree / "modules/lib/modules" / self.release
        self.symvers = self.tree / "Module.symvers"
        shutil.copy(self.kernel_symvers, self.symvers)

    def check(self, *more: str, version: str = VERSION) -> tuple[int, list[str]]:
        done = subprocess.run([ROOT / "builder-images/check-modules", self.tree / "modules", "--kernel", self.release,
                               "--driver-version", version, "--symvers", self.symvers,
                               "--user-space", self.tree / "user-space", *more], stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout.splitlines()

    def replace(self, path: Path, old: bytes, new: bytes) -> None:
        """Changes bytes in a file without moving any: fails the test if there are none to change."""
        self.assertEqual(len(old), len(new))
        data = path.read_bytes()
        self.assertIn(old, data)
        path.write_bytes(data.replace(old, new))

    def assert_fails(self, check: str, subject: str, result: tuple[int, list[str]]) -> None:
        code, lines = result
        self.assertEqual(code, 1)
        self.assertEqual({line.split(":")[0] for line in lines}, {check})
        self.assertTrue(any(subject in line for line in lines), lines)

    def test_accepts_what_was_built(self) -> None:
        self.assertEqual(self.check(), (0, []))

    def test_names_a_module_that_is_not_there(self) -> None:
        (self.modules / "nvidia-drm.ko").unlink()
        self.assert_fails("missing-module", "nvidia-drm.ko", self.check())

    def test_names_a_file_that_is_no_module(self) -> None:
        (self.modules / "nvidia-drm.ko").write_bytes(b"\x7fELF\x02\x01 and nothing more")
        self.assert_fails("missing-module", "nvidia-drm.ko", self.check())

    def test_names_a_truncated_module(self) -> None:
        whole = (self.modules / "nvidia-drm.ko").read_bytes()
        (self.modules / "nvidia-drm.ko").write_bytes(whole[:len(whole) // 2])
        self.assert_fails("missing-module", "nvidia-drm.ko", self.check())

    def test_names_a_module_of_another_kernel(self) -> None:
        other = self.release.replace("6.1", "6.9", 1).encode()
        for module in self.modules.glob("*.ko"):
            self.replace(module, b"vermagic=" + self.release.encode(), b"vermagic=" + other)
        self.assert_fails("vermagic", f"not for kernel {self.release}", self.check())

    def test_names_modules_that_disagree(self) -> None:
        self.replace(self.modules / "nvidia-uvm.ko", b"SMP preempt", b"SMP PREEMPT")
        self.assert_fails("vermagic", "the modules disagree", self.check())

    def test_names_a_module_of_another_version(self) -> None:
        self.replace(self.modules / "nvidia-modeset.ko", b"\0version=900.1.0", b"\0version=900.1.9")
        self.assert_fails("version", "nvidia-modeset.ko says 900.1.9", self.check())

    def test_names_a_user_space_of_another_version(self) -> None:
        (self.tree / f"user-space/lib64/libcuda.so.{VERSION}").unlink()
        self.assert_fails("version", f"libcuda.so.{VERSION}", self.check())

    def test_names_a_symbol_that_nobody_exports(self) -> None:
        lines = [line for line in self.symvers.read_text().splitlines() if "\t__register_chrdev\t" not in line]
        self.symvers.write_text("\n".join(lines) + "\n")
        self.assert_fails("undefined-symbol", "nvidia-uvm.ko needs __register_chrdev", self.check())

    def test_names_a_symbol_that_the_sibling_lost(self) -> None:
        self.replace(self.modules / "nvidia.ko", b"__ksymtab_stand_in_nvidia_version", b"__ksymtab_stand_in_nvidia_versioX")
        self.assert_fails("undefined-symbol", "nvidia-uvm.ko needs stand_in_nvidia_version", self.check())

    def test_names_another_version_of_a_kernel_symbol(self) -> None:
        changed = [("0x00000001" + line[10:]) if "\t__register_chrdev\t" in line else line
                   for line in self.symvers.read_text().splitlines()]
        self.symvers.write_text("\n".join(changed) + "\n")
        self.assert_fails("symbol-version", "nvidia.ko wants __register_chrdev", self.check())

    def test_names_firmware_that_is_not_there(self) -> None:
        (self.tree / f"user-space/lib/firmware/nvidia/{VERSION}/gsp_tu10x.bin").unlink()
        self.assert_fails("firmware", f"nvidia/{VERSION}/gsp_tu10x.bin", self.check())


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
