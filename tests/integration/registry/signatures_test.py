#!/usr/bin/env python3
"""Signatures over the image: who may vouch for what, and what a hostile registry may offer in their place. The artifacts' own
driver.json is not signed here. Tests are named after the rows of the fault table in tests/README.md.
Run as root: python3 tests/integration/registry/signatures_test.py
"""

from __future__ import annotations

import base64
import shutil
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from registry_case import DRIVER, QUICK, REPOSITORY, TAG, RegistryCase, main  # noqa: E402 - first: it says where the others are
from cli_case import Run, keys, make_key, pack, remove_shared, say, shared  # noqa: E402
import damage  # noqa: E402
import cosign_signature as cosign  # noqa: E402
from registry_faults import both, endless, replaced  # noqa: E402
from registry_store import MANIFEST, digest_of  # noqa: E402

HUGE_BYTES = 1 << 30


class SignedCase(RegistryCase):
    """A registry whose artifact is not signed in itself; `identity` is what a signature must be for."""

    settings = QUICK

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.unsigned = shared() / "unsigned"
        if not cls.unsigned.exists():
            for driver in (DRIVER, "900.2.0"):
                pack(cls.unsigned, driver, signed=False)
            make_key("second")

    def setUp(self) -> None:
        super().setUp()
        self.store.repositories.clear()
        self.store.load_layout(REPOSITORY, self.unsigned)
        self.identity = f"{self.registry.host}/{REPOSITORY}"
        self.manifest = self.store.repository(REPOSITORY).tags[TAG]
        self.index = self.store.put_index(REPOSITORY, TAG)
        self.key, self.other_key = keys()[0], shared() / "second.key"

    def offer(self, content: bytes, key: Path | None = None) -> None:
        cosign.attach(self.store, REPOSITORY, self.index, (content, cosign.sign(key or self.key, content)))

    def untrusted(self, *words: str, most: float = 15) -> Run:
        run = self.timed(most)
        self.refused(run, "untrusted", 2, *words)
        return run


