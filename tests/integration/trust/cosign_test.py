#!/usr/bin/env python3
"""Artifacts in a real docker-registry, signed by the real cosign: who is believed, and that nothing goes back unnoticed.
Tests are named after the rows of the fault table in tests/README.md. What the registry itself does is in ../registry.
Run as root: python3 tests/integration/trust/cosign_test.py
"""

from __future__ import annotations

import os
import shutil
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from trust_case import DRIVER, OFFLINE, OS_VERSION, REPOSITORY, TAG, TrustCase, cosign, cosign_key, say, skip  # noqa: E402 - first: it says where the others are
from cli_case import keys, programs, remove_shared  # noqa: E402

SERIAL = "org.overdrive.serial"


class SignedTest(TrustCase):
    def test_what_cosign_signed_is_installed_and_it_is_told_who_signed(self) -> None:
        self.sign("first", "-a", f"{SERIAL}=7")
        run = self.accepted()
        vouching = {"kind": "manifest", "signed_by": ["/etc/first.pub"], "serial": 7}
        self.assertEqual(run.result["trust"], vouching)
        self.assertEqual(self.host.overdrive("status").result["trust"], vouching)
        self.assertEqual(self.host.overdrive("list").result["generations"][0]["trust"], vouching)  # type: ignore[index]
        self.assertIn("image signed by '/etc/first.pub' (serial 7)", str(self.host.overdrive("history").result["events"]))
        self.assertEqual(self.host.record()["serials"], {f"{self.repository}:{TAG}": 7})

    def test_a_signature_over_the_manifest_alone_vouches_too(self) -> None:
        digest = self.digest()
        self.put_index()
        cosign("sign", "--key", cosign_key("first")[0], *OFFLINE, f"{self.repository}@{digest}")
        self.accepted()

    def test_a_signature_over_the_index_alone_vouches_too(self) -> None:
        self.put_index()
        self.sign("first")
        self.accepted()

    def test_an_ed25519_key(self) -> None:
        self.trust("ed25519")
        self.sign("ed25519")
        self.accepted()

    def test_the_referrers_that_cosign_writes(self) -> None:
        """docker-registry lists no referrers, so that they are found by their tag."""
        self.sign("first", "--registry-referrers-mode=oci-1-1", COSIGN_EXPERIMENTAL="1")
        self.accepted()

    def test_d5_unsigned(self) -> None:
        self.refused("untrusted", "has no signature", "[trust]", "keys = ", "allow-unsigned = true")

    def test_d5_another_key(self) -> None:
        self.sign("second")
        self.refused("untrusted", "by no configured key", "/etc/first.pub")

    def test_d5_a_payload_that_was_changed(self) -> None:
        self.sign("first")
        layer = self.manifest(self.signature_tag())["layers"][0]
        payload, signature = self.work / "payload", self.work / "signature"
        payload.write_bytes(self.blob(layer["digest"]).replace(b'"optional":null', b'"optional":{}'))
        signature.write_text(layer["annotations"]["dev.cosignproject.cosign/signature"])
        say(["curl", "-sSf", "-X", "DELETE", f"http://{self.registry.on_host}/v2/{REPOSITORY}/manifests/{self.digest(self.signature_tag())}"])
        cosign("attach", "signature", "--payload", payload, "--signature", signature, f"{self.repository}@{self.digest()}")
        self.refused("untrusted", "one is by no configured key")

    def test_d5_the_signature_of_another_image(self) -> None:
        other = f"{OS_VERSION}-900.2.0"
        self.push(tag=other)
        self.sign("first", tag=other)
        say(["skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", f"docker://{self.repository}:{self.signature_tag(other)}",
             f"docker://{self.repository}:{self.signature_tag()}"])
        self.refused("untrusted", "for another image, sha256:")

    def test_d5_a_signature_for_another_repository_unless_identity_allows_it(self) -> None:
        self.sign("first", "--sign-container-identity", f"origin.example/{REPOSITORY}")
        self.refused("untrusted", f"for 'origin.example/{REPOSITORY}', not for '{self.repository}:{TAG}'")
        self.trust("first", more=f'identity = ["origin.example/{REPOSITORY}"]\n')
        self.accepted()

    def test_d5_a_signature_for_another_tag(self) -> None:
        self.sign("first", "--sign-container-identity", f"{self.repository}:{OS_VERSION}-900.2.0")
        self.refused("untrusted", "900.2.0")
        self.sign("first", "--sign-container-identity", f"{self.repository}:{TAG}")
        self.accepted()


class FreshnessTest(TrustCase):
    def setUp(self) -> None:
        super().setUp()
        self.sign("first", "-a", f"{SERIAL}=7")
        self.accepted()
        self.remove_installed()
        self.push("rebuilt")

    def test_c13_a_lower_serial_is_refused_and_going_back_must_be_told(self) -> None:
        self.sign("first", "-a", f"{SERIAL}=6")
        self.refused("older-artifact", "serial 6", "serial 7", "--allow-older")
        self.assertEqual(self.accepted("--allow-older").result["trust"]["serial"], 6)  # type: ignore[index]
        self.assertEqual(self.host.record()["serials"], {f"{self.repository}:{TAG}": 6})

    def test_c13_one_without_a_serial_is_refused_once_one_is_known(self) -> None:
        self.sign("first")
        self.refused("older-artifact", "no signed serial", "serial 7")

    def test_c13_the_same_and_a_newer_serial_are_accepted(self) -> None:
        self.sign("first", "-a", f"{SERIAL}=7")
        self.accepted()
        self.remove_installed()
        self.sign("first", "-a", f"{SERIAL}=8")
        self.accepted()
        self.assertEqual(self.host.record()["serials"], {f"{self.repository}:{TAG}": 8})


