"""The matrix as text for people and as JSON for programs. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from catalog.cell import STATES, Cell
from catalog.watching import Failure

COLUMNS = ("OS", "STREAM", "VERSION", "KERNEL", "ARCH", "DRIVER", "STATE", "DIGEST, WHY")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest entry, the last one as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "".join("  ".join([*(text.ljust(width) for text, width in zip(row, widths)), row[-1]]).rstrip() + "\n" for row in rows)


def as_row(cell: Cell, notes: list[tuple[str, str]]) -> tuple[str, ...]:
    """@param notes the reasons so far; one that is new is added, the row has its number"""
    last = (cell.digest or "")[:19]
    if cell.state == "blocked":
        note = (cell.reason, cell.where)
        if note not in notes:
            notes.append(note)
        last = f"[{notes.index(note) + 1}]"
    return (cell.os_name, cell.release.stream, cell.release.version, cell.release.kernel, cell.release.architecture, cell.driver.id, cell.state, last)


def summary(cells: Sequence[Cell]) -> str:
    """`38 cells: 24 missing, 14 blocked`."""
    counted = Counter(cell.state for cell in cells)
    parts = [f"{counted[state]} {state}" for state in STATES if counted[state]]
    return f"{len(cells)} cell{'' if len(cells) == 1 else 's'}{': ' if parts else ''}{', '.join(parts)}"


def as_table(cells: Sequence[Cell]) -> str:
    notes: list[tuple[str, str]] = []
    table = aligned([COLUMNS, *(as_row(cell, notes) for cell in cells)]) if cells else ""
    numbered = "".join(f"[{number}] {reason}{f' ({where})' if where else ''}\n" for number, (reason, where) in enumerate(notes, 1))
    return f"{table}{numbered}{summary(cells)}\n"


def as_document(cells: Iterable[Cell], failures: Iterable[Failure]) -> dict[str, Any]:
    return {"schema": 1, "cells": [cell.as_json() for cell in cells], "failures": [failure.as_json() for failure in failures]}


def as_json(cells: Iterable[Cell], failures: Iterable[Failure]) -> str:
    return json.dumps(as_document(cells, failures), indent=1) + "\n"