class TrustTest(SignedCase):
    def test_d5_without_a_signature(self) -> None:
        self.untrusted("allow-unsigned")

    def test_d5_a_signature_over_the_index_or_the_manifest(self) -> None:
        for digest in (self.index, self.manifest):
            with self.subTest(digest):
                self.new_host()
                self.store.repository(REPOSITORY).tags.pop(cosign.signature_tag(self.index), None)
                content = cosign.payload(self.identity, digest)
                cosign.attach(self.store, REPOSITORY, digest, (content, cosign.sign(self.key, content)))
                self.installed(self.timed(15))

    def test_d5_a_signature_among_the_referrers(self) -> None:
        content = cosign.payload(self.identity, self.index)
        cosign.attach_as_referrer(self.store, REPOSITORY, self.index, content, cosign.sign(self.key, content))
        self.installed(self.timed(15))

    def test_d5_a_key_on_a_curve(self) -> None:
        say(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.work / "ec.key"])
        say(["openssl", "pkey", "-in", self.work / "ec.key", "-pubout", "-out", self.host.root / "etc/first.pub"])
        self.offer(cosign.payload(self.identity, self.index), self.work / "ec.key")
        self.assert_installed(self.timed(15), DRIVER)

    def test_d5_another_key(self) -> None:
        self.offer(cosign.payload(self.identity, self.index), self.other_key)
        self.untrusted("by no configured key")

    def test_d5_a_payload_that_was_changed_after_it_was_signed(self) -> None:
        content = cosign.payload(self.identity, self.index, serial=7)
        signature = cosign.sign(self.key, content)
        cosign.attach(self.store, REPOSITORY, self.index, (content.replace(b'"7"', b'"8"'), signature))
        self.untrusted()

    def test_d5_a_signature_of_another_image(self) -> None:
        other = self.store.repository(REPOSITORY).tags[TAG.replace(DRIVER, "900.2.0")]
        for digest in (other, digest_of(b""), self.index.upper(), "sha512:" + "0" * 128):
            with self.subTest(digest):
                self.offer(cosign.payload(self.identity, digest))
                self.untrusted()

    def test_d5_a_signature_for_another_repository(self) -> None:
        for identity in (f"{self.registry.host}/overdrive/other", f"foreign.test/{REPOSITORY}", REPOSITORY, f"{self.identity}x", f"{self.identity}/x", "", "*",
                         f"{self.identity}:another-tag", self.identity.upper()):
            with self.subTest(identity):
                self.offer(cosign.payload(identity, self.index))
                self.untrusted()

    def test_d5_a_payload_of_another_kind(self) -> None:
        good = cosign.payload(self.identity, self.index)
        for content in (cosign.payload(self.identity, self.index, kind="atomic container signature"), b"{}", b"null", good[:-1], good + b"\n{}", b"\xff" + good,
                        good.replace(b'"critical"', b'"critical":{},"critical"', 1), good.replace(b'"type"', b'"kind"'), b"[" * 10_000):
            with self.subTest(content[:40]):
                self.offer(content)
                self.untrusted()

    def test_d5_a_signature_that_is_none(self) -> None:
        content = cosign.payload(self.identity, self.index)
        for signature in ("", "====", "AAAA", "\x00", "A" * 100_000, cosign.sign(self.key, content)[:-4]):
            with self.subTest(signature[:10]):
                cosign.attach(self.store, REPOSITORY, self.index, (content, signature))
                self.untrusted()

    def test_d5_a_layer_of_another_media_type(self) -> None:
        content = cosign.payload(self.identity, self.index)
        cosign.attach(self.store, REPOSITORY, self.index, (content, cosign.sign(self.key, content)), media_type="application/vnd.dsse.envelope.v1+json")
        self.untrusted()

    def test_d5_a_registry_that_lies_about_the_signature_s_bytes(self) -> None:
        content = cosign.payload(self.identity, self.index)
        self.offer(content)
        self.registry.on(digest_of(content), replaced(content.replace(b"{", b"{ ", 1)))
        run = self.timed(15)
        self.refused(run, str(run.error.get("reason")), run.rc)
        self.assertIn(run.error.get("reason"), ("untrusted", "digest-mismatch"), run)


class RequestsTest(SignedCase):
    """What is asked for beside the layers. The tag names the manifest, as pack writes it."""

    def setUp(self) -> None:
        super().setUp()
        self.store.repository(REPOSITORY).tags[TAG] = self.manifest
        self.registry.reset()

    def asked_beside_layers(self) -> list[str]:
        layers = {damage.layer_digest(self.unsigned, TAG, role) for role in ("user-space", "modules")}
        return [one.target.rsplit("/", 1)[-1] for one in self.registry.asked() if not one.target.endswith(tuple(layers))]

    def test_an_artifact_is_found_by_one_request_and_its_signature_by_another(self) -> None:
        self.push_signature()
        self.installed(self.timed(15))
        self.assertEqual(self.asked_beside_layers(), [TAG, cosign.signature_tag(self.manifest)])

    def test_of_an_unsigned_one_every_place_is_asked_once(self) -> None:
        self.untrusted()
        self.assertEqual(self.asked_beside_layers(), [TAG, cosign.signature_tag(self.manifest), self.manifest], "the referrers of the last")

    def test_another_architecture_is_refused_by_the_manifest_alone(self) -> None:
        content = self.store.read(self.manifest).replace(b'"amd64"', b'"riscv64"')
        self.store.add_manifest(REPOSITORY, content, MANIFEST, TAG)
        self.refused(self.timed(15), "no-artifact", 3, DRIVER)
        self.assertEqual([one.target for one in self.registry.asked("/blobs/")], [])

    def push_signature(self) -> None:
        """As `overdrive-artifact push --sign-key` leaves it."""
        content = cosign.payload(self.identity, self.manifest, serial=7)
        described = cosign.signature_layer(content, cosign.sign(self.key, content)) | {"data": base64.b64encode(content).decode()}
        self.store.add_manifest(REPOSITORY, cosign.manifest([described]), tag=cosign.signature_tag(self.manifest))


