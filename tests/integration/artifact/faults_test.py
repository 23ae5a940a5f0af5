#!/usr/bin/env python3
"""Uploads that break off, writers that meet at one tag, registries that refuse, answer wrongly or never end."""

from __future__ import annotations

import json
import sys
import unittest

import artifact_case
import registry_faults as faults
from artifact_case import REPOSITORY, TAG, ArtifactCase, for_architecture, index_entry, layout
from loopback_http import Reply, Request, Stop

PATCH = r"PATCH /v2/.*/blobs/uploads/"
PUT_BLOB = r"PUT /v2/.*/blobs/uploads/"
PUT_TAG = rf"PUT /v2/.*/manifests/{TAG}$"


class Uploads(ArtifactCase):
    def push(self, *more: object) -> dict[str, object]:
        return self.done("push", "--json", "--piece-size", 1, *more, self.source, self.at()).json

    def assert_whole(self) -> None:
        """Everything of the artifact is at the registry, byte for byte."""
        self.done("inspect", "--verify-blobs", f"{self.at()}:{TAG}")
        self.assertEqual(self.store.repository(REPOSITORY).tags[TAG], index_entry(layout(), TAG)["digest"])

    def test_a_piece_that_broke_off_goes_on_behind_what_arrived(self) -> None:
        right = self.registry._right

        def taken_in_part(request: Request) -> Reply:
            if request.method == "PATCH" and len(request.body) > 1000 and not self.broken:
                self.broken = True
                request.body = request.body[: len(request.body) // 3]
                headers = {name: value for name, value in request.headers.items() if name != "content-range"}
                request.headers = headers
                reply = right(request)
                reply.stop = Stop("request", "reset", 0)
                return reply
            return right(request)

        self.broken = False
        self.registry._right = taken_in_part
        self.push()
        self.assertTrue(self.broken)
        self.assert_whole()

    def test_a_piece_whose_answer_was_lost_is_not_sent_twice(self) -> None:
        self.registry.on(PATCH, faults.answered(503), times=2, after=1)
        self.push()
        self.assert_whole()

    def test_a_forgotten_upload_begins_anew(self) -> None:
        self.registry.on(PATCH, faults.answered(404), times=1, after=1)
        self.push()
        self.assert_whole()

    def test_a_last_request_whose_answer_was_lost_is_looked_up(self) -> None:
        self.registry.on(PUT_BLOB, faults.answered(502), times=1)
        self.push()
        self.assert_whole()

    def test_an_upload_that_never_moves_ends(self) -> None:
        self.registry.on(PATCH, lambda request, reply: Reply(400, [], b""))
        said = artifact_case.artifact("push", "--piece-size", 1, self.source, self.at())
        self.assertEqual(said.rc, 1, said)
        self.assertNotIn(TAG, self.store.repository(REPOSITORY).tags)

    def test_a_blob_that_the_registry_keeps_otherwise_is_refused(self) -> None:
        wrong = "sha256:" + "0" * 64
        self.registry.on(PUT_BLOB, faults.answered(201, ("Docker-Content-Digest", wrong)))
        self.refused(1, "digest-mismatch", "push", self.source, self.at())
        self.assertNotIn(TAG, self.store.repository(REPOSITORY).tags)

    def test_reading_goes_on_where_a_registry_broke_off(self) -> None:
        self.push()
        self.registry.on(faults.BLOB, faults.cut(0.5, "reset"), times=2)
        self.done("copy", "--piece-size", 1, f"{self.at()}:{TAG}", f"oci:{self.work}/copy")
        self.assertEqual(index_entry(self.work / "copy", TAG)["digest"], index_entry(layout(), TAG)["digest"])

    def test_a_flipped_bit_is_never_copied(self) -> None:
        self.push()
        self.registry.on(faults.BLOB, faults.flip(0.5), after=2)
        self.refused(1, "digest-mismatch", "copy", f"{self.at()}:{TAG}", f"oci-archive:{self.work}/copy.tar")
        self.assertEqual(list(self.work.glob("*copy.tar*")), [])

    def test_a_registry_without_ranges_is_read_in_one_go(self) -> None:
        self.push()
        self.registry._right = faults.without_ranges(self.registry._right)
        self.done("copy", "--piece-size", 1, f"{self.at()}:{TAG}", f"oci:{self.work}/copy")
        self.assertEqual(index_entry(self.work / "copy", TAG)["digest"], index_entry(layout(), TAG)["digest"])

    def test_another_range_than_was_asked_for_is_refused(self) -> None:
        self.push()
        self.registry.on(faults.BLOB, faults.content_range("bytes 1-1048576/9999999"))
        self.refused(1, "digest-mismatch", "copy", "--piece-size", 1, f"{self.at()}:{TAG}", f"oci:{self.work}/copy")


class Tags(ArtifactCase):
    def test_a_writer_between_our_reading_and_writing_is_noticed_and_kept(self) -> None:
        """The other pushes its architecture right after we put our index: both are in it at the end."""
        other = self.work / "arm"
        for_architecture(layout(), other, "arm64")
        # All but the tag of theirs is there before.
        self.done("push", f"oci:{other}:{TAG}", f"{self.at()}:theirs")
        theirs = self.store.repository(REPOSITORY).tags["theirs"]
        overwrite = faults.then(lambda: self.store.repository(REPOSITORY).tags.update({TAG: theirs}))
        self.registry.on(PUT_TAG, overwrite, times=1)
        said = self.done("push", "--json", self.source, self.at())
        index = json.loads(self.store.read(self.store.repository(REPOSITORY).tags[TAG]))
        self.assertEqual([one["platform"]["architecture"] for one in index["manifests"]], ["amd64", "arm64"])
        self.assertEqual(len(said.json["kept"]), 1)  # type: ignore[arg-type]

    def test_a_tag_that_others_overwrite_for_ever_is_given_up(self) -> None:
        other = self.work / "arm"
        for_architecture(layout(), other, "arm64")
        self.done("push", f"oci:{other}:{TAG}", f"{self.at()}:theirs")
        theirs = self.store.repository(REPOSITORY).tags["theirs"]
        self.registry.on(PUT_TAG, faults.then(lambda: self.store.repository(REPOSITORY).tags.update({TAG: theirs})))
        said = self.refused(7, "busy", "push", self.source, self.at())
        self.assertIn("one job at a time", said.stderr)

    def test_a_tag_comes_after_everything_that_it_names(self) -> None:
        self.done("push", "--sign-key", artifact_case.cli_case.keys()[0], self.source, self.at())
        writes = [one.target for one in self.registry.asked("^PUT")]
        self.assertTrue(writes[-1].endswith(f"/manifests/{TAG}"), writes)
        self.assertEqual(sum("/manifests/sha256-" in target for target in writes), 1)  # its signature stands before it

    def test_refusals_of_a_tag_say_why(self) -> None:
        self.done("push", self.source, f"{self.at()}:first")
        for status, code, reason, word, rc in ((409, "TAG_IMMUTABLE", "read-only", "does not let it be changed", 1),
                                               (400, "TAG_INVALID", "read-only", "does not let it be changed", 1),
                                               (403, "DENIED", "login-refused", "may not", 6), (405, "UNSUPPORTED", "read-only", "takes no writes", 1),
                                               (413, "SIZE_INVALID", "no-space", "no room", 1), (507, "UNKNOWN", "no-space", "no room", 1)):
            with self.subTest(status=status):
                self.registry.reset()
                self.store.repository(REPOSITORY).tags.pop(TAG, None)
                body = json.dumps({"errors": [{"code": code, "message": "so it is\u001b[2J"}]}).encode()
                self.registry.on(PUT_TAG, faults.answered(status, body=body))
                said = self.refused(rc, reason, "push", self.source, self.at())
                self.assertIn(word, said.stderr)
                self.assertIn(code, said.stderr)
                self.assertNotIn("\u001b", said.stderr)

    def test_every_page_of_the_tags_is_read(self) -> None:
        self.done("push", self.source, self.at())
        digest = self.store.repository(REPOSITORY).tags[TAG]
        self.store.repository(REPOSITORY).tags.update({f"t{number:05}": digest for number in range(2500)})
        listed = self.done("list", "--json", self.at()).json["tags"]
        self.assertEqual(len(listed), 2501)  # type: ignore[arg-type]
        self.assertEqual(len(self.registry.asked("tags/list")), 3)

    def test_a_list_that_leads_elsewhere_or_never_ends_is_refused(self) -> None:
        """C14"""
        for link in ("</v2/other/repository/tags/list?n=1>; rel=next", "<https://foreign.example/v2/x/tags/list>; rel=next",
                     f"</v2/{REPOSITORY}/tags/list?n=1000>; rel=next"):
            with self.subTest(link=link):
                self.registry.reset()
                self.registry.on(faults.TAG_LIST, faults.answered(200, ("Content-Type", "application/json"), ("Link", link),
                                                                  body=b'{"name":"x","tags":["a"]}'))
                self.refused(1, "bad-manifest", "list", self.at())
                self.assertLess(len(self.registry.asked()), 5)

    def test_a_list_of_too_many_tags_is_refused(self) -> None:
        """C14"""
        many = json.dumps({"name": "x", "tags": [f"t{number}" for number in range(100_001)]}).encode()
        self.registry.on(faults.TAG_LIST, faults.answered(200, ("Content-Type", "application/json"), body=many))
        self.refused(1, "bad-manifest", "list", self.at())


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    artifact_case.remove_shared()
    sys.exit(0 if result.wasSuccessful() else 1)
