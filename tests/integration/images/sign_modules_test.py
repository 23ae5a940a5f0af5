#!/usr/bin/env python3
"""Signed modules: the kernel's own form, the same bytes each time, and the key nowhere but where it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "builder-images")]
from altered_image import AlteredImage  # noqa: E402
from proof.module_signature import append, split  # noqa: E402

ARCHIVE = f"set -euo pipefail; . {ROOT}/ci/lib/debian-archive.sh; . {ROOT}/ci/lib/kernel-headers.sh; "
VERSION = "900.1.0"


def command(*words: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


class SignModulesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.shared = Path(tempfile.mkdtemp(prefix="sign-modules-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.shared)
        cls.release = command("bash", "-c", ARCHIVE + "archive_kernels cloud-amd64 6.1 | tail -n 1", check=True).stdout.strip()
        for name in ("first", "second"):
            cls.make_key(name, "-newkey", "rsa:2048", "-addext", "subjectKeyIdentifier=hash")
        (cls.shared / "bundle/bin").mkdir(parents=True)
        shutil.copy("/bin/true", cls.shared / "bundle/bin/overdrive")
        cls.tag, cls.said = cls.build("layout", "--module-key", cls.shared / "first.key", "--module-cert", cls.shared / "first.crt",
                                      "--module-key", cls.shared / "second.key", "--module-cert", cls.shared / "second.crt", "--record", cls.shared / "record")
        cls.plain = cls.shared / f"drivers/{VERSION}/{cls.release}/modules/lib/modules/{cls.release}"
        cls.in_image = f"driver/lib/modules/{cls.release}"

    @classmethod
    def make_key(cls, name: str, *words: str) -> None:
        command("openssl", "req", "-x509", "-nodes", "-keyout", cls.shared / f"{name}.key", "-out", cls.shared / f"{name}.crt", "-days", "3650",
                "-subj", f"/CN=The {name} signer", *words, check=True)

    @classmethod
    def build(cls, layout: str, *more: object) -> tuple[str, str]:
        environment = {**os.environ, "OVERDRIVE_DRIVERS": str(cls.shared / "drivers")}
        done = command(ROOT / "builder-images/build", "--os", "debian", "--kernel", cls.release, "--driver", "stand-in", "--program", cls.shared / "bundle",
                       "--output", f"oci:{cls.shared}/{layout}", *more, env=environment)
        if done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout.strip().rpartition(":")[2], done.stderr

    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="sign-modules-test-"))
        self.addCleanup(shutil.rmtree, self.work)

    def sign(self, *names: str) -> dict[str, bytes]:
        """Signs a copy of the modules. @return the module files and certificates by name"""
        target = self.work / "modules"
        shutil.copytree(self.plain, target, dirs_exist_ok=True)
        words = [word for name in names for word in ("--key", self.shared / f"{name}.key", "--certificate", self.shared / f"{name}.crt")]
        command(ROOT / "builder-images/sign-modules", target, *words, check=True)
        return {path.name: path.read_bytes() for path in target.iterdir() if path.name != "kernel-symbols"}

    def prove(self, reference: str, *more: object) -> tuple[int, dict[str, dict[str, Any]]]:
        report = self.work / "report.json"
        done = command(ROOT / "builder-images/prove", reference, "--report", report, *more)
        return done.returncode, {check["name"]: check for check in json.loads(report.read_text())["checks"]}

    def test_the_kernels_own_program_makes_the_same_bytes(self) -> None:
        headers = Path(command("bash", "-c", f"{ARCHIVE} kernel_headers {self.release}", check=True).stdout.strip())
        sign_file = next(headers.parents[2].glob("usr/lib/linux-kbuild-*/scripts/sign-file"))
        ours = self.sign("first")
        theirs = self.work / "nvidia.ko"
        shutil.copy(self.plain / "nvidia.ko", theirs)
        command(sign_file, "-k", "sha256", self.shared / "first.key", self.shared / "first.crt", theirs, check=True)
        self.assertEqual(ours["nvidia.ko"], theirs.read_bytes())

    def test_signing_again_gives_the_same_bytes(self) -> None:
        once = self.sign("first", "second")
        self.assertEqual(self.sign("first", "second"), once)
        self.assertEqual(split(once["nvidia.ko"]).module, (self.plain / "nvidia.ko").read_bytes(), "the module itself is as it was")
        self.assertEqual(set(once), {"nvidia.ko", "nvidia-uvm.ko", "nvidia-modeset.ko", "nvidia-drm.ko", "signing_key.x509", "signing_key2.x509"})

    def test_signed_modules_are_signed_anew(self) -> None:
        target = self.work / "modules"
        shutil.copytree(self.plain, target)
        for names in (("first", "second"), ("second",)):
            words = [word for name in names for word in ("--key", self.shared / f"{name}.key", "--certificate", self.shared / f"{name}.crt")]
            command(ROOT / "builder-images/sign-modules", target, *words, check=True)
        self.assertEqual({path.name for path in target.glob("*.x509")}, {"signing_key.x509"})
        again = {path.name: path.read_bytes() for path in target.glob("*.ko")}
        shutil.rmtree(target)
        self.assertEqual(again, {name: content for name, content in self.sign("second").items() if name.endswith(".ko")})

    def test_two_builds_give_the_same_image(self) -> None:
        for tree in (self.shared / f"drivers/{VERSION}").glob(f"{self.release}@signed-????????"):
            shutil.rmtree(tree)
        self.build("again", "--module-key", self.shared / "first.key", "--module-cert", self.shared / "first.crt",
                   "--module-key", self.shared / "second.key", "--module-cert", self.shared / "second.crt")
        digests = [json.loads((self.shared / layout / "index.json").read_text())["manifests"][0]["digest"] for layout in ("layout", "again")]
        self.assertEqual(digests[0], digests[1])

    def test_the_record_has_the_inputs_of_the_modules_that_were_signed(self) -> None:
        self.assertIn(f"linux-headers-{self.release}\t", (self.shared / "record/ledger").read_text())

    def test_the_key_stays_where_it_was(self) -> None:
        secrets = [line for name in ("first", "second") for line in (self.shared / f"{name}.key").read_text().splitlines()[1:3]]
        self.assertNotIn("PRIVATE", self.said)
        for line in secrets:
            self.assertNotIn(line, self.said)
        image = AlteredImage(self.shared / "layout", self.tag, self.work / "unused")
        contents = [content for role in ("program", "user-space", "modules") for _, content in image.members(role)]
        contents += [path.read_bytes() for path in (self.shared / "drivers").rglob("*") if path.is_file()]
        for content in contents:
            self.assertNotIn(b"PRIVATE KEY", content)
            self.assertFalse(any(line.encode() in content for line in secrets))

    def test_the_artifact_names_its_signer_and_passes(self) -> None:
        code, checks = self.prove(f"oci:{self.shared}/layout:{self.tag}", "--module-certificate", self.shared / "second.crt")
        self.assertEqual(code, 0, checks)
        self.assertEqual(checks["module-signature"]["detail"], "signed by The first signer, The second signer")
        image = AlteredImage(self.shared / "layout", self.tag, self.work / "unused")
        described = next(json.loads(content) for member, content in image.members("modules") if member.name == "driver/driver.json")
        self.assertEqual(described["signer"], "The first signer")

    def assert_caught(self, image: AlteredImage, sentence: str, *more: object) -> None:
        image.listed()
        code, checks = self.prove(image.save(), *more)
        self.assertEqual(code, 1)
        self.assertEqual({name for name, check in checks.items() if check["ok"] is False}, {"module-signature"})
        self.assertIn(sentence, checks["module-signature"]["detail"])

    def altered(self) -> AlteredImage:
        return AlteredImage(self.shared / "layout", self.tag, self.work / "changed")

    def test_a_module_that_was_changed_after_it_was_signed(self) -> None:
        image = self.altered()
        image.edit(f"{self.in_image}/nvidia-drm.ko", lambda content: content.replace(b"description=overdrive", b"description=Overdrive"))
        self.assert_caught(image, "nvidia-drm.ko: the signature does not verify")

    def test_a_module_that_is_not_signed_beside_others(self) -> None:
        image = self.altered()
        image.edit(f"{self.in_image}/nvidia-uvm.ko", lambda content: split(content).module)
        self.assert_caught(image, "nvidia-uvm.ko: is not signed, others are")

    def test_a_signature_that_no_kernel_can_read(self) -> None:
        image = self.altered()
        image.edit(f"{self.in_image}/nvidia-uvm.ko", lambda content: append(split(content).module, b"no PKCS#7"))
        self.assert_caught(image, "nvidia-uvm.ko: the signature does not verify")

    def test_a_certificate_that_is_missing(self) -> None:
        image = self.altered()
        image.remove(f"{self.in_image}/signing_key2.x509")
        self.assert_caught(image, "the signature does not verify (signer certificate not found)")

    def test_another_signer_than_the_one_asked_for(self) -> None:
        self.make_key("third", "-newkey", "rsa:2048", "-addext", "subjectKeyIdentifier=hash")
        self.assert_caught(self.altered(), "the certificate third.crt is not beside the modules", "--module-certificate", self.shared / "third.crt")

    def test_modules_that_should_have_been_signed(self) -> None:
        tag, _ = self.build("unsigned")
        code, checks = self.prove(f"oci:{self.shared}/unsigned:{tag}", "--module-certificate", self.shared / "first.crt")
        self.assertEqual(code, 1)
        self.assertIn("the modules are not signed", checks["module-signature"]["detail"])

    def test_keys_that_cannot_sign_are_refused_with_the_reason(self) -> None:
        self.make_key("elliptic", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1")
        self.make_key("nameless", "-newkey", "rsa:2048", "-addext", "subjectKeyIdentifier=none")
        command("openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", self.shared / "first.key", "-out", self.shared / "locked.key", check=True)
        target = self.work / "modules"
        shutil.copytree(self.plain, target)
        before = {path.name: path.read_bytes() for path in target.iterdir()}
        for key, certificate, said in (("elliptic.key", "elliptic.crt", "is no RSA key"), ("nameless.key", "nameless.crt", "has no subject key identifier"),
                                       ("locked.key", "first.crt", "without a passphrase"), ("first.key", "second.crt", "is not the certificate of"),
                                       ("first.crt", "first.crt", "is no private key"), ("first.key", "first.key", "is no X.509 certificate")):
            done = command(ROOT / "builder-images/sign-modules", target, "--key", self.shared / key, "--certificate", self.shared / certificate, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 1, key)
            self.assertIn(said, done.stderr)
        self.assertEqual({path.name: path.read_bytes() for path in target.iterdir()}, before)

    def test_wrong_use_is_told(self) -> None:
        base = ("--os", "debian", "--kernel", self.release, "--driver", "stand-in")
        for words, said in ((("--module-key", self.shared / "first.key"), "each --module-key needs its --module-cert"),
                            (("--module-key", "/nowhere", "--module-cert", self.shared / "first.crt"), "cannot read /nowhere")):
            done = command(ROOT / "builder-images/build", *base, *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main()
