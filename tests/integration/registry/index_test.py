#!/usr/bin/env python3
"""A branch, a channel and the newest driver are what the signed pair index of the source says: tags are never listed, and an index
that is forged, old, damaged, huge or of another repository is not gone by."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from registry_case import REPOSITORY, RegistryCase, main  # noqa: E402 - first: it says where the others are
from cli_case import OS_VERSION, Run, add_index, keys, make_key, programs, remove_shared, say  # noqa: E402
from registry_faults import BLOB, TAG_LIST, endless, flip  # noqa: E402
from registry_store import digest_of  # noqa: E402

INDEX = "GET /v2/.*/manifests/overdrive-index"
DOCUMENT_TYPE = "application/vnd.overdrive.pair-index.v1+json"


def tag(driver: str) -> str:
    return f"{OS_VERSION}-{driver}"


class IndexCase(RegistryCase):
    settings = "[registry]\nconnect-timeout = 2\nstall-timeout = 2\npatience = 4\n"

    def setUp(self) -> None:
        super().setUp()
        self.tags = self.store.repository(REPOSITORY).tags
        add_index(self.source, tag("900.1.0"), tag("900.2.0"), tag("901.1.0"))
        self.registry.reset()
        self.remember()

    def sign(self, key: Path | None = None) -> None:
        say([programs() / "overdrive-artifact", "sign", "--key", key or keys()[0], f"{self.source}:overdrive-index"])

    def manifest(self) -> dict[str, object]:
        return dict(json.loads(self.store.read(self.tags["overdrive-index"])))

    def document(self) -> dict[str, object]:
        return dict(json.loads(self.store.read(str(self.manifest()["layers"][0]["digest"]))))  # type: ignore[index]

    def replace(self, document: dict[str, object] | bytes, size: int | None = None) -> None:
        """Another document in the index, signed with the right key. @param size  that the manifest announces"""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        manifest = self.manifest()
        manifest["layers"] = [{"mediaType": DOCUMENT_TYPE, "digest": self.store.add_blob(REPOSITORY, content), "size": size or len(content)}]
        self.store.add_manifest(REPOSITORY, json.dumps(manifest).encode(), tag="overdrive-index")
        self.sign()

    def branch(self, wish: str = "900", *more: object) -> Run:
        return self.install(self.source, wish, *more)


class ChoiceTest(IndexCase):
    def test_a_branch_installs_the_newest_of_it(self) -> None:
        self.assert_installed(self.branch(), "900.2.0")

    def test_the_newest_and_a_channel(self) -> None:
        say([programs() / "overdrive-artifact", "index", "channel", "--settle", 0, "--sign-key", keys()[0], self.source, "stable", "900.1.0"])
        self.assert_installed(self.branch("stable"), "900.1.0")
        self.assert_installed(self.branch("newest"), "901.1.0")

    def test_c14_what_is_asked_for_does_not_grow_with_the_tags(self) -> None:
        def asked() -> list[str]:
            self.registry.reset()
            run = self.branch("900", "--dry-run")
            self.assertEqual(run.rc, 0, run)
            return [f"{one.method} {one.target}" for one in self.registry.asked()]

        few = asked()
        image = self.tags[tag("900.1.0")]
        self.tags |= {f"{i}.0.0-900.1.0": image for i in range(2000)}
        self.assertEqual(asked(), few)
        self.assertEqual(self.registry.asked(TAG_LIST), [])

    def test_a_full_version_needs_no_index(self) -> None:
        self.assert_installed(self.branch("900.1.0"), "900.1.0")
        self.assertEqual(self.registry.asked(INDEX), [])
        del self.tags["overdrive-index"]
        self.assert_installed(self.branch("900.1.2"), "900.1.2")

    def test_a_source_without_an_index_says_what_to_do(self) -> None:
        del self.tags["overdrive-index"]
        self.refused(self.branch(), "no-artifact", 3, "no pair index", self.source, "overdrive-artifact index add", "full version")

    def test_what_is_not_in_the_index_is_not_found_by_branch(self) -> None:
        """900.1.2 is newer than 900.1.0, and was never added."""
        say([programs() / "overdrive-artifact", "index", "remove", "--settle", 0, "--sign-key", keys()[0], self.source, tag("900.2.0")])
        self.assert_installed(self.branch(), "900.1.0")

    def test_an_update_moves_by_the_index(self) -> None:
        self.assert_installed(self.branch("900.1.0"), "900.1.0")
        self.host.configure(f'driver = "900"\nsources = ["{self.source}"]\n[trust]\nkeys = ["/etc/first.pub"]\n')
        run = self.host.overdrive("update", "--no-activate", "--no-units")
        self.assertEqual(run.rc, 4, run)
        self.assertTrue((self.host.generation("900.2.0") / "driver.json").is_file())


class ForgedTest(IndexCase):
    def test_an_index_of_an_unknown_key_is_refused(self) -> None:
        other = make_key("unknown")
        shutil.copy(other[1], self.host.root / "etc/first.pub")
        self.remember()
        self.refused(self.branch(), "untrusted", 2, "overdrive-index", "not vouched for")

    def test_an_index_that_nobody_signed_is_refused(self) -> None:
        self.store.repository(REPOSITORY).referrers.clear()
        del self.tags["sha256-" + self.tags["overdrive-index"].removeprefix("sha256:") + ".sig"]
        self.refused(self.branch(), "untrusted", 2, "overdrive-index")
        self.host.configure("[trust]\nallow-unsigned = true\n")
        self.assert_installed(self.branch(), "900.2.0")

    def test_an_older_index_is_refused(self) -> None:
        before = self.tags["overdrive-index"]
        add_index(self.source, tag("900.1.2"))
        self.assert_installed(self.branch(), "900.2.0")
        self.tags["overdrive-index"] = before
        self.remember()
        self.refused(self.branch(), "older-artifact", 2, "overdrive-index", "--allow-older")
        self.assertEqual(self.branch("900", "--allow-older").rc, 0)  # it is installed

    def test_what_is_fetched_is_the_digest_that_the_index_names_not_the_tag(self) -> None:
        self.tags[tag("900.2.0")] = self.tags[tag("901.1.0")]
        self.assert_installed(self.branch(), "900.2.0")

    def test_an_index_that_names_what_is_not_there(self) -> None:
        document = self.document()
        for system in document["systems"]:  # type: ignore[attr-defined]
            for pair in system["pairs"]:
                pair |= {"digest": digest_of(b"nothing"), "image_index": digest_of(b"nothing more")}
        self.replace(document)
        self.refused(self.branch(), "incomplete-artifact", 1, tag("900.2.0"), "it is not there")

    def test_an_image_index_that_has_another_manifest_than_the_one_named(self) -> None:
        document = self.document()
        for system in document["systems"]:  # type: ignore[attr-defined]
            for pair in system["pairs"]:
                pair["image_index"] = self.tags[tag("901.1.0")]
        self.replace(document)
        self.refused(self.branch(), "bad-manifest", 1, "the pair index names manifest")

    def test_the_index_of_another_repository(self) -> None:
        document = self.document()
        document["repository"] = "registry.example/other/nvidia-coreos"
        self.replace(document)
        self.refused(self.branch(), "bad-manifest", 1, "registry.example/other", "identity")

    def test_an_image_in_the_place_of_the_index(self) -> None:
        self.tags["overdrive-index"] = self.tags[tag("900.1.0")]
        self.sign()
        self.refused(self.branch(), "bad-manifest", 1, "pair index")

    def test_a_newer_format(self) -> None:
        self.replace(self.document() | {"min_reader": 2})
        self.refused(self.branch(), "bad-manifest", 1, "a newer overdrive wrote it")


class DamagedTest(IndexCase):
    def test_a_flipped_bit(self) -> None:
        digest = str(self.manifest()["layers"][0]["digest"])  # type: ignore[index]
        self.registry.on(f"GET .*/blobs/{digest}", flip(0.5))
        self.refused(self.branch(), "digest-mismatch", 1, digest)

    def test_a_document_that_is_none(self) -> None:
        for content in (b"", b"[]", b"{", b'{"schema":1}', b"[" * 100_000, b'{"a":1,"a":2}'):
            with self.subTest(content[:20]):
                self.replace(content or b" ")
                self.refused(self.branch(), "bad-manifest", 1)

    def test_c14_one_that_announces_more_than_an_index_may_have_is_not_fetched(self) -> None:
        self.replace(b"{}", size=(8 << 20) + 1)
        self.registry.reset()
        self.refused(self.branch(), "bad-manifest", 1, "size")
        self.assertEqual(self.registry.asked(BLOB + ".*" + digest_of(b"{}").removeprefix("sha256")), [])

    def test_c14_a_manifest_without_end(self) -> None:
        self.registry.on(INDEX, endless())
        run = self.branch()
        self.refused(run, str(run.error.get("reason")), run.rc)
        self.assertNotEqual(run.rc, 0)


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
