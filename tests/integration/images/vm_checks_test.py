#!/usr/bin/env python3
"""The vm- checks of builder-images/prove over recorded consoles: what each boot that went wrong is called."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "builder-images"), str(ROOT / "builder-images/lib")]
from proof.checks import run_vm_checks  # noqa: E402
from proof.machine import transcript_of  # noqa: E402
from proof.vm_checks import Boot  # noqa: E402

FIRMWARE = "nvidia/900.1.0/gsp_tu10x.bin"
# As a boot of 6.1 with the stand-in driver wrote it, shortened to two modules.
CONSOLE = f"""\
proof: release 6.1.0-56-cloud-amd64\r
proof: sig-enforce N\r
proof: tainted-before 12288\r
proof: load nvidia 0 \r
proof: load nvidia-uvm 0 \r
proof: proc-version NVRM version: NVIDIA UNIX x86_64 Kernel Module  900.1.0  overdrive stand-in\r
proof: proc-version GCC version:  gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0\r
proof: version nvidia 900.1.0\r
proof: taint nvidia OE\r
proof: version nvidia-uvm 900.1.0\r
proof: taint nvidia-uvm OE\r
proof: firmware [    2.4] pci 0000:00:01.0: firmware: direct-loading firmware {FIRMWARE}\r
proof: unload nvidia-uvm 0 \r
proof: unload nvidia 0 \r
proof: tainted-after 12288\r
proof: dmesg [    2.1] nvidia: module verification failed: signature and/or required key missing - tainting kernel\r
proof: end\r
"""


class VmChecksTest(unittest.TestCase):
    def setUp(self) -> None:
        modules: list[dict[str, Any]] = [{"name": name, "autoload": True} for name in ("nvidia", "nvidia-uvm")]
        licensed = {name: SimpleNamespace(field={"license": "Dual MIT/GPL"}.get) for name in ("nvidia", "nvidia-uvm")}
        self.subject = SimpleNamespace(release="6.1.0-56-cloud-amd64", version="900.1.0", description={"modules": modules, "firmware": [FIRMWARE]},
                                       modules=licensed)

    def outcome(self, console: str, enforced: bool = False) -> dict[str, tuple[bool | None, str]]:
        boot = Boot(self.subject, transcript_of(console, 5.0), enforced=enforced)  # type: ignore[arg-type]
        return {result.name: (result.ok, result.to_json()["detail"]) for result in run_vm_checks(boot)}

    def assert_outcome(self, console: str, failed: dict[str, str], not_run: tuple[str, ...] = ()) -> None:
        found = self.outcome(console)
        self.assertEqual({name for name, (ok, _) in found.items() if ok is False}, set(failed), found)
        self.assertEqual({name for name, (ok, _) in found.items() if ok is None}, set(not_run), found)
        for name, said in failed.items():
            self.assertIn(said, found[name][1])

    def test_a_good_boot_passes(self) -> None:
        self.assert_outcome(CONSOLE, {})

    def test_no_boot_fails_nothing_and_passes_nothing(self) -> None:
        found = run_vm_checks(Boot(self.subject, problem="kernel 6.12 needs QEMU 10"))  # type: ignore[arg-type]
        self.assertEqual({result.ok for result in found}, {None})
        self.assertEqual({result.detail for result in found}, {"not run: kernel 6.12 needs QEMU 10"})
        self.assertEqual({ok for ok, _ in self.outcome("Kernel panic - not syncing\n").values()}, {None})

    def test_another_kernel_came_up(self) -> None:
        self.assert_outcome(CONSOLE.replace("release 6.1.0-56", "release 6.1.0-55"), {"vm-boot": "the machine runs 6.1.0-55-cloud-amd64, the artifact is for 6.1.0-56"})

    def test_the_fake_gpu_did_not_come(self) -> None:
        self.assert_outcome(CONSOLE.replace("proof: tainted-before", "proof: fake-gpu insmod: cannot insert\nproof: tainted-before"), {"vm-boot": "fake-gpu: insmod: cannot insert"})

    def test_a_module_is_refused(self) -> None:
        console = CONSOLE.replace("load nvidia-uvm 0 ", "load nvidia-uvm 1 insmod: can't insert: invalid module format")
        console = console.replace("proof: end", "proof: dmesg [ 2.2] nvidia_uvm: version magic '6.1.0-55' should be '6.1.0-56'\nproof: end")
        self.assert_outcome(console, {"vm-load": "nvidia-uvm.ko is refused: insmod: can't insert: invalid module format; the kernel says: [ 2.2] nvidia_uvm: version magic"},
                            ("vm-version", "vm-firmware", "vm-taint", "vm-unload"))

    def test_the_kernel_dies_while_it_loads(self) -> None:
        console = CONSOLE[:CONSOLE.index("proof: load nvidia-uvm")] + "Kernel panic - not syncing: Fatal exception\n"
        self.assert_outcome(console, {"vm-load": "nvidia-uvm.ko: the kernel did not come back from loading it: "}, ("vm-version", "vm-firmware", "vm-taint", "vm-unload"))
        self.assertIn("Fatal exception", self.outcome(console)["vm-load"][1])

    def test_the_kernel_dies_afterwards(self) -> None:
        self.assert_outcome(CONSOLE[:CONSOLE.index("proof: unload")], {"vm-load": "the kernel stopped after the modules were loaded"},
                            ("vm-version", "vm-firmware", "vm-taint", "vm-unload"))

    def test_another_version_is_loaded(self) -> None:
        self.assert_outcome(CONSOLE.replace("version nvidia-uvm 900.1.0", "version nvidia-uvm 900.1.1"), {"vm-version": "/sys/module/nvidia_uvm/version says '900.1.1', not 900.1.0"})
        self.assert_outcome(CONSOLE.replace("Module  900.1.0 ", "Module  900.1.01 "), {"vm-version": "/proc/driver/nvidia/version says"})

    def test_firmware_is_not_found(self) -> None:
        self.assert_outcome(CONSOLE.replace("direct-loading firmware", "failed to load"), {"vm-firmware": f"failed to load {FIRMWARE}"})

    def test_a_kernel_that_does_not_tell_of_firmware(self) -> None:
        console = "".join(line for line in CONSOLE.splitlines(keepends=True) if "proof: firmware" not in line)
        self.assert_outcome(console, {}, ("vm-firmware",))

    def test_a_forced_module(self) -> None:
        self.assert_outcome(CONSOLE.replace("taint nvidia OE", "taint nvidia FOE"), {"vm-taint": "nvidia is marked FOE; F is not expected"})

    def test_a_license_that_taints(self) -> None:
        console = CONSOLE.replace("taint nvidia OE", "taint nvidia POE").replace("tainted-after 12288", "tainted-after 12289")
        self.assert_outcome(console, {"vm-taint": "nvidia is marked POE; P is not expected of a module with the license 'Dual MIT/GPL'"})
        self.subject.modules["nvidia"] = SimpleNamespace(field={"license": "NVIDIA"}.get)
        self.assert_outcome(console, {})

    def test_signatures_that_the_kernel_does_not_know(self) -> None:
        signed = CONSOLE.replace("taint nvidia OE", "taint nvidia O").replace("taint nvidia-uvm OE", "taint nvidia-uvm O").replace("sig-enforce N", "sig-enforce Y")
        self.assertEqual({ok for ok, _ in self.outcome(signed, enforced=True).values()}, {True})
        self.assertIn("takes signed modules only", self.outcome(signed, enforced=True)["vm-boot"][1])
        found = self.outcome(CONSOLE, enforced=True)
        self.assertIn("told to take signed modules only, and does not", found["vm-boot"][1])
        self.assertIn("nvidia is marked OE; E is not expected", found["vm-taint"][1])

    def test_a_warning_of_the_kernel(self) -> None:
        console = CONSOLE.replace("tainted-after 12288", "tainted-after 12800").replace("proof: end", "proof: dmesg [ 2.2] WARNING: CPU: 0 PID: 60 at mm/usercopy.c\nproof: end")
        self.assert_outcome(console, {"vm-taint": "WARNING: CPU: 0"})

    def test_a_module_that_stays(self) -> None:
        console = CONSOLE.replace("unload nvidia 0 ", "unload nvidia 1 rmmod: Resource temporarily unavailable").replace("proof: tainted-after", "proof: left nvidia 40960 1\nproof: tainted-after")
        self.assert_outcome(console, {"vm-unload": "nvidia does not unload: rmmod: Resource temporarily unavailable; still loaded: nvidia 40960"})


if __name__ == "__main__":
    unittest.main()
