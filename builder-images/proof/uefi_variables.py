"""A variable store for OVMF, written offline: the firmware of a machine whose owner enrolled keys.

@see MdeModulePkg/Include/Guid/VariableFormat.h of EDK II, and the signature database in the UEFI specification
"""

from __future__ import annotations

import struct
import uuid
from pathlib import Path

AUTHENTICATED_STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792")
SIGNATURE_DATABASE = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
X509_CERTIFICATE = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
OWNER = uuid.UUID("7f9a1c52-0c8e-4f53-9f0e-0b6f6f766572")  # of the entries; any will do
# Kept over a reset, readable by firmware and system, changed by signed updates only.
ATTRIBUTES = 0x01 | 0x02 | 0x04 | 0x20
START, ADDED = 0x55AA, 0x3F
STORE_HEADER = struct.Struct("<16sIBBHI")
VARIABLE_HEADER = struct.Struct("<HBxIQ16sIII16s")


def signature_list(certificate: bytes) -> bytes:
    """EFI_SIGNATURE_LIST with one certificate, DER."""
    entry = OWNER.bytes_le + certificate
    return X509_CERTIFICATE.bytes_le + struct.pack("<III", 28 + len(entry), 0, len(entry)) + entry


def _variable(name: str, guid: uuid.UUID, data: bytes) -> bytes:
    spelled = (name + "\0").encode("utf-16-le")
    content = VARIABLE_HEADER.pack(START, ADDED, ATTRIBUTES, 0, bytes(16), 0, len(spelled), len(data), guid.bytes_le) + spelled + data
    return content + b"\xff" * (-len(content) % 4)


def write_store(template: Path, to: Path, certificates: list[bytes]) -> None:
    """Copies OVMF's empty variable store, with certificates (DER) in `db`. Raises ValueError when it is no such store."""
    store = bytearray(template.read_bytes())
    at = store.find(AUTHENTICATED_STORE.bytes_le)
    if at < 0:
        raise ValueError(f"{template} has no store of authenticated variables")
    _, size, *_ = STORE_HEADER.unpack_from(store, at)
    database = b"".join(signature_list(certificate) for certificate in certificates)
    variables = _variable("db", SIGNATURE_DATABASE, database) if certificates else b""
    begin = at + STORE_HEADER.size
    if begin + len(variables) > at + size or any(byte != 0xFF for byte in store[begin:begin + len(variables)]):
        raise ValueError(f"{template}: the store is not empty, or too small")
    store[begin:begin + len(variables)] = variables
    to.write_bytes(store)
