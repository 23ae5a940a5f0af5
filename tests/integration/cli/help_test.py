#!/usr/bin/env python3
"""The help texts, the page of exit codes and the manual page are what the program says. After a wanted change:
python3 tests/integration/cli/help_test.py --update
"""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path
from subprocess import run

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cli_case import TOP, programs  # noqa: E402

VERBS = ("install", "plan", "update", "stage", "gate", "activate", "deactivate", "rollback", "recover", "uninstall", "verify", "prune",
         "history", "preflight", "doctor", "status", "list", "wait", "reasons", "cdi")

CDI_VERBS = ("generate", "list", "validate", "min-version", "apply", "transform", "doctor")


def says(*words: str) -> str:
    done = run([programs() / "overdrive", *words], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, f"{words}: exit code {done.returncode}\n{done.stderr}"
    return done.stdout


def goldens() -> dict[Path, str]:
    """Every file that must equal what the program prints."""
    texts = {HERE / f"help/{verb}.txt": says(verb, "--help") for verb in VERBS}
    texts |= {HERE / f"help/cdi-{verb}.txt": says("cdi", verb, "--help") for verb in CDI_VERBS}
    texts[HERE / "help/overdrive.txt"] = says("--help")
    texts[TOP / "docs/exit-codes.md"] = says("reasons")
    page = (TOP / "docs/man/overdrive.8.in").read_text()
    texts[TOP / "docs/man/overdrive.8"] = page.replace("@VERBS@", says("completion", "man"))
    return texts


class HelpTest(unittest.TestCase):
    maxDiff = None

    def test_texts_are_the_golden_ones(self) -> None:
        for path, text in goldens().items():
            with self.subTest(path.name):
                self.assertEqual(path.read_text(), text, "if this is what it should say: help_test.py --update")

    def test_every_verb_has_a_golden_text(self) -> None:
        listed = says("--help").split("Subcommands:\n")[1].split("\n\n")[0]
        verbs = {line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "}
        self.assertEqual(verbs, set(VERBS))
        self.assertEqual({path.stem for path in HERE.glob("help/*.txt")}, {*VERBS, *(f"cdi-{verb}" for verb in CDI_VERBS), "overdrive"})

    def test_every_verb_says_more_than_its_options(self) -> None:
        for verb in VERBS:
            self.assertGreater(len(says(verb, "--help").splitlines()[0].split()), 3, verb)

    def test_json_table_is_the_page(self) -> None:
        rows = json.loads(says("--json", "reasons"))["reasons"]
        page = (TOP / "docs/exit-codes.md").read_text()
        table = [line for line in page.split("| verb | reason | exit code |")[1].splitlines()[2:] if line]
        self.assertEqual([f"| {row['verb']} | {row['reason']} | {row['exit_code']} |" for row in rows], table)


if __name__ == "__main__":
    if "--update" in sys.argv:
        for golden, content in goldens().items():
            golden.parent.mkdir(exist_ok=True)
            golden.write_text(content)
    else:
        unittest.main()
