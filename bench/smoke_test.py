#!/usr/bin/env python3
"""bench/run --quick measures what it says, and its table, JSON and plot agree. Run: python3 bench/smoke_test.py"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import floor  # noqa: E402
from floor import Stage  # noqa: E402
from inputs import DriverTree  # noqa: E402
from measure import CommandFailed, Cost, disk_bytes, measure  # noqa: E402
from result import Result  # noqa: E402


class MeasureTest(unittest.TestCase):
    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory(prefix="overdrive-bench-")
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)

    def run_python(self, text: str) -> Cost:
        return measure([sys.executable, "-c", text], self.work, self.work / "log")

    def test_time_that_is_slept_is_no_processor_time(self) -> None:
        cost = self.run_python("import time; time.sleep(0.5)")
        self.assertGreater(cost.wall, 0.5)
        self.assertGreaterEqual(cost.durable, cost.wall)
        self.assertLess(cost.cpu, 0.4)

    def test_memory_is_that_of_the_largest_process(self) -> None:
        small, large = (self.run_python(f"x = b'1' * ({mebi} << 20)").peak_kib for mebi in (1, 64))
        self.assertAlmostEqual((large - small) / 1024, 63, delta=8)

    def test_who_fails_is_named_with_what_it_said(self) -> None:
        with self.assertRaisesRegex(CommandFailed, "ended with 3:\nno luck"):
            self.run_python("import sys; print('no luck'); sys.exit(3)")

    def test_a_file_with_two_names_takes_space_once(self) -> None:
        (self.work / "a").write_bytes(bytes(1 << 20))
        (self.work / "b").hardlink_to(self.work / "a")
        self.assertLess(disk_bytes(self.work), 2 << 20)

    def test_a_driver_that_is_not_there_is_said_with_what_builds_it(self) -> None:
        with self.assertRaisesRegex(SystemExit, "no user space and modules of 1.2.3; build it: builder-images/build"):
            DriverTree.find(self.work, "1.2.3")


class FloorTest(unittest.TestCase):
    def test_it_is_the_slowest_stage_or_all_processor_time_over_the_processors(self) -> None:
        one_slow = {"a": Stage(9.0, 0.1), "b": Stage(0.1, 0.1)}
        all_busy = {str(i): Stage(1.0, 1.0) for i in range(1000)}
        self.assertEqual(floor.of(one_slow), 9.0)
        self.assertGreater(floor.of(all_busy), 1.0)


class ResultTest(unittest.TestCase):
    def test_the_table_has_medians_and_our_ratio_to_each(self) -> None:
        found = Result(facts={"driver": "1", "unpacked_bytes": 1, "zstd_bytes": 1, "gzip_bytes": 1, "cores": 2, "kernel": "k"})
        found.add_floor("zstd", {"get": Stage(1.0, 1.0)})
        for wall in (1.0, 2.0, 9.0):
            found.add("overdrive install (zstd)", False, Cost(wall, wall, 1.0, 1024), 5_000_000)
            found.add("tool (zstd)", True, Cost(2 * wall, 3 * wall, 1.0, 1024), 6_000_000)
        self.assertIn("| overdrive install (zstd), n=3 | 2.00 | 1.00-9.00 | 2.00 | 1.00 | 2.00 | 1.00 | 1 | 5.00 | 0 |", found.to_table())
        self.assertIn("| tool (zstd), n=3 | 4.00 | 2.00-18.00 | 6.00 | 0.50 |", found.to_table())


class QuickRunTest(unittest.TestCase):
    def test_every_way_of_overdrive_is_measured_and_an_update_moves_the_modules_only(self) -> None:
        with tempfile.TemporaryDirectory(prefix="overdrive-bench-") as output:
            done = subprocess.run([str(HERE / "run"), "--quick", "--output", output, "--work", output], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = json.loads((Path(output) / "result.json").read_text())
            picture = xml.fromstring((Path(output) / "plot.svg").read_text())
        self.assertEqual(found["failures"], {})
        rows = {key: row["median"] for key, row in found["rows"].items()}
        self.assertEqual(set(rows), {"overdrive install (zstd)", "overdrive install (gzip)", "overdrive, next kernel (zstd)"})
        modules, install = found["facts"]["modules_bytes"], rows["overdrive install (zstd)"]
        self.assertGreater(install["wire_bytes"], modules + 1_000_000)
        self.assertLess(rows["overdrive, next kernel (zstd)"]["wire_bytes"], modules + 100_000)
        self.assertTrue(all(row["wall"] > 0 and row["cpu"] > 0 and row["disk_bytes"] > 5_000_000 for row in rows.values()), rows)
        self.assertTrue(all(seconds > 0 for seconds in found["floor"].values()), found["floor"])
        self.assertEqual(len([one for one in picture.iter() if one.tag.endswith("rect")]), 1 + 2 * len(rows))


if __name__ == "__main__":
    unittest.main()
