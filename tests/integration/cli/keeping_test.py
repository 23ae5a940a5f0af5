#!/usr/bin/env python3
"""Keeping what is installed in order: verify, prune, history, and room on the disk. Run as root: python3 tests/integration/cli/keeping_test.py
"""

from __future__ import annotations

import json
import os
import sys
import time
import unittest
from pathlib import Path
from subprocess import run as run_program

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import damage  # noqa: E402
from cli_case import KERNEL, OS_VERSION, USER_SPACE_BYTES, CliTestCase, Run, keys, layout, programs, remove_shared, say  # noqa: E402


class KeepingTest(CliTestCase):
    """A host with two drivers that share their user space, 900.1.0 and 900.1.2."""

    drivers = ("900.1.0", "900.1.2")

    def setUp(self) -> None:
        super().setUp()
        self.host.configure('[trust]\nkeys = ["/etc/first.pub"]\n')
        (self.host.root / "etc/first.pub").write_bytes(keys()[1].read_bytes())
        for driver in self.drivers:
            self.assert_installed(self.install(f"oci:{layout()}", driver), driver)


class VerifyTest(KeepingTest):
    def differences(self, run: Run) -> dict[str, list[tuple[str, str]]]:
        """Generation -> kind and path of each difference."""
        found = run.result["generations"]
        assert isinstance(found, list)
        return {one["generation"]: [(each["kind"], each["path"]) for each in one["differences"]] for one in found}

    def test_whole_drivers_are_as_installed(self) -> None:
        before = self.host.snapshot()
        run = self.host.overdrive("verify")
        self.assertEqual((run.rc, run.result["equal"], run.result["remedy"]), (0, True, None), run)
        self.assertEqual(self.differences(run), {f"{driver}/{OS_VERSION}": [] for driver in self.drivers})
        self.assertIn(f"verifying 900.1.0/{OS_VERSION}", run.stderr)
        self.assertEqual(self.host.snapshot(), before)

    def test_anybody_may_look(self) -> None:
        prefix: list[object] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        self.assertEqual(self.host.overdrive("verify", prefix=prefix).rc, 0)
        self.assertEqual(self.host.overdrive("history", prefix=prefix).rc, 0)

    def test_every_kind_of_damage_is_named(self) -> None:
        top = self.host.generation("900.1.0")
        damage.flip_byte(top / f"lib/modules/{KERNEL}/nvidia.ko")
        (top / "bin/nvidia-smi").chmod(0o777)
        (top / "lib64/more.so").write_text("x")
        (top / "lib64/libcuda.so.1").unlink()
        os.chown(top / "driver.json", 12345, 0)
        run = self.host.overdrive("verify", f"900.1.0/{OS_VERSION}")
        self.assertEqual((run.rc, run.result["equal"]), (8, False), run)
        self.assertEqual(self.differences(run)[f"900.1.0/{OS_VERSION}"],
                         [("mode", "bin/nvidia-smi"), ("owner", "driver.json"), ("digest", f"lib/modules/{KERNEL}/nvidia.ko"),
                          ("missing", "lib64/libcuda.so.1"), ("extra", "lib64/more.so")])
        self.assertIn("'overdrive install 900.1.0 --verify'", str(run.result["remedy"]))

    def test_b9_a_file_shared_by_hard_link_is_told_of_each(self) -> None:
        path = "lib64/libcuda.so.900.1"
        first, second = (self.host.generation(driver) / path for driver in self.drivers)
        if first.stat().st_ino != second.stat().st_ino:
            self.skipTest("this file system shares blocks, not files")
        damage.flip_byte(first)
        run = self.host.overdrive("verify")
        self.assertEqual(run.rc, 8)
        self.assertEqual(self.differences(run), {f"{driver}/{OS_VERSION}": [("digest", path)] for driver in self.drivers})
        alone = self.host.overdrive("verify", f"900.1.2/{OS_VERSION}").result["generations"]
        assert isinstance(alone, list)
        self.assertEqual(alone[0]["differences"][0]["shared_with"], [f"900.1.0/{OS_VERSION}"])

    def test_a_damaged_current_driver_is_returned_from(self) -> None:
        (self.host.root / "opt/nvidia/current").symlink_to(f"900.1.0/{OS_VERSION}")
        (self.host.generation("900.1.0") / "bin/nvidia-smi").unlink()
        run = self.host.overdrive("verify")
        self.assertEqual(run.rc, 8)
        self.assertIn("'overdrive rollback'", str(run.result["remedy"]))

    def test_damaged_driver_json_and_commit_record(self) -> None:
        damage.flip_byte(self.host.generation("900.1.0") / "driver.json")
        (self.host.root / f"opt/nvidia/.overdrive/generations/900.1.2@{OS_VERSION}.json").write_text("{")
        run = self.host.overdrive("verify")
        self.assertEqual(run.rc, 8)
        self.assertEqual([kinds[0][0] for kinds in self.differences(run).values()], ["driver-json", "commit-record"])

    def test_sample_can_be_repeated_and_changes_by_run(self) -> None:
        first = self.host.overdrive("verify", "--sample", "40")
        self.assertEqual((first.rc, first.result["percent"]), (0, 40), first)
        again = self.host.overdrive("verify", "--sample", "40", "--seed", str(first.result["seed"]))
        self.assertEqual(first.result, again.result)
        seeds = {self.host.overdrive("verify", "--sample", "40").result["seed"] for _ in range(3)}
        self.assertGreater(len(seeds), 1)

    def test_unknown_generation_names_the_nearest(self) -> None:
        run = self.host.overdrive("verify", f"900.1.3/{OS_VERSION}")
        self.assert_refused(run, "usage", 2, "'900.1.3/", f"did you mean '900.1.0/{OS_VERSION}'?", "'overdrive list'")
        self.assert_refused(self.host.overdrive("verify", "--sample", "0"), "usage", 2, "--sample")

    def test_text_names_file_generation_and_remedy(self) -> None:
        (self.host.generation("900.1.0") / "bin/nvidia-smi").unlink()
        done = run_program([programs() / "overdrive", "--root", self.host.root, "-q", "verify"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (8, ""))
        self.assertIn(f"900.1.0/{OS_VERSION}: 1 difference\n  'bin/nvidia-smi' is missing\n", done.stdout)
        self.assertIn(f"900.1.2/{OS_VERSION}: as it was installed (4 files, 3 of them read)", done.stdout)
        self.assertIn("what to do: ", done.stdout)


class PruneTest(KeepingTest):
    drivers = ("900.1.0", "900.1.2", "900.2.0", "901.1.0")

    def installed(self) -> list[str]:
        found = self.host.overdrive("list").result["generations"]
        assert isinstance(found, list)
        return sorted(one["driver"] for one in found)

    def test_dry_run_tells_what_the_run_then_does(self) -> None:
        before = self.host.snapshot()
        planned = self.host.overdrive("prune", "--keep", "1", "--dry-run")
        self.assertEqual((planned.rc, planned.result["result"]), (0, "dry-run"), planned)
        self.assertEqual(self.host.snapshot(), before)
        done = self.host.overdrive("prune", "--keep", "1")
        self.assertEqual((done.rc, done.result["result"]), (0, "removed"), done)
        self.assertEqual({**done.result, "result": ""}, {**planned.result, "result": ""})
        self.assertEqual(self.installed(), ["901.1.0"])
        # two drivers of one user space: it is freed once
        freed = int(str(done.result["freed_bytes"]))
        self.assertTrue(2 * USER_SPACE_BYTES <= freed < 2.2 * USER_SPACE_BYTES, done)
        self.assertEqual(sorted(os.listdir(self.host.root / "opt/nvidia")), [".overdrive", "901.1.0"])
        again = self.host.overdrive("prune", "--keep", "1")
        self.assertEqual((again.rc, again.result["result"], again.result["freed_bytes"]), (0, "nothing-to-do", 0), again)

    def test_history_tells_of_it_the_newest_last(self) -> None:
        self.host.overdrive("prune", "--keep", "3")
        run = self.host.overdrive("history")
        events = run.result["events"]
        assert isinstance(events, list)
        self.assertEqual((events[-1]["verb"], events[-1]["generation"], events[-1]["outcome"]),
                         ("prune", f"900.1.0/{OS_VERSION}", "removed"), run)
        self.assertEqual(events, sorted(events, key=lambda event: event["at"]))

    def test_current_and_wanted_stay(self) -> None:
        (self.host.root / "opt/nvidia/current").symlink_to(f"900.1.0/{OS_VERSION}")
        run = self.host.overdrive("prune", "--keep", "1")
        self.assertEqual(self.installed(), ["900.1.0", "901.1.0"])
        kept = run.result["generations"]
        assert isinstance(kept, list)
        self.assertEqual({one["generation"]: one["why"] for one in kept if one["action"] == "keep"},
                         {f"901.1.0/{OS_VERSION}": "the wanted one", f"900.1.0/{OS_VERSION}": "current"})

    def test_bad_use(self) -> None:
        self.assert_refused(self.host.overdrive("prune"), "usage", 2, "--keep")
        self.assert_refused(self.host.overdrive("prune", "--keep", "0"), "usage", 2, "--keep")
        prefix: list[object] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        self.assert_refused(self.host.overdrive("prune", "--keep", "1", prefix=prefix), "not-root", 2, "--dry-run")
        (self.host.root / "opt/nvidia/.overdrive/record.json").write_text("{")
        self.assert_refused(self.host.overdrive("prune", "--keep", "1"), "bad-record", 1, "what must stay", "'overdrive install'")
        self.assertEqual(len(self.installed()), 4)


class RealDiskTest(CliTestCase):
    """On file systems of their own: what prune says it frees is what the file system then has more."""

    def setUp(self) -> None:
        super().setUp()
        self.host.configure("[trust]\nallow-unsigned = true\n")

    def on_disk(self, size: str, *make: str) -> None:
        image = self.work / "disk"
        with image.open("wb") as file:
            file.truncate(int(size) << 20)
        say([*make, image])
        (self.host.root / "opt/nvidia").mkdir()
        self.mount("-o", "loop", image, self.host.root / "opt/nvidia")
        (self.host.root / "opt/nvidia").chmod(0o755)

    def free(self) -> tuple[int, int]:
        say(["sync", "-f", self.host.root / "opt/nvidia"])
        space = os.statvfs(self.host.root / "opt/nvidia")
        return space.f_bfree * space.f_frsize, space.f_ffree

    def free_when_settled(self, expected: int, tolerance: int) -> tuple[int, int]:
        """XFS gives the blocks of removed files back in the background (inodegc), so its answer is awaited, not taken at once."""
        deadline = time.monotonic() + 20
        now = self.free()
        while abs(now[0] - expected) >= tolerance and time.monotonic() < deadline:
            time.sleep(0.2)
            now = self.free()
        return now

    def frees_what_it_says(self, tolerance: int, inodes: bool) -> None:
        for driver in ("900.1.0", "900.1.2", "900.2.0", "901.1.0"):
            self.assert_installed(self.install(f"oci:{layout()}", driver), driver)
        for keep, least, most in ((3, 0, 0.2), (1, 2, 2.2)):  # in user spaces; the first two drivers share theirs
            before = self.free()
            run = self.host.overdrive("prune", "--keep", keep)
            self.assertEqual(run.rc, 0, run)
            said = int(str(run.result["freed_bytes"]))
            after = self.free_when_settled(before[0] + said, tolerance)
            self.assertTrue(least * USER_SPACE_BYTES <= said <= most * USER_SPACE_BYTES, run)
            self.assertLess(abs(after[0] - before[0] - said), tolerance, run)
            if inodes:
                self.assertLess(abs(after[1] - before[1] - int(str(run.result["freed_inodes"]))), 6, run)

    def test_prune_frees_on_ext4_what_it_says(self) -> None:
        self.on_disk("64", "mkfs.ext4", "-q")
        self.frees_what_it_says(32 << 10, True)

    def test_prune_frees_on_xfs_with_reflinks_what_it_says(self) -> None:
        self.on_disk("320", "mkfs.xfs", "-q", "-m", "reflink=1")
        first = self.host.generation("900.1.0") / "lib64/libcuda.so.900.1"
        self.frees_what_it_says(256 << 10, False)  # inodes come and go in chunks of 64
        self.assertFalse(first.exists())

    def test_reflinked_generations_have_files_of_their_own(self) -> None:
        self.on_disk("320", "mkfs.xfs", "-q", "-m", "reflink=1")
        for driver in ("900.1.0", "900.1.2"):
            self.assert_installed(self.install(f"oci:{layout()}", driver), driver)
        first, second = (self.host.generation(driver) / "lib64/libcuda.so.900.1" for driver in ("900.1.0", "900.1.2"))
        self.assertNotEqual(first.stat().st_ino, second.stat().st_ino, "else the test above shows nothing of reflinks")

    def test_b2_a_full_disk_is_told_with_what_prune_would_free(self) -> None:
        self.on_disk("20", "mkfs.ext4", "-q", "-m", "0")
        for driver in ("900.1.0", "900.2.0"):
            self.assert_installed(self.install(f"oci:{layout()}", driver), driver)
        run = self.install(f"oci:{layout()}", "901.1.0")
        self.assert_refused(run, "no-space", 1, "'/opt/nvidia': the driver needs ", " inodes are free", "'overdrive prune --keep 1' would free 6.")
        before = self.free()[0]
        planned = self.host.overdrive("prune", "--keep", "1")
        self.assertIn(f"({planned.result['freed_bytes']} bytes)", str(run.error["remedy"]))
        self.assertGreater(self.free()[0], before)
        self.assert_installed(self.install(f"oci:{layout()}", "901.1.0"), "901.1.0")

    def test_b2_inodes(self) -> None:
        self.on_disk("64", "mkfs.ext4", "-q", "-b", "4096", "-N", "16")
        self.assert_refused(self.install(f"oci:{layout()}"), "no-space", 1, "inodes; ", " inodes are free")

    def test_b7_a_retained_driver_on_another_mount_is_copied(self) -> None:
        self.assert_installed(self.install(f"oci:{layout()}", "900.1.0"), "900.1.0")
        self.mount("--bind", self.host.generation("900.1.0"), self.host.generation("900.1.0"))
        run = self.install(f"oci:{layout()}", "900.1.2")
        self.assert_installed(run, "900.1.2")
        self.assertIs(run.result["reused_user_space"], True, run)
        self.assertEqual(self.host.overdrive("verify").rc, 0)
        first, second = (self.host.generation(driver) / "lib64/libcuda.so.900.1" for driver in ("900.1.0", "900.1.2"))
        self.assertEqual(second.stat().st_nlink, 1)
        self.assertEqual(first.read_bytes(), second.read_bytes())


class InstallRootTest(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.host.configure("[trust]\nallow-unsigned = true\n")
        self.top = self.host.root / "opt/nvidia"

    def refused(self, *words: str) -> None:
        before = self.host.snapshot()
        self.assert_refused(self.install(f"oci:{layout()}"), "unsupported", 1, *words)
        self.assertEqual(self.host.snapshot(), before)

    def test_b5_a_file_a_link_a_foreign_and_an_open_directory(self) -> None:
        self.top.write_text("")
        self.refused("'/opt/nvidia' is no directory", "mv ")
        self.top.unlink()
        (self.host.root / "elsewhere").mkdir()
        self.top.symlink_to("/elsewhere")
        self.refused("'/opt/nvidia' is a link to '/elsewhere'")
        self.top.unlink()
        self.top.mkdir()
        self.top.chmod(0o775)
        self.refused("'/opt/nvidia' is writable by others", "chmod go-w")
        self.top.chmod(0o755)
        os.chown(self.top, 1000, 1000)
        self.refused("'/opt/nvidia' belongs to user 1000", "chown root:root")
        os.chown(self.top, 0, 0)
        self.assert_installed(self.install(f"oci:{layout()}"), "900.1.0")

    def test_opt_itself_may_be_a_link(self) -> None:
        (self.host.root / "opt").rmdir()
        (self.host.root / "var/opt").mkdir(parents=True)
        (self.host.root / "opt").symlink_to("/var/opt")
        run = self.install(f"oci:{layout()}")
        self.assertEqual(run.rc, 4, run)
        self.assertTrue((self.host.root / f"var/opt/nvidia/900.1.0/{OS_VERSION}/driver.json").is_file())

    def test_b6_a_mount_in_the_place_of_the_generation(self) -> None:
        for place in ("900.1.0", f"900.1.0/{OS_VERSION}"):
            with self.subTest(place):
                (self.top / place).mkdir(parents=True, exist_ok=True)
                say(["mount", "-t", "tmpfs", "tmpfs", self.top / place])
                try:
                    self.refused(f"'/opt/nvidia/{place}' is on another mount than '/opt/nvidia/.overdrive/staging'", "unmount")
                finally:
                    say(["umount", self.top / place])

    def test_noexec(self) -> None:
        self.top.mkdir()
        self.mount("-t", "tmpfs", "-o", "noexec,mode=755", "tmpfs", self.top)
        self.refused("'/opt/nvidia' is mounted noexec", "remount,exec")


class NothingInstalledTest(CliTestCase):
    def test_an_empty_host_is_whole_and_has_no_history(self) -> None:
        before = self.host.snapshot()
        run = self.host.overdrive("verify")
        self.assertEqual((run.rc, run.result["generations"]), (0, []), run)
        run = self.host.overdrive("history")
        self.assertEqual((run.rc, run.result["events"]), (0, []), run)
        self.assertEqual(self.host.snapshot(), before)

    def test_a_damaged_record_is_a_warning(self) -> None:
        (self.host.root / "opt/nvidia/.overdrive").mkdir(parents=True)
        (self.host.root / "opt/nvidia/.overdrive/record.json").write_text("{")
        run = self.host.overdrive("history")
        self.assertEqual((run.rc, run.result["readable"], run.result["events"]), (0, False, []), run)
        self.assertIn("warning: the record cannot be read, and with it the history", run.stderr)


def tearDownModule() -> None:
    remove_shared()


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root: files of root are written")
        sys.exit(77)
    unittest.main()
