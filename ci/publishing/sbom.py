"""The SBOM of an artifact: CycloneDX 1.5, from driver.json and the ledger. The same artifact gives the same bytes.

@see https://cyclonedx.org/docs/1.5/json
"""

from __future__ import annotations

import json
from typing import Any

from publishing.ledger import Input

ARTIFACT_TYPE = "application/vnd.cyclonedx+json"
#: Short names of Debian's copyright files that SPDX writes otherwise; all others are given by name.
SPDX = {"Expat": "MIT", "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause", "BSD-4-clause": "BSD-4-Clause", "Zlib": "Zlib", "ISC": "ISC",
        "Apache-2.0": "Apache-2.0", "GPL-2": "GPL-2.0-only", "GPL-2+": "GPL-2.0-or-later", "GPL-2.0+": "GPL-2.0-or-later", "GPL-3+": "GPL-3.0-or-later",
        "LGPL-2": "LGPL-2.0-only", "LGPL-2+": "LGPL-2.0-or-later", "LGPL-2.1": "LGPL-2.1-only", "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-3+": "LGPL-3.0-or-later"}


def licence(name: str) -> dict[str, Any]:
    return {"license": {"id": SPDX[name]} if name in SPDX else {"name": name}}


def package(one: Input) -> dict[str, Any]:
    component: dict[str, Any] = {"type": "firmware" if one.name.startswith("firmware-") else "library", "bom-ref": one.purl, "name": one.name,
                                 "version": one.version, "purl": one.purl}
    if one.sha256:
        component["hashes"] = [{"alg": "SHA-256", "content": one.sha256}]
    if one.licences:
        component["licenses"] = [licence(name) for name in one.licences]
    component["properties"] = [{"name": "org.overdrive.location", "value": one.location}]
    return component


def file_of(path: str, facts: dict[str, Any]) -> dict[str, Any]:
    component: dict[str, Any] = {"type": "file", "name": f"/driver/{path}"}
    if "sha256" in facts:
        component["hashes"] = [{"alg": "SHA-256", "content": facts["sha256"]}]
    return component


def files_of(driver: dict[str, Any]) -> list[dict[str, Any]]:
    """Files with their checksums; links have none and are left out."""
    return [file_of(entry["path"], entry) for entry in sorted(driver["files"], key=lambda entry: str(entry["path"])) if "sha256" in entry]


def make(driver: dict[str, Any], inputs: list[Input], repository: str, manifest: str) -> str:
    """@param driver driver.json @param manifest digest of the image's manifest"""
    name = repository.rpartition("/")[2]
    purl = f"pkg:oci/{name}@{manifest.replace(':', '%3A')}?repository_url={repository.replace('/', '%2F').replace(':', '%3A')}"
    about = {"type": "container", "bom-ref": purl, "name": repository, "version": f"{driver['os']['key']}-{driver['driver']}", "purl": purl,
             "hashes": [{"alg": "SHA-256", "content": manifest.removeprefix("sha256:")}],
             "properties": [{"name": f"org.overdrive.{key}", "value": value}
                            for key, value in (("driver", driver["driver"]), ("os-id", driver["os"]["id"]), ("os-key", driver["os"]["key"]),
                                               ("kernel-release", driver["kernel"]["release"]), ("architecture", driver["architecture"]))]}
    packages = [package(one) for one in inputs if one.is_in_artifact]
    document = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"component": about},
                "components": [*packages, *files_of(driver)],
                "dependencies": [{"ref": purl, "dependsOn": [one["bom-ref"] for one in packages]}]}
    return json.dumps(document, indent=1) + "\n"
