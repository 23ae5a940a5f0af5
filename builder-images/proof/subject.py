"""What the checks look at: the image, its unpacked driver tree, driver.json, the modules, and the kernel they are for."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kernel_module import Export, KernelModule, NotAModule, read_exports
from proof.elf_file import MAGIC, ElfFile, NotElf, read_elf
from proof.layers import Image
from proof.report import NotRun

FIRMWARE = "lib/firmware/"  # ELF files there are for the GPU's own processors
HOST_FILE = Path(__file__).resolve().parent / "host.toml"
ARCHITECTURES = HOST_FILE.parents[1] / "lib/architectures"


@dataclass(frozen=True)
class Kernel:
    """What is known of the kernel itself, from its packages; None for what was not given."""

    symvers: Path | None = None
    facts_file: Path | None = None

    @cached_property
    def exports(self) -> dict[str, Export]:
        if self.symvers is None:
            raise NotRun("the kernel's Module.symvers was not given (--symvers or --kernel-from)")
        return read_exports(self.symvers)

    @cached_property
    def facts(self) -> dict[str, Any]:
        if self.facts_file is None:
            raise NotRun("the kernel's facts were not given (--kernel-facts or --kernel-from)")
        return dict(json.loads(self.facts_file.read_text()))


@dataclass(frozen=True)
class Architecture:
    """One line of lib/architectures."""

    name: str  # as `uname -m` has it
    oci: str
    machine: int  # e_machine
    interpreter: str
    loader: str  # its name among the libraries that a file needs


@dataclass
class Subject:
    """An unpacked artifact. What is missing or damaged raises NotRun in the checks that need it; one check names it."""

    reference: str  # as overdrive-artifact takes it: oci:DIR:TAG
    image: Image
    tree: Path
    kernel: Kernel
    keys: list[Path] = field(default_factory=list)  # public keys that may have signed driver.json
    module_certificates: list[Path] = field(default_factory=list)  # whose keys have to have signed the modules
    refusal: str | None = None  # what overdrive-artifact says against driver.json
    work: Path = Path()

    @cached_property
    def description(self) -> dict[str, Any]:
        """driver.json."""
        if self.refusal is not None:
            raise NotRun("driver.json is no good; see driver-json")
        return dict(json.loads((self.tree / "driver.json").read_text()))

    @property
    def release(self) -> str:
        return str(self.description["kernel"]["release"])

    @property
    def version(self) -> str:
        return str(self.description["driver_version"])

    @cached_property
    def module_files(self) -> dict[str, Path]:
        """Every module file of the artifact, also those that driver.json does not name."""
        return {path.stem: path for path in sorted(self.tree.glob("lib/modules/*/*.ko"))}

    @cached_property
    def modules(self) -> dict[str, KernelModule]:
        """The modules by name; files that are none are left out, the check missing-module names them."""
        found = {}
        for name, path in self.module_files.items():
            try:
                found[name] = KernelModule(path)
            except NotAModule:
                continue
        if not found:
            raise NotRun("the artifact has no kernel modules; see missing-module")
        return found

    @cached_property
    def elf_files(self) -> tuple[dict[str, ElfFile], dict[str, str]]:
        """The ELF files of the user space by path in the tree, and what is wrong with those that cannot be read."""
        read, damaged = {}, {}
        for path in sorted(self.tree.rglob("*")):
            name = str(path.relative_to(self.tree))
            if path.is_symlink() or not path.is_file() or path.suffix == ".ko" or name.startswith(FIRMWARE):
                continue
            with path.open("rb") as file:
                if file.read(4) != MAGIC:
                    continue
            try:
                read[name] = read_elf(path)
            except NotElf as error:
                damaged[name] = str(error)
        return read, damaged

    @cached_property
    def host(self) -> dict[str, Any]:
        """host.toml: what every host, or some, provide."""
        return tomllib.loads(HOST_FILE.read_text())

    @cached_property
    def architecture(self) -> Architecture:
        name = str(self.description["architecture"])
        columns, *rows = [line.split() for line in ARCHITECTURES.read_text().splitlines() if not line.startswith("#")]
        row = next((dict(zip(columns, row)) for row in rows if row[0] == name), None)
        if row is None:
            raise NotRun(f"{ARCHITECTURES.name} does not know the architecture '{name}'; it knows: {' '.join(row[0] for row in rows)}")
        return Architecture(name, row["oci"], int(row["elf_machine"]), row["interpreter"], row["loader"])
