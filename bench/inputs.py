"""What is moved in a benchmark: the artifacts of a driver for this kernel and for the next, with zstd and with gzip layers."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP / "tests/integration/cli"), str(TOP / "tests/support")]

import cli_case  # noqa: E402
from cli_case import KERNEL, OS_VERSION, bytes_of, programs, say  # noqa: E402
from vm_registry import Registry  # noqa: E402

NEXT_OS = "1577.1.0"
NEXT_KERNEL = KERNEL[:-1] + ("1" if KERNEL.endswith("0") else "0")  # of equal length, so that a module can be told of it in place
REPOSITORY = "overdrive/nvidia-coreos"
SMALL, OLDER_SMALL = "900.1.0", "900.0.9"
STRETCH = 256 << 10


@dataclass(frozen=True)
class DriverTree:
    """A driver as builder-images/build leaves it in build/drivers."""

    driver: str
    user_space: Path
    modules: Path  # holds *.ko
    modules_version: str = ""  # that they say they have, where it is another one of the same length

    @staticmethod
    def find(drivers: Path, driver: str) -> DriverTree:
        """@param driver a version; its user space and the modules of any kernel, the open ones where there are no others"""
        user_space = drivers / driver / "user-space"
        modules = DriverTree.modules_of(drivers, driver)
        if not user_space.is_dir() or not modules:
            raise SystemExit(f"bench: {drivers} has no user space and modules of {driver}; build it: builder-images/build "
                             f"--os debian --kernel RELEASE --driver {driver}-open (OVERDRIVE_DRIVERS names another directory)")
        return DriverTree(driver, user_space, modules)

    @staticmethod
    def modules_of(drivers: Path, driver: str) -> Path | None:
        found = sorted({module.parent for of in (driver, f"{driver}-open") for module in (drivers / of).glob("*/modules/**/nvidia.ko")})
        return found[-1] if found else None

    @staticmethod
    def small(work: Path, version: str = SMALL) -> DriverTree:
        """A few megabytes of the same shape, for a run of seconds. Versions differ in a few bytes of each file."""
        return DriverTree.made(work, {"cuda": 6 << 20, "nvidia-ml": 1 << 20, **{f"small{i}": 9000 + i for i in range(40)}}, links=True, version=version)

    @staticmethod
    def made(work: Path, sizes: dict[str, int], *, links: bool = False, module_bytes: int = 1 << 20, version: str = SMALL) -> DriverTree:
        """A driver of libraries of these sizes, which compress to about a half. A name may have a directory before it."""
        user, modules = work / "user", work / "modules"
        for folder in (user / "bin", user / "lib64", modules):
            folder.mkdir(parents=True)
        for name, size in sizes.items():
            library = user / "lib64" / Path(name).parent / f"lib{Path(name).name}.so.{version}"
            library.parent.mkdir(exist_ok=True)
            _write_half_random(library, name, size)
            with library.open("r+b") as file:
                file.write(version.encode()[:size])
            if links:
                (library.parent / f"lib{name}.so.1").symlink_to(library.name)
        module = cli_case.module_file({}, driver=version, kernel=KERNEL, content=bytes_of("module", module_bytes))
        (modules / "nvidia.ko").write_bytes(module)
        return DriverTree(version, user, modules)


def _write_half_random(path: Path, seed: str, size: int) -> None:
    """The same for the same seed. In stretches, so that no part of a large file is easier than another."""
    source = random.Random(seed)
    with path.open("wb") as file:
        while (left := size - file.tell()) > 0:
            part = min(left, STRETCH)
            file.write(source.randbytes(part - part // 2) + bytes(part // 2))


@dataclass(frozen=True)
class Inputs:
    """Artifacts in layouts: `zstd` has the driver for this kernel and for the next, `gzip` for this one."""

    driver: str
    zstd: Path
    gzip: Path
    unpacked_bytes: int
    older: str | None = None  # a version of the driver's branch that `zstd` has too

    @property
    def tag(self) -> str:
        return f"{OS_VERSION}-{self.driver}"

    @property
    def next_tag(self) -> str:
        return f"{NEXT_OS}-{self.driver}"

    @property
    def older_tag(self) -> str:
        return f"{OS_VERSION}-{self.older}"

    def layers(self, layout: Path, tag: str) -> dict[str, dict[str, object]]:
        """The descriptors of the driver's two layers by what they hold."""
        layers = _manifest(layout, tag)["layers"]
        return {"modules": layers[-1], "user-space": layers[-2]}


def make(tree: DriverTree, work: Path, older: DriverTree | None = None) -> Inputs:
    """Packs what is not there yet below `work`. What an older overdrive-artifact packed names an index and is packed again."""
    zstd, gzip = work / "zstd", work / "gzip"
    marker = work / "made-with-manifests"
    if not marker.exists():
        for made in (zstd, gzip, work / "trees"):
            shutil.rmtree(made, ignore_errors=True)
        for kernel, os_key in ((KERNEL, OS_VERSION), (NEXT_KERNEL, NEXT_OS)):
            pack(tree, kernel, os_key, zstd, work / "trees")
        _to_gzip(zstd, gzip, f"{OS_VERSION}-{tree.driver}")
        marker.write_text("")
    if older and f'-{older.driver}"' not in (zstd / "index.json").read_text():
        pack(older, KERNEL, OS_VERSION, zstd, work / "older-trees")
    unpacked = sum(file.lstat().st_size for part in (tree.user_space, tree.modules) for file in part.rglob("*") if file.is_file() and not file.is_symlink())
    return Inputs(tree.driver, zstd, gzip, unpacked, older.driver if older else None)


