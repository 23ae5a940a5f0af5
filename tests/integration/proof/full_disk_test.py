#!/usr/bin/env python3
"""Full disks, for real (FAULTS.md B2): small file systems with just so many bytes or inodes free, at sizes around the need.

Every run ends in success with a complete generation, or is refused as no-space with the host as it was; with room made,
the next run reaches the target. Run as root: python3 tests/integration/proof/full_disk_test.py
"""

from __future__ import annotations

import os
import sys
import unittest
from collections.abc import Callable
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))

from cli_case import OS_VERSION, CliTestCase, Run, layout, remove_shared, say  # noqa: E402
from oracle import Oracle, Target  # noqa: E402

MIB = 1 << 20
OLD, NEW = "900.1.0", "901.1.0"  # another branch: no user space to share
TARGET = Target(desired=f"{NEW}/{OS_VERSION}")
DISK_BYTES = 40 * MIB
BLOCK = 4096
SIZES = 24  # of each sweep; those between refusal and success come on top


class FullDiskTest(CliTestCase):
    """/opt is a small file system on which the old driver is installed, or nothing; then the new one is wanted."""

    def setUp(self) -> None:
        super().setUp()
        self.opt = self.host.root / "opt"
        self.oracle = Oracle(self.host.root)
        self.seen: dict[str, list[int]] = {"installed": [], "no-space": []}

    def run_new(self) -> Run:
        return self.install(f"oci:{layout()}", NEW, "--allow-unsigned")

    def judge(self, free: int, what: str, make_room: Callable[[], None]) -> None:
        """Installs with `free` bytes or inodes left; then with room."""
        self.oracle.remember()
        before = self.host.snapshot()
        run = self.run_new()
        message = f"{free} {what} free: {run}"
        self.assertEqual(self.oracle.check(settled=True), [], message)
        if run.rc == 4:
            self.seen["installed"].append(free)
            self.assert_installed(run, NEW)
            self.assertEqual(self.oracle.check(target=TARGET), [], message)
        else:
            self.seen["no-space"].append(free)
            self.assert_refused(run, "no-space", 1)
            self.assertEqual(sorted(set(self.host.snapshot().items()) ^ set(before.items())), [], message)
        make_room()
        self.oracle.remember()
        again = self.run_new()
        self.assertIn(again.rc, (0, 4), f"{message}\nwith room: {again}")
        self.assertEqual(self.oracle.check(settled=True, target=TARGET), [], f"{message}\nwith room: {again}")

    def assert_both_seen(self) -> None:
        self.assertTrue(self.seen["installed"] and self.seen["no-space"], self.seen)
        self.assertGreater(min(self.seen["installed"]), max(self.seen["no-space"]), "more room, and yet it was refused")


