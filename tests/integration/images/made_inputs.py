"""Made-up inputs for the fetching code: keys, packages, repositories and images in the formats of the real ones."""

from __future__ import annotations

import gzip
import hashlib
import struct
import subprocess
import tempfile
from pathlib import Path

QUIET = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Key:
    """A throw-away signing key in a GnuPG home of its own."""

    def __init__(self, home: Path, name: str = "test") -> None:
        self.home = home
        home.mkdir(mode=0o700)
        self.gpg("--passphrase", "", "--pinentry-mode", "loopback", "--quick-generate-key", f"{name} <{name}@example.invalid>", "rsa2048", "sign", "never")
        listing = subprocess.run(["gpg", "--homedir", home, "--with-colons", "--list-keys"], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
        self.public = home / "public.asc"
        self.gpg("--armor", "--output", str(self.public), "--export", self.fingerprint)

    def gpg(self, *arguments: str) -> None:
        subprocess.run(["gpg", "--homedir", self.home, "--batch", "--yes", *arguments], **QUIET)

    def sign(self, path: Path, signature: Path | None = None) -> None:
        self.gpg("--output", str(signature or path.with_name(path.name + ".sig")), "--detach-sign", str(path))

    def stop(self) -> None:
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], **QUIET)


def deb(directory: Path, name: str, version: str, architecture: str, files: dict[str, str], depends: str = "") -> Path:
    with tempfile.TemporaryDirectory() as work:
        root = Path(work)
        (root / "DEBIAN").mkdir()
        (root / "DEBIAN/control").write_text(f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: test\n"
                                             + (f"Depends: {depends}\n" if depends else "") + "Description: test\n")
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        target = directory / f"{name}_{version}_{architecture}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", work, target], **QUIET)
    return target


def apt_archive(root: Path, suites: list[str], components: list[str], architecture: str, debs: list[Path], key: Key) -> None:
    """The packages are in the first component of the first suite; the others are empty."""
    pool = root / "pool"
    pool.mkdir(parents=True)
    stanzas = []
    for path in debs:
        path.rename(pool / path.name)
        control = subprocess.run(["dpkg-deb", "-f", pool / path.name], check=True, stdout=subprocess.PIPE, text=True).stdout.rstrip()
        stanzas.append(f"{control}\nFilename: pool/{path.name}\nSize: {(pool / path.name).stat().st_size}\nSHA256: {sha256(pool / path.name)}\n")
    for suite in suites:
        lines = [f"Origin: Test\nSuite: {suite}\nCodename: {suite}\nArchitectures: {architecture}\nComponents: {' '.join(components)}",
                 "Date: Sat, 21 Nov 2026 00:00:00 UTC", "SHA256:"]
        for component in components:
            packages = root / f"dists/{suite}/{component}/binary-{architecture}/Packages"
            packages.parent.mkdir(parents=True)
            packages.write_text("\n".join(stanzas) if (suite, component) == (suites[0], components[0]) else "")
            lines.append(f" {sha256(packages)} {packages.stat().st_size} {packages.relative_to(root / 'dists' / suite)}")
        release = root / f"dists/{suite}/Release"
        release.write_text("\n".join(lines) + "\n")
        key.gpg("--output", str(release.with_name("InRelease")), "--clear-sign", str(release))


def rpm(directory: Path, name: str, version: str, release: str, architecture: str, files: dict[str, str], key: Key | None) -> Path:
    with tempfile.TemporaryDirectory() as work:
        top = Path(work)
        listing, install = [], []
        for path, content in files.items():
            source = top / "content" / path.lstrip("/")
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(content)
            listing.append(path)
            install.append(f"install -D -m 0644 {source} %{{buildroot}}{path}")
        (top / "p.spec").write_text(f"Name: {name}\nVersion: {version}\nRelease: {release}\nSummary: test\nLicense: none\n"
                                    "AutoReqProv: no\n%define debug_package %{nil}\n%define __os_install_post %{nil}\n%description\ntest\n%install\n"
                                    + "\n".join(install) + "\n%files\n" + "\n".join(listing) + "\n")
        subprocess.run(["rpmbuild", "-bb", "--nodeps", "--target", architecture, "--define", f"_topdir {top}", "--define", f"_rpmdir {directory}",
                        "--define", "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm", top / "p.spec"], **QUIET)
    path = directory / f"{name}-{version}-{release}.{architecture}.rpm"
    if key:
        subprocess.run(["rpmsign", "--define", "__gpg /usr/bin/gpg", "--define", f"_gpg_name {key.fingerprint}", "--define", f"_gpg_path {key.home}", "--addsign", path], **QUIET)
    return path


def rpm_repository(root: Path, packages: list[tuple[str, str, str, str, Path]], key: Key) -> None:
    """packages: name, version, release, architecture, file. Signed as openSUSE signs: repomd.xml.asc."""
    entries = []
    for name, version, release, architecture, path in packages:
        (root / architecture).mkdir(parents=True, exist_ok=True)
        path.rename(root / architecture / path.name)
        entries.append(f'<package type="rpm"><name>{name}</name><arch>{architecture}</arch><version epoch="0" ver="{version}" rel="{release}"/>'
                       f'<checksum type="sha256" pkgid="YES">{sha256(root / architecture / path.name)}</checksum>'
                       f'<location href="{architecture}/{path.name}"/></package>')
    repodata = root / "repodata"
    repodata.mkdir(parents=True)
    primary = repodata / "primary.xml.gz"
    primary.write_bytes(gzip.compress(('<metadata xmlns="http://linux.duke.edu/metadata/common">' + "".join(entries) + "</metadata>").encode(), mtime=0))
    repomd = repodata / "repomd.xml"
    repomd.write_text('<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary">'
                      f'<checksum type="sha256">{sha256(primary)}</checksum><location href="repodata/primary.xml.gz"/></data></repomd>')
    key.gpg("--armor", "--output", str(repodata / "repomd.xml.asc"), "--detach-sign", str(repomd))


def disk_image(path: Path, label: str, tree: Path) -> None:
    """A disk with a GUID partition table and one ext4 partition, ninth in the table, as Flatcar's developer container."""
    sector, first, size = 512, 4096, 16 * 1024 * 1024
    filesystem = path.with_name(path.name + ".ext4")
    filesystem.write_bytes(b"")
    subprocess.run(["truncate", "-s", str(size), filesystem], check=True)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, filesystem], **QUIET)
    entries = bytearray(128 * 128)
    struct.pack_into("<16s16sQQQ", entries, 8 * 128, b"\x01" * 16, b"\x02" * 16, first, first + size // sector - 1, 0)
    entries[8 * 128 + 56:8 * 128 + 56 + 2 * len(label)] = label.encode("utf-16-le")
    header = bytearray(512)
    struct.pack_into("<8sIIIIQQQQ16sQII", header, 0, b"EFI PART", 0x10000, 92, 0, 0, 1, 0, 34, 0, b"\x03" * 16, 2, 128, 128)
    with path.open("wb") as disk:
        disk.write(b"\0" * sector + header + entries)
        disk.seek(first * sector)
        disk.write(filesystem.read_bytes())
    filesystem.unlink()
