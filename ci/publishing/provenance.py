"""Provenance of an artifact: an in-toto statement with SLSA's predicate, version 1.

There is no time and no number of a run in it: the same inputs give the same statement, and attaching it again adds nothing.
@see https://slsa.dev/spec/v1.0/provenance
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publishing.ledger import Input
from publishing.settings import ROOT

ARTIFACT_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:overdrive:build:driver-artifact:1"
#: Folders whose files decide what comes out, besides the inputs from outside.
RECIPES = ("builder-images", "ci/lib")
#: In them, what a cell of one operating system does not run.
NO_RECIPE = ("builder-images/artifact/", "builder-images/proof/", "builder-images/prove")
SYSTEMS = ("debian", "ubuntu", "flatcar", "fedora-coreos", "microos", "stand-in")


@dataclass(frozen=True)
class Built:
    """What was built, and how it was asked for."""

    repository: str
    tag: str
    digests: tuple[str, ...]  # of the index and the manifest
    os_name: str  # builder-images/NAME
    os: dict[str, str]  # id, version, key
    kernel: str
    architecture: str
    driver: str
    driver_version: str
    module_type: str
    program: str  # digest of the program's layer
    packer: str  # what wrote the layers
    module_certificates: tuple[str, ...] = ()  # SHA-256 of the files


def git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def source() -> dict[str, Any]:
    """The revision of this checkout; changes that are not committed are said."""
    revision = git("rev-parse", "HEAD")
    found: dict[str, Any] = {"name": "overdrive", "annotations": {"modified": bool(git("status", "--porcelain", "--", *RECIPES))}}
    if revision:
        found["digest"] = {"gitCommit": revision}
    return found


def recipes(os_name: str, module_type: str, root: Path = ROOT) -> list[dict[str, Any]]:
    """Every file of the checkout that the build of such a cell reads, with its checksum: Containerfiles, patches, scripts."""
    mine = "stand-in" if module_type == "stand-in" else os_name
    others = tuple(f"builder-images/{name}/" for name in SYSTEMS if name not in (mine, os_name))
    found = []
    for folder in RECIPES:
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if not path.is_file() or name.startswith(NO_RECIPE + others) or "__pycache__" in name or name.endswith(".md"):
                continue
            found.append({"name": name, "digest": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}})
    return found


def checksums(files: Iterable[Path]) -> tuple[str, ...]:
    return tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)


def package(one: Input) -> dict[str, Any]:
    found: dict[str, Any] = {"name": one.name, "uri": one.purl, "annotations": {"location": one.location, "version": one.version}}
    if one.sha256:
        found["digest"] = {"sha256": one.sha256}
    return found


def statement(built: Built, inputs: list[Input], builder_id: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {"os": {"name": built.os_name, **built.os}, "kernel_release": built.kernel, "architecture": built.architecture, "driver": built.driver,
                  "driver_version": built.driver_version, "module_type": built.module_type}
    if built.module_certificates:
        parameters["module_certificates"] = list(built.module_certificates)
    dependencies = [source(), *recipes(built.os_name, built.module_type), *(package(one) for one in inputs)]
    dependencies.append({"name": "program layer", "digest": {"sha256": built.program.removeprefix("sha256:")}})
    return {"_type": STATEMENT, "subject": [{"name": f"{built.repository}:{built.tag}", "digest": {"sha256": digest.removeprefix("sha256:")}} for digest in built.digests],
            "predicateType": PREDICATE,
            "predicate": {"buildDefinition": {"buildType": BUILD_TYPE, "externalParameters": parameters, "internalParameters": {"packer": built.packer},
                                              "resolvedDependencies": dependencies},
                          "runDetails": {"builder": {"id": builder_id}}}}


def packer(artifact: Path) -> str:
    """The version of the program that compresses the layers: another one may write other bytes."""
    done = subprocess.run([str(artifact), "--version"], capture_output=True, text=True)
    return done.stdout.strip()
