"""What Debian's archive has of a kernel and for a machine that runs it: nothing is installed.

What is fetched stays in build/archive for the next time.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

from proof import module_signature
from proof.machine import PLATFORMS, Parts
from proof.report import NotRun
from proof.subject import Kernel, Subject
from proof.uefi_variables import write_store

TOP = Path(__file__).resolve().parents[2]
LIBRARIES = f"set -euo pipefail; shopt -s inherit_errexit; . '{TOP}/ci/lib/debian-archive.sh'; . '{TOP}/ci/lib/kernel-headers.sh'; "


class NoKernel(OSError):
    """The archive does not have this kernel, or cannot be reached."""


def run_script(script: str, *arguments: str) -> str:
    """Runs bash with the archive's functions; returns what it prints."""
    done = subprocess.run(["bash", "-c", LIBRARIES + script, "bash", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise NoKernel(f"Debian's archive: {done.stderr.strip() or 'a command failed'}")
    return done.stdout.strip()


def kernel_of_archive(release: str, work: Path) -> Kernel:
    """Raises NoKernel."""
    headers = Path(run_script('kernel_headers "$1"', release))
    facts = work / "kernel-facts.json"
    facts.write_text(run_script(f"'{TOP}/builder-images/debian/kernel-facts' --kernel \"$1\" --architecture \"$(uname -m)\"", release))
    return Kernel(headers / "Module.symvers", facts)


# Unpacks packages into DIR under the archive, once. Arguments: DIR PACKAGE...
UNPACK = """
dir=$archive_dir/$1; shift
if [ ! -d "$dir" ]; then
    staging=$(mktemp -d "$archive_dir/proof.XXXXXX")
    archive_unpack "$staging/tree" "$@"
    mkdir -p "$(dirname "$dir")"
    [ -d "$dir" ] || mv -T "$staging/tree" "$dir" || [ -d "$dir" ]
    rm -rf "$staging"
fi
echo "$dir"
"""
# Kernels from 6.2 on need a newer QEMU than 7.2: under its TCG 6.12 panics in most boots.
OLD_QEMU_KERNEL = (6, 1)
NEWER_QEMU = 10


def _unpacked(directory: str, *packages: str) -> Path:
    return Path(run_script(UNPACK, directory, *packages))


def parts_for(subject: Subject, work: Path) -> Parts:
    """What boots the artifact's kernel. Raises NotRun where that cannot be had here."""
    machine = subject.architecture.name
    if machine != platform.machine() or machine not in PLATFORMS:
        raise NotRun(f"the artifact is for {machine}, this machine is {platform.machine()}")
    release = subject.release
    image = run_script('archive_kernel_image "$1"', release)
    version = run_script('archive_versions "$1" | sed -n "1s/ .*//p"', image)
    tree = _unpacked(f"kernels/{image}_{version}", f"{image}={version}")
    if not (tree / f"lib/modules/{release}/modules.dep").is_file():
        subprocess.run(["depmod", "-b", tree, release], check=True)
    parts = Parts(qemu=_qemu(machine, release), kernel=tree / f"boot/vmlinuz-{release}", busybox=_unpacked("busybox", "busybox-static") / "bin/busybox",
                  fake_gpu=fake_gpu(release, work), in_tree=_in_tree(tree, release, subject))
    certificates = sorted(subject.tree.glob(f"lib/modules/*/{module_signature.CERTIFICATES}"))
    if certificates:
        own_key, own_certificate = throwaway_signer(work)
        run_script(f"'{TOP}/builder-images/sign-modules' \"$1\" --key \"$2\" --certificate \"$3\"", str(parts.fake_gpu.parent), str(own_key), str(own_certificate))
        # Of two signers the first: one key that the kernel knows has to do.
        parts.uefi = uefi_with(machine, [certificates[0].read_bytes(), der(own_certificate)], work / "variables.fd")
    return parts


def throwaway_signer(work: Path) -> tuple[Path, Path]:
    """Key and certificate for the proof's own module, the fake GPU."""
    key, certificate = work / "own.key", work / "own.crt"
    done = module_signature.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "3650",
                                    "-subj", "/CN=overdrive proof, thrown away", "-addext", "subjectKeyIdentifier=hash")
    if done.returncode:
        raise NotRun(f"OpenSSL makes no key: {done.stderr.decode(errors='replace').strip()}")
    return key, certificate


def der(certificate: Path) -> bytes:
    return module_signature.openssl("x509", "-in", certificate, "-outform", "DER").stdout


def uefi_with(machine: str, certificates: list[bytes], store: Path) -> tuple[Path, Path]:
    """Debian's UEFI firmware, and a variable store with these certificates (DER) enrolled."""
    package, code, empty = PLATFORMS[machine].firmware
    tree = _unpacked(f"firmware/{package}", package)
    write_store(tree / empty, store, certificates)
    return tree / code, store


def _in_tree(tree: Path, release: str, subject: Subject) -> list[Path]:
    """The in-tree modules that the driver needs, with what they need, in the order of loading."""
    siblings = {name.replace("-", "_") for name in subject.module_files}
    wanted = list(subject.description["prerequisites"])
    wanted += [name for module in subject.modules.values() for name in module.depends if name.replace("-", "_") not in siblings]
    found: dict[Path, None] = {}
    for name in wanted:
        done = subprocess.run(["modprobe", "-d", tree, "-S", release, "--show-depends", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in done.stdout.splitlines():
            if line.startswith("insmod "):  # others are built in
                found[Path(line.split()[1])] = None
    return list(found)


def fake_gpu(release: str, work: Path) -> Path:
    """Built for the kernel. @return fake_gpu.ko, alone among modules in its directory"""
    source = work / "fake_gpu"
    shutil.copytree(TOP / "tests/vm/fake_gpu", source)
    run_script('kernel_module_build "$1" "$2" >&2', release, str(source))
    return source / "fake_gpu.ko"


def _qemu(machine: str, release: str) -> list[str]:
    """The QEMU of this machine where it runs the kernel, else the one of the archive's backports, unpacked."""
    program = PLATFORMS[machine].program
    major, minor = (int(number) for number in release.split(".")[:2])
    installed = shutil.which(program)
    if installed and ((major, minor) <= OLD_QEMU_KERNEL or _qemu_major(installed) >= NEWER_QEMU):
        return [installed]
    package = {"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}[machine]
    version = run_script("archive_versions \"$1\" | awk '/-backports$/ { print $1; exit }'", package)
    if not version:
        raise NotRun(f"kernel {release} needs QEMU {NEWER_QEMU} or newer, and the archive has none for this release of Debian")
    # Packages of the firmware and tables that the program reads at its start.
    tree = _unpacked(f"qemu/{package}_{version.replace(':', '_')}", f"{package}={version}", f"qemu-system-common={version}", f"qemu-system-data={version}",
                     *(["seabios"] if machine == "x86_64" else []))
    return [str(tree / f"usr/bin/{program}"), "-L", str(tree / "usr/share/seabios"), "-L", str(tree / "usr/share/qemu")]


def _qemu_major(program: str) -> int:
    said = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"version ([0-9]+)", said)
    return int(found[1]) if found else 0
