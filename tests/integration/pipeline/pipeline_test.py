#!/usr/bin/env python3
"""The whole flow with stand-in cells: what is missing is built, proven, published and described; what fails is named and kept away; run
again there is nothing to do; a deleted tag comes back with the same digest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "ci"))

from publishing import provenance, sbom  # noqa: E402
from publishing.local_registry import LocalRegistry, free_port  # noqa: E402

BIN = Path(os.environ.get("OVERDRIVE_BIN") or TOP / "build/dev/bin").resolve()
ARTIFACT = BIN / "overdrive-artifact"
KERNELS = f"set -euo pipefail; . {TOP}/ci/lib/debian-archive.sh; archive_kernels cloud-amd64 6.1"
GOOD, SECOND, BROKEN, FOREIGN = "900.1.0", "900.1.2", "900.1.4", "900.1.6"
MATRIX = """
schema = 1
[drivers]
branches = []
versions = "builder-images/drivers.toml"
[[channel]]
name = "tested"
driver = "{good}"
os = ["debian"]
kernels = 1
[[channel]]
name = "later"
driver = "{broken}"
os = ["debian"]
[[os]]
name = "debian"
id = "debian"
watcher = "debian"
drivers = "debian-archive"
key = "version-kernel"
architectures = ["x86_64"]
flavours = ["cloud-{{arch}}"]
[[os.stream]]
name = "bookworm"
version = "12"
suites = ["bookworm", "bookworm-updates", "bookworm-security"]
kernels = "==6.1"
"""


class Pipeline(unittest.TestCase):
    """The runs build upon each other, so they are made once, in order; the tests look at what each left."""

    @classmethod
    def setUpClass(cls) -> None:
        for program in ("docker-registry", "zstd", "openssl"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"the program {program} is not installed (ci/setup images)")
        cls.work = Path(tempfile.mkdtemp(prefix="pipeline-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.kernel = subprocess.run(["bash", "-c", KERNELS], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
        (cls.work / "program/bin").mkdir(parents=True)
        (cls.work / "program/bin/overdrive").write_text("#!/bin/sh\n")
        (cls.work / "program/bin/overdrive").chmod(0o755)
        (cls.work / "matrix.toml").write_text(MATRIX.format(good=GOOD, broken=BROKEN))
        (cls.work / "broken").mkdir()
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", cls.work / "other.key"], check=True, stderr=subprocess.DEVNULL)
        cls.registry = cls.enterClassContext(LocalRegistry(cls.work / "registry"))
        cls.repository = f"{cls.registry.host}/overdrive/nvidia-debian"
        cls.foretold = cls.pipeline(GOOD, more=("--dry-run",))
        cls.after_dry_run = cls.tags()
        cls.first = cls.pipeline(GOOD, SECOND, BROKEN, FOREIGN)
        cls.first_report = cls.report()
        cls.again = cls.pipeline(GOOD, SECOND)
        cls.delete(SECOND)
        cls.rebuilt = cls.pipeline(GOOD, SECOND, caches="fresh")
        cls.rebuilt_report = cls.report()
        cls.artifact("index", "remove", f"docker://{cls.repository}", cls.tag(SECOND), "--sign-key", cls.work / "keys/local.key")
        cls.mended = cls.pipeline(GOOD, SECOND)
        cls.mended_report = cls.report()

    @classmethod
    def tag(cls, driver: str) -> str:
        return f"12-{cls.kernel}-{driver}"

    @classmethod
    def environment(cls, caches: str) -> dict[str, str]:
        """@param caches a name: built trees and layers lie there, and not where this checkout keeps its own"""
        found = {**os.environ, "OVERDRIVE_ARTIFACT": str(ARTIFACT), "OVERDRIVE_BUILDER": str(Path(__file__).with_name("builder.py")),
                 "OVERDRIVE_DRIVERS": os.environ.get("OVERDRIVE_DRIVERS") or str(TOP / "build/drivers"),
                 "OVERDRIVE_ARCHIVE": os.environ.get("OVERDRIVE_ARCHIVE") or str(TOP / "build/archive"),
                 "OTHER_KEY": str(cls.work / "other.key"), "BROKEN_COPIES": str(cls.work / "broken")}
        return found | ({"OVERDRIVE_DRIVERS": str(cls.work / caches / "drivers"), "OVERDRIVE_LAYERS": str(cls.work / caches / "layers")} if caches else {})

    @classmethod
    def pipeline(cls, *drivers: str, caches: str = "", more: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        words = [TOP / "ci/pipeline", "--local", "--os", "debian", "--limit-kernels", "1", "--no-vm", "--definition", cls.work / "matrix.toml", "--program", cls.work / "program",
                 "--work", cls.work / "work", "--local-data", cls.work, *(word for driver in drivers for word in ("--driver", driver)), *more]
        return subprocess.run(words, env=cls.environment(caches), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)

    @classmethod
    def report(cls) -> dict[str, Any]:
        return dict(json.loads((cls.work / "work/report.json").read_text()))

    @classmethod
    def artifact(cls, *words: object) -> str:
        done = subprocess.run([str(word) for word in (ARTIFACT, "--quiet", *words)], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise AssertionError(f"overdrive-artifact {words[0]} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    @classmethod
    def tags(cls) -> list[str]:
        return [one["tag"] for one in json.loads(cls.artifact("list", "--json", f"docker://{cls.repository}"))["tags"]]

    @classmethod
    def delete(cls, driver: str) -> None:
        """The tag and what it points at, as a registry deletes: by digest."""
        digest = next(one["digest"] for one in cls.first_report["cells"] if one["driver"] == driver)
        host, _, name = cls.repository.partition("/")
        urllib.request.urlopen(urllib.request.Request(f"http://{host}/v2/{name}/manifests/{digest}", method="DELETE"), timeout=30).close()
        assert cls.tag(driver) not in cls.tags()

    def cell(self, report: dict[str, Any], driver: str) -> dict[str, Any]:
        return next(one for one in report["cells"] if one["driver"] == driver)

    def test_a_dry_run_says_what_it_would_do_and_changes_nothing(self) -> None:
        self.assertEqual(self.foretold.returncode, 0, self.foretold.stderr)
        self.assertIn(f"{self.tag(GOOD)}: would be built", self.foretold.stderr)
        self.assertEqual(self.after_dry_run, [])

    def test_good_cells_are_published_and_broken_ones_named(self) -> None:
        self.assertEqual(self.first.returncode, 1, self.first.stdout + self.first.stderr)
        self.assertEqual(self.first_report["counts"], {"published": 2, "failed": 2}, self.first.stderr)
        broken, foreign = self.cell(self.first_report, BROKEN), self.cell(self.first_report, FOREIGN)
        self.assertEqual(broken["step"], "build")
        self.assertIn("log: ", broken["message"])
        self.assertIn("does not compile", Path(broken["message"].split("log: ")[1].strip()).read_text())
        self.assertEqual((foreign["step"], foreign["check"]), ("prove", "signature"))
        self.assertRegex(self.first.stdout, rf"{self.tag(FOREIGN)} +failed .*prove: signature")

    def test_what_failed_has_no_tag_and_is_not_in_the_index(self) -> None:
        pairs = [one for one in self.tags() if one in map(self.tag, (GOOD, SECOND, BROKEN, FOREIGN))]
        self.assertEqual(sorted(pairs), sorted([self.tag(GOOD), self.tag(SECOND)]))
        index = json.loads(self.artifact("index", "show", f"docker://{self.repository}", "--json", "--key", self.work / "keys/local.pub"))
        self.assertEqual(sorted(pair["tag"] for pair in index["pairs"]), sorted(pairs))

    def test_proof_says_which_checks_were_made_and_which_not(self) -> None:
        checks = {one["name"]: one["ok"] for one in self.cell(self.first_report, GOOD)["checks"]}
        self.assertGreater(len(checks), 20)
        for name in ("signature", "undefined-symbol", "firmware", "vermagic"):
            self.assertIs(checks[name], True)
        self.assertNotIn(False, checks.values())

    def test_the_channel_moves_to_what_is_proven_and_another_stays(self) -> None:
        moved = {one["channel"]: one for one in self.first_report["channels"]}
        self.assertEqual((moved["tested"]["driver"], moved["tested"]["changed"]), (GOOD, True))
        self.assertIsNone(moved["later"]["driver"])
        self.assertIn(self.tag(BROKEN), moved["later"]["reason"])
        digests = {one["tag"]: one["digest"] for one in json.loads(self.artifact("resolve", "--json", f"docker://{self.repository}", self.tag(GOOD),
                                                                                 f"12-{self.kernel}-tested"))["tags"]}
        self.assertEqual(len(set(digests.values())), 1)

    def test_the_version_before_gets_a_delta_once(self) -> None:
        (made,), (again,) = self.first_report["deltas"], self.rebuilt_report["deltas"]
        self.assertEqual((made["from"], made["to"], made["changed"]), (GOOD, SECOND, True), made)
        self.assertEqual((again["tag"], again["bytes"], again["changed"]), (made["tag"], made["bytes"], False), again)
        index = json.loads(self.artifact("index", "show", f"docker://{self.repository}", "--json", "--key", self.work / "keys/local.pub"))
        self.assertEqual([(one["from_version"], one["to_version"], one["tag"]) for one in index["deltas"]], [(GOOD, SECOND, made["tag"])])

    def test_run_again_it_does_nothing_and_says_so(self) -> None:
        self.assertEqual(self.again.returncode, 0, self.again.stderr)
        self.assertIn("nothing to do: 2 present", self.again.stderr)
        self.assertNotIn(": build", self.again.stderr)

    def test_a_deleted_tag_is_built_from_scratch_with_the_same_digest(self) -> None:
        self.assertEqual(self.rebuilt.returncode, 0, self.rebuilt.stderr)
        self.assertEqual(self.rebuilt_report["counts"], {"present": 1, "published": 1})
        before, after = self.cell(self.first_report, SECOND), self.cell(self.rebuilt_report, SECOND)
        self.assertEqual((after["outcome"], after["digest"], after["manifest"]), ("published", before["digest"], before["manifest"]))
        self.assertTrue((self.work / "fresh/drivers" / SECOND / self.kernel).is_dir())

    def test_a_run_that_was_cut_off_before_the_index_is_finished_by_the_next(self) -> None:
        self.assertEqual(self.mended.returncode, 0, self.mended.stderr)
        cell = self.cell(self.mended_report, SECOND)
        self.assertEqual((cell["outcome"], cell["uploaded_bytes"], cell["digest"]), ("published", 0, self.cell(self.first_report, SECOND)["digest"]))

    def test_user_space_is_stored_once_however_many_images_name_it(self) -> None:
        layers = self.first_report["storage"]["layers"]
        self.assertEqual((layers["modules"]["named"], layers["program"]["named"], layers["program"]["blobs"]), (2, 2, 1))
        self.assertEqual({len(digests) for digests in self.first_report["storage"]["user_space_of"].values()}, {1})

    def test_sbom_and_provenance_are_attached_and_name_what_it_was_made_of(self) -> None:
        image = f"docker://{self.repository}:{self.tag(GOOD)}"
        document = json.loads(self.artifact("attached", image, "--type", sbom.ARTIFACT_TYPE))
        self.assertEqual(document["metadata"]["component"]["hashes"][0]["content"], self.cell(self.first_report, GOOD)["manifest"][7:])
        self.assertTrue(any(one["name"].endswith("nvidia.ko") for one in document["components"]))
        self.assertTrue(json.loads(self.artifact("attached", image, "--type", provenance.ARTIFACT_TYPE))["signatures"])
        manifest = f"docker://{self.repository}@{self.cell(self.first_report, GOOD)['manifest']}"
        self.assertEqual(json.loads(self.artifact("attached", manifest, "--type", sbom.ARTIFACT_TYPE)), document)

    def reproduce(self, program: Path, *more: object) -> subprocess.CompletedProcess[str]:
        words = [TOP / "ci/reproduce", f"docker://{self.repository}:{self.tag(GOOD)}", "--program", program, "--work", self.work / "reproduce", "--json", *more]
        return subprocess.run([str(word) for word in words], env=self.environment(""), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)

    def test_reproduce_finds_the_same_bits(self) -> None:
        done = self.reproduce(self.work / "program", "--key", self.work / "keys/local.pub")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual([one["equal"] for one in found["comparisons"]], [True] * 4)
        self.assertEqual(found["changed_inputs"], [])

    def test_reproduce_names_the_file_that_differs(self) -> None:
        other = self.work / "other-program"
        shutil.copytree(self.work / "program", other, dirs_exist_ok=True)
        (other / "bin/overdrive").write_text("#!/bin/sh\nexit 1\n")
        done = self.reproduce(other, "--key", self.work / "keys/local.pub")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        differing = {one["what"]: one["files"] for one in json.loads(done.stdout)["comparisons"] if not one["equal"]}
        self.assertIn("overdrive/bin/overdrive", differing["layer program"][0])
        self.assertNotIn("layer user-space", differing)

    def test_reproduce_refuses_provenance_of_another_key(self) -> None:
        public = self.work / "other.pub"
        subprocess.run(["openssl", "pkey", "-in", self.work / "other.key", "-pubout", "-out", public], check=True)
        done = self.reproduce(self.work / "program", "--key", public)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the provenance is not signed by", done.stderr)

    def test_wrong_use_and_a_registry_that_is_away_have_their_own_exit_codes(self) -> None:
        away = f"127.0.0.1:{free_port()}/overdrive/nvidia-{{os_id}}"
        for status, needle, words in ((2, "--sign-key is missing", ("--registry", away)),
                                      (2, "no registry is named", ("--sign-key", self.work / "keys/local.key")),
                                      (2, "there is no program bundle", ("--local", "--program", self.work / "none")),
                                      (2, "the matrix has no nothing", ("--local", "--cell", "nothing")),
                                      (6, "127.0.0.1", ("--registry", away, "--sign-key", self.work / "keys/local.key"))):
            words = [TOP / "ci/pipeline", "--os", "debian", "--limit-kernels", "1", "--driver", GOOD, "--definition", self.work / "matrix.toml", "--program",
                     self.work / "program", "--work", self.work / "refused", "--local-data", self.work, *words]
            done = subprocess.run([str(word) for word in words], env=self.environment(""), capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(needle, done.stderr)


if __name__ == "__main__":
    unittest.main()