class FloodTest(SignedCase):
    def test_d5_a_hundred_thousand_signatures(self) -> None:
        layer = cosign.signature_layer(b"{}", "AAAA")
        self.store.add_blob(REPOSITORY, b"{}")
        self.store.add_manifest(REPOSITORY, cosign.manifest([layer] * 100_000), tag=cosign.signature_tag(self.index))
        begun = time.monotonic()
        run = self.timed(30)
        self.refused(run, str(run.error.get("reason")), run.rc)
        self.assertIn(run.error.get("reason"), ("untrusted", "bad-manifest"), run)
        self.assertLess(len(self.registry.asked(digest_of(b"{}"))), 100)
        self.assertLess(time.monotonic() - begun, 20)

    def test_d5_as_many_as_a_manifest_can_name(self) -> None:
        """Each payload another blob, so that each would cost a request."""
        contents = [f"{{{' ' * i}}}".encode() for i in range(5000)]
        layers = [cosign.signature_layer(content, "AAAA") for content in contents]
        self.store.add_manifest(REPOSITORY, cosign.manifest(layers), tag=cosign.signature_tag(self.index))
        for content in contents[-100:]:
            self.store.add_blob(REPOSITORY, content)
        run = self.timed(30)
        self.refused(run, str(run.error.get("reason")), run.rc)
        self.assertIn(run.error.get("reason"), ("untrusted", "bad-manifest", "incomplete-artifact"), run)
        self.assertLess(len(self.registry.asked("/blobs/")), 200)

    def test_d5_a_payload_of_a_gigabyte_is_not_read(self) -> None:
        layer = cosign.signature_layer(b"{}", "AAAA")
        self.store.add_blob(REPOSITORY, b"{}")
        self.store.add_manifest(REPOSITORY, cosign.manifest([layer | {"size": HUGE_BYTES}]), tag=cosign.signature_tag(self.index))
        self.registry.on(digest_of(b"{}"), both(replaced(b" " * 65536), endless(HUGE_BYTES)))
        run = self.timed(15)
        self.refused(run, str(run.error.get("reason")), run.rc)
        self.assertLess(sum(one.sent for one in self.registry.asked(digest_of(b"{}"))), 64 << 20)

    def test_d5_a_manifest_of_signatures_that_does_not_end(self) -> None:
        self.store.add_manifest(REPOSITORY, cosign.manifest([]), tag=cosign.signature_tag(self.index))
        self.registry.on(cosign.signature_tag(self.index), both(replaced(b" " * 65536, MANIFEST), endless()))
        run = self.timed(15)
        self.refused(run, str(run.error.get("reason")), run.rc)
        self.assertIn(run.error.get("reason"), ("untrusted", "bad-manifest"), run)


class FreshnessTest(SignedCase):
    def test_c13_an_older_signed_artifact_under_the_same_tag_is_refused_unless_told(self) -> None:
        self.offer(cosign.payload(self.identity, self.index, serial=7))
        self.installed(self.timed(15))
        for serial in (6, None):
            with self.subTest(serial):
                again = self.work / f"again-{serial}"
                shutil.rmtree(self.host.generation(DRIVER), ignore_errors=True)
                pack(again, DRIVER, signed=False, modules_bytes=41_000)
                self.store.load_layout(REPOSITORY, again)
                self.index = self.store.put_index(REPOSITORY, TAG)
                self.offer(cosign.payload(self.identity, self.index, serial=serial))
                self.assert_refused(self.timed(15), "older-artifact", 2, "7", "--allow-older")
                self.assertFalse(self.host.generation(DRIVER).exists())
        self.assert_installed(self.install(self.source, DRIVER, "--allow-older"), DRIVER)


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
