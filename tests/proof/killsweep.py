#!/usr/bin/env python3
"""Breaks every run at every place where it changes something, and asks the oracle what is left.

For each scenario: one run under strace counts the sites, the state-changing system calls. Then for every site and every
fault a fresh copy of the host, the run with that one fault, the oracle, a run without faults, the oracle again.
Faults: SIGKILL, SIGTERM, SIGINT on entering the call; CUT, which is SIGKILL and then a reboot, whose boot unit runs before
the next run; the call failing with ENOSPC, EIO, EROFS, EDQUOT, EMFILE, ENOMEM, EINTR, EAGAIN. Ends with 1 when a state was bad or an injection did not happen.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import selectors
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import proof_host as host  # noqa: E402
import real_size  # noqa: E402
import sites as at  # noqa: E402
from oracle import Oracle, Target  # noqa: E402
from scenarios import SCENARIOS, Scenario, reboot  # noqa: E402

MOST_SECONDS_TO_STOP = 2.0
TO_STOP = "to stop"
# The kernel answers an openat2 with EAGAIN, and it is repeated, when anybody on the machine renames or mounts meanwhile: then
# the count of the last calls is another one.
MOST_TRIES = 3
REAL_SIZE_BYTES = 500 << 20
REAL_SIZE_TOLERANCE = 1 << 20
SPACE_TOLERANCE = 64 << 10  # the trees are small; the invariant's own 1 MiB would hide a whole leftover


@dataclass
class Prepared:
    """A scenario with the host that its cases are copied from and what undisturbed work comes to."""

    scenario: Scenario
    template: Path
    outside: dict[str, str]
    sites: list[at.Site] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)  # sites, or what stands for them in the real size
    rc: int = 0
    seconds: float = 0.0
    used: int = 0
    target: Target = Target(None)
    tolerance: int = SPACE_TOLERANCE


class Place(Protocol):
    """Where, in a run, the fault happens."""

    @property
    def key(self) -> str: ...
    @property
    def what(self) -> str: ...

    def takes(self, fault: str) -> bool:
        """Whether this fault can happen here."""

    def break_run(self, node: Path, command: tuple[str, ...], fault: str, trace: Path) -> tuple[host.Ended, int]:
        """Runs the command with the fault. Returns how it ended, and how often the fault happened."""


@dataclass
class Verdict:
    case: str
    fired: bool
    bad: list[str]
    seconds: float
    how: str = ""


class Sweep:
    def __init__(self, work: Path) -> None:
        self.work = work
        self.node = work / "node"  # the same path in every mount namespace
        self.node.mkdir()

    # --- preparing

    def prepare(self, scenario: Scenario) -> Prepared:
        """Runs what comes before the scenario once, then the scenario itself, counting."""
        template = self.work / f"template-{scenario.name}"
        template.mkdir()
        made = Prepared(scenario, template, {})
        answer = in_own_namespace(lambda: self._make_template(scenario, template))
        made.outside = answer["outside"]
        counted = in_own_namespace(lambda: self._count(made))
        made.sites = [at.Site(**site) for site in counted["sites"]]
        made.places = list(made.sites)
        made.masked, made.rc, made.used, made.seconds = (counted[name] for name in ("masked", "rc", "used", "seconds"))
        made.target = Target(**{key: tuple(value) if isinstance(value, list) else value for key, value in counted["target"].items()})
        return made

    def _make_template(self, scenario: Scenario, template: Path) -> dict[str, object]:
        host.mount_node(self.node)
        host.make_host(self.node, self.work)
        oracle = Oracle(self.node)
        oracle.remember()
        scenario.before(self.node)
        oracle.accept("etc/overdrive/config.toml")
        bad = oracle.check(settled=True)
        if bad:
            raise AssertionError(f"{scenario.name}: what comes before it left: {bad}")
        host.detach_overlays(self.node)
        host.copy_tree(self.node, template)
        return {"outside": oracle.before}

    def _fresh(self, made: Prepared) -> Oracle:
        """A host as the scenario finds it, in this process's mount namespace."""
        host.mount_node(self.node)
        host.copy_tree(made.template, self.node)
        if made.scenario.is_active:
            ended = host.run(self.node, "activate")
            if ended.rc != 0:
                raise AssertionError(f"the driver that was active is no more: {ended}")
        oracle = Oracle(self.node)
        oracle.before = made.outside
        return oracle

    def _count(self, made: Prepared) -> dict[str, object]:
        on_one_processor(0)
        oracle = self._fresh(made)
        trace = self.work / f"sites-{made.scenario.name}"
        ended = host.run(self.node, *made.scenario.command, prefix=at.tracing(trace))
        if ended.rc not in made.scenario.good:
            raise AssertionError(f"{made.scenario.name} undisturbed: {ended}")
        target = made.scenario.target(ended.rc)
        bad = oracle.check(settled=True, target=target)
        if bad:
            raise AssertionError(f"{made.scenario.name} undisturbed: {bad}\n{ended}")
        found = at.read_trace(trace)
        return {"sites": [vars(site) for site in found.sites], "masked": found.masked, "rc": ended.rc, "used": oracle.used(),
                "target": vars(target), "seconds": ended.seconds}

    def in_real_size(self, made: Prepared, seed: int, count: int) -> None:
        """Replaces the sites by every step of the journal and `count` instants."""
        made.tolerance = REAL_SIZE_TOLERANCE

        def undisturbed() -> dict[str, object]:
            self._fresh(made)
            return {"steps": len(real_size.steps(self.node, made.scenario.command, self.work / "steps"))}

        def plain() -> dict[str, object]:
            self._fresh(made)
            return {"seconds": host.run(self.node, *made.scenario.command).seconds}

        steps = int(in_own_namespace(undisturbed)["steps"])
        made.seconds = float(in_own_namespace(plain)["seconds"])
        made.places = [*(real_size.Step(line) for line in range(1, steps + 1)), *real_size.instants(seed, count, made.seconds)]

    # --- one case

    def judge(self, made: Prepared, place: Place, fault: str) -> Verdict:
        case = f"{made.scenario.name}/{fault}/{place.key}"
        begun = time.monotonic()
        try:
            for _ in range(MOST_TRIES):
                answer = in_own_namespace(lambda: self._case(made, place, fault))
                slow = answer["bad"] and all(one.endswith(TO_STOP) for one in answer["bad"])  # a busy machine is slow, but not twice
                if answer["fired"] and not slow:
                    break
        except Exception as error:  # noqa: BLE001 - whatever it is, the case is bad
            return Verdict(case, True, [f"the case itself failed: {error}"], time.monotonic() - begun)
        return Verdict(case, answer["fired"], answer["bad"], time.monotonic() - begun, answer["how"])

    def _case(self, made: Prepared, place: Place, fault: str) -> dict[str, object]:
        oracle = self._fresh(made)
        scenario = made.scenario
        trace = self.work / f"trace-{os.getpid()}"
        ended, happened = place.break_run(self.node, scenario.command, fault, trace)
        bad = [f"after the fault: {one}" for one in self._after_fault(made, oracle, fault, ended, happened)]
        if fault == at.CUT:
            bad += [f"after the reboot: {one}" for one in self._after_reboot(made, oracle)]
        if scenario.is_boot and ended.rc == 0 and fault not in at.SIGNALS:
            reboot(self.node)  # what failed is tried at most once a boot
        again = host.run(self.node, *scenario.command)
        bad += [f"after the next run: {one}" for one in self._after_rerun(made, oracle, fault, again)]
        trace.unlink(missing_ok=True)
        how = f"at {place.what}\nbroken: {ended}\nagain: {again}" if bad else ""
        return {"fired": bool(happened), "bad": bad, "how": how}

    def _after_fault(self, made: Prepared, oracle: Oracle, fault: str, ended: host.Ended, happened: int) -> Iterator[str]:
        scenario = made.scenario
        yield from oracle.check(among=scenario.among)
        if fault in ("TERM", "INT") and ended.seconds > MOST_SECONDS_TO_STOP + made.seconds:
            yield f"6 exit: it took {ended.seconds:.1f} s {TO_STOP}"
        if ended.rc < 0 and fault in at.SIGNALS:
            return  # ended by the signal
        if scenario.is_boot and ended.rc == 0 and ended.result not in ("changed", "nothing-to-do"):
            return  # a node without its driver boots all the same
        yield from oracle.check_exit(ended.verb, ended.rc, ended.stdout, ended.stderr, host.reasons())
        if ended.rc in (0, 4):
            if ended.rc not in (*scenario.good, 0):
                yield f"6 exit: it ended with {ended.rc}"
            yield from oracle.check(target=made.target)
        elif ended.rc == 5 and happened > 1:
            return  # it failed, and so did the way back
        elif ended.rc == 5:
            yield "6 exit: one fault was enough to leave the system not restored"
        elif scenario.as_before is not None:
            yield from oracle.check(target=scenario.as_before)

    def _after_reboot(self, made: Prepared, oracle: Oracle) -> Iterator[str]:
        """The machine went down at the fault and is up again: where there was a driver there is one."""
        reboot(self.node)
        booted = host.run(self.node, "activate", "--boot")
        if booted.rc != 0:
            yield f"6 exit: the boot ended with {booted}"
        yield from oracle.check(among=made.scenario.among)
        if made.scenario.among:
            yield from oracle.check(target=Target(None, oracle.current(), active=True))

    def _after_rerun(self, made: Prepared, oracle: Oracle, fault: str, again: host.Ended) -> Iterator[str]:
        if again.rc not in (*made.scenario.good, 0):
            yield f"5 target: the run without faults ended with {again.rc}"
        target = made.target
        if fault == at.CUT and made.rc == 4:  # what waits for a boot has had one, unless it was not yet installed
            current = oracle.current()
            target = replace(target, current=current, state="ready" if current == target.desired else "degraded")
        yield from oracle.check(settled=True, target=target, among=made.scenario.among)
        yield from oracle.check_exit(again.verb, again.rc, again.stdout, again.stderr, host.reasons())
        yield from oracle.check_space(made.used, made.tolerance)


