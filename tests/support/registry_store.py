"""What a registry keeps: blobs by digest, and for each repository its manifests, tags and the blobs that it shows."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def index_around(digest: str, size: int, architecture: str = "amd64") -> bytes:
    """@return an image index of that manifest alone"""
    entry = {"mediaType": MANIFEST, "digest": digest, "size": size, "platform": {"architecture": architecture, "os": "linux"}}
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()


@dataclass
class Repository:
    blobs: set[str] = field(default_factory=set)
    manifests: dict[str, str] = field(default_factory=dict)  # digest -> media type
    tags: dict[str, str] = field(default_factory=dict)  # tag -> digest
    referrers: dict[str, list[dict[str, object]]] = field(default_factory=dict)  # digest of the subject -> descriptors


class RegistryStore:
    """Content in files below `directory`, or where a layout has them; what belongs to which repository in memory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.repositories: dict[str, Repository] = {}
        self.lock = threading.RLock()
        self._places: dict[str, Path] = {}

    def read(self, digest: str) -> bytes:
        return self._places[digest].read_bytes()

    def size(self, digest: str) -> int:
        return self._places[digest].stat().st_size

    def repository(self, name: str) -> Repository:
        with self.lock:
            return self.repositories.setdefault(name, Repository())

    def add_blob(self, name: str, content: bytes, digest: str | None = None) -> str:
        """@param digest  a false one, for a registry that lies"""
        digest = digest or digest_of(content)
        path = self.directory / "blobs" / digest.replace(":", "/").replace("..", "__")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        with self.lock:
            self._places[digest] = path
            self.repository(name).blobs.add(digest)
        return digest

    def add_manifest(self, name: str, content: bytes, media_type: str = MANIFEST, tag: str | None = None) -> str:
        """Keeps a manifest as it is, however wrong it is."""
        digest = self.add_blob(name, content)
        repository = self.repository(name)
        with self.lock:
            repository.blobs.discard(digest)
            repository.manifests[digest] = media_type
            if tag:
                repository.tags[tag] = digest
            self._refer(repository, digest, media_type, content)
        return digest

    def put_index(self, name: str, tag: str, architecture: str = "amd64") -> str:
        """Puts an index around the manifest that a tag names, as tags of several architectures have it. @return its digest"""
        digest = self.repository(name).tags[tag]
        return self.add_manifest(name, index_around(digest, self.size(digest), architecture), INDEX, tag)

    def load_layout(self, name: str, layout: Path) -> None:
        """Shows every tag of an OCI layout, as it is at that moment; blobs are read from the layout when they are asked for."""
        for entry in json.loads((layout / "index.json").read_text())["manifests"]:
            self._load(name, layout, entry)
            tag = entry.get("annotations", {}).get("org.opencontainers.image.ref.name")
            if tag:
                self.repository(name).tags[tag] = entry["digest"]

    def _load(self, name: str, layout: Path, descriptor: dict[str, str]) -> None:
        digest = descriptor["digest"]
        self._places[digest] = layout / "blobs" / digest.replace(":", "/")
        repository = self.repository(name)
        repository.manifests[digest] = descriptor["mediaType"]
        document = json.loads(self.read(digest))
        for entry in document.get("manifests", []):
            self._load(name, layout, entry)
        for entry in [*document.get("layers", []), *([document["config"]] if "config" in document else [])]:
            self._places[entry["digest"]] = layout / "blobs" / entry["digest"].replace(":", "/")
            repository.blobs.add(entry["digest"])

    def _refer(self, repository: Repository, digest: str, media_type: str, content: bytes) -> None:
        """Remembers what a manifest says that it is about. @see distribution-spec, "Listing Referrers" """
        try:
            document = json.loads(content)
            subject = document["subject"]["digest"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        descriptor: dict[str, object] = {"mediaType": media_type, "digest": digest, "size": len(content)}
        kind = document.get("artifactType") or document.get("config", {}).get("mediaType")
        if kind:
            descriptor["artifactType"] = kind
        if document.get("annotations"):
            descriptor["annotations"] = document["annotations"]
        listed = repository.referrers.setdefault(subject, [])
        if all(one["digest"] != digest for one in listed):
            listed.append(descriptor)
