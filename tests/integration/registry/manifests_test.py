#!/usr/bin/env python3
"""What a registry may claim in a manifest, and an install that must not believe it. Tests are named after the rows of the
fault table in tests/README.md. Run as root: python3 tests/integration/registry/manifests_test.py
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from registry_case import DRIVER, REPOSITORY, TAG, RegistryCase, layer, main  # noqa: E402 - first: it says where the others are
import damage  # noqa: E402
from cli_case import layout, pack, programs, remove_shared  # noqa: E402
from loopback_http import Reply  # noqa: E402
from registry_faults import MANIFEST, always, both, endless, replaced  # noqa: E402
from registry_faults import TAG as BY_TAG  # noqa: E402
from registry_store import INDEX  # noqa: E402
from registry_store import MANIFEST as MANIFEST_TYPE  # noqa: E402

SHA512 = "sha512:" + "0" * 128
MOST_MEMORY_MIB = 96  # the program's own needs; an answer of 100 MiB that were kept would not fit
Document = dict[str, object]


class HostileManifest(RegistryCase):
    """Every digest is right: only the grammar can tell."""

    def manifest(self) -> Document:
        return damage.manifest_of(layout(), TAG)

    def offer(self, content: bytes, media_type: str = MANIFEST_TYPE) -> None:
        """What the tag names from now on."""
        self.store.add_manifest(REPOSITORY, content, media_type, TAG)
        self.registry.server.seen.clear()

    def offer_in_index(self, document: Document, size: object = None) -> None:
        content = json.dumps(document).encode()
        digest = self.store.add_manifest(REPOSITORY, content)
        entry = {"mediaType": MANIFEST_TYPE, "digest": digest, "size": len(content) if size is None else size,
                 "platform": {"architecture": "amd64", "os": "linux"}}
        self.offer(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode(), INDEX)

    def bad_manifest(self, *words: str, reason: str = "bad-manifest") -> None:
        run = self.timed(10)
        self.refused(run, reason, 1, *words)
        self.assertEqual([one.target for one in self.registry.asked("/blobs/")], [], "a layer of it was asked for")

    def changed(self, change: Callable[[Document], object]) -> Document:
        document = self.manifest()
        change(document)
        return document


class DigestsTest(HostileManifest):
    def test_d1_a_digest_is_refused_before_it_becomes_a_path_or_a_url(self) -> None:
        good = layer("modules")
        for digest in ("sha256:../../x", "sha256:" + "../" * 21 + "x", good.upper(), "sha256:" + good[7:].upper(), good[:-1], good + "0", SHA512,
                       "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:" + "g" * 64, good + "?a=b", good.replace(":", "%3A"), "", " " + good, good + "\n"):
            with self.subTest(digest):
                self.offer_in_index(self.changed(lambda one: one["layers"][2].update(digest=digest)))  # type: ignore[index]
                self.bad_manifest("digest")
                self.assertEqual([one.target for one in self.registry.asked() if ".." in one.target or "md5" in one.target], [])

    def test_d1_the_same_in_an_index(self) -> None:
        for digest in ("sha256:../../x", SHA512, "sha256:" + "A" * 64):
            with self.subTest(digest):
                entry = {"mediaType": MANIFEST_TYPE, "digest": digest, "size": 10, "platform": {"architecture": "amd64", "os": "linux"}}
                self.offer(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode(), INDEX)
                self.bad_manifest("digest")
                self.assertEqual(len(self.registry.asked("/manifests/")), 1)

    def test_d1_a_registry_that_announces_another_digest_is_not_believed(self) -> None:
        self.registry.on(BY_TAG, lambda request, reply: (reply.set("Docker-Content-Digest", "sha256:" + "0" * 64), reply)[1])
        self.bad_manifest("the registry says", reason="digest-mismatch")


class SizesTest(HostileManifest):
    def test_d2_a_size_that_cannot_be(self) -> None:
        for size in (-1, 2**63, 2**64, 1.5, 1e300, "41449", None, True, [], {}):
            with self.subTest(size):
                self.offer_in_index(self.changed(lambda one: one["layers"][2].update(size=size)))  # type: ignore[index]
                self.bad_manifest("size")

    def test_d2_a_size_that_is_not_that_of_the_blob(self) -> None:
        size = self.store.size(layer("modules"))
        for other, reason in ((size - 1, "digest-mismatch"), (size + 1, "truncated")):
            with self.subTest(other):
                self.offer_in_index(self.changed(lambda one: one["layers"][2].update(size=other)))  # type: ignore[index]
                self.refused(self.timed(20), reason, 1, layer("modules"))

    def test_d2_a_size_that_is_not_that_of_the_manifest(self) -> None:
        size = len(json.dumps(self.manifest()))
        for other, reason in ((size - 1, "digest-mismatch"), (size + 1, "truncated")):
            with self.subTest(other):
                self.offer_in_index(self.manifest(), size=other)
                self.bad_manifest("manifest", reason=reason)


class DocumentsTest(HostileManifest):
    def offer_manifest(self, document: Document | bytes, media_type: str = MANIFEST_TYPE) -> None:
        self.offer(document if isinstance(document, bytes) else json.dumps(document).encode(), media_type)

    def test_d3_manifests_beside_layers(self) -> None:
        """CVE-2021-41190: one document that is an index to one reader and a manifest to another."""
        for media_type in (MANIFEST_TYPE, INDEX):
            with self.subTest(media_type):
                self.offer_manifest(self.changed(lambda one: one.update(manifests=[])) | {"mediaType": media_type}, media_type)
                self.bad_manifest("layers")

    def test_d3_a_media_type_that_is_absent_or_another_one(self) -> None:
        document = self.manifest()
        self.offer_manifest(document | {"mediaType": INDEX})
        self.bad_manifest(INDEX)
        self.offer_manifest(document, INDEX)
        self.bad_manifest(MANIFEST_TYPE)
        self.offer_manifest(document, "text/html")
        self.bad_manifest("text/html")
        self.offer_manifest(document)
        self.registry.on(BY_TAG, lambda request, reply: (reply.set("Content-Type", None), reply)[1])
        self.bad_manifest("media type")

    def test_d3_keys_that_come_twice(self) -> None:
        text = json.dumps(self.manifest())
        self.offer_manifest(text.replace('"layers": [', '"layers": [], "layers": [', 1).encode())
        self.bad_manifest("layers")

    def test_d3_ten_thousand_levels(self) -> None:
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            with self.subTest(opening):
                deep = opening * 10_000 + b"0" + closing * 10_000
                self.offer_manifest(b'{"schemaVersion":2,"x":' + deep + b"}")
                self.bad_manifest()

    def test_d3_a_manifest_of_a_hundred_megabytes_is_not_kept(self) -> None:
        self.registry.on(BY_TAG, both(replaced(b" " * 65536, MANIFEST_TYPE), endless(length=100 << 20)))
        self.assert_bounded("larger than")
        self.registry.on(BY_TAG, both(replaced(b" " * 65536, MANIFEST_TYPE), endless("chunked")))
        self.assert_bounded("larger than")

    def assert_bounded(self, *words: str) -> None:
        """Refused, within bounded memory. ru_maxrss begins with that of this process, which is small."""
        command = [programs() / "overdrive", "--root", self.host.root, "--json", "install", DRIVER, "--source", self.source]
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert process.stderr
        said = process.stderr.read()
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 1, said)
        for word in words:
            self.assertIn(word, said)
        self.assertLess(usage.ru_maxrss >> 10, MOST_MEMORY_MIB)
        self.assertEqual(self.host.snapshot(), self.before)

    def test_d3_text_that_is_no_utf_8(self) -> None:
        for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\x00", b"\x1b[2J"):
            with self.subTest(bad):
                self.offer_manifest(json.dumps(self.manifest() | {"artifactType": "HERE"}).encode().replace(b"HERE", b"a/b" + bad))
                run = self.timed(10)
                self.refused(run, "bad-manifest", 1)
                self.assertNotIn("\x1b", run.stderr)

    def test_d3_no_json(self) -> None:
        for text in (b"", b"null", b"[]", b"{", b"{}", b'"', b"<html>please log in</html>", b"\xef\xbb\xbf{}"):
            with self.subTest(text):
                self.offer_manifest(text)
                self.bad_manifest()


class ShapesTest(HostileManifest):
    def test_d4_an_index_in_an_index(self) -> None:
        """A digest cannot be in what it is the digest of, so that the loop is one of a lying registry."""
        inner = {"mediaType": INDEX, "digest": self.store.repository(REPOSITORY).tags[TAG], "size": 290,
                 "platform": {"architecture": "amd64", "os": "linux"}}
        outer = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [inner]}).encode()
        self.offer(outer, INDEX)
        run = self.timed(10)
        self.refused(run, "bad-manifest" if run.rc == 1 else "no-artifact", run.rc)
        self.registry.on(MANIFEST, replaced(outer, INDEX))
        run = self.timed(10)
        self.refused(run, "bad-manifest" if run.rc == 1 else "no-artifact", run.rc)
        self.assertLessEqual(len(self.registry.asked("/manifests/")), 4)

    def test_d4_ten_thousand_layers(self) -> None:
        self.offer_in_index(self.changed(lambda one: one.update(layers=one["layers"] * 3334)))  # type: ignore[operator]
        self.bad_manifest("layers")

    def test_d4_a_foreign_layer_is_not_fetched_from_its_urls(self) -> None:
        foreign = self.serve(always(Reply(404)))
        place = f"http://{foreign.host}/layer"
        for kind in ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"):
            with self.subTest(kind):
                self.offer_in_index(self.changed(lambda one: one["layers"][2].update(mediaType=kind, urls=[place])))  # type: ignore[index]
                self.bad_manifest()
        self.offer_in_index(self.changed(lambda one: one["layers"][2].update(urls=[place])))  # type: ignore[index]
        self.timed(10)
        self.assertEqual(foreign.asked(), [])


class ClaimsTest(HostileManifest):
    """What the image says of itself, where no signature is asked for."""

    def setUp(self) -> None:
        super().setUp()
        self.host.configure("[trust]\nallow-unsigned = true\n")
        self.remember()

    def with_driver_json(self, change: Callable[[Document], object]) -> None:
        shutil.rmtree(self.work / "layout", ignore_errors=True)
        made = self.copy_of_layout()

        def edit(name: str, content: bytes) -> bytes:
            if not name.endswith("driver.json"):
                return content
            document = json.loads(content)
            change(document)
            return json.dumps(document).encode()

        damage.rewrite_modules_layer(made, TAG, edit)
        self.store.load_layout(REPOSITORY, made)

    def test_d6_modules_of_another_kernel_are_refused_at_install_time(self) -> None:
        made = self.work / "other"
        pack(made, DRIVER, modinfo={"vermagic": "6.0.0-other SMP "})
        self.store.load_layout(REPOSITORY, made)
        self.refused(self.timed(10), "incomplete-artifact", 1, "nvidia.ko", "vermagic mismatch", "6.0.0-other")

    def test_d7_names_that_a_shell_or_a_path_would_take_apart(self) -> None:
        for bad in ("900.1.0; touch /x", "$(touch /x)", "`touch /x`", "../../../x", "900.1.0/../../x", "900.1.0\nx", "900.1.0\x1b[2J", "", "-rf", "9" * 5000):
            for change in (lambda one: one.update(driver=bad), lambda one: one.update(driver_version=bad), lambda one: one["os"].update(key=bad),
                           lambda one: one["modules"][0].update(path=bad), lambda one: one["modules"][0].update(name=bad)):
                with self.subTest(bad):
                    self.with_driver_json(change)
                    run = self.timed(10)
                    self.refused(run, str(run.error.get("reason")), 1)
                    self.assertIn(run.error.get("reason"), ("bad-manifest", "incomplete-artifact"), run)
                    self.assertNotIn("\x1b", run.stdout + run.stderr)
                    self.assertFalse(Path("/x").exists() or (self.host.root / "x").exists())


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
