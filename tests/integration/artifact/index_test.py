#!/usr/bin/env python3
"""The pair index of a repository at Debian's docker-registry: what `overdrive-artifact index` makes of it, whose word it takes,
and that jobs which write at the same time lose nothing."""

from __future__ import annotations

import json
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import artifact_case
from artifact_case import DRIVER, REPOSITORY, TAG, RegistryCase, Said, artifact, blob, index_entry, layout
from cli_case import KERNEL, OS_ID, OS_VERSION, keys, make_key

SECOND = f"{OS_VERSION}-900.1.2"
TAGS = [f"{OS_VERSION}-{driver}" for driver in ("900.1.0", "900.1.2", "900.2.0", "901.1.0")]


def signing() -> list[object]:
    return ["--sign-key", keys()[0]]


class IndexCase(RegistryCase):
    def push(self, *tags: str, key: Path | None = None) -> None:
        for tag in tags:
            self.done("push", "--sign-key", key or keys()[0], f"oci:{layout()}:{tag}", self.place)

    def add(self, *tags: object) -> Said:
        return self.done("index", "add", "--json", "--settle", 0, *signing(), self.place, *tags)

    def show(self, *more: object) -> dict[str, object]:
        return self.done("index", "show", "--json", *more, self.place).json

    def tags(self) -> list[str]:
        return [pair["tag"] for pair in self.show()["pairs"]]  # type: ignore[attr-defined]


class Contents(IndexCase):
    def test_every_fact_of_a_pair_comes_from_its_image(self) -> None:
        self.push(TAG)
        self.add(TAG)
        shown = self.show("--key", keys()[1])
        self.assertEqual((shown["repository"], shown["verified"], shown["channels"]), (self.place.removeprefix("docker://"), True, {}))
        (pair,) = shown["pairs"]  # type: ignore[misc]
        top = str(index_entry(layout(), TAG)["digest"])
        layers = blob(layout(), top)["layers"]
        self.assertEqual(pair["os"], {"id": OS_ID, "version": OS_VERSION, "key": OS_VERSION})
        self.assertEqual((pair["driver"], pair["tag"], pair["kernel_release"]), (DRIVER, TAG, KERNEL))
        self.assertEqual((pair["digest"], pair["image_index"]), (top, None))
        self.assertEqual(pair["download_bytes"], sum(layer["size"] for layer in layers))  # type: ignore[attr-defined]
        self.assertEqual((pair["module_type"], pair["proof"]), ("stand-in", []))

    def test_adding_the_same_again_changes_nothing(self) -> None:
        self.push(TAG, SECOND)
        first = self.add(TAG, SECOND).json
        mark = self.docker.mark()
        again = self.add(SECOND, TAG).json
        self.assertEqual((again["changed"], again["digest"], again["serial"]), (False, first["digest"], first["serial"]))
        self.assertEqual([one for one in self.docker.requests(mark) if one.method not in ("GET", "HEAD")], [])

    def test_the_serial_grows_with_every_change(self) -> None:
        self.push(TAG, SECOND)
        first = self.add(TAG).json
        self.assertGreater(self.add(SECOND).json["serial"], first["serial"])  # type: ignore[operator]
        self.done("verify", "--key", keys()[1], f"{self.place}:overdrive-index")

    def test_removed_pairs_are_gone_and_their_images_stay(self) -> None:
        self.push(TAG, SECOND)
        self.add(TAG, SECOND)
        said = self.done("index", "remove", *signing(), self.place, TAG, "1-2.3")
        self.assertIn("not in the index: 1-2.3", said.stderr)
        self.assertEqual(self.tags(), [SECOND])
        self.done("inspect", f"{self.place}:{TAG}")

    def test_a_channel_moves_only_to_what_is_published(self) -> None:
        self.push(TAG)
        self.add(TAG)
        self.refused(2, "usage", "index", "channel", *signing(), self.place, "stable", "900.1.2")
        self.refused(2, "usage", "index", "channel", *signing(), self.place, "newest", DRIVER)
        self.done("index", "channel", *signing(), self.place, "stable", "900")
        self.assertEqual(self.show()["channels"], {"stable": "900"})
        self.done("index", "channel", *signing(), self.place, "stable", "--remove")
        self.assertEqual(self.show()["channels"], {})

    def test_a_dry_run_changes_nothing(self) -> None:
        self.push(TAG)
        mark = self.docker.mark()
        said = self.done("index", "add", "--dry-run", "--json", *signing(), self.place, TAG).json
        self.assertEqual((said["changed"], said["dry_run"], said["digest"]), (True, True, None))
        self.assertEqual([one for one in self.docker.requests(mark) if one.method not in ("GET", "HEAD")], [])
        self.refused(3, "no-artifact", "index", "show", self.place)

    def test_a_tag_that_nodes_do_not_compute_is_refused(self) -> None:
        self.push(TAG)
        self.done("tag", f"{self.place}:{TAG}", "stable")
        self.done("sign", "--allow-lower-serial", "--key", keys()[0], f"{self.place}:stable")
        self.assertIn(TAG, self.refused(2, "usage", "index", "add", *signing(), self.place, "stable").stderr)

    def test_a_layout_has_an_index_for_the_place_that_is_named(self) -> None:
        copied = self.copy_of_layout()
        named = "registry.example/overdrive/nvidia-coreos"
        self.refused(2, "usage", "index", "add", *signing(), "--allow-unsigned", f"oci:{copied}", TAG)
        self.done("index", "add", *signing(), "--allow-unsigned", "--repository", named, f"oci:{copied}", TAG)
        shown = self.done("index", "show", "--json", "--key", keys()[1], f"oci:{copied}").json
        self.assertEqual((shown["repository"], len(shown["pairs"])), (named, 1))  # type: ignore[arg-type]


