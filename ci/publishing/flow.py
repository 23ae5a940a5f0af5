"""The flow over all cells: what is there stays, what is missing is built, what fails is said and the rest goes on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from catalog.cell import Cell
from publishing.cell_steps import CellSteps, Outcome
from publishing.settings import Settings

EXIT_NO_INDEX = 3


@dataclass(frozen=True)
class Indexed:
    """Tags that the signed index of a repository names, with the digests that it names for them."""

    manifests: dict[str, str] = field(default_factory=dict)

    def has(self, cell: Cell) -> bool:
        return cell.digest is not None and self.manifests.get(cell.tag) == cell.digest


class IndexUnreadable(Exception):
    """The registry has an index that cannot be read, or did not answer."""


def read_index(settings: Settings, repository: str) -> Indexed:
    """@raise IndexUnreadable"""
    words = [str(settings.artifact), "--quiet", "index", "show", f"docker://{repository}", "--json", "--key", str(settings.public_key), *settings.more]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode == EXIT_NO_INDEX:
        return Indexed()
    if done.returncode != 0:
        raise IndexUnreadable(f"the index of {repository} cannot be read: {done.stderr.strip()}")
    return Indexed({pair["tag"]: pair["digest"] for pair in json.loads(done.stdout)["pairs"]})


def run_cells(cells: Iterable[Cell], settings: Settings, say: Callable[[str], None], dry_run: bool) -> list[Outcome]:
    """A cell is there when its tag is and the index names it: a run that was killed between the two is finished by the next."""
    indexes: dict[str, Indexed] = {}
    outcomes = []
    for cell in cells:
        if cell.state == "blocked":
            outcomes.append(Outcome(cell, "blocked", message=cell.reason))
            continue
        if cell.repository not in indexes:
            indexes[cell.repository] = read_index(settings, cell.repository)
        if cell.state == "present" and indexes[cell.repository].has(cell):
            outcomes.append(Outcome(cell, "present", manifest=cell.digest))
        elif dry_run:
            say(f"{cell.tag}: would be built, proven and published to {cell.repository}")
            outcomes.append(Outcome(cell, "would-build"))
        else:
            outcomes.append(tell(CellSteps(cell, settings, say).run(), say))
    return outcomes


def tell(outcome: Outcome, say: Callable[[str], None]) -> Outcome:
    tag = outcome.cell.tag
    if outcome.outcome == "failed":
        left = "nothing of it is published" if outcome.step in ("build", "prove") else "the next run goes on with it"
        say(f"{tag}: FAILED at {outcome.step}, check {outcome.check}; {left}")
        for line in outcome.message.splitlines():
            say(f"    {line}")
    else:
        say(f"{tag}: published in {outcome.took:.1f} s, {outcome.uploaded_bytes} bytes sent, {outcome.digest}")
    return outcome
