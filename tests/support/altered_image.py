"""An image of an OCI layout, changed and whole again: every digest above the change is made anew.

    image = AlteredImage(layout, tag, to=work / "changed")
    image.add("modules", "etc/passwd", b"root::0:0:::")
    image.edit("driver/lib64/libcuda.so.1", lambda content: content[:100])
    image.save()                                # oci:work/changed:TAG
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

DRIVER_JSON = "driver/driver.json"
DIGEST_LABEL = "org.overdrive.driver-json-digest"
ROLE = "org.overdrive.layer"


class AlteredImage:
    """The layers are held in memory: for the stand-in driver, not for a real one."""

    def __init__(self, layout: Path, tag: str, to: Path) -> None:
        self.tag, self.to, self._from = tag, to, layout
        entries = json.loads((layout / "index.json").read_text())["manifests"]
        entry = next(entry for entry in entries if tag in entry["annotations"].values())
        document = self._blob(entry["digest"])
        self.manifest = self._blob(document["manifests"][0]["digest"]) if "manifests" in document else document
        self.config = self._blob(self.manifest["config"]["digest"])
        self._layers: dict[str, list[tuple[tarfile.TarInfo, bytes]]] = {}

    def _blob(self, digest: str) -> dict[str, Any]:
        return dict(json.loads(self._path(digest).read_text()))

    def _path(self, digest: str) -> Path:
        return self._from / "blobs" / digest.replace(":", "/")

    def members(self, role: str) -> list[tuple[tarfile.TarInfo, bytes]]:
        if role not in self._layers:
            blob = next(layer for layer in self.manifest["layers"] if layer["annotations"][ROLE] == role)
            content = subprocess.run(["zstd", "-dcq", self._path(blob["digest"])], check=True, stdout=subprocess.PIPE).stdout
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                files = [(member, archive.extractfile(member) if member.isreg() else None) for member in archive]
                self._layers[role] = [(member, file.read() if file else b"") for member, file in files]
        return self._layers[role]

    def add(self, role: str, name: str, content: bytes = b"", **attributes: object) -> None:
        """attributes: of tarfile.TarInfo, such as type, linkname, mode, uid, pax_headers."""
        member = tarfile.TarInfo(name)
        member.mode = 0o644
        for attribute, value in attributes.items():
            setattr(member, attribute, value)
        self.members(role).append((member, content))

    def edit(self, name: str, change: Callable[[bytes], bytes]) -> None:
        role, position = self._find(name)
        member, content = self.members(role)[position]
        self.members(role)[position] = (member, change(content))

    def remove(self, name: str) -> None:
        role, position = self._find(name)
        del self.members(role)[position]

    def change(self, name: str, **attributes: object) -> None:
        role, position = self._find(name)
        for attribute, value in attributes.items():
            setattr(self.members(role)[position][0], attribute, value)

    def _find(self, name: str) -> tuple[str, int]:
        for role in ("modules", "user-space", "program"):
            for position, (member, _) in enumerate(self.members(role)):
                if member.name == name:
                    return role, position
        raise KeyError(f"no layer has {name}")

    def describe(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Changes driver.json, and the labels that name its digest."""
        def rewrite(content: bytes) -> bytes:
            document = json.loads(content)
            change(document)
            return json.dumps(document, indent=2).encode() + b"\n"

        self.edit(DRIVER_JSON, rewrite)
        self.relabel()

    def relabel(self) -> None:
        role, position = self._find(DRIVER_JSON)
        digest = f"sha256:{hashlib.sha256(self.members(role)[position][1]).hexdigest()}"
        self.config["config"]["Labels"][DIGEST_LABEL] = digest
        self.manifest["annotations"][DIGEST_LABEL] = digest

    def listed(self) -> None:
        """Makes driver.json's table of files agree with the layers again: what is left wrong is something else."""
        def rewrite(document: dict[str, Any]) -> None:
            document["files"] = [self._row(role, member, content) for role in ("user-space", "modules")
                                 for member, content in self.members(role)
                                 if not member.isdir() and not member.name.startswith(DRIVER_JSON)]
            document["files"].sort(key=lambda row: row["path"])

        self.describe(rewrite)
        self.unpinned()

    def unpinned(self) -> None:
        """Makes driver.json name no layer by its digest."""
        self.describe(lambda document: [document.pop(name, None) for name in ("user_space_layer", "program")])

    @staticmethod
    def _row(role: str, member: tarfile.TarInfo, content: bytes) -> dict[str, Any]:
        row: dict[str, Any] = {"path": member.name.removeprefix("driver/"), "layer": role}
        if member.issym():
            return row | {"link": member.linkname}
        return row | {"mode": f"{member.mode:04o}", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def save(self) -> str:
        """Writes the layout. @return its reference"""
        (self.to / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        for layer, _ in zip(self.manifest["layers"], self.config["rootfs"]["diff_ids"]):
            role = layer["annotations"][ROLE]
            if role in self._layers:
                position = self.manifest["layers"].index(layer)
                content = self._tar(self._layers[role])
                self.config["rootfs"]["diff_ids"][position] = f"sha256:{hashlib.sha256(content).hexdigest()}"
                packed = subprocess.run(["zstd", "-qc1"], input=content, check=True, stdout=subprocess.PIPE).stdout
                layer |= self._write(packed)
            else:
                self._write(self._path(layer["digest"]).read_bytes())
        self.manifest["config"] |= self._write(json.dumps(self.config).encode())
        entry = {"mediaType": self.manifest["mediaType"], **self._write(json.dumps(self.manifest).encode()),
                 "annotations": {"org.opencontainers.image.ref.name": self.tag}}
        (self.to / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        (self.to / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        return f"oci:{self.to}:{self.tag}"

    @staticmethod
    def _tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for member, content in members:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return stream.getvalue()

    def _write(self, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (self.to / "blobs/sha256" / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}
