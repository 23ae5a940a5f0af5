#!/usr/bin/env python3
"""The definitions of CI are thin: they call commands of ci/ that exist, with options that those have, and nothing else.

Their JSON schemas are `ci/check-ci-definitions`, which needs the npm registry.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import tempfile
import unittest
from functools import cache
from pathlib import Path

from catalog_case import TOP, driver, release, small_matrix

from catalog import jobs
from catalog.cell import Cell

WORKFLOWS = sorted((TOP / ".github/workflows").glob("*.yml"))
GITLAB = [TOP / ".gitlab-ci.yml", TOP / "ci/gitlab/cell.yml"]
# One command, no shell but variables in quotes: no pipe, no list, no redirection, no substitution.
COMMAND = re.compile(r'(ci/[a-z-]+)((?: (?:[A-Za-z0-9/._-]+|"\$[A-Z_]+"))*)\Z')


def commands_of(path: Path) -> list[str]:
    """What a definition runs: `run:` of GitHub Actions, the items of `script:` and `before_script:` of GitLab CI."""
    found, inside = [], False
    for line in path.read_text().splitlines():
        if match := re.match(r"\s*(?:- )?run: (.*)", line):
            found.append(match[1])
        if re.match(r"\s*(?:before_|after_)?script:", line):
            inside = True
        elif inside and (match := re.match(r"\s*- (.*)", line)):
            found.append(match[1])
        else:
            inside = False
    return found


@cache
def help_of(command: str) -> str:
    return subprocess.run([TOP / command, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout


class Thin(unittest.TestCase):
    def test_every_step_is_one_command_of_ci_that_is_there(self) -> None:
        for path in [*WORKFLOWS, *GITLAB]:
            for command in commands_of(path):
                with self.subTest(f"{path.name}: {command}"):
                    match = COMMAND.match(command)
                    self.assertIsNotNone(match)
                    assert match is not None
                    self.assertTrue(os.access(TOP / match[1], os.X_OK), f"{match[1]} is not there")

    def test_each_definition_runs_something(self) -> None:
        for path in [*WORKFLOWS, *GITLAB]:
            self.assertGreater(len(commands_of(path)), 0, path)

    def test_every_option_is_one_that_the_command_has(self) -> None:
        lines = [command for path in [*WORKFLOWS, *GITLAB] for command in commands_of(path)]
        lines += [line for job in json.loads(jobs.gitlab_pipeline([cell("linux")])).values() if isinstance(job, dict) for line in job.get("script", [])]
        for line in lines:
            for option in re.findall(r" (--[a-z-]+)", line):
                with self.subTest(line):
                    self.assertIn(option, help_of(line.split()[0]))


class Safe(unittest.TestCase):
    def test_nothing_of_an_event_gets_into_a_command_line(self) -> None:
        for path in WORKFLOWS:
            for command in commands_of(path):
                self.assertNotIn("${{", command, path)
            self.assertNotIn("pull_request_target", path.read_text())

    def test_a_token_may_read_unless_a_job_says_otherwise(self) -> None:
        for path in WORKFLOWS:
            self.assertIn("\npermissions:\n  contents: read\n", path.read_text(), path)

    def test_every_job_ends_and_runs_do_not_overlap(self) -> None:
        for path in WORKFLOWS:
            text = path.read_text()
            self.assertEqual(len(re.findall(r"\n    runs-on: ", text)), len(re.findall(r"\n    timeout-minutes: \d+\n", text)), path)
            self.assertIn("\nconcurrency:\n", text, path)

    def test_actions_are_pinned_and_leave_no_login_behind(self) -> None:
        for path in WORKFLOWS:
            used = re.findall(r"uses: (.*)", path.read_text())
            for action in used:
                self.assertRegex(action, r"^actions/[a-z-]+@[0-9a-f]{40}  # v[0-9.]+$", path)
            self.assertEqual(sum("checkout" in action for action in used), path.read_text().count("persist-credentials: false"), path)

    def test_secrets_reach_only_the_step_that_places_them(self) -> None:
        for path in WORKFLOWS:
            text = path.read_text()
            for match in re.finditer(r"\$\{\{ secrets\.", text):
                step = text[:match.start()].rsplit("\n      - ", 1)[1]
                self.assertIn("run: ci/secrets ", step, path)


class Secrets(unittest.TestCase):
    def run_with(self, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], **variables}
        return subprocess.run([TOP / "ci/secrets", "--directory", directory, "--registry", "registry.example:5000/overdrive/nvidia-{os_id}"],
                              env=environment, capture_output=True, text=True, timeout=60)

    def test_files_are_for_their_owner_and_nothing_is_printed(self) -> None:
        with tempfile.TemporaryDirectory() as work:
            directory = Path(work) / "ci"
            done = self.run_with(directory, REGISTRY_USER="me", REGISTRY_PASSWORD="geheim", OVERDRIVE_SIGN_KEY_PEM="-----BEGIN KEY-----\nkey")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads((directory / "auth.json").read_text()), {"auths": {"registry.example:5000": {"auth": "bWU6Z2VoZWlt"}}})
            self.assertEqual((directory / "sign.key").read_text(), "-----BEGIN KEY-----\nkey\n")
            for path in (directory, *directory.iterdir()):
                self.assertEqual(path.stat().st_mode & 0o077, 0, path)
            for secret in ("geheim", "bWU6Z2VoZWlt", "BEGIN"):
                self.assertNotIn(secret, done.stdout + done.stderr)

    def test_a_key_may_be_on_one_line_in_base64(self) -> None:
        with tempfile.TemporaryDirectory() as work:
            pem = "-----BEGIN KEY-----\nkey\n"
            self.assertEqual(self.run_with(Path(work) / "ci", OVERDRIVE_SIGN_KEY_PEM=base64.b64encode(pem.encode()).decode()).returncode, 0)
            self.assertEqual((Path(work) / "ci/sign.key").read_text(), pem)

    def test_what_is_no_key_is_refused_and_not_printed(self) -> None:
        for value in ("geheim", "Z2VoZWlt", "\u00fcber"):
            with tempfile.TemporaryDirectory() as work:
                done = self.run_with(Path(work) / "ci", OVERDRIVE_SIGN_KEY_PEM=value)
                self.assertEqual((done.returncode, list((Path(work) / "ci").iterdir())), (2, []))
                self.assertEqual(done.stderr, "secrets: error: OVERDRIVE_SIGN_KEY_PEM is neither a PEM file nor base64 of one\n")

    def test_what_is_not_set_is_left_out_and_told(self) -> None:
        with tempfile.TemporaryDirectory() as work:
            done = self.run_with(Path(work) / "ci")
            self.assertEqual((done.returncode, sorted((Path(work) / "ci").iterdir())), (0, []))
            self.assertIn("none of the variables is set", done.stderr)


def cell(label: str = "", kernel: str = "6.1.0-9-cloud-amd64", state: str = "missing") -> Cell:
    runner = {"github": (label,), "gitlab": (label,)} if label else {}
    return Cell("debian", "debian", f"12-{kernel}", release(kernel), driver("550.163.01"), "registry.example/nvidia-debian", state, runner=runner)


class Jobs(unittest.TestCase):
    def test_a_job_for_each_missing_cell_that_a_runner_can_build(self) -> None:
        cells, notes = jobs.to_build([cell("linux"), cell("linux", state="present"), cell("linux", state="blocked"), cell()], "github")
        self.assertEqual(cells, [cell("linux")])
        self.assertEqual(notes, ["1 missing cells have no runner (x86_64): name one in [runners]"])
        self.assertEqual(json.loads(jobs.github_matrix(cells)),
                         {"include": [{"os": "debian", "tag": "12-6.1.0-9-cloud-amd64-550.163.01-open", "runner": ["linux"]}]})

    def test_what_exceeds_the_limit_of_a_run_waits_for_the_next(self) -> None:
        for system, most in jobs.MOST_JOBS.items():
            cells, notes = jobs.to_build([cell("linux", f"6.1.0-{number}-amd64") for number in range(most + 3)], system)
            self.assertEqual(len(cells), most)
            self.assertRegex(notes[0], "^3 missing cells are left for the next run")

    def test_the_outputs_of_github_are_one_line_each(self) -> None:
        lines = jobs.github_outputs([cell("linux"), cell("linux", "6.1.0-10-amd64")]).splitlines()
        self.assertEqual([line.split("=")[0] for line in lines], ["count", "matrix"])
        self.assertEqual(lines[0], "count=2")

    def test_gitlab_gets_a_pipeline_even_when_nothing_is_missing(self) -> None:
        empty = json.loads(jobs.gitlab_pipeline([]))
        self.assertIn("nothing is missing", empty)
        full = json.loads(jobs.gitlab_pipeline([cell("linux")]))
        job = full["debian 12-6.1.0-9-cloud-amd64-550.163.01-open x86_64"]
        self.assertEqual((job["tags"], job["extends"]), (["linux"], ".cell"))
        self.assertEqual(full["include"], [{"local": "ci/gitlab/cell.yml"}])

    def test_the_runners_of_the_definition_get_into_the_cells(self) -> None:
        self.assertEqual(small_matrix().runners, {"x86_64": {"github": ("big",), "gitlab": ("huge",)}})


if __name__ == "__main__":
    unittest.main()
