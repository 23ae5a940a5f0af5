"""Deltas: what a node that has the version before fetches instead of a driver's user space. See docs/delta.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.versions import natural
from publishing import images
from publishing.cell_steps import Outcome
from publishing.commands import ProgramFailed, run, run_json
from publishing.settings import Settings

NOT_WORTHWHILE = 8  # exit status of overdrive-artifact delta

Pair = Mapping[str, Any]  # as `overdrive-artifact index show --json` prints it


@dataclass(frozen=True)
class Step:
    """From one version of a branch to the next."""

    older: Pair
    newer: Pair

    @property
    def text(self) -> str:
        return f"{self.older['driver']} to {self.newer['driver']}"


def steps(pairs: Iterable[Pair], drivers: Iterable[str]) -> list[Step]:
    """
    To the newest version of each branch and module type that the index has, from the one before it. Pure.

    drivers  ids: only what leads to one of these
    """
    newest: dict[tuple[str, ...], dict[str, Pair]] = {}
    for pair in pairs:
        version = str(pair["driver_version"])
        kind = (str(pair["architecture"]), str(pair["module_type"]), version.partition(".")[0])
        there = newest.setdefault(kind, {}).get(version)
        # User space is the same for all OS releases; after a change of how it is packed that of the newest image counts.
        if there is None or (pair["created"], pair["tag"]) > (there["created"], there["tag"]):
            newest[kind][version] = pair
    found = []
    for kind in sorted(newest):
        versions = sorted(newest[kind], key=natural)
        if len(versions) > 1 and newest[kind][versions[-1]]["driver"] in drivers:
            found.append(Step(newest[kind][versions[-2]], newest[kind][versions[-1]]))
    return found


def publish(outcomes: Sequence[Outcome], settings: Settings, say: Callable[[str], None], dry_run: bool) -> tuple[list[dict[str, Any]], bool]:
    """@return what became of each, and whether all went well: nodes can do without a delta, whoever publishes wants to know"""
    results, well = [], True
    there = [one for one in outcomes if one.outcome in ("published", "present")]
    for repository in dict.fromkeys(one.cell.repository for one in there):
        maker = _Maker(repository, settings)
        try:
            index = maker.index()
        except ProgramFailed as error:
            say(f"deltas of {repository}: FAILED: {error}")
            well = False
            continue
        for step in steps(index["pairs"], {one.cell.driver.id for one in there if one.cell.repository == repository}):
            try:
                result = maker.make(step, index["deltas"], dry_run)
            except (ProgramFailed, OSError, ValueError, KeyError) as error:
                result, well = {"tag": None, "bytes": None, "changed": False, "reason": f"FAILED: {error}"}, False
            say(f"delta of {repository}, {step.text}: {result['reason']}")
            results.append({"repository": repository, "from": step.older["driver"], "to": step.newer["driver"], **result})
    return results, well


class _Maker:
    """Makes the deltas of one repository."""

    def __init__(self, repository: str, settings: Settings) -> None:
        self._repository, self._settings = repository, settings
        self._log: Path = settings.work / "deltas.log"

    def index(self) -> dict[str, Any]:
        """@raise ProgramFailed"""
        settings = self._settings
        return dict(run_json([settings.artifact, "--quiet", "index", "show", f"docker://{self._repository}", "--json", "--key", settings.public_key, *settings.more],
                             self._log))

    def make(self, step: Step, deltas: Iterable[Mapping[str, Any]], dry_run: bool) -> dict[str, Any]:
        """@raise ProgramFailed"""
        settings, place = self._settings, f"docker://{self._repository}"
        ends = tuple(self._user_space(pair) for pair in (step.older, step.newer))
        for delta in deltas:
            if (delta["from"], delta["to"]) == ends:
                return {"tag": delta["tag"], "bytes": delta["download_bytes"], "changed": False, "reason": "is there"}
        if dry_run:
            return {"tag": None, "bytes": None, "changed": False, "reason": "would be made"}
        try:
            made = run_json([settings.artifact, "--quiet", "delta", "--from", f"{place}@{step.older['digest']}", "--to", f"{place}@{step.newer['digest']}", "--work",
                             settings.work, "--json", *settings.more], self._log)
        except ProgramFailed as error:
            if error.status != NOT_WORTHWHILE:
                raise
            return {"tag": None, "bytes": None, "changed": False, "reason": "not worthwhile: it would have more than half of the layer's bytes"}
        run([settings.artifact, "--quiet", "index", "add", place, made["tag"], "--sign-key", settings.sign_key, *settings.more], self._log)
        return {"tag": made["tag"], "bytes": made["bytes"], "changed": True, "reason": f"made, {made['bytes']} bytes instead of {made['layer_bytes']}"}

    def _user_space(self, pair: Pair) -> str:
        place = f"docker://{self._repository}@{pair['digest']}"
        return images.image(self._settings.artifact, place, pair["architecture"], self._settings.more, self._log).layer("user-space").digest
