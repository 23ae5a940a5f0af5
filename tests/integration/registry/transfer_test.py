#!/usr/bin/env python3
"""Bytes that do not arrive as they should: cut, flipped, endless, slow, in another coding. Tests are named after the rows of
the fault table in tests/README.md. Run as root: python3 tests/integration/registry/transfer_test.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from registry_case import DRIVER, REPOSITORY, TAG, RegistryCase, layer, main  # noqa: E402 - first: it says where the others are
import damage  # noqa: E402
from cli_case import OS_VERSION, add_index, layout, remove_shared  # noqa: E402
from registry_faults import BLOB, MANIFEST, TAG_LIST, endless, flip, gzipped, sent_as, then  # noqa: E402
from registry_faults import TAG as BY_TAG  # noqa: E402

USER_SPACE, MODULES = "user-space", "modules"
SLACK = 32 << 20  # bytes that sockets hold when a transfer is ended


class EndlessTest(RegistryCase):
    def test_c2_a_layer_that_does_not_end_is_left_after_its_last_byte(self) -> None:
        for role in (MODULES, USER_SPACE):
            for length in ("chunked", "none", 1 << 62):
                with self.subTest(f"{role} {length}"):
                    self.registry.reset()
                    self.registry.on(layer(role), endless(length))  # type: ignore[arg-type]
                    self.refused(self.timed(15), "digest-mismatch", 1, layer(role), "larger than the")
                    self.assertLess(sum(one.sent for one in self.registry.asked(layer(role))), self.store.size(layer(role)) + SLACK)

    def test_c2_a_manifest_that_does_not_end(self) -> None:
        self.registry.on(BY_TAG, endless())
        self.refused(self.timed(15), "bad-manifest", 1, "larger than")


class FlippedTest(RegistryCase):
    def test_c3_one_bit_anywhere_in_a_layer(self) -> None:
        for role in (MODULES, USER_SPACE):
            for at in (0, 0.5, -1):
                with self.subTest(f"{role} {at}"):
                    self.registry.reset()
                    self.registry.on(layer(role), flip(at))
                    self.refused(self.timed(15), "digest-mismatch", 1, layer(role))

    def test_c3_one_bit_anywhere_in_the_manifest_and_in_the_index(self) -> None:
        self.store.put_index(REPOSITORY, TAG)
        for what in (BY_TAG, MANIFEST):
            for at in (0, 0.5, -1):
                with self.subTest(f"{what} {at}"):
                    self.registry.reset()
                    self.registry.on(what, flip(at))
                    self.refused(self.timed(15), "digest-mismatch", 1, "sha256:")
                    self.assertEqual(self.registry.asked(BLOB), [])

    def test_c3_one_bit_anywhere_in_the_configuration(self) -> None:
        """It is read where a tag names a manifest that does not say its architecture, as other tools write it."""
        manifest = damage.manifest_of(layout(), TAG)
        del manifest["annotations"]
        self.store.add_manifest(REPOSITORY, json.dumps(manifest).encode(), tag=TAG)
        config = str(manifest["config"]["digest"])  # type: ignore[index]
        for at in (0, 0.5, -1):
            with self.subTest(at):
                self.registry.reset()
                self.registry.on(config, flip(at))
                self.refused(self.timed(15), "digest-mismatch", 1, config)
        self.registry.reset()
        self.installed(self.timed(15))


class MovingTest(RegistryCase):
    def test_c12_a_tag_that_moves_during_an_install_does_not_mix_two_drivers(self) -> None:
        tags = self.store.repository(REPOSITORY).tags
        self.registry.on(BY_TAG, then(lambda: tags.update({TAG: tags[f"{OS_VERSION}-900.2.0"]})))
        self.installed(self.timed(15))
        self.assertEqual(len(self.registry.asked(BY_TAG)), 1, "what follows is asked for by digest")


class CodingsTest(RegistryCase):
    def test_c15_bodies_without_a_length(self) -> None:
        for name, fault in (("chunked", sent_as("chunked")), ("until it closes", sent_as("none")), ("HTTP/1.0", sent_as("none", "HTTP/1.0"))):
            with self.subTest(name):
                self.registry.reset()
                self.registry.on("GET", fault)
                self.new_host()
                self.installed(self.timed(15))

    def test_c15_a_coding_that_nobody_asked_for_is_not_undone(self) -> None:
        self.registry.on(BLOB, gzipped)
        self.refused(self.timed(15), "digest-mismatch", 1, layer(MODULES))
        self.assertEqual({one.headers.get("accept-encoding") for one in self.registry.asked(BLOB)}, {"identity"})


class TagsTest(RegistryCase):
    def test_c14_a_driver_of_a_known_version_is_never_looked_for_in_a_list(self) -> None:
        self.installed(self.timed(15))
        self.assertEqual(self.registry.asked(TAG_LIST), [])

    def test_c8_without_the_tag_the_nearest_are_named(self) -> None:
        add_index(self.source, f"{OS_VERSION}-900.2.0")
        self.refused(self.install(self.source, "900.7.7"), "no-artifact", 3, "900.7.7", f"900.2.0/{OS_VERSION}")

    def test_c8_a_tag_without_our_architecture(self) -> None:
        repository = self.store.repository(REPOSITORY)
        index = self.store.read(repository.tags[TAG]).replace(b'"amd64"', b'"riscv64"').replace(b'"arm64"', b'"riscv64"')
        self.store.add_manifest(REPOSITORY, index, repository.manifests[repository.tags[TAG]], TAG)
        self.refused(self.timed(15), "no-artifact", 3, DRIVER)


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
