"""Artifacts of the stand-in driver for a test: built like every other, changed where a test wants a fault, pushed.

    artifacts = StandInArtifacts(Path(work), registry)
    artifacts.push(older, "900.1.0", filler_mib=32)
    artifacts.push(older, "900.3.0", parameters={"nvidia-modeset": {"fail": "22"}})   # its modeset module refuses to load
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from vm_node import OsRelease
from vm_registry import Registry

TOP = Path(__file__).resolve().parents[2]
BUNDLE = TOP / "build/bundle"
ARTIFACT = Path(os.environ.get("OVERDRIVE_ARTIFACT", TOP / "build/dev/bin/overdrive-artifact"))
OS_ID = "coreos"


def require_bundle() -> Path:
    """The self-contained program; made unless it is there."""
    if not (BUNDLE / "VERSION").exists():
        subprocess.run([TOP / "ci/bundle", TOP / "build/dev", BUNDLE], check=True)
    return BUNDLE


class StandInArtifacts:
    def __init__(self, work: Path, registry: Registry) -> None:
        self.work, self.registry = work, registry
        self.private, self.public = work / "key.pem", work / "key.pub"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.private], check=True)
        subprocess.run(["openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public], check=True)

    def image(self, release: OsRelease, driver: str) -> str:
        """The artifact's reference as a node names it."""
        return f"{self.registry.in_node}/overdrive/nvidia-{OS_ID}:{release.version}-{driver}"

    def push(self, release: OsRelease, driver: str, *, filler_mib: int = 0, parameters: dict[str, dict[str, str]] | None = None,
             os_id: str = OS_ID, module_signer: tuple[Path, Path] | None = None) -> None:
        """
        filler_mib  a file in the user space that makes it slow to copy, the same for every kernel
        parameters  module -> its parameters in driver.json
        os_id       ID of the OS; the OS key is the release's version whatever the ID
        module_signer  key and certificate that sign the modules
        """
        user_space, modules, describe = self._trees(release, driver, os_id, module_signer)
        if filler_mib:
            copied = self.work / f"user-space-{driver}"
            if not copied.exists():
                shutil.copytree(user_space, copied, symlinks=True)
                filler = copied / "lib/firmware/nvidia" / driver / "filler.bin"
                filler.write_bytes(hashlib.shake_256(driver.encode()).digest(filler_mib << 20))
                filler.chmod(0o644)
            user_space = copied
        changed = self.work / "describe.json"
        document = json.loads(describe.read_text())
        for module in document["modules"]:
            module["parameters"] = (parameters or {}).get(module["name"], module.get("parameters", {}))
        changed.write_text(json.dumps(document))
        layout, tag = self.work / "layout", f"{release.version}-{driver}"
        subprocess.run([ARTIFACT, "pack", "--describe", changed, "--program", require_bundle(),
                        "--user-space", user_space, "--modules", modules, "--sign-key", self.private, "--output", layout,
                        "--layer-cache", TOP / "build/images/layers"], check=True, stdout=subprocess.DEVNULL)
        target = f"docker://{self.registry.on_host}/overdrive/nvidia-{os_id}:{tag}"
        subprocess.run(["skopeo", "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false", f"oci:{layout}:{tag}", target], check=True)
        subprocess.run([ARTIFACT, "index", "add", "--sign-key", self.private, "--allow-unsigned", "--settle", "0", target.removesuffix(f":{tag}"), tag],
                       check=True, stdout=subprocess.DEVNULL)

    def modules(self, release: OsRelease, driver: str) -> Path:
        """The directory with the driver's modules for a release, as they were built."""
        return self._trees(release, driver, OS_ID)[1] / "lib/modules" / release.kernel

    def _trees(self, release: OsRelease, driver: str, os_id: str, module_signer: tuple[Path, Path] | None = None) -> tuple[Path, Path, Path]:
        command = [TOP / "builder-images/build", "--os", "debian", "--kernel", release.kernel, "--driver", driver, "--os-id", os_id,
                   "--os-version", release.version, "--os-key", release.version, "--trees-only"]
        if module_signer:
            command += ["--module-key", module_signer[0], "--module-cert", module_signer[1]]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        user_space, modules, describe = done.stdout.split()[-3:]
        return Path(user_space), Path(modules), Path(describe)
