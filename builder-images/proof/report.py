"""What the checks of one artifact found: results by name, as lines for people and as the report's JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

SCHEMA = 1


class NotRun(Exception):
    """A check cannot be made here; the text says what is missing. Never counts as passed."""


@dataclass(frozen=True)
class Result:
    """ok: True passed, False failed, None not run. `failures` has one sentence for each thing that is wrong."""

    name: str
    ok: bool | None
    failures: tuple[str, ...] = ()
    detail: str = ""

    def lines(self) -> list[str]:
        return [f"{self.name}: {failure}" for failure in self.failures]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "detail": "; ".join(self.failures) or self.detail}


# A check yields a sentence for each thing that is wrong. What it returns (a few words) is the detail of a pass.
Check = Callable[[Any], Iterator[str]]


def _collect(sentences: Iterator[str]) -> tuple[list[str], str]:
    failures = []
    while True:
        try:
            failures.append(next(sentences))
        except StopIteration as end:
            return failures, str(end.value or "")


def run_check(name: str, check: Check, subject: Any) -> Result:
    try:
        failures, detail = _collect(check(subject))
    except NotRun as reason:
        return Result(name, None, detail=f"not run: {reason}")
    return Result(name, not failures, tuple(failures), detail)


def not_run(name: str, reason: str) -> Result:
    return Result(name, None, detail=f"not run: {reason}")


@dataclass
class Report:
    """All results of one artifact. `artifact` says which one: reference, tag, digest of the manifest, pair."""

    artifact: dict[str, Any]
    results: list[Result] = field(default_factory=list)

    def add(self, results: Iterable[Result]) -> None:
        self.results.extend(results)

    @property
    def failed(self) -> bool:
        return any(result.ok is False for result in self.results)

    def failure_lines(self) -> list[str]:
        return [line for result in self.results for line in result.lines()]

    def to_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, "artifact": self.artifact, "checks": [result.to_json() for result in self.results]}
