"""Goes through a log of writes, makes the disks that a power cut can leave, and has each judged."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import crash_states
from crash_states import KINDS, Cut, Disk, cut_named
from judge import Judge, Rerun
from scenario import SECOND
from write_log import WriteLog

TRIES = 4  # for each state wanted: small epochs have few distinct ones
SCRATCH = Path("/dev/shm")  # images are written and thrown away by the hundred


@dataclass
class Result:
    """Counts of one file system's replay, and what was found bad."""

    kind: str
    flushes: int
    entries: int
    images: int = 0
    hashes: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    reruns: int = 0
    bad: dict[str, list[str]] = field(default_factory=dict)  # state -> faults

    def line(self) -> str:
        seen = ", ".join(f"{word} {self.outcomes[word]}" for word in ("none", "old", "new"))
        return (f"{self.kind:<5} {self.entries} entries, {self.flushes} flush boundaries, {self.images} images, "
                f"{len(self.hashes)} distinct ({seen}), {self.reruns} runs of the program on images, bad states: {len(self.bad)}")


def replay(kind: str, base: Path, log: WriteLog, *, images: int, every_boundary: bool, seed: int, rerun: Rerun | None = None,
           reruns: int = 0, stop_when_bad: bool = False) -> Result:
    """
    images          distinct states wanted, spread evenly over the epochs
    every_boundary  judge the disk at each flush; otherwise only in the epochs that are sampled and around marks
    reruns          on so many states, chosen by the seed, the program is run as well
    stop_when_bad   end with the first epoch that has a bad state
    """
    result = Result(kind, log.flushes, log.entries)
    dice = random.Random(f"{seed}/{kind}")
    with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="overdrive-powercut-") as name:
        work = Path(name)
        judge = Judge(kind, log.marks, base, work)
        disk = Disk(base, work / "durable.img", log)
        chosen = _chosen_epochs(log, images, every_boundary, dice)
        for place, epoch in enumerate(sorted(chosen)):
            if stop_when_bad and result.bad:
                break
            while disk.epoch < epoch:
                disk.advance()
            due = images * (place + 1) // len(chosen)
            for cut in _cuts(log, epoch, seed, max(1, due - len(result.hashes))):
                if len(result.hashes) >= due and not cut.name.split("/")[1] == "flush":
                    break
                _judge_one(result, disk, judge, cut, work)
            if rerun and result.reruns < reruns and dice.random() < 2 * reruns / len(chosen):
                cut = cut_named(log, seed, f"{epoch}/subset/0" if log.epochs[epoch].writes else f"{epoch}/flush/0")
                disk.write_image(cut, work / "rerun.img")
                result.reruns += 1
                if faults := rerun.check(kind, cut.name, work / "rerun.img", SECOND):
                    result.bad.setdefault(cut.name, []).extend(faults)
        disk.close()
    return result


def _judge_one(result: Result, disk: Disk, judge: Judge, cut: Cut, work: Path) -> None:
    digest = disk.hash_of(cut)
    # Equal contents are looked at again only where the moment can differ: at a boundary.
    if digest in result.hashes and "/flush/" not in cut.name:
        return
    disk.write_image(cut, work / "state.img")
    verdict = judge.judge(cut, work / "state.img")
    result.images += 1
    result.hashes.add(digest)
    result.outcomes[verdict.outcome] += 1
    if verdict.faults:
        result.bad[cut.name] = verdict.faults


def _chosen_epochs(log: WriteLog, images: int, every_boundary: bool, dice: random.Random) -> list[int]:
    every = [epoch.number for epoch in log.epochs]
    if every_boundary or len(every) * 2 <= images:
        return every
    # Those with a mark, and as many of each step, however long it took.
    marked = [epoch.number for mark in log.marks for epoch in log.epochs if epoch.first - 1 <= mark.number <= (epoch.end or log.entries)]
    chosen = set(marked)
    for first, last in pairwise(marked):
        inside = range(first + 1, last)
        chosen.update(dice.sample(inside, min(len(inside), images // len(log.marks))))
    return sorted(chosen)


def _cuts(log: WriteLog, epoch: int, seed: int, wanted: int) -> Iterator[Cut]:
    yield cut_named(log, seed, f"{epoch}/flush/0")
    if log.epochs[epoch].writes:
        yield cut_named(log, seed, f"{epoch}/all/0")
        for number in range(wanted * TRIES):
            yield cut_named(log, seed, f"{epoch}/{KINDS[number % len(KINDS)]}/{number // len(KINDS)}")


def rebuild(base: Path, log: WriteLog, seed: int, name: str, image: Path) -> None:
    """Writes the disk of one state."""
    crash_states.rebuild(base, log, seed, name, image)
