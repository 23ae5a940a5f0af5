"""The missing cells as jobs of a CI system: a matrix of GitHub Actions, a child pipeline of GitLab CI. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from catalog.cell import Cell

MOST_JOBS = {"github": 256, "gitlab": 200}  # of one run; GitHub's is the limit of a matrix (GitHub Actions, "Usage limits")


def to_build(cells: Iterable[Cell], system: str) -> tuple[list[Cell], list[str]]:
    """The missing cells that a runner can build, and what was left out, in sentences."""
    missing = [cell for cell in cells if cell.state == "missing"]
    with_runner = [cell for cell in missing if cell.runner.get(system)]
    notes, most = [], MOST_JOBS[system]
    if len(with_runner) < len(missing):
        architectures = sorted({cell.release.architecture for cell in missing if not cell.runner.get(system)})
        notes.append(f"{len(missing) - len(with_runner)} missing cells have no runner ({', '.join(architectures)}): name one in [runners]")
    if len(with_runner) > most:
        notes.append(f"{len(with_runner) - most} missing cells are left for the next run: a run has at most {most} jobs")
    return with_runner[:most], notes


def github_outputs(cells: Sequence[Cell]) -> str:
    """Lines for $GITHUB_OUTPUT: the matrix, and how many jobs it has."""
    return f"count={len(cells)}\nmatrix={github_matrix(cells)}"


def github_matrix(cells: Sequence[Cell]) -> str:
    """For `strategy.matrix: ${{ fromJSON(...) }}`, on one line. Empty: {"include": []}."""
    return json.dumps({"include": [{"os": cell.os_name, "tag": cell.tag, "runner": list(cell.runner["github"])} for cell in cells]}) + "\n"


def gitlab_pipeline(cells: Sequence[Cell]) -> str:
    """A child pipeline (JSON is YAML). Where nothing is missing it has one job that says so: GitLab refuses an empty one."""
    jobs: dict[str, Any] = {"stages": ["build"], "workflow": {"rules": [{"when": "always"}]}}
    for cell in cells:
        command = ["ci/pipeline", "--cell", cell.tag, "--os", cell.os_name]
        # The registry and the key come from variables of the project: no secret is in this file.
        jobs[f"{cell.os_name} {cell.tag} {cell.release.architecture}"] = {
            "extends": ".cell", "stage": "build", "tags": list(cell.runner["gitlab"]),
            "script": [f'{shlex.join(command)} --registry "$OVERDRIVE_REPOSITORY" --sign-key "$OVERDRIVE_SIGN_KEY" '
                       '--builder-id "$OVERDRIVE_BUILDER_ID"'],
            "resource_group": f"{cell.os_name} {cell.tag} {cell.release.architecture}"}
    if cells:
        jobs["include"] = [{"local": "ci/gitlab/cell.yml"}]
    else:
        jobs["nothing is missing"] = {"stage": "build", "script": ["ci/matrix --help"]}
    return json.dumps(jobs, indent=1) + "\n"
