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
class ModuleKey:
    """What kernel modules are signed with."""

    key: Path  # private
    certificate: Path

    @property
    def build_options(self) -> list[str | Path]:
        return ["--module-key", self.key, "--module-cert", self.certificate]


def module_keys(keys: list[Path], certificates: list[Path]) -> tuple[ModuleKey, ...]:
    """@raise SettingsError"""
    if len(keys) != len(certificates):
        raise SettingsError("each --module-key needs its --module-cert")
    for file in (*keys, *certificates):
        if not file.is_file():
            raise SettingsError(f"--module-key, --module-cert: there is no file {file}")
    return tuple(ModuleKey(key.resolve(), certificate.resolve()) for key, certificate in zip(keys, certificates))


@dataclass(frozen=True)
class Settings:
    artifact: Path  # overdrive-artifact
    builder: Path  # builder-images/build, or what stands in for it
    prover: Path  # builder-images/prove
    program: Path  # the bundle for the first layer
    sign_key: Path  # private
    public_key: Path
    work: Path = ROOT / "build/pipeline"
    insecure: tuple[str, ...] = ()
    builder_id: str = LOCAL_BUILDER
    allow_not_run: tuple[str, ...] = ()  # checks that may be left out
    vm: bool = True  # boot and load in a VM what can be booted there
    module_keys: tuple[ModuleKey, ...] = ()

    @property
    def more(self) -> list[str]:
        """Words for every call of overdrive-artifact that reaches a registry."""
        return [word for host in self.insecure for word in ("--insecure", host)]
