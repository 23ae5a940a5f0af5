#!/usr/bin/env python3
"""overdrive-artifact removes tags: at Debian's docker-registry, which only knows digests, and at one that removes tags."""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest
from unittest import mock

import artifact_case
from artifact_case import TAG, TOP, ArtifactCase, RegistryCase, for_architecture, layout
from cli_case import OS_VERSION
from loopback_http import Reply, Request
from standin_registry import RegistryApi, refuse
from vm_registry import Registry

SECOND = f"{OS_VERSION}-900.1.2"


class Remove(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        for tag in (TAG, SECOND):
            self.done("push", "--sign-key", artifact_case.cli_case.keys()[0], f"oci:{layout()}:{tag}", self.place)

    def tags(self) -> list[str]:
        return [str(one["tag"]) for one in self.done("list", "--all", "--json", self.place).json["tags"]]  # type: ignore[attr-defined]

    def test_a_tag_goes_with_its_image_and_its_signatures_and_nothing_else(self) -> None:
        before = self.tags()
        told = self.done("remove", "--json", self.place, TAG).json["tags"][0]  # type: ignore[index]
        self.assertEqual((told["removed"], len(told["signatures"])), (True, 1))
        self.assertEqual(sorted(self.tags()), sorted(set(before) - {TAG, *told["signatures"]}))
        self.refused(3, "no-artifact", "inspect", f"{self.place}:{TAG}")
        self.assert_installed(self.install(self.place, "900.1.2"), "900.1.2")

    def test_pushed_again_it_has_the_same_digest(self) -> None:
        digest = self.done("resolve", self.place, TAG).stdout
        self.done("remove", self.place, TAG)
        self.done("push", self.source, self.place)
        self.assertEqual(self.done("resolve", self.place, TAG).stdout, digest)

    def test_an_image_that_another_tag_names_stays_until_that_goes_too(self) -> None:
        self.done("tag", f"{self.place}:{TAG}", "stable")
        before = self.tags()
        said = artifact_case.artifact("remove", self.place, TAG)
        self.assertEqual(said.rc, 1, said)
        self.assertIn("'stable' names it too", said.stdout)
        self.assertEqual(self.tags(), before)
        self.done("remove", self.place, TAG, "stable")
        self.assertEqual([tag for tag in self.tags() if not tag.startswith("sha256-")], [SECOND])

    def test_an_image_that_an_index_names_stays_until_that_goes_too(self) -> None:
        self.done("tag", f"{self.place}:{TAG}", "stable")
        other = self.work / "arm"
        for_architecture(layout(), other, "arm64")
        self.done("push", f"oci:{other}:{TAG}", self.place)
        said = artifact_case.artifact("remove", self.place, "stable")
        self.assertEqual(said.rc, 1, said)
        self.assertIn(f"'{TAG}' names it too", said.stdout)
        self.assert_installed(self.install(self.place, "900.1.0"), "900.1.0")

    def test_a_tag_that_is_not_there_is_an_answer(self) -> None:
        self.assertEqual(self.done("remove", self.place, "nothing").stdout, "nothing: was not there\n")

    def test_a_dry_run_removes_nothing(self) -> None:
        mark, before = self.docker.mark(), self.tags()
        self.assertIn(f"{TAG}: would be removed, with 1 tag of signatures", self.done("remove", "--dry-run", self.place, TAG).stdout)
        self.assertEqual([one for one in self.docker.requests(mark) if one.method == "DELETE"], [])
        self.assertEqual(self.tags(), before)

    def test_a_registry_that_removes_nothing_says_so(self) -> None:
        with mock.patch.dict(os.environ, REGISTRY_STORAGE_DELETE_ENABLED="false"), Registry(self.docker.directory) as registry:
            place = self.place.replace(self.docker.on_host, registry.on_host)
            said = self.refused(1, "read-only", "remove", place, TAG)
            self.assertIn("does not remove anything", said.stderr)
            self.assertIn("storage.delete.enabled", said.stderr)

    def test_only_a_repository_can_be_named(self) -> None:
        self.refused(2, "usage", "remove", f"{self.place}:{TAG}", TAG)
        self.refused(2, "usage", "remove", f"oci:{layout()}", TAG)


class Retained(ArtifactCase):
    """ci/retain against a real registry with a signed index."""

    # An OS whose stream serves nothing that the artifacts of this test are for.
    DEFINITION = """
schema = 1
[drivers]
branches = ["900"]
[retention]
newest_drivers = 1
days = {days}
[[os]]
name = "coreos"
id = "coreos"
watcher = "debian"
drivers = "debian-archive"
key = "version-kernel"
architectures = ["x86_64"]
[[os.stream]]
name = "bookworm"
version = "12"
suites = ["bookworm"]
"""

    def retain(self, registry: Registry, days: int, *more: str) -> subprocess.CompletedProcess[str]:
        (self.work / "matrix.toml").write_text(self.DEFINITION.format(days=days))
        private, public = artifact_case.cli_case.keys()
        command = [TOP / "ci/retain", "--registry", f"{registry.on_host}/overdrive/nvidia-{{os_id}}", "--key", public, "--sign-key", private,
                   "--definition", self.work / "matrix.toml", *more]
        environment = {**os.environ, "OVERDRIVE_ARTIFACT": str(artifact_case.programs() / "overdrive-artifact")}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)

    def test_what_no_stream_serves_leaves_the_index_and_the_registry(self) -> None:
        if not shutil.which("docker-registry"):
            self.skipTest("docker-registry is not installed (ci/setup images)")
        with Registry() as registry:
            place, private = self.at(registry), artifact_case.cli_case.keys()[0]
            for tag in (TAG, SECOND):
                self.done("push", "--sign-key", private, f"oci:{layout()}:{tag}", place)
            self.done("index", "add", place, TAG, SECOND, "--sign-key", private)
            young = self.retain(registry, 30)
            self.assertEqual(young.returncode, 0, young.stderr)
            self.assertIn("2 tags, nothing to remove", young.stdout)
            dry = self.retain(registry, 0, "--dry-run")
            self.assertIn("2 tags, 2 would be removed", dry.stdout)
            self.done("index", "channel", place, "stable", "900.1.2", "--sign-key", private)
            done = self.retain(registry, 0)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("2 tags, 1 removed", done.stdout)
            pairs = self.done("index", "show", place, "--json", "--key", artifact_case.cli_case.keys()[1]).json["pairs"]
            self.assertEqual([pair["tag"] for pair in pairs], [SECOND])  # type: ignore[attr-defined]
            self.refused(3, "no-artifact", "inspect", f"{place}:{TAG}")
            self.done("inspect", f"{place}:{SECOND}")


