"""The way of one cell: build, prove, push and sign, describe, index. Every step may be run again and then changes nothing."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog.cell import Cell
from publishing import dsse, images, ledger, provenance, sbom
from publishing.commands import ProgramFailed, StepFailed, last_lines, run, run_json
from publishing.settings import Settings

#: Exit status of builder-images/build -> what found it. 5: the first word of what it says is the check's name.
BUILD_CHECKS = {3: "inputs", 4: "compile", 5: "modules", 6: "pack"}
VM_CHECKS = ("vm-boot", "vm-load", "vm-version", "vm-firmware", "vm-taint", "vm-unload")


@dataclass
class Outcome:
    """What became of a cell."""

    cell: Cell
    outcome: str = "published"  # published, present, blocked, failed, would-build
    step: str = ""  # where it failed
    check: str = ""  # what failed there
    message: str = ""
    digest: str | None = None  # of what the tag names
    manifest: str | None = None
    uploaded_bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def took(self) -> float:
        return sum(self.seconds.values())


class CellSteps:
    """One cell. `say` gets a line at the begin of each step."""

    def __init__(self, cell: Cell, settings: Settings, say: Callable[[str], None]) -> None:
        self.cell, self.settings, self._say = cell, settings, say
        self.work = settings.work / "cells" / cell.os_id / cell.tag
        self.layout = self.work / "layout"
        self.log = self.work / "log"
        self.record = self.work / "record"
        self.result = Outcome(cell)

    @property
    def packed(self) -> str:
        return f"oci:{self.layout}:{self.cell.tag}"

    @property
    def published(self) -> str:
        return f"docker://{self.cell.repository}:{self.cell.tag}"

    def run(self) -> Outcome:
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        try:
            for name, step in (("build", self.build), ("prove", self.prove), ("push", self.push), ("describe", self.describe), ("index", self.index)):
                with self._timed(name):
                    step()
        except StepFailed as failure:
            self.result.outcome = "failed"
            self.result.step, self.result.check, self.result.message = failure.step, failure.check, failure.message
        else:
            shutil.rmtree(self.layout)
        return self.result

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        self._say(f"{self.cell.tag}: {name}")
        begun = time.monotonic()
        try:
            yield
        except ProgramFailed as error:
            raise StepFailed(name, name, f"{error}\nlog: {self.log}") from error
        except (OSError, ValueError, KeyError) as error:
            raise StepFailed(name, name, f"{type(error).__name__}: {error}\nlog: {self.log}") from error
        finally:
            self.result.seconds[name] = round(time.monotonic() - begun, 1)

    def build(self) -> None:
        """An artifact in a layout of its own; nothing is published yet."""
        release, driver = self.cell.release, self.cell.driver
        words: list[str | Path] = [self.settings.builder, "--os", self.cell.os_name, "--kernel", release.kernel, "--driver", driver.version, "--os-id", self.cell.os_id,
                                   "--os-version", release.version, "--os-key", self.cell.os_key, "--output", f"oci:{self.layout}", "--program",
                                   self.settings.program, "--sign-key", self.settings.sign_key, "--record", self.record]
        if driver.module_type == "proprietary":
            words += ["--module-type", "proprietary"]
        words += [word for one in self.settings.module_keys for word in one.build_options]
        try:
            run(words, self.log, {"OVERDRIVE_ARTIFACT": str(self.settings.artifact)})
        except ProgramFailed as error:
            raise StepFailed("build", self._build_check(error), f"{last_lines(error.stderr)}\nlog: {self.log}") from error

    @staticmethod
    def _build_check(error: ProgramFailed) -> str:
        found = BUILD_CHECKS.get(error.status, "build")
        if found == "modules":
            # The lines of check-modules follow the builder's own.
            _, _, failures = error.stderr.partition("build: error:")
            names = [line.partition(":")[0] for line in failures.splitlines()[1:]]
            found = next((name for name in names if name.replace("-", "").isalpha()), found)
        return found

    def prove(self) -> None:
        """Every check that fails, or that could not be made and is not allowed to be left out, keeps the cell unpublished."""
        report = self.work / "proof.json"
        words: list[str | Path] = [self.settings.prover, self.packed, "--key", self.settings.public_key, "--report", report]
        words += ["--vm"] if self._in_vm else []
        words += [word for one in self.settings.module_keys for word in ("--module-certificate", one.certificate)]
        if self.cell.os_name == "debian":
            words += ["--kernel-from", "debian"]  # asked again, whatever the build believed
        else:
            words += ["--symvers", self.record / "Module.symvers", "--kernel-facts", self.record / "kernel-facts.json"]
        try:
            run(words, self.log, {"OVERDRIVE_ARTIFACT": str(self.settings.artifact)})
        except ProgramFailed as error:
            if error.status != 1 or not report.is_file():
                raise
        self.result.checks = json.loads(report.read_text())["checks"]
        bad = self._against_it()
        if bad:
            lines = "\n".join(f"{check['name']}: {check['detail']}" for check in bad)
            raise StepFailed("prove", str(bad[0]["name"]), lines)

    @property
    def _in_vm(self) -> bool:
        return self.settings.vm and self.cell.prove_in_vm

    def _against_it(self) -> list[dict[str, Any]]:
        """The checks of the proof that keep the cell unpublished."""
        left_out = (*self.settings.allow_not_run, *(() if self._in_vm else VM_CHECKS))
        return [check for check in self.result.checks if check["ok"] is False or (check["ok"] is None and check["name"] not in left_out)]

    def push(self) -> None:
        answer = run_json([self.settings.artifact, "--quiet", "push", self.packed, self.published, "--sign-key", self.settings.sign_key, "--json",
                           *self.settings.more], self.log)
        self.result.digest = answer["digest"]
        self.result.uploaded_bytes = int(answer["uploaded"]["bytes"])

    def describe(self) -> None:
        """SBOM and provenance, attached to the manifest and to what the tag names; the image stays as it is."""
        image = images.image(self.settings.artifact, self.packed, self.cell.release.architecture, [], self.log)
        self.result.manifest = image.manifest
        inputs = ledger.parse((self.record / "ledger").read_text())
        described = images.driver_json(self.layout, image.layer("modules"))
        (self.work / "sbom.cdx.json").write_text(sbom.make(described, inputs, self.cell.repository, image.manifest))
        statement = provenance.statement(self._built(image), inputs, self.settings.builder_id)
        (self.work / "provenance.json").write_text(dsse.envelope(statement, self.settings.artifact, self.settings.sign_key, self.log))
        for subject in dict.fromkeys((image.manifest, self.result.digest)):
            place = f"docker://{self.cell.repository}@{subject}"
            self._attach(place, "sbom.cdx.json", sbom.ARTIFACT_TYPE)
            self._attach(place, "provenance.json", provenance.ARTIFACT_TYPE, "--media-type", "application/vnd.dsse.envelope.v1+json", "--predicate-type",
                         provenance.PREDICATE)

    def _built(self, image: images.Image) -> provenance.Built:
        cell = self.cell
        return provenance.Built(repository=cell.repository, tag=cell.tag, digests=tuple(dict.fromkeys((str(self.result.digest), image.manifest))),
                                os_name=cell.os_name, os={"id": cell.os_id, "version": cell.release.version, "key": cell.os_key},
                                kernel=cell.release.kernel, architecture=cell.release.architecture, driver=cell.driver.id, driver_version=cell.driver.version,
                                module_type=cell.driver.module_type, module_certificates=provenance.checksums(one.certificate for one in self.settings.module_keys),
                                program=image.layer("program").digest, packer=provenance.packer(self.settings.artifact))

    def _attach(self, place: str, name: str, kind: str, *more: str) -> None:
        run([self.settings.artifact, "--quiet", "attach", place, self.work / name, "--type", kind, *more, *self.settings.more], self.log)

    def index(self) -> None:
        """From here on nodes find it by branch and channel."""
        run([self.settings.artifact, "--quiet", "index", "add", f"docker://{self.cell.repository}", self.cell.tag, "--sign-key", self.settings.sign_key, "--proof",
             self.work / "proof.json", *self.settings.more], self.log)
