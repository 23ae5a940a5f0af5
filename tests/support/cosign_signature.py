"""Signatures over images as cosign writes them, made by openssl, so that they can also be wrong.

@see sigstore/cosign specs/SIGNATURE_SPEC.md; containers-signature(5)
"""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from pathlib import Path

from registry_store import INDEX, MANIFEST, RegistryStore, digest_of

TYPE = "cosign container image signature"
PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
ARTIFACT_TYPE = "application/vnd.dev.cosign.artifact.sig.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"
SERIAL = "org.overdrive.serial"
CONFIG = b'{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'


def payload(identity: str, digest: str, *, serial: int | None = None, kind: str = TYPE) -> bytes:
    optional = {} if serial is None else {SERIAL: str(serial)}
    return json.dumps({"critical": {"identity": {"docker-reference": identity}, "image": {"docker-manifest-digest": digest}, "type": kind},
                       "optional": optional}, separators=(",", ":")).encode()


def sign(key: Path, content: bytes) -> str:
    """@param key  PEM; Ed25519 signs the bytes themselves, others their SHA-256"""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        kind = subprocess.run(["openssl", "pkey", "-in", key, "-text", "-noout"], check=True, capture_output=True, text=True).stdout
        words = ["pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file.name] if "ED25519" in kind else ["dgst", "-sha256", "-sign", key, file.name]
        return base64.b64encode(subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True).stdout).decode()


def signature_layer(content: bytes, signature: str, media_type: str = PAYLOAD_TYPE) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), "annotations": {ANNOTATION: signature}}


def manifest(layers: list[dict[str, object]], **more: object) -> bytes:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(CONFIG), "size": len(CONFIG)}
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}).encode()


def signature_tag(digest: str) -> str:
    return digest.replace(":", "-") + ".sig"


def attach(store: RegistryStore, repository: str, digest: str, *signatures: tuple[bytes, str], media_type: str = PAYLOAD_TYPE) -> None:
    """Under the tag where cosign looks for them: (payload, signature) each, in place of others."""
    for content, _ in signatures:
        store.add_blob(repository, content)
    store.add_blob(repository, CONFIG)
    store.add_manifest(repository, manifest([signature_layer(*one, media_type) for one in signatures]), tag=signature_tag(digest))


def attach_as_referrer(store: RegistryStore, repository: str, digest: str, content: bytes, signature: str) -> None:
    """As a manifest that refers to the image, without a tag."""
    store.add_blob(repository, content)
    config = {"mediaType": ARTIFACT_TYPE, "digest": store.add_blob(repository, CONFIG), "size": len(CONFIG)}
    subject = {"mediaType": store.repository(repository).manifests.get(digest, INDEX), "digest": digest, "size": store.size(digest)}
    store.add_manifest(repository, json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config,
                                               "layers": [signature_layer(content, signature)], "subject": subject}).encode())
