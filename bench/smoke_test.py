#!/usr/bin/env python3
"""bench/run and bench/growth, --quick, measure what they say, and their tables, JSON and plots agree. Run: python3 bench/smoke_test.py"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from collections.abc import Callable
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import floor  # noqa: E402
import goals  # noqa: E402
from branch import older_of  # noqa: E402
from curve import FLAT, LINEAR, Curve, Expected, gentle, table  # noqa: E402
from floor import Stage  # noqa: E402
from inputs import DriverTree  # noqa: E402
from measure import CommandFailed, Cost, disk_bytes, measure  # noqa: E402
from ours import shipped  # noqa: E402
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


class ShippedTest(unittest.TestCase):
    def test_what_is_not_there_is_said_with_what_builds_it_and_nothing_else_is_measured(self) -> None:
        with tempfile.TemporaryDirectory() as empty, mock.patch.dict(os.environ, OVERDRIVE_BIN=empty):
            (Path(empty) / "overdrive").write_text("the development build's")
            with self.assertRaisesRegex(SystemExit, "static/overdrive, the program as it is shipped, is not there; build it: .* --target overdrive-static"):
                shipped.__wrapped__()


class BranchTest(unittest.TestCase):
    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory(prefix="overdrive-bench-")
        self.addCleanup(work.cleanup)
        self.drivers = Path(work.name)
        self.tree = DriverTree("535.261.03", self.drivers / "535.261.03/user-space", self.drivers / "modules")

    def put(self, version: str) -> None:
        (self.drivers / version / "user-space").mkdir(parents=True)

    def test_the_older_version_is_the_next_one_below_in_the_branch(self) -> None:
        for version in ("535.261.03", "535.309.01", "525.300.01", "535.216.03-open"):
            self.put(version)
        self.assertIsNone(older_of(self.tree, self.drivers))
        for version in ("535.54.03", "535.216.03"):
            self.put(version)
        older = older_of(self.tree, self.drivers)
        assert older
        self.assertEqual((older.driver, older.modules, older.modules_version), ("535.216.03", self.tree.modules, "535.261.03"))

    def test_modules_of_its_own_are_taken(self) -> None:
        self.put("535.216.03")
        own = self.drivers / "535.216.03-open/6.1/modules/lib"
        own.mkdir(parents=True)
        (own / "nvidia.ko").touch()
        older = older_of(self.tree, self.drivers)
        assert older
        self.assertEqual((older.modules, older.modules_version), (own, ""))


class FloorTest(unittest.TestCase):
    def test_it_is_the_slowest_stage_or_all_processor_time_over_the_processors(self) -> None:
        one_slow = {"a": Stage(9.0, 0.1), "b": Stage(0.1, 0.1)}
        all_busy = {str(i): Stage(1.0, 1.0) for i in range(1000)}
        self.assertEqual(floor.of(one_slow), 9.0)
        self.assertGreater(floor.of(all_busy), 1.0)


class ResultTest(unittest.TestCase):
    def test_the_table_has_medians_and_our_ratio_to_each(self) -> None:
        found = Result(facts={"driver": "1", "program_bytes": 9_400_000, "unpacked_bytes": 1, "zstd_bytes": 1, "gzip_bytes": 1, "cores": 2, "kernel": "k"})
        found.add_floor("zstd", {"get": Stage(1.0, 1.0)})
        for wall in (1.0, 2.0, 9.0):
            found.add("overdrive install (zstd)", False, Cost(wall, wall, 1.0, 1024), 5_000_000)
            found.add("tool (zstd)", True, Cost(2 * wall, 3 * wall, 1.0, 1024), 6_000_000)
        self.assertIn("overdrive as it is shipped: one executable of 9.4 MB", found.to_table())
        self.assertIn("| overdrive install (zstd), n=3 | 2.00 | 1.00-9.00 | 2.00 | 1.00 | 2.00 | 1.00 | 1 | 5.00 | 0 |", found.to_table())
        self.assertIn("| tool (zstd), n=3 | 4.00 | 2.00-18.00 | 6.00 | 0.50 |", found.to_table())


class CurveTest(unittest.TestCase):
    def curve(self, expected: Expected, cost: Callable[[float], float]) -> Curve:
        made = Curve("cost", "work", "s", expected)
        for work in (1, 10, 100, 1000):
            for noise in (0.99, 1.0, 1.5):
                made.add(work, noise * cost(work))
        return made

    def test_a_slope_is_that_of_the_medians(self) -> None:
        self.assertAlmostEqual(self.curve(LINEAR, lambda work: 3 * work).slope(), 1.0)
        self.assertAlmostEqual(self.curve(LINEAR, lambda work: work ** 2).slope(), 2.0)
        self.assertAlmostEqual(self.curve(FLAT, lambda work: 7).slope(), 0.0)

    def test_what_is_steeper_than_expected_is_told(self) -> None:
        self.assertIn("| as expected |", table([self.curve(FLAT, lambda work: 7)]))
        self.assertIn("| STEEPER |", table([self.curve(FLAT, lambda work: 7 + work)]))
        self.assertIn("| STEEPER |", table([self.curve(LINEAR, lambda work: work ** 1.3)]))

    def test_a_fixed_cost_does_not_hide_a_square(self) -> None:
        self.assertFalse(self.curve(LINEAR, lambda work: 1000 + work ** 2).is_well())
        self.assertTrue(self.curve(LINEAR, lambda work: 1000 + work).is_well())

    def test_a_gentle_line_is_judged_by_what_a_unit_adds(self) -> None:
        self.assertAlmostEqual(self.curve(gentle(0.01), lambda work: 50 + work).slope(), 1 / 51)
        self.assertTrue(self.curve(gentle(0.02), lambda work: 50 + work).is_well())
        self.assertFalse(self.curve(gentle(0.01), lambda work: 50 + work).is_well())


@unittest.skipIf(os.geteuid() != 0, "needs root: activate changes a machine, which is mounted")
class QuickGrowthTest(unittest.TestCase):
    def test_what_has_to_stay_flat_does(self) -> None:
        with tempfile.TemporaryDirectory(prefix="overdrive-bench-") as output:
            done = subprocess.run([str(HERE / "growth"), "--quick", "--output", output, "--work", output], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = json.loads((Path(output) / "growth.json").read_text())["curves"]
            picture = xml.fromstring((Path(output) / "growth.svg").read_text())
            self.assertEqual(sorted(os.listdir(output)), ["growth.json", "growth.md", "growth.svg"], "all that was made for it is gone")
        curves = {f"{one['key']} / {one['work']}": one for one in found}
        self.assertEqual({one["work"] for one in found}, {"MB of driver", "files", "generations", "tags", "pairs in the index", "nodes at once"})
        for key, one in curves.items():
            costs = [point["median"] for point in one["points"]]
            self.assertEqual(len(costs), 2, key)
            self.assertGreater(min(costs), 0, key)
            if "requests" in key:
                self.assertEqual(costs[0], costs[1], key)
        memory = [point["median"] for point in curves["install, memory / MB of driver"]["points"]]
        self.assertLess(memory[1], 1.25 * memory[0])
        self.assertEqual(len([one for one in picture.iter() if one.tag.endswith("polyline")]), len(found))


class GoalsTest(unittest.TestCase):
    def seen(self, found: Result) -> dict[str, str]:
        return {line.split(" | ")[0].strip("| "): line.split(" | ")[-1].strip("| ") for line in goals.table(found).splitlines()[2:]}

    def test_what_was_not_measured_is_neither_met_nor_missed(self) -> None:
        self.assertEqual(set(self.seen(Result()).values()), {"not measured"})

    def test_a_goal_is_met_up_to_its_value(self) -> None:
        found = Result(facts={"unpacked_bytes": 800e6, "modules_bytes": 1_000_000}, moments={"status": [4.0, 5.0, 60.0]}, requests={"resolve": 2})
        for key, wall in (("overdrive install (zstd)", 1.0), ("containerd pull (zstd)", 2.4), ("docker pull (zstd)", 5.0),
                          ("podman pull, then copy out (zstd)", 4.0)):
            found.add(key, False, Cost(wall, wall, 2.1, 40 << 10), 1_000_000)
        seen = self.seen(found)
        self.assertEqual(seen["install (zstd) / containerd or docker pull"], "MISSED", "the quicker of the two counts")
        self.assertEqual(seen["install (zstd) / podman pull, then copy out"], "met")
        self.assertEqual(seen["processor time of an install per 800 MB"], "MISSED")
        self.assertEqual(seen["peak memory of an install"], "met")
        self.assertEqual(seen["status, as a process"], "met")
        self.assertEqual(seen["requests to resolve"], "MISSED")
        self.assertEqual(seen["within a branch, with delta: bytes / install"], "not measured")


@unittest.skipIf(os.geteuid() != 0, "needs root: activate changes a machine, which is mounted")
class QuickRunTest(unittest.TestCase):
    def test_every_way_of_overdrive_is_measured_and_an_update_moves_the_modules_only(self) -> None:
        with tempfile.TemporaryDirectory(prefix="overdrive-bench-") as output:
            done = subprocess.run([str(HERE / "run"), "--quick", "--output", output, "--work", output], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = json.loads((Path(output) / "result.json").read_text())
            picture = xml.fromstring((Path(output) / "plot.svg").read_text())
        self.assertEqual(found["failures"], {})
        rows = {key: row["median"] for key, row in found["rows"].items()}
        self.assertEqual(set(rows), {"overdrive install (zstd)", "overdrive install (gzip)", "overdrive, next kernel (zstd)", "overdrive, delta (zstd)"})
        modules, install = found["facts"]["modules_bytes"], rows["overdrive install (zstd)"]
        self.assertGreater(install["wire_bytes"], modules + 1_000_000)
        self.assertLess(rows["overdrive, next kernel (zstd)"]["wire_bytes"], modules + 100_000)
        self.assertLess(rows["overdrive, delta (zstd)"]["wire_bytes"], modules + 100_000, "what differs of user space is a few bytes a file")
        self.assertTrue(all(row["wall"] > 0 and row["cpu"] > 0 and row["disk_bytes"] > 5_000_000 for row in rows.values()), rows)
        self.assertTrue(all(seconds > 0 for seconds in found["floor"].values()), found["floor"])
        self.assertEqual(len([one for one in picture.iter() if one.tag.endswith("rect")]), 1 + 2 * len(rows))
        self.assertEqual(set(found["moments"]), {"status", "activate, nothing to do"})
        self.assertEqual(found["requests"], {"resolve": 1, "resolve, signed": 2})
        self.assertRegex(done.stdout, r"next kernel: bytes beyond the modules layer \| <= 100 kB \| \S+ kB \| met")


if __name__ == "__main__":
    unittest.main()
