"""What one run of the pipeline works with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Who built it, in provenance, when nothing else is said.
LOCAL_BUILDER = "urn:overdrive:builder:local"


class SettingsError(Exception):
    """What is wrong with how the pipeline was called, and what to do."""


@dataclass(frozen=True)
class Settings:
    artifact: Path  # overdrive-artifact
    builder: Path  # builder-images/build, or what stands in for it
    prover: Path  # builder-images/prove
    program: Path  # the bundle for the first layer
    sign_key: Path  # private
    public_key: Path
    work: Path = ROOT / "build/pipeline"
    drivers: Path = ROOT / "build/drivers"  # where the builder keeps built trees with their ledgers
    insecure: tuple[str, ...] = ()
    builder_id: str = LOCAL_BUILDER
    allow_not_run: tuple[str, ...] = ()  # checks that may be left out
    prove_options: tuple[str, ...] = ()  # handed on to the prover

    @property
    def more(self) -> list[str]:
        """Words for every call of overdrive-artifact that reaches a registry."""
        return [word for host in self.insecure for word in ("--insecure", host)]
