#!/usr/bin/env python3
"""What OS folders fetch, from archives made here in the formats of the real ones: verified, or the build ends with the name."""

from __future__ import annotations

import bz2
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
from made_inputs import Key, apt_archive, deb, disk_image, rpm, rpm_repository, sha256  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "builder-images"
MACHINE = platform.machine()
DEBIAN = subprocess.run(["dpkg", "--print-architecture"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
INPUT_FAILED = 3


class InputsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.keys = Path(tempfile.mkdtemp(prefix="inputs-keys-"))
        cls.addClassCleanup(shutil.rmtree, cls.keys)
        cls.key, cls.other = Key(cls.keys / "right"), Key(cls.keys / "other", "other")
        cls.addClassCleanup(cls.key.stop)
        cls.addClassCleanup(cls.other.stop)

    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="inputs-"))
        self.addCleanup(shutil.rmtree, self.work)
        self.sources = self.work / "sources.conf"

    def run_command(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OVERDRIVE_OS_SOURCES": str(self.sources), "OVERDRIVE_INPUTS": str(self.work / "inputs"),
                       "OVERDRIVE_ARCHIVE": str(self.work / "archive"), "OVERDRIVE_LEDGER": str(self.work / "ledger")}
        return subprocess.run(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)

    def kernel_inputs(self, folder: str, kernel: str, version: str) -> subprocess.CompletedProcess[str]:
        return self.run_command(IMAGES / folder / "kernel-inputs", "--kernel", kernel, "--architecture", MACHINE, "--os-version", version,
                                "--out", self.work / "kernel")

    def got(self) -> list[str]:
        return sorted(path.name for path in (self.work / "kernel").iterdir())

    def assert_refused(self, done: subprocess.CompletedProcess[str], *words: str) -> None:
        self.assertEqual(done.returncode, INPUT_FAILED, done.stderr)
        self.assertIn("error: inputs: ", done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    # lib/fetch

    def fetch(self, file: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run_command(IMAGES / "lib/fetch", "--url", f"file://{file}", "--out", self.work / "out", *more)

    def test_a_file_gets_its_name_when_it_has_the_pinned_checksum(self) -> None:
        file = self.work / "file"
        file.write_text("good")
        self.assertEqual(self.fetch(file, "--sha256", sha256(file)).returncode, 0)
        self.assertEqual((self.work / "out").read_text(), "good")

    def test_a_file_of_another_checksum_is_named_and_not_kept(self) -> None:
        file = self.work / "file"
        file.write_text("good")
        pin = sha256(file)
        file.write_text("bad")
        self.assert_refused(self.fetch(file, "--sha256", pin), f"file://{file}", pin, sha256(file))
        self.assertFalse((self.work / "out").exists())
        self.assertFalse((self.work / "out.unverified").exists())

    def test_a_kept_file_is_verified_again(self) -> None:
        file = self.work / "file"
        file.write_text("good")
        self.fetch(file, "--sha256", sha256(file))
        (self.work / "out").write_text("tampered")
        self.assert_refused(self.fetch(file, "--sha256", sha256(file)))
        self.assertFalse((self.work / "out").exists())

    def test_nothing_is_fetched_without_a_pin(self) -> None:
        done = self.fetch(self.work / "file")
        self.assertEqual(done.returncode, 2)
        self.assertIn("unverified", done.stderr)

    def test_a_signature_counts_only_when_the_pinned_key_made_it(self) -> None:
        file, keys = self.work / "file", self.work / "keys.asc"
        file.write_text("good")
        keys.write_bytes(self.key.public.read_bytes() + self.other.public.read_bytes())
        for key, outcome in ((self.other, INPUT_FAILED), (self.key, 0)):
            key.sign(file)
            done = self.fetch(file, "--signature-url", f"file://{file}.sig", "--key", keys, "--fingerprint", self.key.fingerprint)
            self.assertEqual(done.returncode, outcome, done.stderr)
        file.write_text("changed")
        (self.work / "out").unlink()
        self.assert_refused(self.fetch(file, "--signature-url", f"file://{file}.sig", "--key", keys, "--fingerprint", self.key.fingerprint),
                            "not signed by the pinned key")

    def test_a_key_file_keeps_only_the_pinned_key(self) -> None:
        both = self.work / "both.asc"
        both.write_bytes(self.key.public.read_bytes() + self.other.public.read_bytes())
        self.assertEqual(self.fetch(both, "--key-of", self.key.fingerprint).returncode, 0)
        shown = subprocess.run(["gpg", "--with-colons", "--show-keys", self.work / "out"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        self.assertIn(self.key.fingerprint, shown)
        self.assertNotIn(self.other.fingerprint, shown)
        self.assert_refused(self.fetch(both, "--key-of", "0" * 40), "pinned is " + "0" * 40)

    # Flatcar

    def flatcar(self, key: Key) -> None:
        release = self.work / f"releases/stable/{'amd64' if MACHINE == 'x86_64' else 'arm64'}-usr/4230.2.1"
        release.mkdir(parents=True, exist_ok=True)
        headers = self.work / "tree/usr/lib/modules/6.6.95-flatcar/build"
        headers.mkdir(parents=True, exist_ok=True)
        (headers / "Module.symvers").write_text("0x1\tprintk\tvmlinux\tEXPORT_SYMBOL\n")
        disk_image(self.work / "disk", "ROOT", self.work / "tree")
        packed = release / "flatcar_developer_container.bin.bz2"
        packed.write_bytes(bz2.compress((self.work / "disk").read_bytes(), 1))
        key.sign(packed)
        self.sources.write_text(f"releases=file://{self.work}/releases/CHANNEL/BOARD/VERSION\nkey_url=file://{self.key.public}\n"
                                f"key_fingerprint={self.key.fingerprint}\n")

    def test_flatcar_finds_the_headers_in_the_signed_developer_container(self) -> None:
        self.flatcar(self.key)
        done = self.kernel_inputs("flatcar", "6.6.95-flatcar", "4230.2.1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.got(), ["symvers.sha256"])
        self.assertIn("flatcar_developer_container.bin.bz2", (self.work / "ledger").read_text())
        self.assert_refused(self.kernel_inputs("flatcar", "6.6.96-flatcar", "4230.2.1"), "no kernel 6.6.96-flatcar; it has: 6.6.95-flatcar")

    def test_flatcar_refuses_a_developer_container_that_another_key_signed(self) -> None:
        self.flatcar(self.other)
        self.assert_refused(self.kernel_inputs("flatcar", "6.6.95-flatcar", "4230.2.1"), "flatcar_developer_container.bin.bz2", self.key.fingerprint)
        self.assertFalse((self.work / "kernel").exists())

    # Fedora CoreOS

    def fedora(self, key: Key | None) -> None:
        (self.work / "rpms").mkdir()
        rpm(self.work / "rpms", "kernel-devel", "6.12.9", "200.fc41", MACHINE, {f"/usr/src/kernels/6.12.9-200.fc41.{MACHINE}/Module.symvers": "x"}, key)
        self.sources.write_text(f"kernels=file://{self.work}/rpms/NAME-VERSION-RELEASE.ARCH.rpm\nfingerprints=41={self.key.fingerprint}\nkey_file={self.key.public}\n")

    def test_fedora_takes_the_headers_of_exactly_one_kernel(self) -> None:
        self.fedora(self.key)
        done = self.kernel_inputs("fedora-coreos", f"6.12.9-200.fc41.{MACHINE}", "41.20250117.3.0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.got(), [f"kernel-devel-6.12.9-200.fc41.{MACHINE}.rpm"])

    def test_fedora_refuses_packages_without_the_signature_of_the_pinned_key(self) -> None:
        for key in (self.other, None):
            with self.subTest(signed_by=key and key.fingerprint):
                shutil.rmtree(self.work / "rpms", ignore_errors=True)
                self.fedora(key)
                self.assert_refused(self.kernel_inputs("fedora-coreos", f"6.12.9-200.fc41.{MACHINE}", "41.20250117.3.0"), "kernel-devel", "not signed by the pinned key")

    def test_fedora_refuses_a_release_whose_key_is_not_pinned(self) -> None:
        self.fedora(self.key)
        self.assert_refused(self.kernel_inputs("fedora-coreos", f"6.12.9-200.fc40.{MACHINE}", "40.1.3.0"), "add the line '40=FINGERPRINT'")

    # Ubuntu

    def ubuntu(self, key: Key) -> None:
        kernel, common = "linux-headers-6.8.0-1015-aws", "linux-aws-headers-6.8.0-1015"
        debs = [deb(self.work, kernel, "6.8.0-1015.16", DEBIAN, {"usr/src/linux-headers-6.8.0-1015-aws/Module.symvers": "x"}, f"{common}, libc6 (>= 2.38)"),
                deb(self.work, common, "6.8.0-1015.16", "all", {f"usr/src/{common}/Makefile": "x"})]
        apt_archive(self.work / "ubuntu", ["noble", "noble-updates", "noble-security"], ["main"], DEBIAN, debs, key)
        site = f"file://{self.work}/ubuntu"
        self.sources.write_text(f"archive_amd64={site}\narchive_ports={site}\nkey_name=x\nkey_file={self.key.public}\nkey_fingerprint={self.key.fingerprint}\n"
                                "components=main\nreleases=24.04=noble\n")

    def test_ubuntu_takes_the_headers_of_a_flavour_and_what_they_share(self) -> None:
        self.ubuntu(self.key)
        done = self.kernel_inputs("ubuntu", "6.8.0-1015-aws", "24.04")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([name.split("_")[0] for name in self.got()], ["linux-aws-headers-6.8.0-1015", "linux-headers-6.8.0-1015-aws"])
        named = self.run_command(IMAGES / "ubuntu/inputs-id", "--kernel", "6.8.0-1016-aws", "--architecture", MACHINE, "--os-version", "24.04")
        self.assert_refused(named, "no headers of kernel 6.8.0-1016-aws", "6.8.0-1015-aws")

    def test_ubuntu_refuses_an_archive_that_another_key_signed(self) -> None:
        self.ubuntu(self.other)
        self.assert_refused(self.kernel_inputs("ubuntu", "6.8.0-1015-aws", "24.04"), "not signed")

    # openSUSE MicroOS

    def microos(self, key: Key) -> None:
        packages = []
        for name, architecture in (("kernel-default-devel", MACHINE), ("kernel-devel", "noarch")):
            path = rpm(self.work, name, "6.12.8", "1.1", architecture, {f"/usr/src/{name}/Makefile": "x"}, None)
            packages.append((name, "6.12.8", "1.1", architecture, path))
        rpm_repository(self.work / "oss", packages, key)
        self.sources.write_text(f"repository_{MACHINE}=file://{self.work}/oss\nkey_name=x\nkey_file={self.key.public}\nkey_fingerprint={self.key.fingerprint}\n")

    def test_microos_takes_the_headers_that_the_signed_list_names(self) -> None:
        self.microos(self.key)
        done = self.kernel_inputs("microos", "6.12.8-1-default", "20260115")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.got(), [f"kernel-default-devel-6.12.8-1.1.{MACHINE}.rpm", "kernel-devel-6.12.8-1.1.noarch.rpm"])
        self.assert_refused(self.kernel_inputs("microos", "6.12.9-1-default", "20260115"), "no kernel-default-devel of kernel 6.12.9-1-default", "6.12.8-1.1")

    def test_microos_refuses_a_list_that_another_key_signed_and_a_package_that_changed(self) -> None:
        self.microos(self.other)
        self.assert_refused(self.kernel_inputs("microos", "6.12.8-1-default", "20260115"), "repomd.xml", "not signed by the pinned key")
        shutil.rmtree(self.work / "oss")
        self.microos(self.key)
        with (self.work / f"oss/{MACHINE}/kernel-default-devel-6.12.8-1.1.{MACHINE}.rpm").open("ab") as package:
            package.write(b"x")
        self.assert_refused(self.kernel_inputs("microos", "6.12.8-1-default", "20260115"), "kernel-default-devel-6.12.8-1.1", "pinned is")

    # Base images from registries

    def test_a_base_image_without_a_digest_is_refused_with_the_line_to_add(self) -> None:
        self.fedora(self.key)
        done = self.run_command(IMAGES / "fedora-coreos/base", "--architecture", MACHINE, "--os-version", "41.20250117.3.0")
        self.assert_refused(done, f"add the line '41 {MACHINE} IMAGE@sha256:...'")


if __name__ == "__main__":
    unittest.main()
