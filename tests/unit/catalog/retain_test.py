#!/usr/bin/env python3
"""ci/retain, with Debian's archive as it is today and a program in the place of overdrive-artifact that tells of an index."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from catalog_case import TOP

TEMPLATE = "127.0.0.1:1/overdrive/nvidia-{os_id}"
DEFINITION = """
schema = 1
[drivers]
branches = ["550"]
[retention]
newest_drivers = 1
days = 30
[[os]]
name = "debian"
id = "debian"
watcher = "debian"
drivers = "debian-archive"
key = "version-kernel"
architectures = ["x86_64"]
flavours = ["cloud-{arch}"]
[[os.stream]]
name = "bookworm"
version = "12"
suites = ["bookworm", "bookworm-security"]
"""
# Answers `index show` from a file, everything else with an empty success; writes down what it was asked.
FAKE = """#!/usr/bin/env python3
import json, sys
from pathlib import Path
here = Path(__file__).parent
words = [word for word in sys.argv[1:] if word != "--quiet"]
with open(here / "asked", "a") as asked:
    asked.write(json.dumps(words) + "\\n")
if words[:2] == ["index", "show"]:
    if not (here / "index.json").exists():
        print("no pair index", file=sys.stderr)
        sys.exit(3)
    print((here / "index.json").read_text())
elif words[0] == "remove":
    print(json.dumps({"tags": [{"tag": tag, "removed": True} for tag in words[2:] if not tag.startswith("--")]}))
"""


class Retain(unittest.TestCase):
    served: str

    @classmethod
    def setUpClass(cls) -> None:
        command = [TOP / "ci/matrix", "--os", "debian", "--flavour", "cloud-amd64", "--driver", "stand-in", "--limit", "1", "--architecture", "x86_64", "--json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=900)
        cls.served = json.loads(done.stdout)["cells"][0]["os"]["key"]

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.work = Path(temporary.name)
        (self.work / "artifact").write_text(FAKE)
        (self.work / "artifact").chmod(0o755)
        (self.work / "matrix.toml").write_text(DEFINITION)

    def index(self, *pairs: tuple[str, str, int], channels: dict[str, str] | None = None) -> None:
        """@param pairs OS key, driver version, age in days"""
        now = int(time.time())
        (self.work / "index.json").write_text(json.dumps({"channels": channels or {}, "pairs": [
            {"os": {"id": "debian", "version": "12", "key": key}, "architecture": "amd64", "driver": f"{version}-open", "driver_version": version,
             "module_type": "open", "tag": f"{key}-{version}-open", "created": now - days * 86400} for key, version, days in pairs]}))

    def retain(self, *more: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OVERDRIVE_ARTIFACT": str(self.work / "artifact")}
        return subprocess.run([TOP / "ci/retain", "--os", "debian", "--registry", TEMPLATE, "--key", "some.pub",
                               "--definition", self.work / "matrix.toml", *more],
                              env=environment, capture_output=True, text=True, timeout=900)

    def asked(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.work / "asked").read_text().splitlines()]

    def test_what_goes_leaves_the_index_first_and_then_the_registry(self) -> None:
        self.index((self.served, "550.163.01", 100), ("12-6.1.0-1-amd64", "550.163.01", 100))
        done = self.retain("--sign-key", "some.key")
        self.assertEqual(done.returncode, 0, done.stderr)
        gone = "12-6.1.0-1-amd64-550.163.01-open"
        place = "docker://127.0.0.1:1/overdrive/nvidia-debian"
        self.assertEqual(self.asked()[1:], [["index", "remove", place, gone, "--sign-key", "some.key"], ["remove", place, gone, "--json"]])
        self.assertRegex(done.stdout, rf"{gone} +removed +no stream serves")
        self.assertIn("2 tags, 1 removed", done.stdout)

    def test_a_dry_run_asks_for_the_index_and_nothing_more(self) -> None:
        self.index(("12-6.1.0-1-amd64", "550.163.01", 100))
        done = self.retain("--dry-run", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([words[:2] for words in self.asked()], [["index", "show"]])
        told = json.loads(done.stdout)
        self.assertEqual((told["dry_run"], [entry["keep"] for entry in told["repositories"][0]["tags"]]), (True, [False]))

    def test_more_than_is_allowed_is_not_begun(self) -> None:
        self.index(*((f"12-6.1.0-{number}-amd64", "550.163.01", 100) for number in range(1, 4)))
        done = self.retain("--sign-key", "some.key", "--most", "2")
        self.assertEqual(done.returncode, 2)
        self.assertIn("nothing was removed", done.stderr)
        self.assertEqual(len(self.asked()), 1)

    def test_what_a_channel_names_stays(self) -> None:
        self.index(("12-6.1.0-1-amd64", "550.163.01", 100), channels={"stable": "550.163.01-open"})
        done = self.retain("--sign-key", "some.key")
        self.assertIn("channel 'stable' names its driver", done.stdout)
        self.assertEqual(len(self.asked()), 1)

    def test_a_repository_without_an_index_has_nothing_to_remove(self) -> None:
        done = self.retain("--dry-run")
        self.assertEqual((done.returncode, done.stdout), (0, "127.0.0.1:1/overdrive/nvidia-debian: 0 tags, nothing to remove\n"))

    def test_a_key_or_a_dry_run_is_needed(self) -> None:
        done = self.retain()
        self.assertEqual(done.returncode, 2)
        self.assertIn("--sign-key is needed, or --dry-run", done.stderr)


if __name__ == "__main__":
    unittest.main()
