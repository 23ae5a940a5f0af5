"""Channels: names that nodes follow (driver = "stable"). Data: [[channel]] in ci/matrix.toml.

A channel moves to a driver when every cell that it needs is published and proven with that driver, and stays where it is until then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.cell import CatalogError, Cell, tag_of
from catalog.definition import Channel
from catalog.versions import natural
from publishing.commands import ProgramFailed, run, run_json
from publishing.flow import Indexed
from publishing.settings import Settings

NAME = re.compile(r"^[a-z][a-z0-9-]*$")


@dataclass(frozen=True)
class Decision:
    """What becomes of a channel in one repository."""

    channel: str
    repository: str
    driver: str | None  # None: the channel stays
    reason: str
    cells: tuple[Cell, ...] = ()

    def as_json(self, changed: bool) -> dict[str, Any]:
        return {"channel": self.channel, "repository": self.repository, "driver": self.driver, "changed": changed, "reason": self.reason}


def decide(channel: Channel, repository: str, cells: Iterable[Cell], index: Indexed) -> Decision:
    """The newest driver of which the repository has all that the channel needs. Pure. @param cells of that repository"""
    by_driver: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.state != "blocked" and (not channel.module_type or cell.driver.module_type == channel.module_type):
            by_driver.setdefault(cell.driver.id, []).append(cell)
    reason = "the matrix has no cell that it needs"
    for driver in sorted(by_driver, key=natural, reverse=True):
        missing = [cell.tag for cell in by_driver[driver] if not index.has(cell)]
        if not missing:
            return Decision(channel.name, repository, driver, f"all {len(by_driver[driver])} cells that it needs are proven", tuple(by_driver[driver]))
        reason = f"{len(missing)} of the {len(by_driver[driver])} cells that it needs are not published and proven for {driver}, such as {missing[0]}"
    return Decision(channel.name, repository, None, reason)


def check_names(channels: Sequence[Channel]) -> None:
    for channel in channels:
        if not NAME.match(channel.name):
            raise CatalogError(f"[[channel]] {channel.name!r}: the name of a channel is a lower-case word that begins with a letter")


def move(decision: Decision, settings: Settings, log: Path) -> bool:
    """The channel in the signed index, and a signed tag OS KEY-CHANNEL for people. @return whether anything changed. @raise ProgramFailed"""
    if decision.driver is None:
        return False
    place = f"docker://{decision.repository}"
    changed = False
    for cell in decision.cells:
        tag = tag_of(cell.os_key, decision.channel)
        if run_json([settings.artifact, "--quiet", "tag", f"{place}:{cell.tag}", tag, "--json", *settings.more], log)["tag_changed"]:
            run([settings.artifact, "--quiet", "sign", f"{place}:{tag}", "--key", settings.sign_key, *settings.more], log)
            changed = True
    before = run_json([settings.artifact, "--quiet", "index", "show", place, "--json", "--key", settings.public_key, *settings.more], log)["channels"]
    if before.get(decision.channel) == decision.driver:
        return changed
    run([settings.artifact, "--quiet", "index", "channel", place, decision.channel, decision.driver, "--sign-key", settings.sign_key, *settings.more], log)
    return True


def apply(decisions: Iterable[Decision], settings: Settings, say: Callable[[str], None], dry_run: bool) -> tuple[list[dict[str, Any]], bool]:
    """@return what became of each, and whether all went well"""
    results, well = [], True
    for decision in decisions:
        where = f"channel {decision.channel} of {decision.repository}"
        if decision.driver is None or dry_run:
            say(f"{where}: {'would be' if decision.driver else 'stays where it is:'} {decision.driver or decision.reason}")
            results.append(decision.as_json(False))
            continue
        try:
            changed = move(decision, settings, settings.work / "channels.log")
        except ProgramFailed as error:
            say(f"{where}: FAILED: {error}")
            results.append(decision.as_json(False) | {"reason": str(error)})
            well = False
            continue
        say(f"{where}: {'is now' if changed else 'is'} {decision.driver} ({decision.reason})")
        results.append(decision.as_json(changed))
    return results, well
