#!/usr/bin/env python3
"""The proof's own parts, over logs made by hand: what a power cut can leave, and that nothing else is made.

Run: python3 tests/proof/powercut/replay_test.py
"""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from crash_states import KINDS, Cut, Disk, cut_named, rebuild  # noqa: E402
from judge import possible_moments  # noqa: E402
from write_log import FLUSH, LogError, WriteLog, read_log, write_log  # noqa: E402

SIZE = 64 * 4096
MARKED = (0, SIZE)  # flags and offset of a mark


def block(letter: str, sectors: int = 8) -> bytes:
    return letter.encode() * (512 * sectors)


def mark(text: str) -> tuple[int, int, bytes]:
    return (*MARKED, text.encode().ljust(512, b"\0"))


class PowerCutTest(unittest.TestCase):
    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory(prefix="overdrive-replay-")
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        self.base = self.work / "base.img"
        with self.base.open("wb") as file:
            file.truncate(SIZE)
            file.write(block("0"))

    def log(self, *entries: tuple[int, int, bytes]) -> WriteLog:
        path = self.work / "log"
        write_log(path, list(entries))
        return read_log(path, SIZE)

    def content(self, log: WriteLog, name: str, seed: int = 1) -> bytes:
        """The first pages of a state, by their first bytes."""
        image = self.work / "image"
        rebuild(self.base, log, seed, name, image)
        data = image.read_bytes()
        return bytes(data[page * 4096] for page in range(4))


class LogTest(PowerCutTest):
    def test_epochs_end_at_flushes_and_marks_are_no_writes(self) -> None:
        log = self.log((0, 0, block("a")), mark("begin x"), (FLUSH, 0, b""), (0, 4096, block("b")))
        self.assertEqual([[one.offset for one in epoch.writes] for epoch in log.epochs], [[0], [4096]])
        self.assertEqual([epoch.end for epoch in log.epochs], [2, None])
        self.assertEqual([(one.number, one.text) for one in log.marks], [(1, "begin x")])

    def test_flush_that_carries_data_does_not_cover_it(self) -> None:
        log = self.log((0, 0, block("a")), (FLUSH, 4096, block("b")))
        self.assertEqual([[one.offset for one in epoch.writes] for epoch in log.epochs], [[0], [4096]])

    def test_unknown_flags_and_other_files_are_refused(self) -> None:
        for flags in (2, 4, 8):
            self.assertRaises(LogError, self.log, (flags, 0, block("a")))
        self.assertRaises(LogError, read_log, self.base, SIZE)


class StatesTest(PowerCutTest):
    def setUp(self) -> None:
        super().setUp()
        self.made = self.log((0, 0, block("a")), (0, 4096, block("b")), (FLUSH, 0, b""),
                             (0, 0, block("c")), (0, 8192, block("d")), (0, 0, block("e")), (FLUSH, 0, b""))

    def test_boundary_has_all_before_and_nothing_after(self) -> None:
        self.assertEqual(self.content(self.made, "0/flush/0"), b"0\0\0\0")
        self.assertEqual(self.content(self.made, "1/flush/0"), b"ab\0\0")
        self.assertEqual(self.content(self.made, "2/flush/0"), b"ebd\0")

    def test_all_is_what_the_next_boundary_has(self) -> None:
        self.assertEqual(self.content(self.made, "1/all/0"), self.content(self.made, "2/flush/0"))

    def test_unflushed_writes_are_lost_in_every_combination(self) -> None:
        seen = {self.content(self.made, f"1/{kind}/{number}") for kind in KINDS for number in range(60)}
        first = {b"a", b"c", b"e"}
        every = {one + b"b" + third + b"\0" for one in first for third in (b"\0", b"d")}
        self.assertEqual(seen, every)

    def test_write_is_torn_between_sectors_only(self) -> None:
        image, lengths = self.work / "image", set()
        for number in range(40):
            rebuild(self.base, self.made, 1, f"1/prefix/{number}", image)
            page = image.read_bytes()[:4096]
            self.assertEqual(page, bytes(sorted(page, key="eca0".encode().index)), "torn into more than two parts")
            lengths.add(page.count(page[0]) % 512)
        self.assertEqual(lengths, {0})

    def test_file_system_that_relies_on_whole_blocks_gets_no_torn_ones(self) -> None:
        write_log(self.work / "log", [(0, 512, block("a", 7 + 8 + 8))])
        log = read_log(self.work / "log", SIZE, 4096)
        sizes = {size for number in range(40) for _, size in cut_named(log, 1, f"0/prefix/{number}").kept}
        self.assertEqual(sizes, {0, 7 * 512, 15 * 512})

    def test_name_and_seed_make_the_same_state_again(self) -> None:
        names = [f"1/{kind}/{number}" for kind in KINDS for number in range(10)]
        self.assertEqual([cut_named(self.made, 7, name) for name in names], [cut_named(self.made, 7, name) for name in names])
        self.assertNotEqual([cut_named(self.made, 7, name).kept for name in names], [cut_named(self.made, 8, name).kept for name in names])

    def test_hash_follows_the_content(self) -> None:
        disk = Disk(self.base, self.work / "durable", self.made)
        by_hash: dict[str, bytes] = {}
        for epoch in range(3):
            names = [f"{epoch}/flush/0", f"{epoch}/all/0"] + [f"1/{kind}/{n}" for kind in KINDS for n in range(20) if epoch == 1]
            for name in names:
                cut = cut_named(self.made, 1, name)
                disk.write_image(cut, self.work / "state")
                content = (self.work / "state").read_bytes()
                self.assertEqual(by_hash.setdefault(disk.hash_of(cut), content), content)
            if epoch < 2:
                disk.advance()
        disk.close()
        self.assertEqual(len(by_hash), len(set(by_hash.values())))


class MomentsTest(PowerCutTest):
    def setUp(self) -> None:
        super().setUp()
        self.made = self.log(mark("begin first"), (0, 0, block("a")), (FLUSH, 0, b""), (0, 4096, block("b")), mark("done first 0 r c p"),
                             mark("begin update"), (0, 8192, block("c")), (FLUSH, 0, b""), mark("done update 4 r2 c p"))

    def moments(self, cut: Cut) -> list[tuple[str | None, str | None]]:
        return [(running, told.step.name if told else None) for running, told in possible_moments(self.made.marks, cut)]

    def test_state_without_an_unflushed_write_can_be_found_after_success_was_told(self) -> None:
        self.assertEqual(self.moments(cut_named(self.made, 1, "1/flush/0")), [("first", None), (None, "first"), ("update", "first")])

    def test_state_with_a_write_is_younger_than_it(self) -> None:
        self.assertEqual(self.moments(cut_named(self.made, 1, "1/all/0")), [("update", "first")])

    def test_end_of_the_log(self) -> None:
        self.assertEqual(self.moments(cut_named(self.made, 1, "2/flush/0")), [("update", "first"), (None, "update")])


if __name__ == "__main__":
    unittest.main()