class RemoveTagsAlone(ArtifactCase):
    """A registry that removes a tag and leaves the image, as the specification has it."""

    def setUp(self) -> None:
        super().setUp()
        api = RegistryApi(self.store)

        def respond(request: Request) -> Reply:
            if request.method != "DELETE":
                return api(request)
            name, _, reference = request.path.removeprefix("/v2/").partition("/manifests/")
            tags = self.store.repository(name).tags
            if ":" in reference:
                return refuse(405, "UNSUPPORTED", "images are not removed here")
            return Reply(202) if tags.pop(reference, None) else refuse(404, "MANIFEST_UNKNOWN", "no such tag")

        self.place = self.at(self.serve(respond))
        self.done("push", "--sign-key", artifact_case.cli_case.keys()[0], self.source, self.place)
        self.done("tag", f"{self.place}:{TAG}", "stable")

    def tags(self) -> list[str]:
        return [str(one["tag"]) for one in self.done("list", "--all", "--json", self.place).json["tags"]]  # type: ignore[attr-defined]

    def test_another_tag_of_the_image_keeps_image_and_signatures(self) -> None:
        before = self.tags()
        told = self.done("remove", "--json", self.place, TAG).json["tags"][0]  # type: ignore[index]
        self.assertEqual((told["removed"], told["signatures"]), (True, []))
        self.assertEqual(self.tags(), [tag for tag in before if tag != TAG])
        self.assertEqual(self.done("remove", "--json", self.place, "stable").json["tags"][0]["removed"], True)  # type: ignore[index]
        self.assertEqual(self.tags(), [])


if __name__ == "__main__":
    try:
        unittest.main()
    finally:
        artifact_case.remove_shared()
