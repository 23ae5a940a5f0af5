"""Ways to damage an artifact in an OCI layout, and to change it so that only its signature can tell."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path


def blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def manifest_of(layout: Path, tag: str) -> dict[str, object]:
    """The image manifest behind a tag; pack makes one index for each."""
    top = json.loads((layout / "index.json").read_text())
    for entry in top["manifests"]:
        if entry["annotations"]["org.opencontainers.image.ref.name"] == tag:
            document = json.loads(blob(layout, entry["digest"]).read_text())
            if "manifests" in document:
                document = json.loads(blob(layout, document["manifests"][0]["digest"]).read_text())
            return dict(document)
    raise AssertionError(f"{layout} has no tag {tag}")


def layer_digest(layout: Path, tag: str, role: str) -> str:
    layers = manifest_of(layout, tag)["layers"]
    assert isinstance(layers, list)
    return next(str(one["digest"]) for one in layers if one["annotations"]["org.overdrive.layer"] == role)


def flip_byte(path: Path, at: float = 0.5) -> None:
    """Changes one bit of a file in place."""
    with path.open("r+b") as file:
        place = int(path.stat().st_size * at)
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0x10]))


def truncate(path: Path, keep: float = 0.5) -> None:
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * keep))


def store(layout: Path, content: bytes) -> dict[str, object]:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    blob(layout, digest).write_bytes(content)
    return {"digest": digest, "size": len(content)}


def rewrite_modules_layer(layout: Path, tag: str, change: Callable[[str, bytes], bytes | None]) -> None:
    """Rebuilds the modules layer with every digest right: what somebody with write access to a registry can do.

    change: (member's name, content) -> new content, or None to leave the member out
    """
    manifest = manifest_of(layout, tag)
    layers = manifest["layers"]
    assert isinstance(layers, list)
    modules = next(one for one in layers if one["annotations"]["org.overdrive.layer"] == "modules")
    packed = subprocess.run(["zstd", "-dcq", blob(layout, modules["digest"])], check=True, stdout=subprocess.PIPE).stdout
    changed = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(packed)) as old, tarfile.open(fileobj=changed, mode="w") as new:
        for member in old:
            file = old.extractfile(member)
            if file is None:
                new.addfile(member)
            elif (content := change(member.name, file.read())) is not None:
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
    modules |= {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **store(layout, gzip.compress(changed.getvalue()))}
    put_manifest(layout, tag, manifest)


def announce_no_sizes(layout: Path, tag: str) -> None:
    """An image whose layers do not say what they take unpacked: packed by an older program, or by a foreign one."""
    manifest = manifest_of(layout, tag)
    assert isinstance(manifest["layers"], list)
    for layer in manifest["layers"]:
        for name in ("org.overdrive.unpacked-bytes", "org.overdrive.unpacked-inodes"):
            del layer["annotations"][name]
    put_manifest(layout, tag, manifest)


def put_manifest(layout: Path, tag: str, manifest: dict[str, object]) -> None:
    """Makes `manifest` what the tag names."""
    top = json.loads((layout / "index.json").read_text())
    descriptor = {"mediaType": "application/vnd.oci.image.manifest.v1+json", **store(layout, json.dumps(manifest).encode())}
    for entry in top["manifests"]:
        if entry["annotations"]["org.opencontainers.image.ref.name"] == tag:
            entry |= descriptor
    (layout / "index.json").write_text(json.dumps(top))
