"""The user-space tree of a driver, from an unpacked .run file or from unpacked redist archives.

Both hold the same files, in other directories: every file is found by its name. What the result must look like is what
driver-sources/debian/user-space makes; tests/integration/images compares the names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from nvidia_pins import TOP, Refused, architecture_field

PROGRAMS = ["nvidia-smi", "nvidia-debugdump", "nvidia-bug-report.sh", "nvidia-cuda-mps-control", "nvidia-cuda-mps-server",
            "nvidia-modprobe", "nvidia-persistenced"]
# Where daemons go, and by what name their version is known. @see installer/model/daemon_plan.hpp
DAEMONS = {"nv-fabricmanager": ("bin", "nvidia-fabricmanager"), "nvidia-imex": ("bin", "nvidia-imex"), "nvlsm": ("sbin", "nvlsm")}
PROGRAMS_BESIDE_DAEMONS = ["nvidia-imex-ctl", "nvswitch-audit"]
# Libraries whose version is not the driver's. libOpenCL, libGL and the like of glvnd are the host's to bring.
OTHER_LIBRARIES = re.compile(r"libnvidia-egl-(wayland|wayland2|gbm|xcb|xlib)\.so\.[0-9.]+|libnvidia-api\.so\.1|libnvfm\.so\.[0-9.]+")
NOT_FOR_NODES = re.compile(r"libglxserver_nvidia|libnvidia-gtk|libnvidia-wayland-client|nvidia_drv\.so")
# Other architectures' libraries and what belongs to the installer.
SKIPPED_DIRECTORIES = {"32", "lib32", "kernel", "kernel-open", "html", "docs", "doc", "systemd", "x11", "xorg"}
INSTALL_ROOT = "/opt/nvidia/current"


class Tree:
    """The files of an unpacked source, by name."""

    def __init__(self, roots: list[Path]) -> None:
        self.files: dict[str, Path] = {}
        for root in roots:
            for directory, names, files in os.walk(root):
                names[:] = sorted(name for name in names if name.lower() not in SKIPPED_DIRECTORIES)
                for name in sorted(files):
                    path = Path(directory, name)
                    if not path.is_symlink():
                        self.files.setdefault(name, path)

    def named(self, pattern: str) -> list[Path]:
        return [path for name, path in sorted(self.files.items()) if re.fullmatch(pattern, name)]


def soname(path: Path) -> str | None:
    said = subprocess.run(["readelf", "--wide", "--dynamic", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    found = re.search(r"\(SONAME\).*\[(.*)\]", said.stdout)
    return found.group(1) if found else None


def install(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def link(target: str, path: Path) -> None:
    if not path.is_symlink() and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)


def install_libraries(tree: Tree, version: str, out: Path) -> None:
    own = re.compile(r".*\.so\." + re.escape(version))
    libraries = [path for name, path in sorted(tree.files.items())
                 if (own.fullmatch(name) or OTHER_LIBRARIES.fullmatch(name)) and not NOT_FOR_NODES.match(name)]
    if not any(path.name == f"libcuda.so.{version}" for path in libraries):
        raise Refused(f"the driver's files hold no libcuda.so.{version}")
    for path in libraries:
        directory = out / "lib64" / ("vdpau" if path.name.startswith("libvdpau_") else "")
        install(path, directory / path.name)
        # The name that programs ask for, as ldconfig would link it, and the one that others are linked with.
        name = soname(path)
        if name and name != path.name and "/" not in name:
            link(path.name, directory / name)
        plain = path.name.split(".so.")[0] + ".so"
        link(name if name and name != path.name else path.name, directory / plain)
    if (out / "lib64/libnvidia-allocator.so.1").is_symlink():
        link("../libnvidia-allocator.so.1", out / "lib64/gbm/nvidia-drm_gbm.so")
    for path in tree.named(r"_?nvngx\.dll"):
        install(path, out / "lib64/nvidia/wine" / path.name)


def install_programs(tree: Tree, out: Path) -> None:
    for name in PROGRAMS:
        if name not in tree.files:
            raise Refused(f"the driver's files hold no program {name}")
        # Without setuid: nobody but root makes device nodes here.
        install(tree.files[name], out / "bin" / name, 0o755)


def install_data(tree: Tree, version: str, out: Path) -> None:
    firmware = tree.named(r"gsp.*\.bin")
    if not firmware:
        raise Refused(f"the driver's files hold no firmware gsp*.bin of {version}")
    for path in firmware:
        install(path, out / "lib/firmware/nvidia" / version / path.name)
    places = {r"nvidia\.icd": "etc/OpenCL/vendors", r"10_nvidia\.json": "usr/share/glvnd/egl_vendor.d",
              r"nvidia_icd\.json": "usr/share/vulkan/icd.d", r"nvidia_layers\.json": "usr/share/vulkan/implicit_layer.d",
              r"nvoptix\.bin": "usr/share/nvidia", r"nvidia-application-profiles-.*": "usr/share/nvidia",
              r"LICENSE(\.txt)?": "usr/share/doc/nvidia"}
    for pattern, place in places.items():
        for path in tree.named(pattern):
            install(path, out / place / path.name)
    for path in tree.named(r"supported-gpus\.json"):
        made = subprocess.run([TOP / "builder-images/supported-gpus", path], stdout=subprocess.PIPE, check=True).stdout
        (out / "usr/share/nvidia").mkdir(parents=True, exist_ok=True)
        (out / "usr/share/nvidia/supported-gpus").write_bytes(made)


def fabric_configuration(text: str) -> str:
    """NVIDIA's, which daemonizes; the topologies are the driver's own."""
    place = f"{INSTALL_ROOT}/usr/share/nvidia/nvswitch"
    text = re.sub(r"(?m)^(TOPOLOGY_FILE_PATH|DATABASE_PATH)=.*$", rf"\1={place}", text)
    return re.sub(r"(?m)^STATE_FILE_NAME=.*$", "STATE_FILE_NAME=/run/nvidia-fabricmanager/fabricmanager.state", text)


def install_daemons(tree: Tree, out: Path) -> list[str]:
    """Those that the archives hold; the names by which their versions are known."""
    found = []
    for program, (directory, name) in DAEMONS.items():
        if program in tree.files:
            install(tree.files[program], out / directory / program, 0o755)
            found.append(name)
    for program in PROGRAMS_BESIDE_DAEMONS:
        if program in tree.files:
            install(tree.files[program], out / "bin" / program, 0o755)
    if "fabricmanager.cfg" in tree.files and "nvidia-fabricmanager" in found:
        target = out / "usr/share/nvidia/nvswitch/fabricmanager.cfg"
        install(tree.files["fabricmanager.cfg"], target)
        target.write_text(fabric_configuration(target.read_text()))
        for path in tree.named(r".*_topology"):
            install(path, out / "usr/share/nvidia/nvswitch" / path.name)
    if "nvlsm" in found:
        for path in tree.named(r"(nvlsm|grpc_mgr|device_configuration|fabric).*\.(conf|cfg)"):
            if "nvlsm" in str(path.parent) and path.name != "fabricmanager.cfg":
                install(path, out / "usr/share/nvidia/nvlsm" / path.name)
        for path in [path for path in tree.files.values() if "nvlsm" in path.parts[-3:-1] and ".so" in path.name]:
            install(path, out / "lib/nvlsm" / path.name)
    return found


def check_needed(out: Path, machine: str) -> None:
    """Programs may need the C library, the compiler's, and what the tree itself brings."""
    loader = architecture_field(machine, "loader")
    host = re.compile(r"lib(c|m|dl|pthread|rt|resolv|gcc_s|stdc\+\+|z)\.so\.[0-9]+|" + re.escape(loader))
    brought = {path.name for directory in ("lib64", "lib") for path in (out / directory).rglob("*.so*")}
    for program in sorted([*(out / "bin").iterdir(), *(out / "sbin").glob("*")]):
        said = subprocess.run(["readelf", "--wide", "--dynamic", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        for name in re.findall(r"\(NEEDED\).*\[(.*)\]", said.stdout):
            if not host.fullmatch(name) and name not in brought:
                raise Refused(f"{program.name} needs {name}, which neither a host is sure to have nor the driver's files hold")


def assemble(roots: list[Path], version: str, machine: str, out: Path) -> list[str]:
    """Fills `out`; the names of the daemons beside nvidia-persistenced that it carries."""
    tree = Tree(roots)
    install_libraries(tree, version, out)
    install_programs(tree, out)
    install_data(tree, version, out)
    daemons = install_daemons(tree, out)
    check_needed(out, machine)
    checked = subprocess.run(["bash", "-euo", "pipefail", "-c", '. "$1/report.sh"; . "$1/user-space.sh"; set_modes "$2"; check_tree "$2"',
                              "check", TOP / "builder-images/lib", out], stderr=subprocess.PIPE, text=True, check=False)
    if checked.returncode:
        raise Refused(checked.stderr.strip())
    return daemons
