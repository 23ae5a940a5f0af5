#!/usr/bin/env python3
"""With one registries.conf, skopeo and overdrive ask the same registries for the same names.
Run as root: python3 tests/integration/places/same_places_test.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "registry"))

from registry_case import DRIVER, QUICK, REPOSITORY, TAG, RegistryCase  # noqa: E402 - first: it says where the others are
from registry_case import main as run_tests  # noqa: E402
from cli_case import layout, remove_shared, say  # noqa: E402
from registry_store import INDEX, digest_of, index_around  # noqa: E402
from vm_registry import Registry  # noqa: E402

NAME = "sub.registry.test"
SOURCE = f"docker://{NAME}/{REPOSITORY}"


class SamePlacesTest(RegistryCase):
    settings = QUICK

    def setUp(self) -> None:
        super().setUp()
        self.real = {name: Registry(self.work / name) for name in ("own", "first", "second")}
        for registry in self.real.values():
            registry.start()
            self.addCleanup(registry.close)
        self.digest = ""

    def give(self, name: str, repository: str = REPOSITORY) -> None:
        """The registry has the artifact, its tag an index of platforms: so a manifest is asked for by digest too."""
        place = f"{self.real[name].on_host}/{repository}"
        say(["skopeo", "copy", "-q", "--preserve-digests", "--dest-tls-verify=false", f"oci:{layout()}:{TAG}", f"docker://{place}:{TAG}"])
        manifest = subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--raw", f"docker://{place}:{TAG}"], check=True, capture_output=True).stdout
        index = index_around(digest_of(manifest), len(manifest))
        url = f"http://{self.real[name].on_host}/v2/{repository}/manifests/{TAG}"
        urllib.request.urlopen(urllib.request.Request(url, index, {"Content-Type": INDEX}, method="PUT")).close()
        self.digest = digest_of(index)

    def rules(self, text: str) -> None:
        """registries.conf of both; `{own}` and so on are where the registries listen."""
        self.conf = self.host.root / "etc/containers/registries.conf"
        self.conf.parent.mkdir(parents=True, exist_ok=True)
        self.conf.write_text(text.format(**{name: registry.on_host for name, registry in self.real.items()}))
        self.remember()

    def asked(self, marks: dict[str, int], by_tag: bool) -> dict[str, set[str]]:
        """By registry: the repositories in which it was asked for the tag, or for a manifest by digest. (Signatures have tags
        of their own, which skopeo does not look for.)"""
        found: dict[str, set[str]] = {}
        for name, registry in self.real.items():
            parts = [one.path.split("/manifests/") for one in registry.requests(since=marks[name]) if "/manifests/" in one.path]
            repositories = {repository for repository, what in parts if (what == TAG if by_tag else what.startswith("sha256:"))}
            if repositories:
                found[name] = repositories
        return found

    def marks(self) -> dict[str, int]:
        return {name: registry.mark() for name, registry in self.real.items()}

    def skopeo_asks(self, reference: str, by_tag: bool) -> dict[str, set[str]]:
        marks = self.marks()
        self.said = subprocess.run(["skopeo", "--registries-conf", self.conf, "inspect", "--raw", reference],
                                   capture_output=True, text=True, timeout=60)
        return self.asked(marks, by_tag)

    def assert_same(self) -> dict[str, set[str]]:
        """Both ask the same for the tag, and below it for digests; returns what was asked for the tag."""
        tag = self.skopeo_asks(f"{SOURCE}:{TAG}", True)
        digest = self.skopeo_asks(f"{SOURCE}@{self.digest}", False)
        self.assertEqual(self.said.returncode, 0, self.said.stderr)
        marks = self.marks()
        self.installed(self.timed(20, SOURCE))
        self.assertEqual(self.asked(marks, True), tag)
        self.assertEqual(self.asked(marks, False), digest)
        return tag

    def test_the_first_mirror_that_has_it_is_asked_alone(self) -> None:
        self.give("first", f"cache/{REPOSITORY}")
        self.give("own")
        self.rules('[[registry]]\nprefix = "sub.registry.test"\nlocation = "{own}"\ninsecure = true\n'
                   '[[registry.mirror]]\nlocation = "{first}/cache"\ninsecure = true\n'
                   '[[registry.mirror]]\nlocation = "{second}"\ninsecure = true\n')
        self.assertEqual(self.assert_same(), {"first": {f"/v2/cache/{REPOSITORY}"}})

    def test_mirrors_without_it_are_asked_and_then_the_location(self) -> None:
        self.give("own", "moved/nvidia-coreos")
        self.rules('[[registry]]\nprefix = "sub.registry.test/overdrive"\nlocation = "{own}/moved"\ninsecure = true\n'
                   '[[registry.mirror]]\nlocation = "{first}/cache"\ninsecure = true\n'
                   '[[registry.mirror]]\nlocation = "{second}"\ninsecure = true\n')
        self.assertEqual(set(self.assert_same()), {"own", "first", "second"})

    def test_a_mirror_for_digests_only(self) -> None:
        for name in ("own", "first"):
            self.give(name)
        for rule in ("mirror-by-digest-only = true\nmirror = [{{location = \"{first}\", insecure = true}}]\n",
                     "[[registry.mirror]]\nlocation = \"{first}\"\ninsecure = true\npull-from-mirror = \"digest-only\"\n"):
            with self.subTest(rule):
                self.new_host()
                self.rules('[[registry]]\nprefix = "sub.registry.test"\nlocation = "{own}"\ninsecure = true\n' + rule)
                self.assertEqual(set(self.assert_same()), {"own"})

    def test_a_mirror_for_tags_only(self) -> None:
        for name in ("own", "first"):
            self.give(name)
        self.rules('[[registry]]\nprefix = "sub.registry.test"\nlocation = "{own}"\ninsecure = true\n'
                   '[[registry.mirror]]\nlocation = "{first}"\ninsecure = true\npull-from-mirror = "tag-only"\n')
        self.assertEqual(set(self.assert_same()), {"first"})

    def test_a_wildcard_and_a_longer_prefix(self) -> None:
        self.give("own")
        self.give("second", "x/nvidia-coreos")
        wildcard = '[[registry]]\nprefix = "*.registry.test"\nlocation = "{own}"\ninsecure = true\n'
        self.rules(wildcard)
        self.assertEqual(set(self.assert_same()), {"own"})
        self.new_host()
        self.rules(wildcard + '[[registry]]\nprefix = "sub.registry.test/overdrive"\nlocation = "{second}/x"\ninsecure = true\n')
        self.assertEqual(set(self.assert_same()), {"second"})

    def test_a_drop_in_replaces_the_table_of_its_prefix(self) -> None:
        self.give("second")
        self.rules('[[registry]]\nprefix = "sub.registry.test"\nlocation = "{own}"\ninsecure = true\n')
        folder = self.conf.with_suffix(".conf.d")
        folder.mkdir()
        (folder / "50-here.conf").write_text('[[registry]]\nprefix = "sub.registry.test"\ninsecure = true\n'
                                             f'location = "{self.real["second"].on_host}"\n')
        self.remember()
        marks = self.marks()
        self.installed(self.timed(20, SOURCE))
        self.assertEqual(set(self.asked(marks, True)), {"second"})

    def test_a_blocked_registry_is_asked_by_neither(self) -> None:
        self.give("own")
        own = self.real["own"].on_host
        self.rules('[[registry]]\nlocation = "{own}"\ninsecure = true\nblocked = true\n')
        said = subprocess.run(["skopeo", "--registries-conf", self.conf, "inspect", "--raw", f"docker://{own}/{REPOSITORY}:{TAG}"],
                              capture_output=True, text=True, timeout=60)
        self.assertNotEqual(said.returncode, 0)
        self.assertIn("is blocked", said.stderr)
        marks = self.marks()
        self.refused(self.timed(20, f"docker://{own}/{REPOSITORY}"), "config", 2, "is blocked by", "registries.conf:1")
        self.assertEqual(self.asked(marks, True), {})

    def test_a_name_that_is_moved_is_blocked_all_the_same(self) -> None:
        """Not so for skopeo 1.9, which looks at the name it was moved to."""
        self.give("own")
        self.rules('[[registry]]\nprefix = "sub.registry.test"\nlocation = "{own}"\ninsecure = true\nblocked = true\n')
        self.refused(self.timed(20, SOURCE), "config", 2, "is blocked by")

    def test_both_refuse_what_is_no_registries_conf(self) -> None:
        self.give("own")
        for text in ("[[registry\n", '[[registry]]\nprefix = "x.test"\n', '[[registry]]\nlocation = "https://x.test"\n'):
            with self.subTest(text):
                self.rules(text)
                self.skopeo_asks(f"{SOURCE}:{TAG}", True)
                self.assertNotEqual(self.said.returncode, 0)
                self.refused(self.timed(20, SOURCE), "config", 2, "registries.conf:1")


tearDownModule = remove_shared

if __name__ == "__main__":
    for program in ("docker-registry", "skopeo"):
        if not shutil.which(program):
            print(f"SKIPPED: {program} is missing; run: ci/setup images")
            sys.exit(77)
    run_tests()