class Proof(IndexCase):
    def report(self, digest: str, *checks: tuple[str, bool | None]) -> Path:
        path = self.work / "report.json"
        path.write_text(json.dumps({"schema": 1, "artifact": {"digest": digest, "tag": TAG},
                                    "checks": [{"name": name, "ok": ok, "detail": ""} for name, ok in checks]}))
        return path

    def setUp(self) -> None:
        super().setUp()
        self.push(TAG)
        self.digest = str(index_entry(layout(), TAG)["digest"])

    def test_the_names_of_the_checks_are_kept_until_the_image_is_another(self) -> None:
        self.add(TAG, "--proof", self.report(self.digest, ("vermagic", True), ("modinfo", True), ("vm-boot", None)))
        self.add(TAG)
        self.assertEqual(self.show()["pairs"][0]["proof"], ["modinfo", "vermagic"])  # type: ignore[index]

    def test_a_failed_check_keeps_the_pair_out(self) -> None:
        report = self.report(self.digest, ("vermagic", True), ("symbols", False))
        said = self.refused(2, "usage", "index", "add", *signing(), "--proof", report, self.place, TAG)
        self.assertIn("symbols", said.stderr)
        self.refused(3, "no-artifact", "index", "show", self.place)

    def test_a_report_about_another_image_is_refused(self) -> None:
        report = self.report("sha256:" + "0" * 64, ("vermagic", True))
        self.refused(2, "usage", "index", "add", *signing(), "--proof", report, self.place, TAG)


