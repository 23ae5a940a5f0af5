"""Signed statements: DSSE envelopes, signed and checked by overdrive-artifact with the key that signs images.

@see https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
"""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
from pathlib import Path
from typing import Any

from publishing.commands import ProgramFailed, run

PAYLOAD_TYPE = "application/vnd.in-toto+json"


class BadEnvelope(Exception):
    """The envelope is none, or nobody vouches for it."""


def to_sign(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """The pre-authentication encoding: what is really signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def envelope(statement: dict[str, Any], artifact: Path, key: Path, log: Path) -> str:
    """@param key the private one. With an Ed25519 key the same statement gives the same envelope."""
    payload = json.dumps(statement, separators=(",", ":")).encode()
    with tempfile.TemporaryDirectory(prefix="overdrive-dsse-") as work:
        file = Path(work) / "statement"
        file.write_bytes(to_sign(payload))
        run([artifact, "sign", "--key", key, file], log)
        signature = (Path(work) / "statement.sig").read_text().strip()
    return json.dumps({"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(payload).decode(), "signatures": [{"keyid": "", "sig": signature}]}) + "\n"


def statement_of(text: str, artifact: Path, key: Path | None, log: Path) -> dict[str, Any]:
    """The statement in an envelope. @param key public; None: nothing is checked. @raise BadEnvelope"""
    try:
        document = json.loads(text)
        payload = base64.b64decode(document["payload"], validate=True)
        signatures = [str(one["sig"]) for one in document["signatures"]]
        payload_type = str(document["payloadType"])
        statement = dict(json.loads(payload))
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise BadEnvelope(f"the provenance is no DSSE envelope: {error}") from error
    if payload_type != PAYLOAD_TYPE:
        raise BadEnvelope(f"the provenance is of type {payload_type!r}, not {PAYLOAD_TYPE}")
    if key is not None:
        check(to_sign(payload, payload_type), signatures, artifact, key, log)
    return statement


def check(signed: bytes, signatures: list[str], artifact: Path, key: Path, log: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="overdrive-dsse-") as work:
        file = Path(work) / "statement"
        file.write_bytes(signed)
        (Path(work) / "statement.sig").write_text("".join(f"{one}\n" for one in signatures))
        try:
            run([artifact, "verify", "--key", key, file], log)
        except ProgramFailed as error:
            raise BadEnvelope(f"the provenance is not signed by {key}") from error
