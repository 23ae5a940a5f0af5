"""What the published cells take at the registry: every blob once, however many images name it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from publishing import images
from publishing.cell_steps import Outcome
from publishing.settings import Settings

ROLES = ("program", "user-space", "modules")


def measure(outcomes: Iterable[Outcome], settings: Settings, directory_bytes: int | None, log: Path) -> dict[str, Any]:
    """Role of a layer -> how many images name one, how many different there are, what those take."""
    named = dict.fromkeys(ROLES, 0)
    sizes: dict[str, dict[str, int]] = {role: {} for role in ROLES}
    users: dict[str, set[str]] = {}
    for one in outcomes:
        if one.outcome not in ("published", "present"):
            continue
        cell = one.cell
        image = images.image(settings.artifact, f"docker://{cell.repository}:{cell.tag}", cell.release.architecture, settings.more, log)
        for layer in image.layers:
            named[layer.role] += 1
            sizes[layer.role][layer.digest] = layer.size
        users.setdefault(cell.driver.id, set()).add(image.layer("user-space").digest)
    return {"layers": {role: {"named": named[role], "blobs": len(sizes[role]), "bytes": sum(sizes[role].values())} for role in ROLES},
            "user_space_of": {driver: sorted(digests) for driver, digests in sorted(users.items())}, "directory_bytes": directory_bytes}