def in_own_namespace(body) -> dict:  # type: ignore[no-untyped-def,type-arg]
    """Runs the body in a child with a mount namespace of its own; its answer comes back as JSON."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            host.leave_mount_namespace()
            answer = {"ok": body()}
        except BaseException:  # noqa: BLE001 - the parent raises it
            answer = {"failed": traceback.format_exc()}
        with os.fdopen(write, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    answer = json.loads(text or '{"failed": "the case was killed"}')
    if "failed" in answer:
        raise AssertionError(answer["failed"])
    return dict(answer["ok"])


def on_one_processor(worker: int) -> None:
    """From here on this process and its children have one processor: then the program reads files in one thread, and the
    N-th call is the N-th call."""
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[worker % len(processors)]})


def run_cases(sweep: Sweep, cases: list[tuple[Prepared, Place, str]], jobs: int, seconds: float) -> Iterator[Verdict]:
    """The verdicts as they come; every worker takes each jobs-th case and begins none after `seconds`, when not 0."""
    pipes = []
    end = time.monotonic() + seconds
    for worker in range(jobs):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            on_one_processor(worker)
            with os.fdopen(write, "w") as pipe:
                for made, site, fault in cases[worker::jobs]:
                    if seconds and time.monotonic() > end:
                        break
                    pipe.write(json.dumps(vars(sweep.judge(made, site, fault))) + "\n")
                    pipe.flush()
            os._exit(0)
        os.close(write)
        pipes.append(read)
    yield from _merged(pipes)


def _merged(pipes: list[int]) -> Iterator[Verdict]:
    waiting = selectors.DefaultSelector()
    rest = {pipe: b"" for pipe in pipes}
    for pipe in pipes:
        waiting.register(pipe, selectors.EVENT_READ)
    while rest:
        for key, _ in waiting.select():
            pipe = key.fd
            data = os.read(pipe, 1 << 16)
            if not data:
                waiting.unregister(pipe)
                os.close(pipe)
                del rest[pipe]
                os.wait()
                continue
            *lines, rest[pipe] = (rest[pipe] + data).split(b"\n")
            for line in lines:
                yield Verdict(**json.loads(line))


def chosen(prepared: list[Prepared], options: argparse.Namespace) -> list[tuple[Prepared, Place, str]]:
    faults = options.fault or list(at.FAULTS)
    if options.real_size:
        faults = options.fault or ["KILL"]
    every = [(made, place, fault) for made in prepared for place in made.places for fault in faults if place.takes(fault)]
    if options.case:
        name, fault, key = options.case.split("/")
        return [(made, site, fault) for made in prepared for site in made.places if made.scenario.name == name and site.key == key]
    every = every[:: options.every]
    if options.cases or options.seconds:
        random.Random(options.seed).shuffle(every)
    return every[: options.cases] if options.cases else every


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ci/killsweep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--scenario", action="append", choices=names, help="only this one; may be given again")
    parser.add_argument("--fault", action="append", choices=at.FAULTS, help="only this one; may be given again")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th case")
    parser.add_argument("--cases", type=int, default=0, metavar="N", help="N cases, drawn with --seed")
    parser.add_argument("--seconds", type=float, default=0, metavar="N", help="as many cases as begin in N seconds, in an order drawn with --seed")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="cases at a time (2)")
    parser.add_argument("--case", metavar="ID", help="one case again, as a bad state's line names it, with all that was said")
    parser.add_argument("--real-size", action="store_true", help="500 MB a driver, all threads: SIGKILL at every step and at --instants")
    parser.add_argument("--instants", type=int, default=200, metavar="N", help="moments drawn by --seed, over all scenarios (200)")
    parser.add_argument("--count", action="store_true", help="count the sites and stop")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if os.geteuid() != 0:
        print("SKIPPED: needs root: it mounts and makes device nodes")
        return 77
    if not shutil.which("strace"):
        print("ci/killsweep: 'strace' is missing; run: ci/setup build", file=sys.stderr)
        return 2
    names = options.scenario or ([options.case.split("/")[0]] if options.case else [])
    with tempfile.TemporaryDirectory(dir=host.fast_place(), prefix="killsweep-") as work_name:
        try:
            return sweep_all(Path(work_name), names, options)
        finally:
            host.cli_case.remove_shared()


def tell_places(made: Prepared) -> None:
    kinds = Counter(place.key.split(":")[0] for place in made.places)
    threads = sum(isinstance(place, at.Site) and place.thread for place in made.places)
    print(f"{made.scenario.name}: {len(made.places)} sites ({threads} in other threads), {len(made.masked)} out of reach; undisturbed: exit "
          f"code {made.rc}, {made.seconds:.2f} s; " + " ".join(f"{kind} {count}" for kind, count in kinds.most_common()), flush=True)
    for what in made.masked:
        print(f"  out of reach: {what}")


def sweep_all(work: Path, names: list[str], options: argparse.Namespace) -> int:
    begun = time.monotonic()
    if options.real_size:
        host.make_artifacts(work, host.DRIVERS[:2], REAL_SIZE_BYTES)
    else:
        host.make_artifacts(work)
    sweep = Sweep(work)
    prepared = []
    if options.real_size and not names:
        names = ["install", "update"]
    for scenario in SCENARIOS:
        if (names and scenario.name not in names) or not host.has_verb(scenario.command[0]):
            continue
        made = sweep.prepare(scenario)
        prepared.append(made)
        if options.real_size:
            sweep.in_real_size(made, options.seed, options.instants // len(names))
        tell_places(made)
    if options.count:
        return 0
    cases = chosen(prepared, options)
    bad, silent, done = 0, [], 0
    for verdict in run_cases(sweep, cases, max(1, min(options.jobs, len(cases))), options.seconds):
        done += 1
        if not verdict.fired:
            silent.append(verdict.case)
        if verdict.bad:
            bad += 1
            print(f"BAD {verdict.case}\n" + "".join(f"    {one}\n" for one in verdict.bad) + f"    repeat: ci/killsweep --case {verdict.case}")
            if options.case:
                print(verdict.how)
            sys.stdout.flush()
    for case in silent:
        print(f"not fired: {case}")
    print(f"sites: {sum(len(made.places) for made in prepared)} in {len(prepared)} scenarios; cases: {done} of {len(cases)}; "
          f"fired: {done - len(silent)}; bad states: {bad}; {time.monotonic() - begun:.0f} s")
    late = options.real_size  # an instant after the end of the run breaks nothing; it is one of those that were drawn
    return 1 if bad or (silent and not late) or done == 0 or (done != len(cases) and not options.seconds) else 0


if __name__ == "__main__":
    sys.exit(main())
