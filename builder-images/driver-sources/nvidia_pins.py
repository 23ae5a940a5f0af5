"""Pins of NVIDIA's drivers (drivers.toml) and the files that they lead to, fetched and verified."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PINS = Path(os.environ.get("OVERDRIVE_DRIVER_PINS", TOP / "builder-images/drivers.toml"))
# What was fetched, kept: every use verifies it anew.
INPUTS = Path(os.environ.get("OVERDRIVE_INPUTS", TOP / "build/inputs"))
REDIST = os.environ.get("OVERDRIVE_NVIDIA_REDIST", "https://developer.download.nvidia.com/compute/nvidia-driver/redist")
RUN = "https://us.download.nvidia.com/tesla/{version}/NVIDIA-{name}-{version}.run"
# Components of the redist archives that go into the user space. Only the first is in every driver.
DRIVER = "nvidia_driver"
DAEMON_COMPONENTS = ["fabricmanager", "imex", "nvlsm"]
LICENCE = "LicenseRef-NVIDIA"


class Refused(Exception):
    """The input is missing, is not pinned or is not what its pin says."""


@dataclass(frozen=True)
class File:
    """One file that a pin leads to."""

    name: str
    version: str
    url: str
    sha256: str


def architecture_field(machine: str, column: str) -> str:
    lines = [line.split() for line in (TOP / "builder-images/lib/architectures").read_text().splitlines() if not line.startswith("#")]
    for words in lines[1:]:
        if words[0] == machine:
            return words[lines[0].index(column)]
    raise Refused(f"architecture {machine} is not in builder-images/lib/architectures")


def pinned_drivers() -> list[dict]:
    return tomllib.loads(PINS.read_text()).get("driver", [])


def versions(source: str, module_type: str, machine: str) -> list[str]:
    """Versions pinned for a source (redist or run), newest first."""
    found = [driver["version"] for driver in pinned_drivers() if module_type in driver["module_types"]
             and machine in driver["architectures"] and (machine in driver["run"] if source == "run" and "run" in driver else source in driver)]
    return sorted(found, key=lambda version: [int(number) for number in version.split(".")], reverse=True)


def pin_of(source: str, version: str, machine: str) -> dict:
    driver = next((driver for driver in pinned_drivers() if driver["version"] == version), None)
    pin = (driver or {}).get(source)
    pin = pin.get(machine) if pin and source == "run" else pin
    if pin and re.fullmatch(r"[0-9a-f]{64}", pin.get("sha256", "")):
        return pin
    lines = [] if driver else ["[[driver]]", f'version = "{version}"', 'module_types = ["open"]', f'architectures = ["{machine}"]']
    lines += [f"[driver.run.{machine}]" if source == "run" else "[driver.redist]"]
    if source == "run":
        lines += [f'url = "{RUN.format(version=version, name=architecture_field(machine, "nvidia_run"))}"']
        what = "the .run file"
    else:
        what = f"{REDIST}/redistrib_{version}.json"
    lines += [f'sha256 = "..."   # of {what}, as NVIDIA publishes it']
    raise Refused(f"driver {version} for {machine} has no pin in {PINS.name}; add\n  " + "\n  ".join(lines))


def fetched(file: File) -> Path:
    path = INPUTS / file.url.rsplit("/", 1)[1]
    done = subprocess.run([TOP / "builder-images/lib/fetch", "--url", file.url, "--out", path, "--sha256", file.sha256],
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr.strip().removeprefix("fetch: error: inputs: "))
    return path


def note(file: File, machine: str) -> None:
    """One line in the ledger of this build, if it has one. @see ci/lib/ledger.sh"""
    ledger = os.environ.get("OVERDRIVE_LEDGER")
    if ledger:
        with open(ledger, "a", encoding="utf-8") as out:
            out.write("\t".join((file.name, file.version, machine, file.sha256, file.url, LICENCE)) + "\n")


def run_file(version: str, machine: str) -> File:
    pin = pin_of("run", version, machine)
    url = pin.get("url") or RUN.format(version=version, name=architecture_field(machine, "nvidia_run"))
    return File("NVIDIA-Linux", version, url, pin["sha256"])


def redist_files(manifest: dict, version: str, machine: str) -> list[File]:
    """The archives of a redistrib_VERSION.json for one architecture, the driver first."""
    platform = architecture_field(machine, "nvidia_redist")
    files = []
    for component in [DRIVER, *DAEMON_COMPONENTS]:
        entry = manifest.get(component, {})
        archive = entry.get(platform)
        if not archive:
            continue
        path = archive.get("relative_path", "")
        if not re.fullmatch(r"[0-9a-f]{64}", archive.get("sha256", "")) or not re.fullmatch(r"[A-Za-z0-9_.+/-]+\.tar\.xz", path) or ".." in path:
            raise Refused(f"redistrib_{version}.json has no usable path and sha256 of {component} for {platform}")
        files.append(File(component, entry.get("version", version), f"{REDIST}/{path}", archive["sha256"]))
    if not files or files[0].name != DRIVER:
        raise Refused(f"redistrib_{version}.json lists no {DRIVER} for {platform}")
    if files[0].version != version:
        raise Refused(f"redistrib_{version}.json is of driver {files[0].version}")
    return files


def redist(version: str, machine: str) -> list[File]:
    """Fetches and verifies the list of archives of a version."""
    pin = pin_of("redist", version, machine)
    path = fetched(File("redistrib", version, f"{REDIST}/redistrib_{version}.json", pin["sha256"]))
    try:
        manifest = json.loads(path.read_text())
    except ValueError as error:
        raise Refused(f"redistrib_{version}.json is no JSON: {error}") from None
    return redist_files(manifest, version, machine)


def refuse(error: Refused, source: str) -> int:
    print(f"driver-sources/{source}: error: inputs: {error}", file=sys.stderr)
    return 3
