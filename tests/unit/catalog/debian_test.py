#!/usr/bin/env python3
"""The watcher of Debian: lists of packages in their published form, and the archive as it is today."""

from __future__ import annotations

import json
import subprocess
import unittest
from collections.abc import Sequence

from catalog_case import TOP

from catalog.cell import Driver
from catalog.definition import OperatingSystem, Stream
from catalog.watchers.debian import PREFIXES, DebianWatcher, Index
from catalog.watchers.packages_index import flavour_of, kernels, packages
from catalog.watchers.port import WatchError

# After deb822(5) and the archive's own lists; shortened.
PACKAGES = b"""Package: linux-headers-6.1.0-50-cloud-amd64
Source: linux
Version: 6.1.170-1
Architecture: amd64
Depends: linux-headers-6.1.0-50-common (= 6.1.170-1),
 linux-kbuild-6.1
Filename: pool/main/l/linux/linux-headers-6.1.0-50-cloud-amd64_6.1.170-1_amd64.deb
SHA256: 00

Package: linux-image-6.1.0-50-cloud-amd64-unsigned
Version: 6.1.170-1
Architecture: amd64

Package: linux-headers-6.1.0-50-common
Version: 6.1.170-1

Package: linux-headers-6.1.0-53-cloud-amd64
Version: 6.1.173-1

Package: linux-image-6.12.95+deb12-amd64
Version: 6.12.95-1~bpo12+1

Package: linux-headers-6.12.95+deb12-amd64
Version: 6.12.95-1~bpo12+1

Package: linux-headers-cloud-amd64
Version: 6.1.173-1

Package: linux-image-cloud-amd64
Version: 6.1.173-1

Package: nvidia-open-kernel-dkms
Source: nvidia-open-gpu-kernel-modules
Version: 535.261.03-1

Package: nvidia-kernel-dkms
Version: 535.216.03-2~bpo12+1

Package: bash
Version: 5.2
"""
DEBIAN = OperatingSystem("debian", "debian", "debian", "version-kernel", "debian-archive", ("x86_64",), (), ("cloud-{arch}", "{arch}"))


class Lists:
    def __init__(self, *indices: Index) -> None:
        self._indices = indices
        self.asked = 0

    def indices(self, architecture: str) -> Sequence[Index]:
        self.asked += 1
        return self._indices


def index(suite: str, text: bytes = PACKAGES) -> Index:
    return Index(suite, tuple(packages(text, PREFIXES)))


class PackageIndex(unittest.TestCase):
    def test_a_kernel_needs_its_image_and_its_headers(self) -> None:
        self.assertEqual(list(kernels(packages(PACKAGES, PREFIXES))), ["6.1.0-50-cloud-amd64", "6.12.95+deb12-amd64"])

    def test_fields_are_read_and_other_packages_are_not(self) -> None:
        found = list(packages(PACKAGES, ("linux-headers-6.1.0-50-cloud", "bash")))
        self.assertEqual([package.name for package in found], ["linux-headers-6.1.0-50-cloud-amd64", "bash"])
        self.assertEqual((found[0].version, found[0].sha256), ("6.1.170-1", "00"))

    def test_the_flavour_ends_the_release(self) -> None:
        for kernel, flavour in (("6.1.0-50-cloud-amd64", "cloud-amd64"), ("6.12.95+deb12-rt-amd64", "rt-amd64"), ("6.8.0-49-generic", "generic"),
                                ("5.10.0-0.deb10.16-amd64", ""), ("cloud-amd64", ""), ("6.1.0-50-common", "common")):
            self.assertEqual(flavour_of(kernel), flavour, kernel)

    def test_stanzas_that_are_cut_off_are_no_packages(self) -> None:
        for length in range(0, len(PACKAGES), 7):
            list(packages(PACKAGES[:length], PREFIXES))  # no exception
        self.assertEqual(list(packages(b"Package: linux-image-1\n", PREFIXES)), [])