def pack(tree: DriverTree, kernel: str, os_key: str, layout: Path, work: Path) -> str:
    """Makes an artifact of the driver for a kernel. @return its tag"""
    modules, program = work / kernel / "lib/modules" / kernel, work / "program/bin"
    for folder in (modules, program):
        folder.mkdir(parents=True, exist_ok=True)
    (program / "overdrive").write_text("not started here\n")
    (program / "overdrive").chmod(0o755)
    vermagic = f"{kernel} SMP "
    for module in tree.modules.glob("*.ko"):
        content = _for_kernel(module.read_bytes(), vermagic)
        if tree.modules_version:
            content = content.replace(tree.modules_version.encode(), tree.driver.encode())  # the paths of its firmware too
        (modules / module.name).write_bytes(content)
    document = cli_case.describe(tree.driver, kernel, os_key)
    document["os"] = {"id": cli_case.OS_ID, "version_id": os_key, "key": os_key}
    document["modules"] = [{"name": file.stem, "path": f"lib/modules/{kernel}/{file.name}", "version": tree.driver, "depends": []}
                           for file in sorted(modules.glob("*.ko"))]
    (work / "describe.json").write_text(json.dumps(document))
    say([programs() / "overdrive-artifact", "-q", "pack", "--describe", work / "describe.json", "--program", work / "program", "--user-space",
         tree.user_space, "--modules", work / kernel, "--output", layout, "--layer-cache", work / "layers"])
    return f"{os_key}-{tree.driver}"


def push(registry: Registry, layout: Path, tag: str, repository: str, *, key: Path | None = None) -> str:
    """@param key  private, to sign it with. @return the repository, as nodes name it"""
    source = f"docker://{registry.on_host}/{repository}"
    say([programs() / "overdrive-artifact", "-q", "push", *(["--sign-key", key] if key else []), f"oci:{layout}:{tag}", f"{source}:{tag}"])
    return source


def _for_kernel(module: bytes, vermagic: str) -> bytes:
    """The module with another vermagic in the place of its own: nothing here loads it, and every other byte stays."""
    at = module.index(b"vermagic=") + len(b"vermagic=")
    end = module.index(b"\0", at)
    if len(vermagic) > end - at:
        raise SystemExit(f"bench: the running kernel's release is too long to be put into a module: '{vermagic}'")
    return module[:at] + vermagic.encode().ljust(end - at, b"\0") + module[end:]


def _manifest(layout: Path, tag: str) -> dict[str, list[dict[str, object]]]:
    document: dict[str, list[dict[str, object]]] = json.loads((layout / "index.json").read_text())
    entry = next(one for one in document["manifests"] if one["annotations"]["org.opencontainers.image.ref.name"] == tag)  # type: ignore[index]
    document = json.loads(_blob(layout, entry).read_text())
    if "manifests" in document:
        document = json.loads(_blob(layout, document["manifests"][0]).read_text())
    return document


def _blob(layout: Path, descriptor: dict[str, object]) -> Path:
    return layout / "blobs" / str(descriptor["digest"]).replace(":", "/")


def blob_path(layout: Path, descriptor: dict[str, object]) -> Path:
    """Where a layout has a blob."""
    return _blob(layout, descriptor)


def _to_gzip(source: Path, made: Path, tag: str) -> None:
    """The image of a tag with its layers compressed anew, as registries and tools do: the same content in other blobs."""
    (made / "blobs/sha256").mkdir(parents=True)
    (made / "oci-layout").write_text((source / "oci-layout").read_text())
    manifest = _manifest(source, tag)
    config: dict[str, object] = manifest["config"]  # type: ignore[assignment]
    os.link(_blob(source, config), _blob(made, config))
    for layer in manifest["layers"]:
        temporary = made / "layer"
        subprocess.run(["bash", "-c", 'set -o pipefail; zstd -dcq "$1" | gzip -6n > "$2"', "gzip", _blob(source, layer), temporary], check=True)
        with temporary.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        layer.update(mediaType="application/vnd.oci.image.layer.v1.tar+gzip", digest=f"sha256:{digest}", size=temporary.stat().st_size)
        temporary.rename(_blob(made, layer))
    text = json.dumps(manifest).encode()
    digest = hashlib.sha256(text).hexdigest()
    (made / "blobs/sha256" / digest).write_bytes(text)
    entry = {"mediaType": manifest["mediaType"], "digest": f"sha256:{digest}", "size": len(text),
             "annotations": {"org.opencontainers.image.ref.name": tag}}
    (made / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