class Trust(IndexCase):
    """Whoever can write to the registry must not get our key's signature over what they planted."""

    def setUp(self) -> None:
        super().setUp()
        self.other = make_key("other")
        self.push(TAG, SECOND)

    def plant(self, key: Path) -> None:
        self.done("sign", "--allow-lower-serial", "--key", key, f"{self.place}:{SECOND}")
        self.done("index", "add", "--sign-key", key, self.place, SECOND)

    def test_an_index_of_another_key_is_refused_and_can_be_made_anew(self) -> None:
        self.plant(self.other[0])
        self.refused(2, "untrusted", "index", "add", *signing(), self.place, TAG)
        self.refused(8, "answer-is-no", "index", "verify", "--key", keys()[1], self.place)
        self.done("index", "rebuild", *signing(), self.place, TAG)
        self.assertEqual(self.tags(), [TAG])
        self.done("index", "verify", "--pairs", "--key", keys()[1], self.place)

    def test_a_new_key_takes_over_what_the_old_one_vouches_for(self) -> None:
        self.plant(self.other[0])
        self.done("index", "add", *signing(), "--key", self.other[1], self.place, TAG)
        self.assertEqual(self.tags(), [TAG, SECOND])
        self.done("index", "verify", "--key", keys()[1], self.place)

    def test_an_image_that_the_key_did_not_sign_stays_out(self) -> None:
        self.done("copy", "--no-signatures", f"oci:{layout()}:{TAGS[2]}", self.place)
        self.refused(2, "untrusted", "index", "add", *signing(), self.place, TAGS[2])
        self.add(TAGS[2], "--allow-unsigned")

    def test_what_is_no_index_is_refused_and_replaced_by_a_rebuild(self) -> None:
        self.done("tag", f"{self.place}:{TAG}", "overdrive-index")
        self.done("sign", "--allow-lower-serial", "--key", keys()[0], f"{self.place}:overdrive-index")
        self.refused(1, "bad-manifest", "index", "add", *signing(), self.place, SECOND)
        self.done("index", "rebuild", *signing(), self.place, SECOND)
        self.assertEqual(self.tags(), [SECOND])

    def test_the_index_of_another_repository_is_refused(self) -> None:
        self.add(TAG)
        copied = self.place + "-copy"
        self.done("copy", f"{self.place}:overdrive-index", copied)
        self.refused(2, "untrusted", "index", "show", "--key", keys()[1], copied)
        self.refused(1, "bad-manifest", "index", "show", copied)

    def test_verify_tells_of_an_image_that_is_gone(self) -> None:
        self.add(TAG, SECOND)
        digest = self.show()["pairs"][0]["digest"]  # type: ignore[index]
        subprocess.run(["curl", "-sf", "-X", "DELETE", f"http://{self.docker.on_host}/v2/{self.repository}/manifests/{digest}"], check=True)
        said = self.refused(8, "answer-is-no", "index", "verify", "--pairs", "--key", keys()[1], self.place)
        self.assertIn(TAG, said.stderr)


class TwoWriters(IndexCase):
    def test_jobs_that_write_at_the_same_time_lose_nothing(self) -> None:
        self.push(*TAGS)
        with ThreadPoolExecutor(len(TAGS)) as jobs:
            said = list(jobs.map(lambda tag: artifact("index", "add", "--settle", 3000, *signing(), self.place, tag), TAGS))
        self.assertEqual([one.rc for one in said], [0] * len(TAGS), said)
        self.assertEqual(self.tags(), TAGS)

    def test_a_writer_that_is_overwritten_in_the_same_moment_writes_again(self) -> None:
        """The stand-in registry takes the index and forgets it at once, as if another job had been faster."""
        place = f"docker://{self.registry.host}/{REPOSITORY}"
        for tag in (TAG, SECOND):
            self.done("push", *signing(), f"oci:{layout()}:{tag}", place)
        self.done("index", "add", "--settle", 0, *signing(), place, TAG)
        tags = self.store.repository(REPOSITORY).tags
        first = tags["overdrive-index"]
        overwritten: list[str] = []

        def overwrite(request: object, reply: object) -> object:
            overwritten.append(tags["overdrive-index"])
            tags["overdrive-index"] = first
            return reply

        self.registry.on("PUT .*/manifests/overdrive-index", overwrite, times=1)  # type: ignore[arg-type]
        self.done("index", "add", "--settle", 0, *signing(), place, SECOND)
        self.assertEqual(len(overwritten), 1)
        shown = self.done("index", "list", "--key", keys()[1], place).stdout
        self.assertEqual([line.split()[0] for line in shown.splitlines()], [TAG, SECOND])


if __name__ == "__main__":
    try:
        unittest.main()
    finally:
        artifact_case.remove_shared()
