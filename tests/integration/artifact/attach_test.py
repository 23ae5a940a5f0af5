#!/usr/bin/env python3
"""Files attached to an image: found by oras and cosign, at Debian's docker-registry (under tags) and at one that lists referrers;
the image stays as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import artifact_case
from archive_tools import archive_tool, need, run
from artifact_case import TAG, RegistryCase

sys.path.insert(0, str(artifact_case.TOP / "ci"))
from publishing import dsse, provenance  # noqa: E402

SBOM = "application/vnd.cyclonedx+json"


class Attach(RegistryCase):
    @classmethod
    def setUpClass(cls) -> None:
        need("docker-registry", "openssl")
        cls.oras, cls.cosign = archive_tool("oras"), archive_tool("cosign")
        super().setUpClass()

    def setUp(self) -> None:
        super().setUp()
        self.file = self.work / "sbom.cdx.json"
        self.file.write_text('{"bomFormat": "CycloneDX"}\n')

    def push(self, registry: object) -> tuple[str, str]:
        """@return the place with the tag, and the digest that the tag has"""
        place = self.at(registry, self.repository)
        return f"{place}:{TAG}", self.done("push", self.source, place).stdout.strip()

    def digest(self, image: str) -> str:
        return str(self.done("resolve", "--json", image.rpartition(":")[0], TAG).json["tags"][0]["digest"])  # type: ignore[index]

    def check_attached(self, registry: object) -> None:
        image, digest = self.push(registry)
        first = self.done("attach", image, self.file, "--type", SBOM, "--json").json
        self.assertEqual((first["subject"], first["changed"]), (digest, True))
        self.assertEqual(self.digest(image), digest)
        self.assertEqual(self.done("attached", image, "--type", SBOM).stdout, self.file.read_text())
        again = self.done("attach", image, self.file, "--type", SBOM, "--json").json
        self.assertEqual((again["manifest"], again["changed"]), (first["manifest"], False))

        other = self.work / "other.json"
        other.write_text("{}")
        self.done("attach", image, other, "--type", "application/x-other")
        found = json.loads(run(self.oras, "discover", "--plain-http", "--format", "json", image.removeprefix("docker://")))
        listed = found.get("referrers") or found.get("manifests")
        self.assertEqual({one["artifactType"] for one in listed}, {SBOM, "application/x-other"})
        referrer = next(one for one in listed if one["artifactType"] == SBOM)
        self.assertEqual(referrer["digest"], first["manifest"])
        pulled = self.work / "pulled"
        run(self.oras, "pull", "--plain-http", "--output", pulled, f"{image.removeprefix('docker://').rpartition(':')[0]}@{referrer['digest']}")
        self.assertEqual((pulled / self.file.name).read_text(), self.file.read_text())
        self.refused(3, "no-artifact", "attached", image, "--type", "application/x-none")

    def test_oras_finds_it_where_the_registry_lists_no_referrers(self) -> None:
        self.check_attached(self.docker)

    def test_oras_finds_it_where_the_registry_lists_them(self) -> None:
        self.check_attached(self.registry)

    def test_it_stays_beside_signatures_and_a_layout_takes_it_too(self) -> None:
        image, digest = self.push(self.docker)
        key, public = artifact_case.cli_case.keys()
        self.done("sign", image, "--key", key)
        self.done("attach", image, self.file, "--type", SBOM)
        self.assertEqual(self.done("verify", image, "--key", public).rc, 0)
        copied = self.work / "layout"
        self.done("copy", image, f"oci:{copied}:{TAG}")
        self.done("attach", f"oci:{copied}:{TAG}", self.file, "--type", SBOM)
        self.assertEqual(self.done("attached", f"oci:{copied}:{TAG}", "--type", SBOM).stdout, self.file.read_text())
        self.assertEqual(self.done("copy", f"oci:{copied}:{TAG}", f"oci:{self.work}/third:{TAG}").stdout.strip(), digest)

    def verify_attestation(self, image: str, public: Path, wanted: bool) -> str:
        words = [self.cosign, "verify-attestation", "--key", public, "--insecure-ignore-tlog=true", "--type", "slsaprovenance1", "--allow-http-registry",
                 image.removeprefix("docker://")]
        done = subprocess.run([str(word) for word in words], cwd=self.work, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              env={**os.environ, "HOME": str(self.work)})
        self.assertEqual(done.returncode == 0, wanted, done.stdout + done.stderr)
        return done.stdout

    def test_cosign_verifies_provenance_and_refuses_that_of_another_key(self) -> None:
        image, digest = self.push(self.docker)
        built = provenance.Built(repository="r", tag=TAG, digests=(digest,), os_name="debian", os={}, kernel="k", architecture="x86_64", driver="d",
                                 driver_version="d", module_type="open", program="sha256:" + "0" * 64, packer="p")
        program = artifact_case.programs() / "overdrive-artifact"
        for name in ("first", "second"):
            run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.work / f"{name}.key")
            run("openssl", "pkey", "-in", self.work / f"{name}.key", "-pubout", "-out", self.work / f"{name}.pub")
        envelope = dsse.envelope(provenance.statement(built, [], "urn:test"), program, self.work / "first.key", self.work / "log")
        self.assertEqual(envelope, dsse.envelope(provenance.statement(built, [], "urn:test"), program, self.work / "first.key", self.work / "log"))
        (self.work / "provenance.json").write_text(envelope)
        for _ in range(2):
            self.done("attach", image, self.work / "provenance.json", "--type", provenance.ARTIFACT_TYPE, "--predicate-type", provenance.PREDICATE)
        self.verify_attestation(image, self.work / "first.pub", True)
        self.verify_attestation(image, self.work / "second.pub", False)
        self.assertEqual(self.digest(image), digest)
        self.assertEqual(dsse.statement_of(envelope, program, self.work / "first.pub", self.work / "log")["subject"][0]["digest"]["sha256"], digest[7:])
        with self.assertRaises(dsse.BadEnvelope):
            dsse.statement_of(envelope, program, self.work / "second.pub", self.work / "log")


if __name__ == "__main__":
    try:
        unittest.main()
    finally:
        artifact_case.remove_shared()
