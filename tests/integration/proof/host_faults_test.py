#!/usr/bin/env python3
"""What a host does to a run from outside: a wrong clock, no memory, signals, a disk that is read-only, slow or stuck.
Tests are named after the rows of the fault table in tests/README.md. Run as root: python3 tests/integration/proof/host_faults_test.py
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/proof"), str(Path(__file__).resolve().parent)]

import moved_clock  # noqa: E402
import proof_host as proof  # noqa: E402
from host_case import HostCase  # noqa: E402
from oracle import Oracle, Target  # noqa: E402
from proof_host import Ended, pair, say  # noqa: E402
from registry_faults import ANY, BLOB, FaultyRegistry, slow, stall  # noqa: E402
from registry_store import RegistryStore  # noqa: E402
from standin_registry import RegistryApi  # noqa: E402

DRIVER, OTHER = proof.DRIVERS[:2]
REPOSITORY = "overdrive/nvidia"
LARGE_BYTES = 8 << 20
HUGE_BYTES = 300 << 20
MOST_MEMORY = 64 << 20
TWENTY_YEARS = 20 * 365 * 86400


class HostFaultsTest(HostCase):
    drivers = (DRIVER,)

    @staticmethod
    def place() -> None:
        return None  # memory is measured: what is written must not count as that

    @classmethod
    def setUpClass(cls) -> None:
        for program in ("overdrive-simulated", "overdrive-artifact"):
            if not (proof.programs() / program).exists():
                raise AssertionError(f"{proof.programs() / program} is not there; build it: cmake --build build/dev --target {program}")
        super().setUpClass()
        proof.pack(cls.work / "layout", OTHER, cls.work / "key.pem", LARGE_BYTES)

    def setUp(self) -> None:
        super().setUp()
        self.oracle = Oracle(self.node)
        self.oracle.remember()

    def registry(self, rate: int) -> FaultyRegistry:
        """A registry that sends each blob at so many bytes a second; 0: as fast as it can."""
        store = RegistryStore(self.work / "store")
        store.load_layout(REPOSITORY, self.work / "layout")
        made = FaultyRegistry(RegistryApi(store))
        self.addCleanup(made.close)
        made.on(BLOB, slow(rate))
        return made

    def source(self, registry: FaultyRegistry) -> str:
        return f"docker://{registry.host}/{REPOSITORY}"

    def wait_for(self, registry: FaultyRegistry, sent: int) -> None:
        registry.server.wait_until(lambda: registry.sent >= sent)

    def command(self, *words: str) -> list[str]:
        return [str(proof.simulated()), "--root", str(self.node), "--json", *words]

    def start(self, *words: str, **more: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, **more)  # type: ignore[call-overload]
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def end(self, process: subprocess.Popen[str], verb: str = "install", timeout: float = 120) -> Ended:
        begun = time.monotonic()
        stdout, stderr = process.communicate(timeout=timeout)
        return Ended(verb, process.returncode, stdout, stderr, time.monotonic() - begun)

    def assert_in_force(self, ended: Ended, driver: str) -> None:
        self.assertEqual(ended.rc, 0, ended)
        self.assertEqual(self.oracle.check(settled=True, target=Target(pair(driver), pair(driver), active=True)), [], ended)

    def assert_stopped(self, ended: Ended) -> None:
        error = json.loads(ended.stdout)["error"]
        self.assertEqual((ended.rc, error["reason"]), (1, "interrupted"), ended)
        self.assertEqual(self.oracle.check(), [])
        self.assertEqual(os.listdir(self.node / "opt/nvidia/.overdrive/staging"), [])
        self.assertFalse((self.node / "opt/nvidia" / OTHER).exists())


class SignalsTest(HostFaultsTest):
    def test_a5_a_signal_stops_a_download_within_two_seconds_and_leaves_nothing(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                registry = self.registry(rate=500_000)
                process = self.start("install", OTHER, "--source", self.source(registry))
                self.wait_for(registry, sent=400_000)
                process.send_signal(number)
                ended = self.end(process)
                self.assertLess(ended.seconds, 2, ended)
                self.assert_stopped(ended)
        self.assert_in_force(proof.run(self.node, "install", OTHER), OTHER)

    def test_a5_a_source_that_says_nothing_does_not_hold_it(self) -> None:
        registry = self.registry(rate=0)
        registry.on(ANY, stall("request"))
        process = self.start("install", OTHER, "--source", self.source(registry))
        time.sleep(1)
        self.assertIsNone(process.poll(), "it ended before it was stopped")
        process.terminate()
        ended = self.end(process)
        self.assertLess(ended.seconds, 2, ended)
        self.assertEqual((ended.rc, json.loads(ended.stdout)["error"]["reason"]), (1, "interrupted"), ended)

    def test_a13_a_suspended_download_goes_on(self) -> None:
        registry = self.registry(rate=3_000_000)
        process = self.start("install", OTHER, "--source", self.source(registry))
        self.wait_for(registry, sent=1_000_000)
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        self.assert_in_force(self.end(process), OTHER)


class ClocksTest(HostFaultsTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.library = moved_clock.library(cls.work)

    def with_clock(self, **clock: object) -> dict[str, str]:
        return {**os.environ, **moved_clock.moved(self.library, **clock)}

    def installed_at(self) -> int:
        record = json.loads((self.node / "opt/nvidia/.overdrive/record.json").read_text())
        return int(record["history"][-1]["at"])

    def test_a11_a_driver_is_installed_in_1970_and_in_twenty_years(self) -> None:
        for name, clock in (("1970", 60), ("in twenty years", int(time.time()) + TWENTY_YEARS)):
            with self.subTest(name):
                ended = self.end(self.start("install", DRIVER, env=self.with_clock(CLOCK_SET_TO=clock)))
                self.assert_in_force(ended, DRIVER)
                self.assertLess(abs(self.installed_at() - clock), 120, "the clock was not moved")
                # What was installed then is as good under another clock.
                again = proof.run(self.node, "install", DRIVER)
                self.assertEqual(again.result, "nothing-to-do", again)
                self.assertEqual(proof.run(self.node, "verify").rc, 0)
                self.assertEqual(proof.run(self.node, "uninstall").rc, 0)

    def test_a11_the_clock_jumps_back_during_a_download(self) -> None:
        registry = self.registry(rate=3_000_000)
        ended = self.end(self.start("install", OTHER, "--source", self.source(registry), env=self.with_clock(CLOCK_JUMPS_BACK=TWENTY_YEARS)))
        self.assert_in_force(ended, OTHER)
        self.assertLess(self.installed_at(), time.time() - TWENTY_YEARS + 600, "the clock did not jump")

    def test_b11_no_limit_on_the_whole_time_of_a_download(self) -> None:
        """A source at 16 KB/s for minutes: the program's clock runs sixty times as fast as the source's."""
        registry = self.registry(rate=1_000_000)
        begun = time.monotonic()
        ended = self.end(self.start("install", OTHER, "--source", self.source(registry), env=self.with_clock(CLOCK_RUNS=60)))
        self.assert_in_force(ended, OTHER)
        self.assertGreater((time.monotonic() - begun) * 60, 400, "it was no long download")


class MemoryTest(HostFaultsTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.huge = proof.DRIVERS[2]
        # In a process of its own: the memory that a program is told to have used begins with that of who starts it.
        packing = os.fork()
        if packing == 0:
            try:
                proof.pack(cls.work / "layout", cls.huge, cls.work / "key.pem", HUGE_BYTES)
            except BaseException as error:  # noqa: BLE001 - the parent sees that it failed
                print(error, file=sys.stderr)
                os._exit(1)
            os._exit(0)
        if os.waitpid(packing, 0)[1] != 0:
            raise AssertionError("the large artifact could not be packed")

    def memory_group(self) -> Path | None:
        """A memory cgroup of 64 MiB below our own; None where none can be made."""
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            top, limit = ("memory", "memory.limit_in_bytes") if controllers == "memory" else ("", "memory.max")
            if controllers not in ("memory", ""):
                continue
            group = Path("/sys/fs/cgroup") / top / path.lstrip("/") / f"overdrive-test-{os.getpid()}"
            try:
                group.mkdir()
                self.addCleanup(group.rmdir)
                (group / limit).write_text(str(MOST_MEMORY))
                return group
            except OSError:
                continue
        return None

    def test_a12_a_large_driver_is_installed_within_64_mib(self) -> None:
        group = self.memory_group()
        enter = ["sh", "-c", f'echo $$ > "{group}/cgroup.procs" && exec "$@"', "sh"] if group else []
        process = subprocess.Popen([*enter, *self.command("install", self.huge)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout
        stdout = process.stdout.read()
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        ended = Ended("install", process.returncode, stdout, "in a cgroup" if group else "without a cgroup", 0)
        self.assert_in_force(ended, self.huge)
        print(f"at most {usage.ru_maxrss >> 10} MiB resident for a driver of {HUGE_BYTES >> 20} MiB, {ended.stderr}")
        self.assertLess(usage.ru_maxrss << 10, MOST_MEMORY)


class DisksTest(HostFaultsTest):
    def test_b4_an_installed_driver_is_activated_from_a_read_only_disk(self) -> None:
        self.assert_in_force(proof.run(self.node, "install", DRIVER), DRIVER)
        proof.detach_overlays(self.node)
        proof.forget_runtime(self.node)
        opt = self.node / "opt"
        say(["mount", "--bind", opt, opt])
        self.addCleanup(say, ["umount", "-l", opt])
        say(["mount", "-o", "remount,bind,ro", opt])
        with self.assertRaises(OSError):
            (opt / "nvidia/written").write_text("")
        for words in (("activate",), ("activate", "--boot")):
            with self.subTest(words):
                self.assert_in_force(proof.run(self.node, *words), DRIVER)
                proof.detach_overlays(self.node)
                proof.forget_runtime(self.node)
        refused = proof.run(self.node, "install", OTHER)
        self.assertEqual((refused.rc, json.loads(refused.stdout)["error"]["reason"]), (1, "read-only"), refused)

    def frozen_disk(self) -> Path:
        """A file system of its own below /opt, which can be made to block every write."""
        image, opt = self.work / "disk", self.node / "opt"
        image.unlink(missing_ok=True)
        with image.open("wb") as file:
            file.truncate(64 << 20)
        say(["mkfs.ext4", "-q", image])
        say(["mount", "-o", "loop", image, opt])
        (opt / "lost+found").rmdir()
        self.addCleanup(say, ["umount", "-l", opt])
        return opt

    def test_a14_a_disk_that_blocks_holds_a_run_but_loses_nothing(self) -> None:
        opt = self.frozen_disk()
        self.assert_in_force(proof.run(self.node, "install", DRIVER), DRIVER)
        registry = self.registry(rate=2_000_000)
        process = self.start("install", OTHER, "--source", self.source(registry), "--no-activate")
        self.wait_for(registry, sent=1_000_000)
        say(["fsfreeze", "--freeze", opt])
        try:
            time.sleep(3)
            self.assertIsNone(process.poll(), "a blocked disk did not block it")
            looked = proof.run(self.node, "status")  # only looks, so it is not blocked
            self.assertEqual(looked.rc, 0, looked)
            process.terminate()  # as systemd does when a start took too long
        finally:
            say(["fsfreeze", "--unfreeze", opt])
        ended = self.end(process)
        self.assertLess(ended.seconds, 5, ended)
        self.assert_stopped(ended)
        self.assertEqual(proof.run(self.node, "activate").rc, 0, "the lock went with its holder")
        self.assertEqual(self.oracle.check(settled=True, target=Target(pair(DRIVER), pair(DRIVER), active=True)), [])


class BareHostTest(HostFaultsTest):
    def test_f15_without_systemd_a_host_activates_and_warns(self) -> None:
        shutil.rmtree(self.node / "simulated/units")
        ended = proof.run(self.node, "install", DRIVER)
        self.assert_in_force(ended, DRIVER)
        self.assertIn("systemd cannot be reached", ended.stderr)
        self.assert_in_force(proof.run(self.node, "activate", "--boot"), DRIVER)

    def keep_machine(self, proc: str) -> None:
        """The simulated kernel goes on where its /proc is now."""
        (self.node / "simulated").unlink()
        (self.node / "simulated").symlink_to(f"{proc}/simulated")

    def test_f20_what_is_not_mounted_is_named(self) -> None:
        for folder, reason, words in (("proc", "unsupported", "proc is not mounted"), ("sys", "unsupported", "'/sys/kernel' is missing")):
            with self.subTest(folder):
                (self.node / folder).rename(self.node / f"no-{folder}")
                self.keep_machine(f"no-{folder}" if folder == "proc" else "proc")
                for verb in (("install", DRIVER), ("activate",)):
                    ended = proof.run(self.node, *verb)
                    error = json.loads(ended.stdout)["error"]
                    self.assertEqual((ended.rc, error["reason"]), (1, reason), ended)
                    self.assertIn(words, error["message"], ended)
                (self.node / f"no-{folder}").rename(self.node / folder)
        self.keep_machine("proc")
        self.assert_in_force(proof.run(self.node, "install", DRIVER), DRIVER)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root: it mounts and makes device nodes")
        sys.exit(77)
    unittest.main()
