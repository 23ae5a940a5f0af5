"""Checks of a driver's modules against the kernel, the user space and each other, by what the files say of themselves.

Each takes modules by name and yields a sentence for each thing that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from kernel_module import Export, KernelModule, NotAModule

Modules = dict[str, KernelModule]

# @see license_is_gpl_compatible(), include/linux/license.h
GPL_LICENSES = ("GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL")
DRIVER_VERSION = re.compile(r"\.so\.([0-9]{3}\.[0-9]+(?:\.[0-9]+)?)$")


def load(directory: Path) -> tuple[Modules, list[str]]:
    """The modules of a directory, and a sentence for each file that is none."""
    modules, failures = {}, []
    for path in sorted(directory.glob("*.ko")):
        try:
            modules[path.stem] = KernelModule(path)
        except NotAModule as error:
            failures.append(str(error))
    return modules, failures


def missing_module(directory: Path, required: list[str]) -> Iterator[str]:
    """A module that the driver needs is not there, or is no kernel module."""
    for name in required:
        if not (directory / f"{name}.ko").is_file():
            yield f"{name}.ko is not in {directory}"
    yield from load(directory)[1]


def vermagic(modules: Modules, release: str, of_kernel: str | None = None) -> Iterator[str]:
    """A module was built for another kernel release or with other flags, or the modules disagree."""
    found = {name: module.field("vermagic") or "" for name, module in modules.items()}
    for name, value in found.items():
        if value.split(" ")[0] != release:
            yield f"{name}.ko was built for '{value}', not for kernel {release}"
        elif of_kernel is not None and value != of_kernel:
            yield f"{name}.ko was built for '{value}', the modules of the kernel itself for '{of_kernel}'"
    if len(set(found.values())) > 1:
        yield "the modules disagree: " + "; ".join(f"{name}: '{value}'" for name, value in found.items())


def version(modules: Modules, wanted: str, user_space: Path | None) -> Iterator[str]:
    """A module's version is not the driver version, or the user space has another one."""
    for name, module in modules.items():
        if module.field("version") != wanted:
            yield f"{name}.ko says {module.field('version')}, the user space is {wanted}"
    if user_space is None:
        return
    if not (user_space / "lib64" / f"libcuda.so.{wanted}").is_file():
        yield f"the user space has no lib64/libcuda.so.{wanted}"
    for path in sorted((user_space / "lib64").rglob("*.so.*")):
        found = DRIVER_VERSION.search(path.name)
        if found and found[1] != wanted:
            yield f"the user space has {path.relative_to(user_space)}, which is of driver {found[1]}, not {wanted}"


def undefined_symbol(modules: Modules, exported: dict[str, Export]) -> Iterator[str]:
    """A module needs a symbol that neither this kernel nor a sibling exports."""
    siblings = set().union(*(module.exported for module in modules.values()))
    for name, module in modules.items():
        for symbol in sorted(module.undefined - exported.keys() - siblings):
            yield f"{name}.ko needs {symbol}, which neither the kernel nor a sibling exports"


def gpl_symbol(modules: Modules, exported: dict[str, Export]) -> Iterator[str]:
    """A module whose license is not compatible with the GPL needs a symbol that the kernel keeps for those that are."""
    for name, module in modules.items():
        if module.field("license") in GPL_LICENSES:
            continue
        for symbol in sorted(module.undefined & exported.keys()):
            if exported[symbol].for_gpl_only:
                yield f"{name}.ko (license '{module.field('license')}') needs {symbol}, which the kernel exports to GPL modules only"


def symbol_version(modules: Modules, exported: dict[str, Export]) -> Iterator[str]:
    """A module was built against another version of a kernel symbol."""
    for name, module in modules.items():
        for symbol, crc in sorted(module.asked_versions.items()):
            if symbol in exported and exported[symbol].crc != crc:
                yield f"{name}.ko wants {symbol} {crc:#010x}, the kernel has {exported[symbol].crc:#010x}"


def firmware(modules: Modules, user_space: Path) -> Iterator[str]:
    """A module names firmware that the user space does not hold."""
    for name, module in modules.items():
        for wanted in module.fields.get("firmware", []):
            if not (user_space / "lib/firmware" / wanted).is_file():
                yield f"{name}.ko names {wanted}, which is not in lib/firmware of the user space"
