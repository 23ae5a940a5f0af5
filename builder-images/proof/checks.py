"""All checks of an artifact by name, in the order of the report. Names are stable: the index and CI speak of them."""

from __future__ import annotations

from collections.abc import Iterator

from proof import description_checks, layer_checks, library_checks, module_checks, signature_checks, vm_checks
from proof.report import Check, Result, run_check
from proof.subject import Subject
from proof.vm_checks import Boot

IMAGE = "image"  # made while the image is read; see layers.py


def _missing_module(subject: Subject) -> Iterator[str]:
    """A module that driver.json names is not there, or a file is no kernel module."""
    required = [entry["name"] for entry in subject.description["modules"]]
    return module_checks.missing_module(subject.tree / "lib/modules" / subject.release, required)


def _vermagic(subject: Subject) -> Iterator[str]:
    """The modules' vermagic is that of the kernel's own modules."""
    of_kernel = subject.kernel.facts.get("vermagic") if subject.kernel.facts_file else None
    yield from module_checks.vermagic(subject.modules, subject.release, of_kernel)
    return "equal to that of the kernel's own modules" if of_kernel else "not compared with the kernel's own modules: no facts given"


def _version(subject: Subject) -> Iterator[str]:
    """Modules and user space are of the driver version. nvidia-persistenced and nvidia-modprobe have their own."""
    if subject.description["driver"] not in (subject.version, f"{subject.version}-open"):
        yield f"driver.json is for the driver {subject.description['driver']}, but of version {subject.version}"
    yield from module_checks.version(subject.modules, subject.version, subject.tree)
    return subject.version


def _undefined_symbol(subject: Subject) -> Iterator[str]:
    """Every symbol that a module needs is exported by the kernel or a sibling."""
    return module_checks.undefined_symbol(subject.modules, subject.kernel.exports)


def _gpl_symbol(subject: Subject) -> Iterator[str]:
    """No module needs a symbol that its license keeps from it."""
    return module_checks.gpl_symbol(subject.modules, subject.kernel.exports)


def _symbol_version(subject: Subject) -> Iterator[str]:
    """The kernel's symbols have the checksums that the modules were built with."""
    exports = subject.kernel.exports
    yield from module_checks.symbol_version(subject.modules, exports)
    asked = {name for module in subject.modules.values() for name in module.asked_versions}
    return f"{len(asked & exports.keys())} symbols" if asked else "the modules ask for no symbol versions"


def _firmware(subject: Subject) -> Iterator[str]:
    """The firmware that the modules name is there."""
    return module_checks.firmware(subject.modules, subject.tree)


CHECKS: dict[str, Check] = {
    "driver-json": description_checks.driver_json,
    "signature": signature_checks.signature,
    "tag": description_checks.tag,
    "outside-driver": layer_checks.outside_driver,
    "file-kind": layer_checks.file_kind,
    "link": layer_checks.link,
    "file-table": layer_checks.file_table,
    "layer-digest": layer_checks.layer_digest,
    "missing-module": _missing_module,
    "modinfo": description_checks.modinfo,
    "kernel": description_checks.kernel,
    "vermagic": _vermagic,
    "version": _version,
    "undefined-symbol": _undefined_symbol,
    "gpl-symbol": _gpl_symbol,
    "symbol-version": _symbol_version,
    "module-signature": signature_checks.module_signatures,
    "firmware": _firmware,
    "architecture": library_checks.architecture,
    "interpreter": library_checks.interpreter,
    "library": library_checks.library,
    "c-library": library_checks.c_library,
}

# What a booted kernel says.
VM_CHECKS: dict[str, Check] = {
    "vm-boot": vm_checks.vm_boot,
    "vm-load": vm_checks.vm_load,
    "vm-version": vm_checks.vm_version,
    "vm-firmware": vm_checks.vm_firmware,
    "vm-taint": vm_checks.vm_taint,
    "vm-unload": vm_checks.vm_unload,
}
ALL_CHECKS = CHECKS | VM_CHECKS


def describe_checks() -> str:
    """One line for each check: its name and what holds when it passes."""
    rows = {IMAGE: "The image is whole: layout, digests, configuration, the three layers."}
    rows |= {name: (check.__doc__ or "").split("\n")[0] for name, check in ALL_CHECKS.items()}
    return "".join(f"{name:<18}{text}\n" for name, text in rows.items())


def run_checks(subject: Subject) -> list[Result]:
    return [run_check(name, check, subject) for name, check in CHECKS.items()]


def run_vm_checks(boot: Boot) -> list[Result]:
    return [run_check(name, check, boot) for name, check in VM_CHECKS.items()]
