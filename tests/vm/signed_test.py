#!/usr/bin/env python3
"""A node whose kernel takes signed modules only: with the signer's key enrolled in its firmware the driver goes into force,
without it the preflight names the key, and activate refuses before the kernel does.

Two boots of one disk, under UEFI. Run as root: python3 tests/vm/signed_test.py (ci/signed-modules does)
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / path) for path in ("tests/support", "tests/vm", "builder-images", "builder-images/lib")]

from proof.debian_kernel import der, fake_gpu, throwaway_signer, uefi_with  # noqa: E402
from proof.machine import Parts  # noqa: E402
from stand_in_artifacts import StandInArtifacts, require_bundle  # noqa: E402
from vm_case import NodeTestCase  # noqa: E402
from vm_node import Node, OsRelease, build_nodes  # noqa: E402
from vm_registry import Registry  # noqa: E402

PROGRAM = "/opt/overdrive/current/bin/overdrive"
DRIVER = "900.1.0"


class SignedTest(NodeTestCase):
    """The tests go on where the one before ended."""

    node: Node
    release: OsRelease
    work: Path

    @classmethod
    def setUpClass(cls) -> None:
        work = tempfile.TemporaryDirectory(prefix="overdrive-signed-test-")
        cls.addClassCleanup(work.cleanup)
        cls.work = Path(work.name)
        cls.release = build_nodes()[0]
        cls.key, cls.certificate = cls.make_key()
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)
        cls.registry.start()
        artifacts = StandInArtifacts(cls.work, cls.registry)
        artifacts.push(cls.release, DRIVER, module_signer=(cls.key, cls.certificate))
        own_key, own_certificate = throwaway_signer(cls.work)
        cls.fake_gpu = fake_gpu(cls.release.kernel, cls.work)
        subprocess.run([TOP / "builder-images/sign-modules", cls.fake_gpu.parent, "--key", own_key, "--certificate", own_certificate], check=True)
        cls.stores = {}
        for name, certificates in (("enrolled", [der(cls.certificate), der(own_certificate)]), ("strange", [der(own_certificate)])):
            cls.code, cls.stores[name] = uefi_with("x86_64", certificates, cls.work / f"{name}.fd")
        cls.node = cls.boot("enrolled")
        cls.node.put(artifacts.public, "/etc/overdrive/keys/test.pub")
        cls.node.put(require_bundle(), "/tmp/bundle")
        cls.node.check(f"cat >/etc/overdrive/config.toml <<'END'\ndriver = \"{DRIVER}\"\nkubelet-wait = 5\n"
                       f"sources = [\"docker://{cls.registry.in_node}/overdrive/nvidia-{{os_id}}\"]\n"
                       f"[trust]\nkeys = [\"/etc/overdrive/keys/test.pub\"]\n[registry]\ninsecure = [\"{cls.registry.in_node}\"]\nEND")

    @classmethod
    def boot(cls, store: str, disk: Path | None = None) -> Node:
        """A node whose firmware has the certificates of a store; its GPU is there once the signed fake is loaded."""
        arguments = Parts([], Path(), Path(), Path(), [], (cls.code, cls.stores[store])).firmware_arguments()
        node = Node(cls.release, gpu=False, disk=disk, kernel_arguments="module.sig_enforce=1", qemu_arguments=[*arguments, "-device", "VGA,vgamem_mb=16"])
        try:
            node.start()
            node.put(cls.fake_gpu, "/tmp/fake_gpu.ko")
            node.check("insmod /tmp/fake_gpu.ko")
        except BaseException:
            node.close()
            raise
        return node

    @classmethod
    def make_key(cls) -> tuple[Path, Path]:
        key, certificate = cls.work / "fleet.key", cls.work / "fleet.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "3650",
                        "-subj", "/CN=Example Fleet", "-addext", "subjectKeyIdentifier=hash"], check=True, stderr=subprocess.DEVNULL)
        return key, certificate

    def overdrive(self, *words: str, rc: int = 0, program: str = PROGRAM) -> dict[str, Any]:
        got, output = self.node.run(f"{program} --json {' '.join(words)} 2>/tmp/said", timeout=300)
        self.assertEqual(got, rc, f"{words}: {output}{self.node.run('cat /tmp/said').output}")
        return dict(json.loads(output))

    def test_1_with_the_key_enrolled_the_driver_goes_into_force(self) -> None:
        self.assertEqual(self.node.check("cat /sys/module/module/parameters/sig_enforce").strip(), "Y")
        self.assertIn("Example Fleet", self.node.check("cat /proc/keys"))
        self.assertEqual(self.overdrive("install", program="/tmp/bundle/bin/overdrive")["state"], "ready")
        answer = self.overdrive("preflight")
        self.assertEqual(answer["findings"], [])
        self.assertIs(answer["kernel"]["enforces_signatures"], True)
        self.assertEqual(self.node.check("cat /sys/module/nvidia/taint").strip(), "O", "out of the tree, but not unsigned")
        self.assertEqual(self.node.check("cat /sys/module/nvidia_drm/version").strip(), DRIVER)

    def test_2_without_the_key_the_preflight_names_it_and_nothing_is_loaded(self) -> None:
        type(self).node.poweroff()
        disk = self.work / "disk.ext4"
        self.node.save_disk(disk)
        self.node.close()
        type(self).node = self.boot("strange", disk)
        shown = subprocess.run(["openssl", "x509", "-in", self.certificate, "-noout", "-ext", "subjectKeyIdentifier"], check=True, stdout=subprocess.PIPE, text=True)
        key_id = shown.stdout.split()[-1].replace(":", "").lower()
        answer = self.overdrive("preflight", rc=8)
        self.assertEqual({finding["code"] for finding in answer["findings"]}, {"signer-unknown"})
        self.assertIn(f"is signed with the key {key_id}, which is in none of the kernel's", answer["findings"][0]["what"])
        self.assertIn("mokutil --import", answer["findings"][0]["remedy"])
        print(f"said: {answer['findings'][0]['what']}\n      {answer['findings'][0]['remedy']}", file=sys.stderr)
        error = self.overdrive("activate", rc=1)["error"]
        self.assertEqual(error["reason"], "module-load")
        self.assertEqual(self.node.run("grep -c ^nvidia /proc/modules").output.strip(), "0")
        rc, output = self.node.run(f"insmod /opt/nvidia/{DRIVER}/{self.release.version}/lib/modules/{self.release.kernel}/nvidia.ko")
        self.assertNotEqual(rc, 0)
        self.assertIn("Loading of module with unavailable key is rejected", output + self.node.run("dmesg | tail -n 3").output, "the kernel says the same")


if __name__ == "__main__":
    unittest.main(failfast=True)
