#!/usr/bin/env python3
"""The proof against power cuts; ci/powercut builds what it needs and calls it. See --help.

Run in a mount namespace of its own, so that nothing stays mounted however it ends.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests" / folder) for folder in ("proof/powercut", "support", "vm", "integration/cli")]

import boots  # noqa: E402
import cli_case  # noqa: E402
import disks  # noqa: E402
import scenario  # noqa: E402
from faults import FAULTS  # noqa: E402
from judge import Rerun  # noqa: E402
from replay import SCRATCH, Result, rebuild, replay  # noqa: E402
from stand_in_artifacts import StandInArtifacts  # noqa: E402
from vm_node import OsRelease, build_nodes  # noqa: E402
from vm_registry import Registry  # noqa: E402
from write_log import WriteLog, read_log  # noqa: E402

KEPT = TOP / "build/powercut"
MOST_SHOWN = 20
FAULT_IMAGES = 200


def say(text: str) -> None:
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


STARTED = time.monotonic()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ci/powercut", description="""Installs and updates a driver in a virtual machine whose disk
        writes are logged, makes the disks that a power cut at any instant can leave, mounts and judges each; then cuts the power
        for real and boots again. Exit status: 0 no bad state, 1 bad states, 2 wrong usage.""")
    parser.add_argument("--short", action="store_true", help="one file system, 60 images, one cut: what ctest runs")
    parser.add_argument("--file-system", choices=disks.FILE_SYSTEMS, action="append", help="only this one (may be given twice)")
    parser.add_argument("--images", type=int, help="distinct states for each file system (default 700; every flush boundary comes on top)")
    parser.add_argument("--reruns", type=int, help="states on which the program is run as well, for each file system (default 20)")
    parser.add_argument("--cuts", type=int, help="real power cuts for each file system (default 4, at most 4)")
    parser.add_argument("--faults", type=int, help="how many faults to plant into the program, to see that each is found (default all)")
    parser.add_argument("--seed", type=int, default=1, help="of every choice (default 1)")
    parser.add_argument("--replay-only", action="store_true", help="judge the logs of the last run again; no node is booted")
    parser.add_argument("--rebuild", nargs=2, metavar=("STATE", "IMAGE"), help="write the disk of a state, such as 12/subset/3, of the last run")
    options = parser.parse_args()
    if not options.file_system:
        options.file_system = ["ext4"] if options.short else list(disks.FILE_SYSTEMS)
    defaults = {"images": 60, "reruns": 2, "cuts": 1, "faults": 0} if options.short else {"images": 700, "reruns": 20, "cuts": 4, "faults": len(FAULTS)}
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def files_of(kind: str) -> tuple[Path, Path]:
    """Where the last run kept the disk as it was before, and the log."""
    return KEPT / f"{kind}.img", KEPT / f"{kind}.log"


def open_log(kind: str) -> WriteLog:
    """The log of the last run."""
    return read_log(files_of(kind)[1], disks.FILE_SYSTEM_BYTES, disks.TEAR[kind])


def prove(options: argparse.Namespace, release: OsRelease, artifacts: StandInArtifacts, work: Path) -> tuple[list[Result], list[str]]:
    results, bad_boots, seconds = [], [], (20.0, 5.0)
    rerun = Rerun(release, artifacts, work)
    for kind in options.file_system:
        base, path = files_of(kind)
        if not options.replay_only:
            seconds = scenario.record(kind, release, artifacts, base, path)
            say(f"{kind}: recorded, {path.stat().st_size / 1e6:.0f} MB of log; the steps took {', '.join(f'{one:.1f}' for one in seconds)} s")
        log = open_log(kind)
        results.append(replay(kind, base, log, images=options.images, every_boundary=not options.short, seed=options.seed,
                              rerun=rerun, reruns=options.reruns))
        say(results[-1].line())
    for kind in options.file_system if options.cuts and not options.replay_only else []:
        outcomes, faults = boots.run(kind, release, artifacts, cuts=options.cuts, seconds=seconds[:2], seed=options.seed)
        say(f"{kind}: {len(outcomes)} real power cuts, {len(faults)} faults")
        bad_boots += faults
    return results, bad_boots


def prove_faults(options: argparse.Namespace, release: OsRelease, artifacts: StandInArtifacts) -> list[str]:
    """Plants faults into the program and looks for a bad state of each. Returns those that were not found."""
    missed = []
    for fault in [*FAULTS][: options.faults]:
        base, path = files_of("fault")
        scenario.record("ext4", release, artifacts, base, path, fault=fault)
        log = read_log(path, disks.FILE_SYSTEM_BYTES, disks.TEAR["ext4"])
        found = replay("ext4", base, log, images=FAULT_IMAGES, every_boundary=False, seed=options.seed, stop_when_bad=True).bad
        how = next((f"{name}: {faults[0]}" for name, faults in found.items()), "NOT FOUND")
        say(f"planted fault '{fault}' ({FAULTS[fault]}): {how}")
        missed += [] if found else [fault]
    return missed


def report(results: list[Result], bad_boots: list[str], seed: int) -> bool:
    """Prints the counts and what is bad. Returns whether the proof holds."""
    print()
    for result in results:
        print(result.line())
        for name, faults in list(result.bad.items())[:MOST_SHOWN]:
            print(f"  BAD {result.kind} {name}: {'; '.join(faults[:4])}")
            print(f"      make it again: ci/powercut --file-system {result.kind} --seed {seed} --rebuild {name} IMAGE")
    for fault in bad_boots:
        print(f"  BAD real cut: {fault}")
    missing = [f"{result.kind}: no state with outcome '{word}'" for result in results for word in ("none", "old", "new") if not result.outcomes[word]]
    for one in missing:
        print(f"  MISSING {one}: the scenario did not do what it should")
    bad = sum(len(result.bad) for result in results) + len(bad_boots)
    distinct = sum(len(result.hashes) for result in results)
    print(f"\nflush boundaries: {sum(result.flushes for result in results)}, images: {sum(result.images for result in results)}, "
          f"distinct: {distinct}, seconds: {time.monotonic() - STARTED:.0f}, seed: {seed}\nbad states: {bad}")
    return not bad and not missing


def main() -> int:
    options = parse()
    if options.rebuild:
        base, _ = files_of(options.file_system[0])
        rebuild(base, open_log(options.file_system[0]), options.seed, options.rebuild[0], Path(options.rebuild[1]))
        return 0
    if not os.environ.get("OVERDRIVE_OWN_MOUNTS"):
        os.environ["OVERDRIVE_OWN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    KEPT.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TMPDIR", str(SCRATCH))  # the node's flushes need not reach this machine's disk
    try:
        with tempfile.TemporaryDirectory(prefix="overdrive-powercut-") as name, Registry() as registry:
            release = build_nodes()[0]
            artifacts = StandInArtifacts(Path(name), registry)
            for driver in scenario.DRIVERS[: max(3, options.cuts)]:
                artifacts.push(release, driver)
            say("artifacts are published")
            results, bad_boots = prove(options, release, artifacts, Path(name))
            missed = [] if options.replay_only else prove_faults(options, release, artifacts)
    finally:
        cli_case.remove_shared()
    return 0 if report(results, bad_boots, options.seed) and not missed else 1


if __name__ == "__main__":
    sys.exit(main())