class Watching(unittest.TestCase):
    def test_a_stream_is_its_suites_and_its_range_of_kernels(self) -> None:
        watcher = DebianWatcher(Lists(index("bookworm"), index("trixie", b"Package: linux-headers-6.12.1+deb13-amd64\nVersion: 1\n\n"
                                                               b"Package: linux-image-6.12.1+deb13-amd64\nVersion: 1\n")))
        def found(stream: Stream) -> list[str]:
            return [release.kernel for release in watcher.releases(DEBIAN, stream, "x86_64")]
        self.assertEqual(found(Stream("bookworm", "12", ("bookworm",), "==6.1")), ["6.1.0-50-cloud-amd64"])
        self.assertEqual(found(Stream("backports", "12", ("bookworm",), ">=6.2")), ["6.12.95+deb12-amd64"])
        self.assertEqual(found(Stream("trixie", "13", ("trixie",))), ["6.12.1+deb13-amd64"])

    def test_image_and_headers_may_lie_in_different_suites_of_a_stream(self) -> None:
        image, headers = b"Package: linux-image-6.1.0-9-amd64\nVersion: 1\n", b"Package: linux-headers-6.1.0-9-amd64\nVersion: 1\n"
        watcher = DebianWatcher(Lists(index("bookworm", image), index("security", headers)))
        self.assertEqual(len(watcher.releases(DEBIAN, Stream("bookworm", "12", ("bookworm", "security")), "x86_64")), 1)
        self.assertEqual(watcher.releases(DEBIAN, Stream("bookworm", "12", ("bookworm",)), "x86_64"), [])

    def test_drivers_are_the_versions_of_the_source_packages(self) -> None:
        watcher = DebianWatcher(Lists(index("bookworm"), index("trixie", b"Package: nvidia-open-kernel-dkms\nVersion: 550.163.01-2\n")))
        self.assertEqual(watcher.drivers("x86_64"), [Driver("535.216.03", "proprietary", ("x86_64",)), Driver("535.261.03", "open", ("x86_64",)),
                                                     Driver("550.163.01", "open", ("x86_64",))])

    def test_the_lists_are_fetched_once_for_an_architecture(self) -> None:
        lists = Lists(index("bookworm"))
        watcher = DebianWatcher(lists)
        watcher.drivers("x86_64")
        watcher.releases(DEBIAN, Stream("bookworm", "12", ("bookworm",)), "x86_64")
        self.assertEqual(lists.asked, 1)

    def test_an_archive_without_any_kernel_is_a_failure_not_an_empty_matrix(self) -> None:
        with self.assertRaisesRegex(WatchError, "lists no kernels for x86_64"):
            DebianWatcher(Lists(index("bookworm", b""))).releases(DEBIAN, Stream("bookworm", "12", ("bookworm",)), "x86_64")


class RealArchive(unittest.TestCase):
    """ci/matrix against the archive that this machine's apt uses."""

    def test_the_matrix_has_every_kernel_that_the_archive_serves(self) -> None:
        done = subprocess.run([TOP / "ci/matrix", "--os", "debian", "--release", "12*", "--flavour", "cloud-amd64", "--architecture", "x86_64", "--json"],
                              capture_output=True, text=True, timeout=900)
        self.assertEqual(done.returncode, 0, done.stderr)
        cells = json.loads(done.stdout)["cells"]
        listed = subprocess.run(["bash", "-euo", "pipefail", "-c", f". {TOP}/ci/lib/debian-archive.sh; archive_kernels cloud-amd64"],
                                check=True, capture_output=True, text=True).stdout.split()
        self.assertEqual({cell["kernel_release"] for cell in cells}, set(listed))
        self.assertLessEqual({("535", "open"), ("550", "open")}, {(cell["branch"], cell["module_type"]) for cell in cells})
        self.assertEqual({cell["tag"] for cell in cells if "+" in cell["kernel_release"] and "_plus_" not in cell["tag"]}, set())

    def test_wrong_use_is_told_before_anything_is_asked(self) -> None:
        for arguments, words in ((("--state", "missing"), "--state missing needs a registry"), (("--github-matrix", "--registry", ""), "--github-matrix needs a registry"),
                                 (("--os", "suse"), "there are: debian, "), (("--definition", "nothing.toml"), "cannot read 'nothing.toml'"), (("--limit", "-1"), "--limit -1")):
            done = subprocess.run([TOP / "ci/matrix", *arguments], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
