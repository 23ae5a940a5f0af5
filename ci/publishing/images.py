"""What is asked about images: by overdrive-artifact, in layouts and registries alike."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publishing.commands import run_json

OCI_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Layer:
    role: str  # program, user-space, modules
    digest: str
    size: int


@dataclass(frozen=True)
class Image:
    """One architecture of an image."""

    manifest: str  # digest
    layers: tuple[Layer, ...]

    def layer(self, role: str) -> Layer:
        return next(layer for layer in self.layers if layer.role == role)


def image(artifact: Path, reference: str, architecture: str, more: list[str], log: Path) -> Image:
    """@param architecture `uname -m`"""
    facts = run_json([artifact, "--quiet", "inspect", "--json", "--architecture", OCI_ARCHITECTURE[architecture], reference, *more], log)
    return Image(facts["manifest"], tuple(Layer(one["role"], one["digest"], one["size"]) for one in facts["layers"]))


def blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def unpack(layer: Path, into: Path) -> None:
    """A layer of a layout, unpacked: tar of zstd."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as plain:
        subprocess.run(["zstd", "-dcq", str(layer)], stdout=plain, check=True)
        plain.seek(0)
        with tarfile.open(fileobj=plain) as tar:
            tar.extractall(into, filter="tar")


def driver_json(layout: Path, modules: Layer) -> dict[str, Any]:
    """driver.json out of the modules layer of a layout."""
    with tempfile.TemporaryFile() as plain:
        subprocess.run(["zstd", "-dcq", str(blob(layout, modules.digest))], stdout=plain, check=True)
        plain.seek(0)
        with tarfile.open(fileobj=plain) as tar:
            member = tar.extractfile("driver/driver.json")
            if member is None:
                raise ValueError("the modules layer has no driver.json")
            return dict(json.load(member))
