#!/usr/bin/env python3
"""What the preflight says, provoked for real in one booted node: another kernel's module, other symbol versions, missing
firmware, wrong parameters, a rival on the GPU, somebody else's driver, enforced signatures, a kernel that loads no more.

Every test shows the sentence that an operator reads, and that nothing was loaded. Run as root: python3 tests/vm/preflight_test.py
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))
sys.path.insert(0, str(TOP / "tests/vm"))
sys.path.insert(0, str(TOP / "builder-images/lib"))

from kernel_module import KernelModule  # noqa: E402
from stand_in_artifacts import require_bundle  # noqa: E402
from stand_in_case import StandInNodeCase  # noqa: E402

PROGRAM = "/opt/overdrive/current/bin/overdrive"
GPU_ADDRESS = "grep -l 0x10de /sys/bus/pci/devices/*/vendor | cut -d/ -f6"


class PreflightTest(StandInNodeCase):

    @classmethod
    def setUpClass(cls) -> None:
        cls.prepare()
        cls.artifacts.push(cls.older, "900.1.0")
        cls.modules = cls.artifacts.modules(cls.older, "900.1.0")
        cls.other_modules = cls.artifacts.modules(cls.newer, "900.1.0")
        cls.start_node()
        cls.node.put(require_bundle(), "/tmp/bundle")
        cls.generation = f"/opt/nvidia/900.1.0/{cls.older.version}"
        cls.in_node = f"{cls.generation}/lib/modules/{cls.older.kernel}"
        cls.configure("")

    @classmethod
    def configure(cls, more: str) -> None:
        cls.write_config("900.1.0", "kubelet-wait = 5", registry=more)

    def overdrive(self, *words: str, rc: int = 0, program: str = PROGRAM) -> dict:
        started = time.monotonic()
        got, output = self.node.run(f"{program} --json {' '.join(words)} 2>/tmp/said", timeout=300)
        if time.monotonic() - started > 15:
            print(f"slow: {words} {time.monotonic() - started:.0f} s: {self.node.run('cat /tmp/said').output}", file=sys.stderr)
        said = self.node.run("cat /tmp/said").output
        self.assertEqual(got, rc, f"{words}: {output}{said}")
        return dict(json.loads(output))

    def loaded(self) -> str:
        return self.node.run("grep -c ^nvidia /proc/modules").output.strip()

    def assert_refused(self, code: str, sentence: str, *, rc: int = 1, reason: str = "module-load") -> dict:
        """`preflight` tells it, `activate` refuses with it, and nothing was loaded."""
        answer = self.overdrive("preflight", rc=8)
        findings = [finding for finding in answer["findings"] if finding["code"] == code]
        self.assertTrue(findings, answer["findings"])
        self.assertIn(sentence, findings[0]["what"])
        self.assertTrue(findings[0]["remedy"])
        error = self.overdrive("activate", rc=rc)["error"]
        self.assertEqual(error["reason"], reason, error)
        self.assertIn(sentence, error["message"])
        self.assertEqual(self.loaded(), "0")
        print(f"said: {error['message']}\n      {error.get('remedy')}", file=sys.stderr)
        return dict(findings[0])

    def exchange(self, name: str, content: bytes) -> None:
        """Puts other content into a module's file; the one that was installed comes back after the test."""
        path = f"{self.in_node}/{name}"
        self.node.check(f"cp -a {path} /tmp/kept-{name}")
        self.addCleanup(self.node.check, f"cp -a --remove-destination /tmp/kept-{name} {path}")
        changed = self.work / name
        changed.write_bytes(content)
        self.node.check(f"rm {path}")
        self.node.put(changed, path)

    def test_0_a_rival_has_the_gpu(self) -> None:
        """First: firmware that was asked for in the name of an unbound device keeps every driver from binding to it."""
        installed = self.overdrive("install", "--no-activate", program="/tmp/bundle/bin/overdrive", rc=4)
        self.assertIs(installed["fetched"], True)
        self.node.put(self.rival(), "/tmp/rival.ko")
        gpu = self.node.check(GPU_ADDRESS).strip()
        self.node.check(f"insmod /tmp/rival.ko; echo pci-pf-stub >/sys/bus/pci/devices/{gpu}/driver_override\n"
                        f"echo {gpu} >/sys/bus/pci/drivers/pci-pf-stub/bind")
        finding = self.assert_refused("rival-bound", f"the kernel driver pci-pf-stub has the GPU {gpu}", reason="preflight")
        # The remedy is a command that helps.
        self.node.check(str(finding["remedy"]).split("'")[1])
        self.node.check(f"echo >/sys/bus/pci/devices/{gpu}/driver_override; rmmod pci-pf-stub")
        self.assertEqual(self.overdrive("preflight")["findings"], [])

    def rival(self) -> Path:
        """pci-pf-stub.ko of the node's kernel package: a driver that takes any device and does nothing with it."""
        unpack = (f". {TOP}/ci/lib/debian-archive.sh; set -euo pipefail; "
                  f"archive_unpack {self.work}/kernel $(archive_kernel_image {self.older.kernel})")
        subprocess.run(["bash", "-c", unpack], check=True, stdout=subprocess.DEVNULL)
        return next((self.work / "kernel").glob("**/pci-pf-stub.ko*"))

    def test_1_nothing_speaks_against_a_good_driver(self) -> None:
        """Installed, in force, and in milliseconds."""
        self.assertEqual(self.overdrive("install")["state"], "ready")
        self.assertEqual(self.overdrive("deactivate")["result"], "deactivated")
        answer = self.overdrive("preflight")
        self.assertEqual(answer["findings"], [])
        kernel = answer["kernel"]
        self.assertIs(kernel["enforces_signatures"], False)
        self.assertIs(kernel["modules_disabled"], False)
        self.assertEqual(kernel["lockdown"], "none")
        self.assertGreater(kernel["enrolled_keys"], 0, "Debian's kernel has keys built in, and root may list them")
        listed = self.node.check(f"grep -c . {self.in_node}/kernel-symbols")
        self.assertGreater(int(listed), 10, "the artifact ships the versions of the symbols that it needs")
        took = self.node.check(f"TIMEFORMAT=%R; for verb in list preflight; do {{ time {PROGRAM} --quiet $verb >/dev/null 2>&1; }} 2>&1; done")
        print(f"seconds of 'list' and of 'preflight' under TCG: {took.split()}", file=sys.stderr)

    def test_2_a_module_of_another_kernel(self) -> None:
        self.exchange("nvidia-uvm.ko", (self.other_modules / "nvidia-uvm.ko").read_bytes())
        before = self.node.check("dmesg | wc -l")
        self.assert_refused("wrong-kernel", f"was built for kernel {self.newer.kernel}, this is {self.older.kernel}")
        self.assertEqual(self.node.check("dmesg | wc -l"), before, "the kernel was not asked")

    def test_2a_symbol_versions_of_another_build(self) -> None:
        """The same release and flags, other types: only the checksums tell."""
        content = bytearray((self.modules / "nvidia.ko").read_bytes())
        crc = KernelModule(self.modules / "nvidia.ko").asked_versions["module_layout"]
        place = content.index(struct.pack("<Q", crc) + b"module_layout\0")
        content[place] ^= 0xFF
        self.exchange("nvidia.ko", bytes(content))
        self.assert_refused("symbol-crc", f"'nvidia' wants module_layout {crc ^ 0xFF:#010x}, this kernel's own modules want {crc:#010x}")
        rc, output = self.node.run(f"insmod {self.in_node}/nvidia.ko; dmesg | tail -n 1")
        self.assertIn("disagrees about version of symbol module_layout", output, "the kernel says the same")

    def test_3_firmware_of_the_gpu_is_missing(self) -> None:
        firmware = f"{self.generation}/lib/firmware/nvidia/900.1.0/gsp_tu10x.bin"
        self.node.check(f"mv {firmware} /tmp/gsp")
        self.addCleanup(self.node.check, f"mv /tmp/gsp {firmware}")
        self.assert_refused("firmware-missing", "the GPU needs the firmware 'nvidia/900.1.0/gsp_tu10x.bin'", reason="incomplete-artifact")

    def test_3a_nothing_on_the_file_system_may_be_executed(self) -> None:
        self.node.check("mount --bind /opt/nvidia /opt/nvidia; mount -o remount,bind,noexec /opt/nvidia")
        self.addCleanup(self.node.check, "umount /opt/nvidia")
        self.assert_refused("noexec", f"900.1.0/{self.older.version} lies on a file system that is mounted noexec", reason="exposure")

    def test_4_a_wrong_parameter(self) -> None:
        self.configure('[parameters]\nnvidia = ["fial=0"]\n')
        self.assert_refused("bad-parameter", "module 'nvidia' has no parameter 'fial'; the nearest one is 'fail'", rc=2, reason="config")
        self.configure('[parameters]\nnvidia = ["fail=often"]\n')
        self.assert_refused("bad-parameter", "module 'nvidia' takes for 'fail' a value of type int, not 'often'", rc=2, reason="config")
        self.configure("")
        self.assertEqual(self.overdrive("activate")["state"], "ready", "a success forgets that it failed in this boot")
        self.overdrive("deactivate")
        # At boot a typo does not cost a node its driver; what is right reaches the kernel.
        self.configure('[parameters]\nnvidia = ["fial=1", "fail=0"]\nnvidia_modeset = ["fail=0x0"]\n')
        self.assertEqual(self.overdrive("activate", "--boot")["state"], "ready")
        self.assertIn("fial", self.node.check("cat /tmp/said"))
        self.configure("")
        self.overdrive("deactivate")

    def test_5_somebody_elses_driver(self) -> None:
        self.node.check("mkdir -p /var/lib/dpkg; touch /var/lib/dpkg/status; cp /var/lib/dpkg/status /tmp/status\n"
                        "printf '\\nPackage: nvidia-kernel-dkms\\nStatus: install ok installed\\nVersion: 535.183.01-1\\n\\n' >>/var/lib/dpkg/status")
        self.assert_refused("foreign-driver", "this host has another NVIDIA driver: the package nvidia-kernel-dkms 535.183.01-1", rc=2,
                            reason="foreign-driver")
        self.assertEqual(self.overdrive("install", "--verify", rc=2)["error"]["reason"], "foreign-driver")
        # Such a package may have no module for this kernel: it does not cost a boot its driver.
        self.assertEqual(self.overdrive("activate", "--boot")["state"], "ready")
        self.overdrive("deactivate")
        self.node.check("cp /tmp/status /var/lib/dpkg/status")
        # A driver that is loaded and not ours is never taken out by a boot.
        foreign = self.work / "foreign.ko"
        content = (self.modules / "nvidia.ko").read_bytes()
        foreign.write_bytes(content.replace(b"900.1.0", b"900.9.9"))
        self.node.put(foreign, "/tmp/nvidia.ko")
        self.node.check("insmod /tmp/nvidia.ko")
        self.assertIn("driver 900.9.9 is loaded", str(self.overdrive("activate", "--boot")["why"]))
        self.assertEqual(self.node.check("cat /sys/module/nvidia/version").strip(), "900.9.9")
        # A person who asks for ours takes over from a driver whose owner is gone.
        self.assertEqual(self.overdrive("activate")["state"], "ready")
        self.overdrive("deactivate")

    def test_6_signatures_are_enforced(self) -> None:
        """One-way: from here on this kernel takes signed modules only."""
        self.node.check("echo 1 >/sys/module/module/parameters/sig_enforce")
        self.assert_refused("unsigned-module", "module.sig_enforce is set, and 'lib/modules/")
        self.assertNotEqual(self.node.run(f"insmod {self.in_node}/nvidia.ko").rc, 0, "the kernel says the same")
        key_id = self.make_key()
        for module in sorted(self.modules.glob("*.ko")):
            self.exchange(module.name, self.signed(module, "-keyid"))
        self.assert_refused("signer-unknown", f"is signed with the key {key_id}, which is in none of the kernel's")
        # The other form of signature names issuer and serial number: proof takes the certificate beside the modules.
        for module in sorted(self.modules.glob("*.ko")):
            changed = self.work / module.name
            changed.write_bytes(self.signed(module))
            self.node.put(changed, f"{self.in_node}/{module.name}")
        answer = self.overdrive("preflight")
        self.assertEqual({finding["code"] for finding in answer["findings"]}, {"signer-unproven"})
        self.node.put(self.work / "certificate.der", f"{self.in_node}/signing_key.x509")
        self.addCleanup(self.node.check, f"rm {self.in_node}/signing_key.x509")
        self.assert_refused("signer-unknown", "module.sig_enforce is set, and")

    def make_key(self) -> str:
        """A signing key that no kernel knows. @return its subject key identifier"""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.work / "signing.pem", "-out",
                        self.work / "certificate.pem", "-days", "3650", "-subj", "/CN=Nobody knows me", "-addext",
                        "subjectKeyIdentifier=hash"], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["openssl", "x509", "-in", self.work / "certificate.pem", "-outform", "DER", "-out", self.work / "certificate.der"],
                       check=True)
        shown = subprocess.run(["openssl", "x509", "-in", self.work / "certificate.pem", "-noout", "-ext", "subjectKeyIdentifier"],
                               check=True, stdout=subprocess.PIPE, text=True).stdout
        return shown.split()[-1].replace(":", "").lower()

    def signed(self, module: Path, *how: str) -> bytes:
        """As the kernel's sign-file does."""
        signature = subprocess.run(["openssl", "cms", "-sign", "-binary", "-md", "sha256", "-outform", "DER", "-nocerts", "-noattr", *how,
                                    "-signer", self.work / "certificate.pem", "-inkey", self.work / "signing.pem", "-in", module],
                                   check=True, stdout=subprocess.PIPE).stdout
        trailer = struct.pack(">BBBBBxxxI", 0, 0, 2, 0, 0, len(signature)) + b"~Module signature appended~\n"
        return module.read_bytes() + signature + trailer

    def test_7_the_kernel_loads_no_more_modules(self) -> None:
        """One-way as well."""
        self.configure('[preflight]\nignore = ["unsigned-module"]\n')
        self.node.check("echo 1 >/proc/sys/kernel/modules_disabled")
        self.assert_refused("modules-disabled", "kernel.modules_disabled is 1", reason="preflight")
        self.assertIn("kernel.modules_disabled is 1", self.node.check("cat /run/overdrive/status.json"))
        self.assertEqual(self.overdrive("activate", "--boot")["state"], "degraded", "a boot goes on without a driver")


if __name__ == "__main__":
    unittest.main(failfast=True)  # each goes on where the one before ended
