"""What of the matrix is at the registry: asked by `overdrive-artifact resolve`, one small request a tag, no list of tags."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from catalog.cell import CatalogError, Cell
from catalog.retention import StoredPair
from catalog.watchers.port import OCI_WORD

ROOT = Path(__file__).resolve().parents[2]
TAGS_A_CALL = 400
TIMEOUT_SECONDS = 600


class RegistryError(CatalogError):
    """The registry did not answer, or refused. Nothing is known of what it has then."""


class NotThere(RegistryError):
    """The registry answered: what was asked for is not there."""


class RegistryView(Protocol):
    """Looks at one repository."""

    def resolve(self, repository: str, tags: list[str]) -> Mapping[str, Mapping[str, str]]:
        """Tag -> architecture (OCI's word) -> digest of its manifest; a tag that is not there is not in the answer.

        @raise RegistryError
        """
        ...


def artifact_program() -> Path:
    """overdrive-artifact: OVERDRIVE_ARTIFACT, or the one built here. @raise RegistryError when it is not there"""
    program = Path(os.environ.get("OVERDRIVE_ARTIFACT") or ROOT / "build/dev/bin/overdrive-artifact")
    if not os.access(program, os.X_OK):
        raise RegistryError(f"'{program}' is not there; build it (cmake --build build/dev --target overdrive-artifact) "
                            "or name another one in OVERDRIVE_ARTIFACT")
    return program


def run_artifact(arguments: list[str], is_json: bool = True) -> Any:
    """The JSON, or the text, that overdrive-artifact prints. @raise RegistryError with its own message"""
    try:
        done = subprocess.run([artifact_program(), "--quiet", *arguments], capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RegistryError(f"overdrive-artifact {arguments[0]} has not finished in {TIMEOUT_SECONDS} s") from error
    if done.returncode != 0:
        raise (NotThere if done.returncode == 3 else RegistryError)(f"overdrive-artifact {arguments[0]}: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return json.loads(done.stdout) if is_json else done.stdout


class ArtifactRegistry:
    """The real registry. @param insecure registries (HOST[:PORT]) that plain http may be spoken to, besides this machine's."""

    def __init__(self, insecure: tuple[str, ...] = ()) -> None:
        self._more = [word for host in insecure for word in ("--insecure", host)]

    def resolve(self, repository: str, tags: list[str]) -> dict[str, dict[str, str]]:
        found = {}
        for start in range(0, len(tags), TAGS_A_CALL):
            answer = run_artifact(["resolve", "--json", f"docker://{repository}", *tags[start:start + TAGS_A_CALL], *self._more])
            found.update({entry["tag"]: entry["architectures"] for entry in answer["tags"] if entry["digest"]})
        return found


@dataclass(frozen=True)
class Stored:
    """What the signed index of a repository names."""

    pairs: list[StoredPair]
    channels: dict[str, str]  # name -> driver id or branch


class Keeper:
    """Reads the index of a repository, and takes pairs away. @param insecure as ArtifactRegistry has it"""

    def __init__(self, insecure: tuple[str, ...] = ()) -> None:
        self._more = [word for host in insecure for word in ("--insecure", host)]

    def stored(self, repository: str, key: Path) -> Stored:
        """@param key public key that must vouch for the index. @raise NotThere: no index; RegistryError: another key's"""
        index = run_artifact(["index", "show", f"docker://{repository}", "--json", "--key", str(key), *self._more])
        return Stored([StoredPair(pair["os"]["id"], pair["os"]["key"], pair["architecture"], pair["driver"], pair["driver_version"],
                                  pair["module_type"], pair["tag"], int(pair["created"])) for pair in index["pairs"]], dict(index["channels"]))

    def remove(self, repository: str, tags: list[str], sign_key: Path) -> Any:
        """First out of the index, so that no node chooses them any more, then the images.

        @return what overdrive-artifact remove printed, as JSON. @raise RegistryError: where the work stopped is in the message
        """
        run_artifact(["index", "remove", f"docker://{repository}", *tags, "--sign-key", str(sign_key), *self._more], is_json=False)
        return run_artifact(["remove", f"docker://{repository}", *tags, "--json", *self._more])


def with_states(cells: Iterable[Cell], registry: RegistryView) -> list[Cell]:
    """The cells, each present or missing; a blocked one stays so, with its digest if it is there nevertheless."""
    cells = list(cells)
    known = {}
    for repository in dict.fromkeys(cell.repository for cell in cells):
        tags = list(dict.fromkeys(cell.tag for cell in cells if cell.repository == repository))
        known[repository] = registry.resolve(repository, tags)
    found = []
    for cell in cells:
        digest = known[cell.repository].get(cell.tag, {}).get(OCI_WORD.get(cell.release.architecture, ""))
        state = "blocked" if cell.state == "blocked" else "present" if digest else "missing"
        found.append(replace(cell, state=state, digest=digest))
    return found
