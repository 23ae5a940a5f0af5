#!/usr/bin/env python3
"""Our signatures of images and those of the cosign program are each other's, over Debian's docker-registry (signatures under a
tag) and over the stand-in registry (referrers too); what is forged is refused by both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import artifact_case
from archive_tools import archive_tool, need
from artifact_case import DRIVER, REPOSITORY, TAG, ArtifactCase, Said, artifact, layout
from cli_case import OS_VERSION, say, shared
from vm_registry import Registry

SECOND = f"{OS_VERSION}-900.1.2"
IGNORE_LOG = "--insecure-ignore-tlog=true"


def make_key(at: Path, name: str, *algorithm: str) -> tuple[Path, Path]:
    private, public = at / f"{name}.key", at / f"{name}.pub"
    say(["openssl", "genpkey", "-algorithm", *algorithm, "-out", private])
    say(["openssl", "pkey", "-in", private, "-pubout", "-out", public])
    return private, public


class CosignCase(ArtifactCase):
    @classmethod
    def setUpClass(cls) -> None:
        need("docker-registry", "openssl")
        cls.program = archive_tool("cosign")
        cls.docker = Registry()
        cls.docker.start()
        cls.home = shared() / "cosign"
        cls.home.mkdir(exist_ok=True)
        if not (cls.home / "cosign.key").exists():
            cls.run_cosign("generate-key-pair")
        cls.theirs = (cls.home / "cosign.key", cls.home / "cosign.pub")
        cls.p256 = make_key(cls.home, "p256", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        cls.ed25519 = make_key(cls.home, "ed25519", "ed25519")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.docker.close()

    @classmethod
    def run_cosign(cls, *arguments: object, wanted: bool = True) -> str:
        """Nothing here may ask a transparency log or a time-stamp authority."""
        experimental = {"COSIGN_EXPERIMENTAL": "1"} if "--registry-referrers-mode=oci-1-1" in arguments else {}
        done = subprocess.run([str(word) for word in (cls.program, *arguments)], cwd=cls.home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, env={**os.environ, "HOME": str(cls.home), "COSIGN_PASSWORD": "", **experimental})
        if (done.returncode == 0) != wanted:
            raise AssertionError(f"cosign {arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def setUp(self) -> None:
        super().setUp()
        self.repository = "overdrive/" + self.id().rsplit(".", 1)[-1].lower()[:60].rstrip("_")

    def push(self, host: str, tag: str = TAG) -> tuple[str, str]:
        """Pushes unsigned. @return `HOST/REPOSITORY`, the digest that the tag points at"""
        place = f"{host}/{self.repository}"
        return place, self.done("push", f"oci:{layout()}:{tag}", f"docker://{place}").stdout.strip()

    def cosign_sign(self, image: str, *more: str) -> None:
        self.run_cosign("sign", "--yes", "--key", self.theirs[0], "--tlog-upload=false", "--allow-http-registry", *more, image)

    def cosign_verify(self, key: Path, image: str, *more: str, wanted: bool = True) -> list[dict[str, object]]:
        said = self.run_cosign("verify", "--key", key, IGNORE_LOG, "--allow-http-registry", *more, image, wanted=wanted)
        return list(json.loads(said)) if wanted else []

    def verify(self, rc: int, key: Path, image: str, *more: object) -> Said:
        said = artifact("verify", "--key", key, *more, f"docker://{image}")
        self.assertEqual(said.rc, rc, said)
        return said


class OverATag(CosignCase):
    def test_cosign_accepts_ours_of_both_kinds_of_keys(self) -> None:
        for name, (private, public) in (("p256", self.p256), ("ed25519", self.ed25519)):
            with self.subTest(name):
                place, _ = self.push(self.docker.on_host)
                self.done("sign", "--key", private, "-a", f"built-by={name}", f"docker://{place}:{TAG}")
                self.cosign_verify(public, f"{place}:{TAG}", "-a", f"built-by={name}")
                self.verify(0, public, f"{place}:{TAG}")

    def test_neither_accepts_another_key(self) -> None:
        place, digest = self.push(self.docker.on_host)
        self.done("sign", "--key", self.p256[0], f"docker://{place}:{TAG}")
        self.cosign_verify(self.ed25519[1], f"{place}:{TAG}", wanted=False)
        self.verify(8, self.ed25519[1], f"{place}:{TAG}")
        # Any of several keys will do, unless all are asked for.
        self.done("verify", "--key", self.ed25519[1], "--key", self.p256[1], f"docker://{place}:{TAG}")
        self.verify(8, self.ed25519[1], f"{place}:{TAG}", "--key", self.p256[1], "--all")
        self.done("sign", "--key", self.ed25519[0], f"docker://{place}:{TAG}")
        self.verify(0, self.ed25519[1], f"{place}:{TAG}", "--key", self.p256[1], "--all")
        self.assertEqual(len(self.cosign_verify(self.p256[1], f"{place}@{digest}")), 1)

    def test_we_accept_cosigns(self) -> None:
        place, digest = self.push(self.docker.on_host)
        self.verify(8, self.theirs[1], f"{place}:{TAG}")
        self.cosign_sign(f"{place}@{digest}", "-a", "org.overdrive.serial=7")
        said = self.done("verify", "--json", "--key", self.theirs[1], f"docker://{place}:{TAG}")
        self.assertEqual([(one["architecture"], one["serial"]) for one in said.json["manifests"]], [("amd64", 7)])  # type: ignore[attr-defined]
        self.verify(8, self.p256[1], f"{place}:{TAG}")

    def test_neither_takes_the_others_signature_away(self) -> None:
        place, digest = self.push(self.docker.on_host)
        self.cosign_sign(f"{place}@{digest}")
        self.done("sign", "--key", self.p256[0], f"docker://{place}:{TAG}")
        self.cosign_sign(f"{place}@{digest}", "-a", "again=yes")
        self.done("sign", "--key", self.ed25519[0], f"docker://{place}:{TAG}")
        for key in (self.theirs[1], self.p256[1], self.ed25519[1]):
            self.verify(0, key, f"{place}:{TAG}")
            self.cosign_verify(key, f"{place}:{TAG}")

    def test_a_copy_keeps_the_signatures_of_both(self) -> None:
        place, digest = self.push(self.docker.on_host)
        self.cosign_sign(f"{place}@{digest}")
        self.done("sign", "--key", self.p256[0], f"docker://{place}:{TAG}")
        self.done("copy", f"docker://{place}:{TAG}", f"docker://{place}-copy:{TAG}")
        self.cosign_verify(self.theirs[1], f"{place}-copy:{TAG}")
        # What the signatures name is the first place: a copy has to be asked for as such.
        self.verify(8, self.p256[1], f"{place}-copy:{TAG}")
        self.verify(0, self.p256[1], f"{place}-copy:{TAG}", "--identity", place)
        archive = self.work / "bundle.tar"
        self.done("copy", f"docker://{place}:{TAG}", f"oci-archive:{archive}")
        for key in (self.theirs[1], self.p256[1]):
            self.done("verify", "--key", key, f"oci-archive:{archive}:{TAG}")
        self.assertEqual(artifact("verify", "--key", self.ed25519[1], f"oci-archive:{archive}:{TAG}").rc, 8)

    def test_a_node_installs_what_is_signed_as_an_image_alone(self) -> None:
        made = self.work / "unsigned"
        artifact_case.cli_case.pack(made, DRIVER, signed=False)
        place = f"docker://{self.docker.on_host}/{self.repository}"
        self.done("push", f"oci:{made}:{TAG}", place)
        (self.host.root / "etc/first.pub").write_bytes(self.p256[1].read_bytes())
        self.assert_refused(self.install(place), "untrusted", 2)
        self.done("push", "--sign-key", self.p256[0], f"oci:{made}:{TAG}", place)
        self.assert_installed(self.install(place), DRIVER)

    def test_an_encrypted_key_of_cosigns_is_refused_with_the_way_to_sign(self) -> None:
        place, _ = self.push(self.docker.on_host)
        said = self.refused(2, "config", "sign", "--key", self.theirs[0], f"docker://{place}:{TAG}")
        self.assertIn("cosign sign", said.stderr)


class Forged(CosignCase):
    """D5: valid signatures where they do not belong, over the stand-in registry, whose content can be changed."""

    def setUp(self) -> None:
        super().setUp()
        self.repository = REPOSITORY
        self.place, self.digest = self.push(self.registry.host)
        self.done("sign", "--key", self.p256[0], f"docker://{self.place}:{TAG}")
        self.tags = self.store.repository(REPOSITORY).tags
        self.set = self.tags["sha256-" + self.digest.removeprefix("sha256:") + ".sig"]
        self.store.repository(REPOSITORY).referrers.clear()

    def both_refuse(self, tag: str = TAG) -> None:
        self.verify(8, self.p256[1], f"{self.place}:{tag}")
        self.cosign_verify(self.p256[1], f"{self.place}:{tag}", wanted=False)

    def test_D5_the_signature_of_another_digest_is_refused(self) -> None:
        other = self.done("push", f"oci:{layout()}:{SECOND}", f"docker://{self.place}").stdout.strip()
        self.tags["sha256-" + other.removeprefix("sha256:") + ".sig"] = self.set
        self.both_refuse(SECOND)

    def test_D5_a_tampered_payload_is_refused(self) -> None:
        """With digests that are right again, so that the signature alone can tell."""
        repository = self.store.repository(REPOSITORY)
        for tag, digest in list(self.tags.items()):
            if not tag.endswith(".sig"):
                continue
            document = json.loads(self.store.read(digest))
            payload = self.store.read(document["layers"][0]["digest"]).replace(b'"optional":{', b'"optional":{"more":"x",')
            document["layers"][0].update(digest=self.store.add_blob(REPOSITORY, payload), size=len(payload))
            self.store.add_manifest(REPOSITORY, json.dumps(document).encode(), tag=tag)
        self.assertNotEqual(repository.tags["sha256-" + self.digest.removeprefix("sha256:") + ".sig"], self.set)
        self.both_refuse()

    def test_D5_a_signature_for_another_repository_is_refused(self) -> None:
        """cosign does not look at the name: ours alone refuses."""
        self.done("copy", f"docker://{self.place}:{TAG}", f"docker://{self.place}-other:{TAG}")
        self.cosign_verify(self.p256[1], f"{self.place}-other:{TAG}")
        self.verify(8, self.p256[1], f"{self.place}-other:{TAG}")

    def test_D5_a_signature_for_another_tag_is_refused(self) -> None:
        self.done("tag", f"docker://{self.place}:{TAG}", SECOND)
        self.verify(8, self.p256[1], f"{self.place}:{SECOND}")
        self.verify(0, self.p256[1], f"{self.place}:{TAG}@{self.digest}")
        self.verify(8, self.p256[1], f"{self.place}@{self.digest}")  # as which tag, nobody has said


class AsReferrers(CosignCase):
    """The stand-in registry lists referrers, as Debian's docker-registry does not."""

    def setUp(self) -> None:
        super().setUp()
        self.place, self.digest = self.push(self.registry.host)

    def forget_tags(self) -> None:
        tags = self.store.repository(self.repository).tags
        for tag in [tag for tag in tags if tag.startswith("sha256-")]:
            del tags[tag]

    def test_we_accept_a_referrer_of_cosigns(self) -> None:
        self.cosign_sign(f"{self.place}@{self.digest}", "--registry-referrers-mode=oci-1-1")
        self.forget_tags()
        self.verify(0, self.theirs[1], f"{self.place}:{TAG}")
        self.verify(8, self.p256[1], f"{self.place}:{TAG}")

    def test_cosign_accepts_our_referrer(self) -> None:
        self.done("sign", "--key", self.p256[0], f"docker://{self.place}:{TAG}")
        self.cosign_verify(self.p256[1], f"{self.place}:{TAG}")
        self.forget_tags()
        self.cosign_verify(self.p256[1], f"{self.place}:{TAG}", "--experimental-oci11")
        self.verify(0, self.p256[1], f"{self.place}:{TAG}")

    def test_referrers_survive_a_place_that_lists_none(self) -> None:
        self.cosign_sign(f"{self.place}@{self.digest}", "--registry-referrers-mode=oci-1-1")
        self.forget_tags()
        archive = self.work / "bundle.tar"
        self.done("copy", f"docker://{self.place}:{TAG}", f"oci-archive:{archive}")
        self.done("verify", "--key", self.theirs[1], f"oci-archive:{archive}:{TAG}")


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    artifact_case.remove_shared()
    if result.skipped and result.testsRun == 0:
        print(f"SKIPPED: {result.skipped[0][1]}")
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() else 1)
