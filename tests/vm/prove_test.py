#!/usr/bin/env python3
"""builder-images/prove --vm: a good artifact loads in a kernel of its release; what the kernel refuses is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))
from altered_image import AlteredImage  # noqa: E402

VM_CHECKS = ("vm-boot", "vm-load", "vm-version", "vm-firmware", "vm-taint", "vm-unload")
KERNEL = f". {TOP}/ci/lib/debian-archive.sh; set -euo pipefail; archive_kernels cloud-amd64 6.1 | tail -n 1"


class ProveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.work = Path(tempfile.mkdtemp(prefix="overdrive-prove-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.release = subprocess.run(["bash", "-c", KERNEL], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        (cls.work / "bundle/bin").mkdir(parents=True)
        shutil.copy("/bin/true", cls.work / "bundle/bin/overdrive")
        cls.reference = cls.build("layout")

    @classmethod
    def build(cls, layout: str, *more: object) -> str:
        words = ["--os", "debian", "--kernel", cls.release, "--driver", "stand-in", "--program", cls.work / "bundle", "--output", f"oci:{cls.work}/{layout}", *more]
        return subprocess.run([TOP / "builder-images/build", *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def prove(self, reference: str) -> tuple[int, dict[str, dict[str, object]]]:
        report = self.work / "report.json"
        done = subprocess.run([TOP / "builder-images/prove", reference, "--kernel-from", "debian", "--vm", "--report", report], stdout=subprocess.PIPE, text=True)
        return done.returncode, {check["name"]: check for check in json.loads(report.read_text())["checks"]}

    def test_a_good_artifact_loads_and_unloads(self) -> None:
        code, checks = self.prove(self.reference)
        self.assertEqual(code, 0, checks)
        for name in VM_CHECKS:
            self.assertIs(checks[name]["ok"], True, checks[name])

    def test_the_kernel_refuses_what_another_build_of_it_was_compiled_for(self) -> None:
        """The same release, other types: the release in vermagic does not tell, and Debian's kernels do not even look at it."""
        def spoiled(content: bytes) -> bytes:
            place = content.index(b"\0\0\0\0module_layout\0") - 4
            return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1:]

        image = AlteredImage(self.work / "layout", self.reference.rpartition(":")[2], self.work / "changed")
        image.edit(f"driver/lib/modules/{self.release}/nvidia.ko", spoiled)
        image.listed()
        code, checks = self.prove(image.save())
        self.assertEqual(code, 1)
        self.assertIs(checks["symbol-version"]["ok"], False)
        self.assertIs(checks["vm-load"]["ok"], False)
        self.assertRegex(str(checks["vm-load"]["detail"]), "nvidia.ko is refused: .*nvidia: disagrees about version of symbol module_layout")
        self.assertIsNone(checks["vm-version"]["ok"])

    def test_a_kernel_that_takes_signed_modules_only_loads_them_when_it_knows_the_key(self) -> None:
        """The certificate is in the firmware's signature database, as an owner enrols it; Debian's kernels trust it for modules."""
        key, certificate = self.work / "signer.key", self.work / "signer.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "3650", "-subj", "/CN=Fleet",
                        "-addext", "subjectKeyIdentifier=hash"], check=True, stderr=subprocess.DEVNULL)
        code, checks = self.prove(self.build("signed", "--module-key", key, "--module-cert", certificate))
        self.assertEqual(code, 0, checks)
        for name in VM_CHECKS:
            self.assertIs(checks[name]["ok"], True, checks[name])
        self.assertIn("takes signed modules only", str(checks["vm-boot"]["detail"]))
        self.assertEqual(checks["vm-taint"]["detail"], "tainted 4096: out of tree", "not unsigned: the kernel verified them")


if __name__ == "__main__":
    unittest.main()
