"""Checks of what happened when the modules were loaded into a booted kernel of exactly their release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from proof.machine import Transcript
from proof.report import NotRun
from proof.subject import Subject

# Bits of /proc/sys/kernel/tainted that loading a good driver sets. @see Documentation/admin-guide/tainted-kernels.rst
PROPRIETARY, OUT_OF_TREE, UNSIGNED = 1 << 0, 1 << 12, 1 << 13
MODULE_TAINTS = {"P": "proprietary", "O": "out of tree", "E": "unsigned"}


@dataclass
class Boot:
    """One boot; `problem` says why there is none."""

    subject: Subject
    transcript: Transcript | None = None
    problem: str = ""
    enforced: bool = False  # the kernel takes signed modules only, and knows the signer

    def heard(self) -> Transcript:
        """Raises NotRun when the machine did not come up: that tells nothing of the artifact."""
        if self.transcript is None:
            raise NotRun(self.problem)
        if not self.transcript.texts("release"):
            raise NotRun(f"the machine did not come up: {self.transcript.tail or 'it said nothing'}")
        return self.transcript

    def loaded(self) -> Transcript:
        """Raises NotRun when the modules were not all loaded: vm-load says why."""
        heard = self.heard()
        if not heard.texts("tainted-after") or any(line.split(" ")[1] != "0" for line in heard.texts("load")):
            raise NotRun("the modules were not all loaded; see vm-load")
        return heard

    def names(self) -> list[str]:
        return [module["name"] for module in self.subject.description["modules"] if module["autoload"]]


def vm_boot(boot: Boot) -> Iterator[str]:
    """The kernel that the artifact is for boots in a virtual machine."""
    heard = boot.heard()
    release = heard.texts("release")[0]
    if release != boot.subject.release:
        yield f"the machine runs {release}, the artifact is for {boot.subject.release}"
    for key in ("in-tree", "fake-gpu"):
        yield from (f"{key}: {text}" for text in heard.texts(key))
    how = "takes signed modules only, " if boot.enforced else ""
    if boot.enforced and heard.texts("sig-enforce") != ["Y"]:
        yield "the kernel was told to take signed modules only, and does not"
    return f"{release}, {how}{heard.seconds:.0f} s"


def vm_load(boot: Boot) -> Iterator[str]:
    """Every module loads, in the order of driver.json."""
    heard = boot.heard()
    outcomes = heard.by_module("load")
    for name in boot.names():
        status, _, text = outcomes.get(name, "").partition(" ")
        if not status:
            yield f"{name}.ko: the kernel did not come back from loading it: {heard.tail}"
            return ""
        if status != "0":
            kernel = [line for line in heard.texts("dmesg") if name.replace("-", "_") in line.replace("-", "_") or "NVRM" in line]
            yield f"{name}.ko is refused: {text}; the kernel says: {' | '.join(kernel[:3]) or 'nothing'}"
    if not heard.texts("end"):
        yield f"the kernel stopped after the modules were loaded: {heard.tail}"
    return " ".join(boot.names())


def vm_version(boot: Boot) -> Iterator[str]:
    """The loaded driver says the version that driver.json says."""
    heard, version = boot.loaded(), boot.subject.version
    said = next(iter(heard.texts("proc-version")), "")
    if version not in said.split():
        yield f"/proc/driver/nvidia/version says '{said}', not {version}"
    for name, found in heard.by_module("version").items():
        if found != version:
            yield f"/sys/module/{name.replace('-', '_')}/version says '{found}', not {version}"
    return said


def vm_firmware(boot: Boot) -> Iterator[str]:
    """The kernel finds the firmware that the driver asks for when a GPU is opened."""
    heard = boot.loaded()
    wanted = boot.subject.description["firmware"]
    if not wanted:
        return "the driver names no firmware"
    lines = heard.texts("firmware")
    for name in wanted:
        failed = [line for line in lines if name in line and "fail" in line.lower()]
        yield from (f"the kernel says: {line}" for line in failed[:1])
    asked = [name for name in wanted if any(name in line for line in lines)]
    if not asked:
        raise NotRun("the driver asked for no firmware, or this kernel does not say for which")
    return f"asked for {' '.join(asked)}"


def vm_taint(boot: Boot) -> Iterator[str]:
    """Nothing taints the kernel but modules from out of its tree: no force, no warning, no oops."""
    heard = boot.loaded()
    licenses = {name: module.field("license") for name, module in boot.subject.modules.items()}
    for name, letters in heard.by_module("taint").items():
        allowed = ("O" if boot.enforced else "OE") + ("P" if licenses.get(name) == "NVIDIA" else "")
        if odd := set(letters) - set(allowed):
            yield f"{name} is marked {letters}; {', '.join(sorted(odd))} is not expected of a module with the license '{licenses.get(name)}'"
    before, after = int(heard.texts("tainted-before")[0]), int(heard.texts("tainted-after")[0])
    if odd_bits := (after & ~before) & ~(PROPRIETARY | OUT_OF_TREE | UNSIGNED):
        kernel = [line for line in heard.texts("dmesg") if "WARNING" in line or "BUG" in line]
        yield f"the kernel is tainted {after} ({odd_bits:#x} more than out-of-tree modules explain): {' | '.join(kernel[:3])}"
    return f"tainted {after}: {', '.join(text for letter, text in MODULE_TAINTS.items() if any(letter in word for word in heard.by_module('taint').values()))}"


def vm_unload(boot: Boot) -> Iterator[str]:
    """Every module unloads, in the reverse order, and none is left."""
    heard = boot.loaded()
    for name, outcome in heard.by_module("unload").items():
        status, _, text = outcome.partition(" ")
        if status != "0":
            yield f"{name} does not unload: {text}"
    yield from (f"still loaded: {line}" for line in heard.texts("left"))
