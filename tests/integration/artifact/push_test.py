#!/usr/bin/env python3
"""overdrive-artifact publishes at Debian's docker-registry, moves no byte twice, and nodes install what it published."""

from __future__ import annotations

import os
import unittest
from unittest import mock

import artifact_case
from artifact_case import DRIVER, REPOSITORY, TAG, RegistryCase, artifact, blob, for_architecture, index_entry, layout, programs, shared
from cli_case import OS_VERSION
from vm_registry import Registry, Request

SECOND = f"{OS_VERSION}-900.1.2"


def uploads(requests: list[Request]) -> list[Request]:
    """The requests that carried the bytes of a blob."""
    return [one for one in requests if one.method in ("PATCH", "PUT") and "/blobs/uploads/" in one.path]


def blobs_of(tag: str) -> int:
    manifest = blob(layout(), str(index_entry(layout(), tag)["digest"]))
    return 1 + len(manifest["layers"])  # type: ignore[arg-type]


class Push(RegistryCase):
    def test_a_pushed_artifact_keeps_its_digest_and_installs(self) -> None:
        said = self.done("push", self.source, self.place)
        self.assertEqual(said.stdout.strip(), index_entry(layout(), TAG)["digest"])
        self.assert_installed(self.install(self.place, DRIVER), DRIVER)

    def test_pushing_twice_sends_nothing_the_second_time(self) -> None:
        self.done("push", self.source, self.place)
        mark = self.docker.mark()
        said = self.done("push", "--json", self.source, self.place)
        self.assertEqual(said.json["tag_changed"], False)
        self.assertEqual([one for one in self.docker.requests(mark) if one.method not in ("GET", "HEAD")], [])

    def test_a_second_driver_sends_only_what_differs(self) -> None:
        self.done("push", self.source, self.place)
        mark = self.docker.mark()
        said = self.done("push", "--json", f"oci:{layout()}:{SECOND}", self.place)
        self.assertEqual(said.json["there"]["blobs"], 2)  # type: ignore[index]  # program and user space
        self.assertEqual(len(uploads(self.docker.requests(mark))), blobs_of(SECOND) - 2)

    def test_another_repository_of_the_registry_gets_its_blobs_by_mount(self) -> None:
        self.done("push", self.source, self.place)
        mark = self.docker.mark()
        said = self.done("copy", "--json", f"{self.place}:{TAG}", self.at(self.docker, self.repository + "-copy"))
        self.assertEqual((said.json["mounted"]["blobs"], said.json["uploaded"]["blobs"]), (blobs_of(TAG), 0))  # type: ignore[index]
        self.assertEqual(uploads(self.docker.requests(mark)), [])
        self.assertEqual(said.json["digest"], index_entry(layout(), TAG)["digest"])

    def test_a_large_blob_goes_in_pieces_and_arrives_whole(self) -> None:
        mark = self.docker.mark()
        self.done("push", "--piece-size", 1, self.source, self.place)
        patches = [one for one in self.docker.requests(mark) if one.method == "PATCH"]
        self.assertGreaterEqual(len(patches), artifact_case.cli_case.USER_SPACE_BYTES >> 20)
        self.assert_installed(self.install(self.place, DRIVER), DRIVER)

    def test_the_tag_of_an_index_keeps_the_other_architectures(self) -> None:
        other = self.work / "arm"
        for_architecture(layout(), other, "arm64")
        self.done("push", self.source, self.place)
        said = self.done("push", "--json", f"oci:{other}:{TAG}", self.place)
        kept = index_entry(layout(), TAG)["digest"]
        self.assertEqual(said.json["kept"], [kept])
        copied = self.work / "copied"
        self.done("copy", f"{self.place}:{TAG}", f"oci:{copied}")
        index = blob(copied, str(index_entry(copied, TAG)["digest"]))
        self.assertEqual([one["platform"]["architecture"] for one in index["manifests"]], ["amd64", "arm64"])  # type: ignore[attr-defined]
        self.assertEqual(index["manifests"][0]["digest"], kept)  # type: ignore[index]
        # Ours again, as it was: nothing to do.
        self.assertEqual(self.done("push", "--json", self.source, self.place).json["tag_changed"], False)
        self.assert_installed(self.install(self.place, DRIVER), DRIVER)

    def test_only_replace_takes_the_other_architectures_away(self) -> None:
        other = self.work / "arm"
        for_architecture(layout(), other, "arm64")
        self.done("push", f"oci:{other}:{TAG}", self.place)
        said = self.done("push", "--json", "--replace", self.source, self.place)
        self.assertEqual((said.json["kept"], said.json["digest"]), ([], index_entry(layout(), TAG)["digest"]))

    def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(self) -> None:
        mark = self.docker.mark()
        said = self.done("push", "--dry-run", "--json", self.source, self.place)
        self.assertEqual((said.json["uploaded"]["blobs"], said.json["tag_changed"]), (blobs_of(TAG), True))  # type: ignore[index]
        self.assertEqual([one for one in self.docker.requests(mark) if one.method not in ("GET", "HEAD")], [])
        self.refused(3, "no-artifact", "inspect", f"{self.place}:{TAG}")

    def test_list_reads_every_page_and_names_the_pairs(self) -> None:
        self.done("push", self.source, self.place)
        tags = [f"{OS_VERSION}-{number}.1.0" for number in range(100, 105)]
        for tag in tags:
            self.done("tag", f"{self.place}:{TAG}", tag)
        listed = self.done("list", "--json", self.place).json["tags"]
        self.assertEqual([one["tag"] for one in listed], sorted([*tags, TAG]))  # type: ignore[attr-defined]
        self.assertIn({"tag": TAG, "driver": DRIVER, "os_key": OS_VERSION}, listed)
        self.assertEqual(self.done("list", self.at(self.docker, "overdrive/nothing")).stdout, "")

    def test_resolve_tells_what_is_there_of_each_architecture_and_reads_no_layer(self) -> None:
        self.done("push", self.source, self.place)
        other = self.work / "arm"
        for_architecture(layout(), other, "arm64")
        digest = self.done("push", f"oci:{other}:{TAG}", self.place).stdout.strip()
        mark = self.docker.mark()
        said = self.done("resolve", "--json", self.place, TAG, SECOND)
        there, absent = said.json["tags"]  # type: ignore[misc]
        self.assertEqual((there["digest"], sorted(there["architectures"])), (digest, ["amd64", "arm64"]))
        self.assertEqual(there["architectures"]["amd64"], index_entry(layout(), TAG)["digest"])
        self.assertEqual(absent, {"tag": SECOND, "digest": None, "architectures": {}})
        self.assertEqual([one.path for one in self.docker.requests(mark) if "/blobs/" in one.path or "/tags/" in one.path], [])
        self.assertEqual(self.done("resolve", self.place, SECOND).stdout, f"-  {SECOND}\n")
        self.refused(6, "unreachable", "resolve", "docker://127.0.0.1:1/x/y", TAG)
        self.refused(2, "usage", "resolve", f"{self.place}:{TAG}", TAG)

    def test_inspect_reads_of_a_registry_only_what_it_prints(self) -> None:
        self.done("push", self.source, self.place)
        mark = self.docker.mark()
        inspected = self.done("inspect", "--json", f"{self.place}:{TAG}").json
        self.assertEqual(inspected["driver_json"]["driver"], DRIVER)  # type: ignore[index]
        self.assertFalse(inspected["every_blob_read"])
        few = sum(one.bytes for one in self.docker.requests(mark))
        self.assertLess(few, artifact_case.cli_case.USER_SPACE_BYTES)
        self.assertTrue(self.done("inspect", "--json", "--verify-blobs", f"{self.place}:{TAG}").json["every_blob_read"])

    def test_an_image_named_by_its_digest_is_that_image(self) -> None:
        digest = self.done("push", self.source, self.place).stdout.strip()
        self.done("tag", f"{self.place}@{digest}", "again")
        self.assertEqual(self.done("inspect", "--json", f"{self.place}:again").json["manifest"],
                         self.done("inspect", "--json", f"oci:{layout()}:{TAG}").json["manifest"])

    def test_an_archive_for_an_air_gap_has_the_signatures_and_installs(self) -> None:
        self.done("push", "--sign-key", artifact_case.cli_case.keys()[0], self.source, self.place)
        archive = self.work / "bundle.tar"
        said = self.done("copy", "--json", f"{self.place}:{TAG}", f"oci-archive:{archive}")
        self.assertEqual(said.json["copied_signatures"], 1)
        self.assert_installed(self.install(f"oci-archive:{archive}", DRIVER), DRIVER)
        # And back: the same digest, the same signatures.
        back = self.done("copy", "--json", f"oci-archive:{archive}:{TAG}", self.at(self.docker, self.repository + "-back"))
        self.assertEqual((back.json["digest"], back.json["copied_signatures"]), (said.json["digest"], 1))

    def test_an_archive_that_is_there_is_not_touched(self) -> None:
        self.done("push", self.source, self.place)
        archive = self.work / "bundle.tar"
        archive.write_text("precious")
        self.refused(2, "usage", "copy", f"{self.place}:{TAG}", f"oci-archive:{archive}")
        self.assertEqual(archive.read_text(), "precious")
        self.assertEqual([one.name for one in self.work.glob(".bundle*")], [])

    def test_a_dead_registry_and_a_missing_image_are_told_apart(self) -> None:
        self.refused(6, "unreachable", "list", "docker://127.0.0.1:1/x/y")
        self.refused(3, "no-artifact", "copy", f"{self.place}:nothing", f"oci:{self.work}/copy")

    def test_a_push_is_signed_once_and_its_serial_only_grows(self) -> None:
        key = artifact_case.cli_case.keys()[0]
        first = self.done("push", "--json", "--sign-key", key, "--serial", 7, self.source, self.place)
        self.assertEqual(first.json["signed"], [first.json["digest"]])
        again = self.done("push", "--json", "--sign-key", key, self.source, self.place)
        self.assertEqual(again.json["signed"], [])
        other = f"oci:{layout()}:{SECOND}"
        self.refused(2, "usage", "push", "--sign-key", key, "--serial", 7, other, f"{self.place}:{TAG}")
        self.assertEqual(self.done("inspect", "--json", f"{self.place}:{TAG}").json["driver_json"]["driver"], DRIVER)  # type: ignore[index]
        self.done("push", "--sign-key", key, "--serial", 7, "--allow-lower-serial", other, f"{self.place}:{TAG}")

    def test_a_read_only_registry_is_told_as_such(self) -> None:
        self.done("push", self.source, self.place)
        with mock.patch.dict(os.environ, REGISTRY_STORAGE_MAINTENANCE_READONLY="{enabled: true}"), Registry(self.docker.directory) as registry:
            said = self.refused(1, "read-only", "push", f"oci:{layout()}:{SECOND}", self.at(registry, self.repository))
            self.assertIn("takes no writes", said.stderr)


class WritingIsForCi(unittest.TestCase):
    def test_the_nodes_program_has_no_code_that_uploads(self) -> None:
        """The path of every upload, and the messages around it, are in one program alone."""
        for word in (b"blobs/uploads/", b"RegistryImages", b"BlobUpload"):
            self.assertIn(word, (programs() / "overdrive-artifact").read_bytes(), word)
            self.assertNotIn(word, (programs() / "overdrive").read_bytes(), word)


if __name__ == "__main__":
    try:
        unittest.main()
    finally:
        artifact_case.remove_shared()
