"""Checks of signatures: over driver.json by the publisher's key, and in each module by the module signer's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from proof import module_signature
from proof.report import NotRun
from proof.subject import Subject

TOP = Path(__file__).resolve().parents[2]


def artifact_program() -> Path:
    return Path(os.environ.get("OVERDRIVE_ARTIFACT", TOP / "build/dev/bin/overdrive-artifact"))


def signature(subject: Subject) -> Iterator[str]:
    """driver.json is signed by one of the given keys."""
    document = subject.tree / "driver.json"
    if not (subject.tree / "driver.json.sig").is_file():
        if subject.keys:
            yield "driver.json is not signed (there is no driver.json.sig)"
            return
        raise NotRun("driver.json is not signed, and no key was given that should have signed it (--key)")
    if not subject.keys:
        raise NotRun("driver.json is signed, but no public key was given (--key)")
    keys = [word for key in subject.keys for word in ("--key", str(key))]
    done = subprocess.run([artifact_program(), "verify", *keys, document], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        yield f"driver.json.sig: {done.stdout.strip() or 'none of the given keys made it'}"
    return ", ".join(key.name for key in subject.keys)


def module_signatures(subject: Subject) -> Iterator[str]:
    """All modules are signed, by the keys of the given certificates and the signer that driver.json names, or none is."""
    signed = {name: module_signature.split(module.path.read_bytes()) for name, module in subject.modules.items()}
    signer = subject.description.get("signer")
    if not any(parts.pkcs7 for parts in signed.values()):
        if signer or subject.module_certificates:
            yield f"the modules are not signed; {'driver.json names the signer ' + signer if signer else 'a certificate of their signer was given'}"
        return "the modules are not signed"
    shipped = sorted(subject.tree.glob(f"lib/modules/*/{module_signature.CERTIFICATES}"))
    names = [module_signature.common_name(certificate) for certificate in shipped]
    if signer not in names:
        yield f"driver.json names the signer {signer!r}; the certificates beside the modules are of: {', '.join(names) or 'nobody'}"
    prints = {module_signature.fingerprint(certificate) for certificate in shipped}
    for certificate in subject.module_certificates:
        if module_signature.fingerprint(certificate) not in prints:
            yield f"the certificate {certificate.name} is not beside the modules"
    for name, parts in signed.items():
        fault = "is not signed, others are" if parts.pkcs7 is None else module_signature.verify(parts, shipped)
        if fault:
            yield f"{name}.ko: {fault}"
    return f"signed by {', '.join(names)}"
