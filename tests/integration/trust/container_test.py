#!/usr/bin/env python3
"""The image run as a container: who vouches is judged there, and known on the host afterwards. The container is a chroot whose
/driver is the image's and whose /rootfs is the host's tree, without a bus, so that the rest is left for the host to run.
Run as root: python3 tests/integration/trust/container_test.py
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from trust_case import DRIVER, OS_VERSION, skip  # noqa: E402 - first: it says where the others are
from cli_case import CliTestCase, Host, Run, finished, keys, layout, make_key, programs, remove_shared  # noqa: E402

SEEN = ("usr", "bin", "lib", "lib64", "proc", "dev")  # of the machine, in the container


class ContainerTest(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.work / "container"
        self.unpack_image(layout())
        for name in SEEN:
            (self.tree / name).mkdir()
        for name in ("program", "rootfs", "tmp"):
            (self.tree / name).mkdir()
        shutil.copy(keys()[1], self.tree / "key.pub")
        (self.host.root / "opt/overdrive").mkdir()  # the program of a build is no bundle, which would make it

    def unpack_image(self, image: Path) -> None:
        """What an engine makes of the image's driver layers."""
        other = Host(self.work / "other")
        self.assertEqual(self.install(f"oci:{image}", DRIVER, "--allow-unsigned", host=other).rc, 4)
        shutil.copytree(other.generation(DRIVER), self.tree / "driver", symlinks=True)

    def run_image(self, *arguments: object) -> Run:
        binds = [f"mount --rbind /{name} {self.tree}/{name}" for name in SEEN]
        binds += [f"mount --bind {(programs() / 'overdrive').resolve().parent} {self.tree}/program", f"mount --bind {self.host.root} {self.tree}/rootfs"]
        words = [str(word) for word in ["install", "--no-activate", "--no-units", *arguments]]
        script = " && ".join([*binds, f"exec chroot {self.tree} /program/overdrive --root /rootfs --json {' '.join(words)}"])
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
        return finished("install", done.returncode, done.stdout, done.stderr)

    @staticmethod
    def remember_serial(record: Path, of: str, serial: int) -> None:
        """As an install from a registry would have."""
        document = json.loads(record.read_text())
        del document["checksum"]
        document["serials"] = {of: serial}
        compact = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        record.write_text(json.dumps(document | {"checksum": hashlib.sha256(compact.encode()).hexdigest()}))

    def vouching(self) -> object:
        return self.host.overdrive("status").result["trust"]

    def test_a_key_given_to_the_container_vouches_and_status_on_the_host_says_so(self) -> None:
        run = self.run_image("--key", "/key.pub")
        self.assert_installed(run, DRIVER)
        self.assertEqual(self.vouching(), {"kind": "driver-json", "signed_by": ["/key.pub"], "serial": None})

    def test_a_configured_key_of_the_host_vouches(self) -> None:
        shutil.copy(keys()[1], self.host.root / "etc/first.pub")
        self.host.configure('[[trust.policy]]\nprefix = "image:"\nkeys = ["/etc/first.pub"]\n')
        self.assert_installed(self.run_image(), DRIVER)
        self.assertEqual(self.vouching(), {"kind": "driver-json", "signed_by": ["/etc/first.pub"], "serial": None})

    def test_d5_another_key_or_none_is_refused(self) -> None:
        shutil.copy(make_key("second")[1], self.tree / "key.pub")
        self.assert_refused(self.run_image("--key", "/key.pub"), "untrusted", 2, "by no configured key (tried '/key.pub')")
        self.assert_refused(self.run_image(), "untrusted", 2, "allow-unsigned = true")
        self.assert_installed(self.run_image("--allow-unsigned"), DRIVER)
        self.assertEqual(self.vouching(), {"kind": "unsigned", "signed_by": [], "serial": None})

    def test_c13_a_container_shows_no_serial_once_one_is_known(self) -> None:
        self.assert_installed(self.run_image("--key", "/key.pub"), DRIVER)
        record = self.host.root / "opt/nvidia/.overdrive/record.json"
        self.remember_serial(record, f"r.example/x:{OS_VERSION}-{DRIVER}", 7)
        shutil.rmtree(self.host.generation(DRIVER))
        self.assert_refused(self.run_image("--key", "/key.pub"), "older-artifact", 2, "serial 7", "--allow-older")
        self.assert_installed(self.run_image("--key", "/key.pub", "--allow-older"), DRIVER)

    def test_the_half_on_the_host_keeps_what_the_container_found(self) -> None:
        """As the transient unit is started by the container."""
        staging = self.host.root / "opt/nvidia/.overdrive/staging/given"
        self.host.overdrive("list")
        staging.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.tree / "driver", staging, symlinks=True)
        run = self.host.overdrive("install", DRIVER, "--staged", "given", "--no-activate", "--no-units", "--vouched", "driver-json", "--signed-by", "/a.pub",
                                  "--signed-by", "/b.pub")
        self.assert_installed(run, DRIVER)
        self.assertEqual(self.vouching(), {"kind": "driver-json", "signed_by": ["/a.pub", "/b.pub"], "serial": None})


tearDownModule = remove_shared

if __name__ == "__main__":
    if os.geteuid() != 0:
        skip("needs root: files of root are written")
    unittest.main()