class RotationTest(TrustCase):
    """docs/trust.md, "Changing keys", step by step."""

    def test_any_key_then_both_then_the_new_one_alone(self) -> None:
        def fetches() -> None:
            self.accepted()
            self.remove_installed()

        self.sign("first")
        self.trust("first", "second")  # 1: nodes learn the new key
        fetches()
        self.sign("second")  # 2: CI signs with both
        self.assertEqual(self.accepted().result["trust"]["signed_by"], ["/etc/first.pub", "/etc/second.pub"])  # type: ignore[index]
        self.remove_installed()
        self.trust("second")  # 3: nodes forget the old key
        fetches()

    def test_all_keys(self) -> None:
        self.trust("first", "second", more='require = "all"\n')
        self.sign("first")
        self.refused("untrusted", "not by '/etc/second.pub'", "requires all")
        self.sign("second")
        self.accepted()

    def test_a_key_that_is_missing_is_a_refusal_only_where_all_are_required(self) -> None:
        self.sign("first")
        self.trust("first", "second", more='require = "all"\n')
        (self.host.root / "etc/second.pub").unlink()
        self.refused("untrusted", "'/etc/second.pub' does not exist")
        self.trust("first", "second")
        (self.host.root / "etc/second.pub").unlink()
        self.accepted()


class PolicyTest(TrustCase):
    def test_the_longest_prefix_decides_and_the_refusal_names_its_lines(self) -> None:
        self.sign("first")
        policy = f'[[trust.policy]]\nprefix = "{self.registry.on_host}/overdrive"\nkeys = ["/etc/second.pub"]\n'
        self.trust("first", "second", more=policy)
        self.refused("untrusted", "by no configured key", "[[trust.policy]]", f'prefix = "{self.registry.on_host}/overdrive"')
        self.sign("second")
        self.accepted()


class AirGapTest(TrustCase):
    """The image and its signature as files, by the commands of docs/trust.md; installed without a network."""

    def carry(self) -> Path:
        carried = self.work / "carried"
        for tag, options in ((TAG, ["--all", "--preserve-digests"]), (self.signature_tag(), [])):
            say(["skopeo", "copy", "-q", *options, "--src-tls-verify=false", f"docker://{self.repository}:{tag}", f"oci:{carried}:{tag}"])
        archive = self.work / "carried.tar"
        say(["tar", "-cf", archive, "-C", carried, "."])
        return archive

    def install_offline(self, archive: Path, *more: object):  # type: ignore[no-untyped-def]
        return self.host.overdrive("install", DRIVER, "--source", f"oci-archive:{archive}", "--no-activate", "--no-units", *more, prefix=["unshare", "--net"])

    def test_the_same_key_and_serial_hold_without_a_network(self) -> None:
        self.sign("first", "-a", f"{SERIAL}=7")
        run = self.install_offline(self.carry())
        self.assert_installed(run, DRIVER)
        self.assertEqual(run.result["trust"], {"kind": "manifest", "signed_by": ["/etc/first.pub"], "serial": 7})
        self.assertEqual(self.host.record()["serials"], {f"{self.repository}:{TAG}": 7})

    def test_another_key_is_refused(self) -> None:
        self.sign("second")
        self.assert_refused(self.install_offline(self.carry()), "untrusted", 2, "by no configured key")

    def test_c13_an_old_archive_is_refused(self) -> None:
        self.sign("first", "-a", f"{SERIAL}=7")
        old = self.carry()
        self.host.overdrive("install", DRIVER, "--source", f"oci-archive:{old}", "--no-activate", "--no-units")
        self.remove_installed()
        record = self.host.root / "opt/nvidia/.overdrive/record.json"
        self.assertIn(f'"{self.repository}:{TAG}": 7', record.read_text())
        self.push("rebuilt")
        self.sign("first", "-a", f"{SERIAL}=6")
        archive = self.carry_again()
        self.assert_refused(self.install_offline(archive), "older-artifact", 2, "serial 6", "serial 7")
        self.assert_installed(self.install_offline(archive, "--allow-older"), DRIVER)

    def carry_again(self) -> Path:
        (self.work / "carried").rename(self.work / "carried before")
        return self.carry()


class OwnSignatureTest(TrustCase):
    def test_what_overdrive_artifact_signed_is_installed_and_its_bundle_without_a_network(self) -> None:
        artifact, archive = programs() / "overdrive-artifact", self.work / "bundle.tar"
        say([artifact, "sign", "--key", keys()[0], "--serial", "7", f"docker://{self.repository}:{TAG}"])
        shutil.copy(keys()[1], self.host.root / "etc/first.pub")
        vouching = {"kind": "manifest", "signed_by": ["/etc/first.pub"], "serial": 7}
        self.assertEqual(self.accepted().result["trust"], vouching)
        self.remove_installed()
        say([artifact, "copy", f"docker://{self.repository}:{TAG}", f"oci-archive:{archive}"])
        self.registry.stop()
        run = self.install(f"oci-archive:{archive}", DRIVER)
        self.assert_installed(run, DRIVER)
        self.assertEqual(run.result["trust"], vouching)


tearDownModule = remove_shared

if __name__ == "__main__":
    if os.geteuid() != 0:
        skip("needs root: files of root are written")
    unittest.main()
