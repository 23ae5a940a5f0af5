"""Signatures of kernel modules: made, taken apart and verified with OpenSSL, in the form that the kernel reads.

A signed module is the module, a PKCS#7 message without content, 12 bytes that give its length, and a magic string.
@see include/linux/module_signature.h, scripts/sign-file.c
"""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

MAGIC = b"~Module signature appended~\n"
HEADER = struct.Struct(">BBBBB3xI")
PKCS7 = 2
CERTIFICATES = "signing_key*.x509"  # beside the modules, DER; a second signer's is signing_key2.x509


class Parts(NamedTuple):
    """A module taken apart; pkcs7 is None when it is not signed."""

    module: bytes
    pkcs7: bytes | None


def split(content: bytes) -> Parts:
    if not content.endswith(MAGIC):
        return Parts(content, None)
    end = len(content) - len(MAGIC) - HEADER.size
    *_, kind, _, _, size = HEADER.unpack(content[end:end + HEADER.size])
    if kind != PKCS7 or size > end:
        return Parts(content, b"")  # no signature that a kernel would take: verify() says so
    return Parts(content[:end - size], content[end - size:end])


def append(module: bytes, pkcs7: bytes) -> bytes:
    return module + pkcs7 + HEADER.pack(0, 0, PKCS7, 0, 0, len(pkcs7)) + MAGIC


def openssl(*words: str | Path, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *words], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def verify(parts: Parts, certificates: list[Path]) -> str | None:
    """None when every signature in a module is by the key of one of the certificates; else what is wrong."""
    with tempfile.TemporaryDirectory(prefix="module-signature-") as work:
        (Path(work) / "pkcs7").write_bytes(parts.pkcs7 or b"")
        (Path(work) / "certificates").write_bytes(b"".join(openssl("x509", "-in", path).stdout for path in certificates))
        done = openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", Path(work) / "pkcs7", "-content", "/dev/stdin", "-certfile",
                       Path(work) / "certificates", "-nointern", "-noverify", "-out", "/dev/null", data=parts.module)
    if done.returncode == 0:
        return None
    # OpenSSL's error lines: ID:error:NUMBER:LIBRARY:FUNCTION:REASON:FILE:LINE:
    reasons = [line.split(":")[5] for line in done.stderr.decode(errors="replace").splitlines() if line.count(":") > 6]
    return f"the signature does not verify ({', '.join(reasons) or 'unreadable'})"


def fingerprint(certificate: Path) -> str:
    return openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256").stdout.decode().strip()


def common_name(certificate: Path) -> str:
    shown = openssl("x509", "-in", certificate, "-noout", "-subject", "-nameopt", "multiline,utf8,-esc_msb").stdout.decode()
    found = re.search(r"commonName\s*= (.*)", shown)
    return found[1] if found else shown.strip()
