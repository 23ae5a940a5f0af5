#!/usr/bin/env python3
"""Many runs at once on one host: one lock, every exit code explained, and an end state that the oracle finds good (F1, F2).

Run as root: python3 tests/proof/concurrency_test.py
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import unittest
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import proof_host as host  # noqa: E402
from host_case import HostCase  # noqa: E402
from oracle import Oracle, Target  # noqa: E402
from proof_host import Ended, pair  # noqa: E402

FIRST, SECOND, THIRD = host.DRIVERS
MANY = 64


class ConcurrencyTest(HostCase):
    def setUp(self) -> None:
        super().setUp()
        self.oracle = Oracle(self.node)
        self.oracle.remember()

    def at_once(self, *runs: tuple[str, ...]) -> list[Ended]:
        """Starts all of them, waits for all of them; every end is in the table of reasons."""
        begun = time.monotonic()
        processes = []
        for words in runs:
            command = [str(host.simulated()), "--root", str(self.node), "--json", *words]
            processes.append((words, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
        ended = []
        for words, process in processes:
            stdout, stderr = process.communicate(timeout=180)
            ended.append(Ended(words[0], process.returncode, stdout, stderr, time.monotonic() - begun))
        for one in ended:
            self.assertEqual(self.oracle.check_exit(one.verb, one.rc, one.stdout, one.stderr, host.reasons()), [], one)
        return ended

    def assert_settled(self, target: Target) -> None:
        self.assertEqual(self.oracle.check(settled=True, target=target), [])

    def explained(self, ended: list[Ended], *known: tuple[int, str]) -> Counter[tuple[int, str]]:
        """How they ended: exit code and result, or reason. Fails for any that is not known."""
        ends = Counter((one.rc, one.result if one.rc in (0, 4) else json.loads(one.stdout)["error"]["reason"]) for one in ended)
        for one in ended:
            word = one.result if one.rc in (0, 4) else json.loads(one.stdout)["error"]["reason"]
            self.assertIn((one.rc, word), known, one)
        return ends

    def test_one_of_many_installers_installs_and_the_others_find_it_done(self) -> None:
        ended = self.at_once(*[("install", FIRST)] * MANY)
        ends = self.explained(ended, (0, "installed"), (0, "nothing-to-do"), (7, "busy"))
        self.assertEqual(ends[0, "installed"], 1, ends)
        self.assertGreaterEqual(ends[0, "nothing-to-do"], 1, ends)
        self.assert_settled(Target(pair(FIRST), pair(FIRST), active=True))

    def test_installers_of_different_drivers_end_with_one_of_them(self) -> None:
        drivers = [(FIRST, SECOND, THIRD)[i % 3] for i in range(24)]
        ended = self.at_once(*[("install", driver) for driver in drivers])
        self.explained(ended, (0, "installed"), (0, "nothing-to-do"), (4, "at-reboot"), (7, "busy"))
        current = self.oracle.current()
        self.assertIn(current, [pair(driver) for driver in host.DRIVERS])
        self.assertEqual(self.oracle.check(settled=True, among=[pair(driver) for driver in host.DRIVERS]), [])
        self.assertEqual({one.pair for one in self.oracle.generations().values()}, {pair(driver) for driver in host.DRIVERS})

    def test_install_against_the_boot_unit(self) -> None:
        for _ in range(4):
            ended = self.at_once(("install", FIRST), ("activate", "--boot"), ("install", FIRST), ("activate", "--boot"))
            self.explained(ended, (0, "installed"), (0, "nothing-to-do"), (0, "changed"), (0, "degraded"), (0, "no-device"))
            self.assert_settled(Target(pair(FIRST), pair(FIRST), active=True))
            host.detach_overlays(self.node)
            host.forget_runtime(self.node)

    def test_install_against_prune(self) -> None:
        if not host.has_verb("prune"):
            self.skipTest("this program has no prune")
        for driver in (FIRST, SECOND):
            self.assertIn(host.run(self.node, "install", driver).rc, (0, 4))
        ended = self.at_once(("install", THIRD), ("prune", "--keep", "1"), ("install", THIRD), ("prune", "--keep", "1"))
        for one in ended:
            self.assertIn(one.rc, (0, 4), one)
        among = [pair(driver) for driver in host.DRIVERS]
        self.assertEqual(self.oracle.check(settled=True, among=among, target=Target(pair(THIRD), present=(pair(THIRD),))), [])

    def test_lock_of_a_killed_run_is_gone_with_it(self) -> None:
        self.assertEqual(host.run(self.node, "install", FIRST).rc, 0)
        # Stopped as soon as it holds the lock, so that it is held for sure.
        command = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", "inject=pwrite64:signal=STOP:when=1", "--",
                   str(host.simulated()), "--root", str(self.node), "--json", "activate"]
        stopped = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            self.wait_until_held()
            begun = time.monotonic()
        finally:
            os.killpg(stopped.pid, signal.SIGKILL)
            stopped.wait()
        ended = host.run(self.node, "activate")
        self.assertEqual(ended.rc, 0, ended)
        self.assertLess(time.monotonic() - begun, 5, "it waited for a dead holder")

    def wait_until_held(self) -> None:
        """Until somebody holds the lock file, as the kernel tells it."""
        inode = os.stat(self.node / "opt/nvidia/.overdrive/lock").st_ino
        for _ in range(200):
            if any(line.split()[1] == "OFDLCK" and line.split()[5].endswith(f":{inode}") for line in Path("/proc/locks").read_text().splitlines()):
                return
            time.sleep(0.02)
        self.fail("nobody took the lock")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root: it mounts and makes device nodes")
        sys.exit(77)
    unittest.main()