def around(need: int, unit: int, count: int) -> list[int]:
    """Sizes from nothing to more than `need`: dense near it, with the named ones of B2 included."""
    named = {0, 1, need - 1, need - unit, need - MIB, need // 2, need // 100, need, need + 1, need + unit, need + MIB}
    near = [need + unit * step for step in range(-4, 5)]
    sizes = dict.fromkeys([*sorted(named), *near, need + 2 * MIB])
    step = 1
    while len(sizes) < count:
        sizes.setdefault(2 * need * step // count)
        step += 1
    return [size for size in sizes if size >= 0]


class Ext4Test(FullDiskTest):
    """A real file system in a file. A filler leaves just so many blocks, or files just so many inodes, free."""

    def setUp(self) -> None:
        super().setUp()
        self.image = self.work / "opt.img"

    def make_template(self, with_old: bool) -> Path:
        template = self.work / "template.img"
        with template.open("wb") as file:
            file.truncate(DISK_BYTES)
        say(["mke2fs", "-q", "-t", "ext4", "-m", "0", "-b", BLOCK, "-N", 256, "-J", "size=4", "-E", "lazy_itable_init=0", template])
        say(["mount", "-o", "loop", template, self.opt])
        try:
            if with_old:
                self.assert_installed(self.install(f"oci:{layout()}", OLD, "--allow-unsigned"), OLD)
        finally:
            say(["umount", self.opt])
        return template

    def measure(self, template: Path) -> tuple[int, int]:
        """What an install takes: blocks of bytes, and inodes."""
        with Mounted(template, self.image, self.opt):
            before = os.statvfs(self.opt)
            self.assert_installed(self.run_new(), NEW)
            after = os.statvfs(self.opt)
        return (before.f_bfree - after.f_bfree) * BLOCK, before.f_ffree - after.f_ffree

    def fill_bytes(self, free: int) -> Callable[[], None]:
        filler = self.opt / "filler"
        left = os.statvfs(self.opt).f_bavail * BLOCK - free
        with filler.open("wb") as file:
            if left >= BLOCK:
                os.posix_fallocate(file.fileno(), 0, left // BLOCK * BLOCK)
        return filler.unlink

    def fill_inodes(self, free: int) -> Callable[[], None]:
        filler = self.opt / "filler"
        filler.mkdir()
        for number in range(os.statvfs(self.opt).f_ffree - free):
            (filler / str(number)).touch()
        return lambda: say(["rm", "-r", filler])

    def sweep(self, with_old: bool) -> None:
        template = self.make_template(with_old)
        need, _ = self.measure(template)
        for free in around(need, BLOCK, SIZES):
            self.try_with(template, free)
        # The size from which it is accepted, to the block: what the program asks for is more than what stays in use.
        while min(self.seen["installed"]) - max(self.seen["no-space"]) > BLOCK:
            self.try_with(template, (min(self.seen["installed"]) + max(self.seen["no-space"])) // 2 // BLOCK * BLOCK)
        self.assert_both_seen()
        print(f"{self.id()}: {sum(map(len, self.seen.values()))} sizes; {need} bytes stay in use, {min(self.seen['installed'])} are enough",
              file=sys.stderr)

    def try_with(self, template: Path, free: int) -> None:
        with Mounted(template, self.image, self.opt):
            self.judge(free, "bytes", self.fill_bytes(free))

    def test_first_install(self) -> None:
        self.sweep(with_old=False)

    def test_update(self) -> None:
        self.sweep(with_old=True)

    def test_inodes(self) -> None:
        template = self.make_template(with_old=True)
        _, need = self.measure(template)
        for free in (0, 1, 2, need // 2, need - 2, need - 1, need, need + 1, need + 2, need + 5, need + 25, need + 100):
            with self.subTest(free=free), Mounted(template, self.image, self.opt):
                self.judge(free, "inodes", self.fill_inodes(free))
        self.assert_both_seen()


class TmpfsTest(FullDiskTest):
    """A file system without a disk, that is made larger while it is mounted."""

    def remount(self, *options: str) -> None:
        say(["mount", "-o", ",".join(["remount", *options]), self.opt])

    def prepare(self) -> os.statvfs_result:
        say(["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=1000", "tmpfs", self.opt])
        self.addCleanup(say, ["umount", self.opt])
        self.assert_installed(self.install(f"oci:{layout()}", OLD, "--allow-unsigned"), OLD)
        return os.statvfs(self.opt)

    def test_bytes(self) -> None:
        space = self.prepare()
        used = (space.f_blocks - space.f_bfree) * BLOCK
        for free in (0, BLOCK, MIB, 5 * MIB, 6 * MIB, 6 * MIB + 10 * BLOCK, 7 * MIB, 9 * MIB):
            with self.subTest(free=free):
                self.remount(f"size={used + free}")
                self.judge(free, "bytes", lambda: self.remount("size=64m"))
                self.forget_new()
        self.assert_both_seen()

    def test_inodes(self) -> None:
        space = self.prepare()
        used = space.f_files - space.f_ffree
        for free in (1, 2, 5, 10, 15, 20, 25, 40):
            with self.subTest(free=free):
                self.remount(f"nr_inodes={used + free}")
                self.judge(free, "inodes", lambda: self.remount("nr_inodes=1000"))
                self.forget_new()
        self.assert_both_seen()

    def forget_new(self) -> None:
        """Back to a host with only the old driver."""
        self.assertEqual(self.install(f"oci:{layout()}", OLD, "--allow-unsigned").rc, 0)
        say(["rm", "-r", self.host.generation(NEW).parent, *(self.host.root / "opt/nvidia/.overdrive/generations").glob(f"{NEW}@*")])


class Mounted:
    """A fresh copy of a disk, mounted. Always a new file: for the old one mount may find a loop device with old content."""

    def __init__(self, template: Path, image: Path, at: Path) -> None:
        self._template, self._image, self._at = template, image, at

    def __enter__(self) -> None:
        self._image.unlink(missing_ok=True)
        say(["cp", "--sparse=always", self._template, self._image])
        say(["mount", "-o", "loop", self._image, self._at])

    def __exit__(self, *_: object) -> None:
        say(["umount", self._at])


def tearDownModule() -> None:
    remove_shared()


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root: file systems are mounted")
        sys.exit(77)
    unittest.main()
