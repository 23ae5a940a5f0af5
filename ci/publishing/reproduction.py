"""Builds a published pair once more, from nothing that was built before, and compares."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publishing import dsse, images, ledger, provenance
from publishing.commands import ProgramFailed, run
from publishing.settings import ROOT, ModuleKey
from publishing.tree_difference import differences

MOST_FILES = 10
PUBLISHED = "published"


class CannotReproduce(Exception):
    """It cannot be tried; the text says why."""


@dataclass(frozen=True)
class Request:
    reference: str
    key: Path | None  # public
    program: Path | None  # None: the published one
    work: Path
    artifact: Path
    builder: Path
    insecure: tuple[str, ...]
    module_keys: tuple[ModuleKey, ...]
    reuse_base: bool  # the developer image of this checkout instead of a new one


@dataclass(frozen=True)
class Line:
    """One comparison."""

    what: str
    equal: bool
    published: str
    again: str
    files: tuple[str, ...] = ()


class Reproduction:
    def __init__(self, request: Request, say: Callable[[str], None]) -> None:
        self.request, self._say = request, say
        self.work, self.log = request.work, request.work / "log"
        self.published, self.again = self.work / "published", self.work / "again"
        self.more = [word for host in request.insecure for word in ("--insecure", host)]
        self.statement: dict[str, Any] = {}

    def run(self) -> list[Line]:
        """@raise CannotReproduce"""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        try:
            self._say("fetching what is published")
            self.statement = self._statement()
            self._check_certificates()
            run([self.request.artifact, "--quiet", "copy", self.request.reference, f"oci:{self.published}:published", *self.more], self.log)
            self._say(f"building {self._parameter('driver')} for {self._parameter('kernel_release')} without caches; log: {self.log}")
            trees = self._build()
            self._pack(trees)
        except ProgramFailed as error:
            raise CannotReproduce(f"{error}\nlog: {self.log}") from error
        except dsse.BadEnvelope as error:
            raise CannotReproduce(str(error)) from error
        return self._compare()

    def _statement(self) -> dict[str, Any]:
        try:
            text = run([self.request.artifact, "--quiet", "attached", self.request.reference, "--type", provenance.ARTIFACT_TYPE, *self.more], self.log)
        except ProgramFailed as error:
            raise CannotReproduce(f"{self.request.reference} has no provenance that says what it was built from: {error}") from error
        statement = dsse.statement_of(text, self.request.artifact, self.request.key, self.log)
        if statement.get("predicateType") != provenance.PREDICATE:
            raise CannotReproduce(f"the provenance is of type {statement.get('predicateType')!r}; this program reads {provenance.PREDICATE}")
        return statement

    def _parameter(self, name: str) -> Any:
        return self.statement["predicate"]["buildDefinition"]["externalParameters"][name]

    def _check_certificates(self) -> None:
        wanted = self.statement["predicate"]["buildDefinition"]["externalParameters"].get("module_certificates", [])
        given = list(provenance.checksums(one.certificate for one in self.request.module_keys))
        if wanted != given:
            raise CannotReproduce(f"its modules are signed with {len(wanted)} keys, whose certificates have the SHA-256 {', '.join(wanted) or 'of none'}; bit for bit it is "
                                  "built again with the same --module-key and --module-cert only")

    def _build(self) -> list[Path]:
        """User space, modules, describe.json."""
        system = self._parameter("os")
        words: list[str | Path] = [self.request.builder, "--os", system["name"], "--kernel", self._parameter("kernel_release"), "--driver",
                                   self._parameter("driver_version"), "--os-id", system["id"], "--os-version", system["version"], "--os-key", system["key"], "--record", self.work / "record", "--trees-only"]
        if self._parameter("module_type") == "proprietary":
            words += ["--module-type", "proprietary"]
        words += [word for one in self.request.module_keys for word in one.build_options]
        fresh = {"OVERDRIVE_DRIVERS": str(self.work / "drivers"), "OVERDRIVE_ARTIFACT": str(self.request.artifact)}
        if not self.request.reuse_base:
            fresh["OVERDRIVE_CONTAINERS"] = str(self.work / "containers")
        try:
            return [Path(line) for line in run(words, self.log, fresh).splitlines()]
        finally:
            # podman leaves its storage mounted upon itself
            subprocess.run(["umount", str(self.work / "containers/storage/overlay")], stderr=subprocess.DEVNULL, check=False)

    def _program(self) -> Path:
        if self.request.program is not None:
            return self.request.program
        layer = self._image(self.published, "published").layer("program")
        images.unpack(images.blob(self.published, layer.digest), self.work / "program")
        return self.work / "program/overdrive"

    def _image(self, layout: Path, tag: str) -> images.Image:
        return images.image(self.request.artifact, f"oci:{layout}:{tag}", self._parameter("architecture"), [], self.log)

    def _signature(self) -> Path | None:
        """The published driver.json.sig: only the key's owner can make one, so it is taken over when it fits what was built again."""
        modules = self._image(self.published, "published").layer("modules")
        images.unpack(images.blob(self.published, modules.digest), self.work / "published-modules")
        signature = self.work / "published-modules/driver/driver.json.sig"
        return signature if signature.is_file() else None

    def _pack(self, trees: list[Path]) -> None:
        user_space, modules, describe = trees
        words: list[str | Path] = [self.request.artifact, "pack", "--describe", describe, "--program", self._program(), "--user-space", user_space, "--modules", modules,
                                   "--output", self.again, "--tag", "again", "--architecture", images.OCI_ARCHITECTURE[self._parameter("architecture")]]
        signature = self._signature()
        if signature is None:
            run(words, self.log)
            return
        if self.request.key is None:
            raise CannotReproduce("the artifact is signed; name the public key with --key, so that its signature can be taken over")
        try:
            run([*words, "--signature", signature, "--public-key", self.request.key], self.log)
        except ProgramFailed:
            self._say("the published signature does not fit the driver.json that was built again; packing without one")
            run(words, self.log)

    def _compare(self) -> list[Line]:
        before, after = self._image(self.published, "published"), self._image(self.again, "again")
        lines = []
        for layer in before.layers:
            other = after.layer(layer.role)
            files = () if layer.digest == other.digest else tuple(self._files(layer, other))
            lines.append(Line(f"layer {layer.role}", layer.digest == other.digest, layer.digest, other.digest, files))
        lines.append(Line("manifest", before.manifest == after.manifest, before.manifest, after.manifest))
        return lines

    def _files(self, before: images.Layer, after: images.Layer) -> list[str]:
        trees = []
        for layout, layer in ((self.published, before), (self.again, after)):
            tree = self.work / f"differing-{layout.name}-{layer.role}"
            images.unpack(images.blob(layout, layer.digest), tree)
            trees.append(tree)
        return differences(trees[0], trees[1], MOST_FILES) or ["the files are the same; the archives were written by different programs"]

    def changed_inputs(self) -> list[str]:
        """Inputs that are not those of the published build, a line each: why it may differ."""
        now = {one["name"]: one for one in provenance.recipes(self._parameter("os")["name"], self._parameter("module_type"), ROOT)}
        now |= {one.name: provenance.package(one) for one in ledger.parse((self.work / "record/ledger").read_text())}
        now["overdrive"] = provenance.source()
        before = {one["name"]: one for one in self.statement["predicate"]["buildDefinition"]["resolvedDependencies"] if one["name"] != "program layer"}
        lines = []
        for name in sorted(before.keys() | now.keys()):
            first, second = before.get(name), now.get(name)
            if (first or {}).get("digest") != (second or {}).get("digest"):
                lines.append(f"{name}: {short(first)} then, {short(second)} now")
        return lines


def short(one: dict[str, Any] | None) -> str:
    if one is None:
        return "none"
    version = one.get("annotations", {}).get("version", "")
    return f"{version} {next(iter(one.get('digest', {}).values()), 'unknown')[:12]}".strip()
