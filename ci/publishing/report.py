"""What a run did: as a file for programs, as a table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from catalog.table import aligned
from publishing.cell_steps import Outcome

SCHEMA = 1


def outcome_json(one: Outcome) -> dict[str, Any]:
    cell = one.cell
    return {"repository": cell.repository, "tag": cell.tag, "os_key": cell.os_key, "kernel_release": cell.release.kernel, "architecture": cell.release.architecture,
            "driver": cell.driver.id, "outcome": one.outcome, "step": one.step or None, "check": one.check or None, "message": one.message or None,
            "digest": one.digest, "manifest": one.manifest, "uploaded_bytes": one.uploaded_bytes, "seconds": one.seconds, "checks": one.checks}


def as_json(outcomes: Sequence[Outcome], seconds: float, storage: dict[str, Any] | None, channels: Sequence[dict[str, Any]],
            deltas: Sequence[dict[str, Any]], failures: Sequence[str]) -> dict[str, Any]:
    return {"schema": SCHEMA, "seconds": round(seconds, 1), "counts": dict(Counter(one.outcome for one in outcomes)), "cells": [outcome_json(one) for one in outcomes],
            "channels": list(channels), "deltas": list(deltas), "storage": storage, "watch_failures": list(failures)}


def mebibytes(count: int) -> str:
    return f"{count / 2**20:.1f}"


def row(one: Outcome) -> tuple[str, ...]:
    what = f"{one.step}: {one.check}" if one.outcome == "failed" else one.message if one.outcome == "blocked" else (one.manifest or "")[:19]
    return (one.cell.tag, one.outcome, f"{one.took:.1f}" if one.seconds else "", mebibytes(one.uploaded_bytes) if one.seconds else "", what)


def as_table(outcomes: Sequence[Outcome]) -> str:
    return aligned([("CELL", "OUTCOME", "SECONDS", "MiB SENT", "MANIFEST, CHECK OR REASON"), *(row(one) for one in outcomes)])


def storage_table(storage: dict[str, Any]) -> str:
    rows = [("LAYERS", "IN IMAGES", "STORED", "MiB STORED")]
    rows += [(role, str(facts["named"]), str(facts["blobs"]), mebibytes(facts["bytes"])) for role, facts in storage["layers"].items()]
    text = aligned(rows)
    if storage.get("directory_bytes") is not None:
        text += f"all blobs of the local registry: {mebibytes(storage['directory_bytes'])} MiB\n"
    return text
