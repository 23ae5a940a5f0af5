"""The runs that the proof breaks: what comes before each, and what it must reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import proof_host as host
from oracle import Target
from proof_host import pair

FIRST, SECOND, THIRD = host.DRIVERS


@dataclass(frozen=True)
class Scenario:
    name: str
    command: tuple[str, ...]
    before: Callable[[Path], None]
    target: Callable[[int], Target]  # of the exit code of an undisturbed run
    good: tuple[int, ...] = (0,)
    is_boot: bool = False  # run by the boot unit: a failure is told, and the boot goes on
    is_active: bool = False  # a driver is in force before
    among: tuple[str, ...] | None = None  # pairs of which record and current name one at any moment
    as_before: Target | None = None  # what a failed run leaves


def step(node: Path, *arguments: str, good: tuple[int, ...] = (0,)) -> None:
    ended = host.run(node, *arguments)
    if ended.rc not in good:
        raise AssertionError(str(ended))


def reboot(node: Path) -> None:
    host.detach_overlays(node)
    host.forget_runtime(node)


def nothing(_node: Path) -> None:
    """A host that never saw a driver."""


def installed(node: Path) -> None:
    step(node, "install", FIRST, "--no-activate", good=(4,))


def installed_for_links(node: Path) -> None:
    host.configure(node, 'exposure = "links"')
    installed(node)


def pending(node: Path) -> None:
    """The second waits for a boot, which has begun: nothing is loaded."""
    updatable(node)
    step(node, "install", SECOND, "--no-activate", good=(4,))
    reboot(node)


def active(node: Path) -> None:
    step(node, "install", FIRST)
    host.configure(node, f'driver = "{FIRST}"')


def updatable(node: Path) -> None:
    active(node)
    host.configure(node, f'driver = "{SECOND}"')


def two_installed(node: Path) -> None:
    """The second is in force, the first was before."""
    updatable(node)
    step(node, "update", good=(0, 4))
    reboot(node)
    step(node, "activate")


def three_installed(node: Path) -> None:
    two_installed(node)
    host.configure(node, f'driver = "{THIRD}"')
    step(node, "update", good=(0, 4))
    reboot(node)
    step(node, "activate")


def reaches(driver: str) -> Callable[[int], Target]:
    return lambda rc: Target(pair(driver), pair(driver), active=True)


def moves(old: str, new: str) -> Callable[[int], Target]:
    """The new driver is installed; in force at once (0), or at the next boot (4) and the old one until then."""
    return lambda rc: Target(pair(new), pair(old) if rc == 4 else pair(new), active=True, present=(pair(old), pair(new)),
                                      state="degraded" if rc == 4 else "ready")


def out_of_force(driver: str) -> Callable[[int], Target]:
    return lambda rc: Target(pair(driver), pair(driver))


SCENARIOS = (
    Scenario("install", ("install", FIRST), nothing, reaches(FIRST)),
    Scenario("activate", ("activate",), installed, reaches(FIRST)),
    Scenario("boot", ("activate", "--boot"), installed, reaches(FIRST), is_boot=True),
    Scenario("links", ("activate",), installed_for_links, reaches(FIRST)),
    Scenario("switch", ("activate", "--boot"), pending, reaches(SECOND), is_boot=True, among=(pair(FIRST), pair(SECOND))),
    Scenario("update", ("update",), updatable, moves(FIRST, SECOND), good=(0, 4), is_active=True,
             among=(pair(FIRST), pair(SECOND)), as_before=Target(None, pair(FIRST), active=True)),
    Scenario("deactivate", ("deactivate",), active, out_of_force(FIRST), is_active=True, among=(pair(FIRST),)),
    Scenario("rollback", ("rollback", "--to", pair(FIRST)), two_installed, lambda rc: Target(None, pair(FIRST), active=rc == 0), good=(0, 4),
             is_active=True, among=(pair(FIRST), pair(SECOND)), as_before=Target(None, pair(SECOND), active=True)),
    Scenario("prune", ("prune", "--keep", "1"), three_installed,
             lambda rc: Target(pair(THIRD), pair(THIRD), active=True, absent=(pair(FIRST),)), is_active=True,
             among=(pair(THIRD),), as_before=Target(None, pair(THIRD), active=True)),
    Scenario("uninstall", ("uninstall",), two_installed, lambda rc: Target(None, nothing_left=True), is_active=True),
)
