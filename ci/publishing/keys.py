"""The key pair that the pipeline signs with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from publishing.settings import SettingsError


def made_here(directory: Path) -> Path:
    """A private Ed25519 key in `directory`, made at the first call. Ed25519 signs the same bytes the same way every time."""
    key = directory / "local.key"
    if not key.exists():
        directory.mkdir(parents=True, exist_ok=True)
        old = os.umask(0o077)
        try:
            _openssl("genpkey", "-algorithm", "ed25519", "-out", str(key))
        finally:
            os.umask(old)
    return key


def public_of(key: Path, directory: Path) -> Path:
    """The public half, written into `directory`. @raise SettingsError"""
    if not key.is_file():
        raise SettingsError(f"--sign-key: there is no file {key}; docs/trust.md says how to make a key")
    directory.mkdir(parents=True, exist_ok=True)
    public = directory / f"{key.stem}.pub"
    _openssl("pkey", "-in", str(key), "-pubout", "-out", str(public))
    return public


def _openssl(*words: str) -> None:
    done = subprocess.run(["openssl", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        # openssl names the file, never what is in it
        raise SettingsError(f"openssl {words[0]} failed: {done.stderr.strip().splitlines()[-1:]}; a key is PEM, Ed25519 or ECDSA P-256, not encrypted")
