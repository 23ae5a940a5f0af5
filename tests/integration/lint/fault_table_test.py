#!/usr/bin/env python3
"""ci/check-fault-table finds what it is for. Run: python3 tests/integration/lint/fault_table_test.py"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]


class FaultTableTest(unittest.TestCase):
    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory(prefix="overdrive-fault-table-test-")
        self.addCleanup(work.cleanup)
        self.tree = Path(work.name)
        shutil.copytree(TOP / "tests", self.tree / "tests")
        shutil.copytree(TOP / "ci", self.tree / "ci")
        self.table = self.tree / "tests/README.md"

    def edit(self, old: str, new: str) -> None:
        text = self.table.read_text()
        self.assertIn(old, text)
        self.table.write_text(text.replace(old, new))

    def check(self) -> tuple[int, str]:
        done = subprocess.run([TOP / "ci/check-fault-table", self.tree], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def assert_found(self, *parts: str) -> None:
        status, output = self.check()
        self.assertEqual(status, 1, output)
        for part in parts:
            self.assertIn(part, output)

    def test_is_content_with_the_table_and_says_how_many_have_no_test(self) -> None:
        status, output = self.check()
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"^faults: 80 rows, \d+ tests, \d+ without a test\n$")

    def test_finds_a_missing_and_a_doubled_row(self) -> None:
        self.edit("| A14 |", "| A13 |")
        self.assert_found("A14 is missing", "A13 has two rows")

    def test_finds_a_test_that_is_gone(self) -> None:
        for name, instead in (("UnitFilesTest.TheDriverComesBeforeEveryConsumer", "UnitFilesTest.Gone"),
                              ("host_faults_test.py::DisksTest.test_a14_a_disk_that_blocks_holds_a_run_but_loses_nothing", "host_faults_test.py::DisksTest.test_gone"),
                              ("ci/killsweep --scenario prune", "ci/gone"), ("HostileMembers.DoNoHarm/E14_*", "HostileMembers.DoNoHarm/E15_*")):
            with self.subTest(instead):
                self.edit(name, instead)
                self.assert_found(f"names '{instead}', which is not there")
                self.edit(instead, name)

    def test_finds_a_row_without_a_test_or_a_reason(self) -> None:
        self.edit("| A14 | a disk that blocks | `", "| A14 | a disk that blocks | |\n| Z1 | x | `")
        self.assert_found("A14 names no test")

    def test_takes_a_reason_for_a_test(self) -> None:
        before = int(self.check()[1].split(" without")[0].split()[-1])
        self.edit("| A14 | a disk that blocks | `", "| A14 | a disk that blocks | none: no such disk |\n| Z1 | x | `")
        status, output = self.check()
        self.assertEqual(status, 0, output)
        self.assertIn(f"{before + 1} without a test", output)


if __name__ == "__main__":
    unittest.main()
