"""Checks that driver.json says what the modules and the kernel say of themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from kernel_module import KernelModule

from proof.report import NotRun
from proof.subject import Subject

DIGEST_LABEL = "org.overdrive.driver-json-digest"


def driver_json(subject: Subject) -> Iterator[str]:
    """driver.json is readable by the program that nodes run, and the one that the image's labels name."""
    if subject.refusal is not None:
        yield subject.refusal
        return
    found = f"sha256:{hashlib.sha256((subject.tree / 'driver.json').read_bytes()).hexdigest()}"
    if subject.image.labels.get(DIGEST_LABEL) != found:
        yield f"driver.json has the digest {found}, the image's label says {subject.image.labels.get(DIGEST_LABEL)}"


def tag(subject: Subject) -> Iterator[str]:
    """The image's tag is the one that nodes compute for the pair."""
    wanted = f"{subject.description['os']['key']}-{subject.description['driver']}"
    wanted = wanted.replace("+", "_plus_").replace("~", "_tilde_")
    if subject.image.tag != wanted:
        yield f"the tag is '{subject.image.tag}', nodes look for '{wanted}'"


def _plain(name: str) -> str:
    return name.replace("-", "_")


def modinfo(subject: Subject) -> Iterator[str]:
    """What driver.json says of each module is what the module says."""
    listed = [entry["name"] for entry in subject.description["modules"]]
    for name in sorted(subject.module_files.keys() - set(listed)):
        yield f"{name}.ko is in the artifact, but driver.json does not name it"
    for position, entry in enumerate(subject.description["modules"]):
        module = subject.modules.get(entry["name"])
        if module is None:
            continue  # missing-module says it
        yield from (f"{entry['name']}.ko {fault}" for fault in _differences(subject, entry, module))
        earlier = {_plain(name) for name in listed[:position]}
        for needed in module.depends:
            if _plain(needed) in map(_plain, listed) and _plain(needed) not in earlier:
                yield f"{entry['name']}.ko depends on {needed}, which driver.json loads later"
    yield from _firmware_list(subject)
    return f"{len(listed)} modules"


def _differences(subject: Subject, entry: dict[str, Any], module: KernelModule) -> Iterator[str]:
    path = f"lib/modules/{subject.release}/{entry['name']}.ko"
    said = {"path": (entry["path"], path), "version": (entry["version"], module.field("version")),
            "depends": (entry["depends"], module.depends),
            "vermagic": (subject.description["kernel"]["vermagic"], module.field("vermagic"))}
    for what, (of_description, of_module) in said.items():
        if of_description != of_module:
            yield f"has the {what} {of_module!r}, driver.json says {of_description!r}"
    if _plain(module.field("name") or "") != _plain(entry["name"]):
        yield f"calls itself {module.field('name')}"
    known = {value.split(":")[0] for value in module.fields.get("parm", [])}
    for parameter in sorted(entry["parameters"].keys() - known):
        yield f"has no parameter {parameter}, which driver.json sets"


def _firmware_list(subject: Subject) -> Iterator[str]:
    named = {name for module in subject.modules.values() for name in module.fields.get("firmware", [])}
    listed = set(subject.description["firmware"])
    if named != listed:
        yield f"the modules name the firmware {sorted(named)}, driver.json lists {sorted(listed)}"


def kernel(subject: Subject) -> Iterator[str]:
    """Build id, configuration and flavour in driver.json are the kernel's own; in-tree modules that it names are there."""
    facts, said = subject.kernel.facts, subject.description["kernel"]
    for name in ("release", "build_id", "config_sha256", "flavour"):
        if said.get(name) != facts.get(name):
            yield f"driver.json says {name} {said.get(name)}, the kernel's package {facts.get(name)}"
    in_tree = {_plain(name) for name in facts.get("in_tree_modules", [])}
    if not in_tree:
        raise NotRun("the kernel's facts have no list of in-tree modules")
    siblings = {_plain(name) for name in subject.module_files}
    wanted = {_plain(name) for name in subject.description["prerequisites"]}
    wanted |= {_plain(name) for module in subject.modules.values() for name in module.depends} - siblings
    for name in sorted(wanted - in_tree):
        yield f"the in-tree module {name} is needed, which this kernel does not have"
