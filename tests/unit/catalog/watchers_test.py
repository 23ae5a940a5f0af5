#!/usr/bin/env python3
"""The watchers of hosts that are not reached here, over answers in their published form (answers/README.md)."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import shutil
import subprocess
import unittest
from collections.abc import Callable
from dataclasses import replace

from catalog_case import ANSWERS, TOP

from catalog import definition
from catalog.cell import Release
from catalog.definition import OperatingSystem, Stream
from catalog.watchers.compressed import unpacked
from catalog.watchers.fedora_coreos import FedoraCoreosWatcher
from catalog.watchers.flatcar import FlatcarWatcher
from catalog.watchers.microos import MicroosWatcher, uname_of
from catalog.watchers.port import WatchError
from catalog.watchers.ubuntu import UbuntuWatcher

SYSTEMS = {system.name: system for system in definition.read(TOP / "ci/matrix.toml").systems}


class Recorded:
    """A fetcher over answers by URL; anything else is not there. Remembers what it was asked for."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, url: str, most_bytes: int) -> bytes:
        self.asked.append(url)
        if url not in self.answers:
            raise WatchError(f"'{url}' answers 404 Not Found")
        return self.answers[url]


def answer(name: str) -> bytes:
    return (ANSWERS / name).read_bytes()


def stream(system: str, name: str) -> tuple[OperatingSystem, Stream]:
    found = SYSTEMS[system]
    return found, next(one for one in found.streams if one.name == name)


class Flatcar(unittest.TestCase):
    URL = "https://www.flatcar.org/releases-json/releases-stable.json"

    def watch(self, data: bytes | None = None, architecture: str = "x86_64") -> list[Release]:
        fetcher = Recorded({self.URL: data or answer("flatcar-releases-stable.json")})
        return FlatcarWatcher(fetcher).releases(*stream("flatcar", "stable"), architecture)

    def test_each_release_has_its_kernel_and_its_signed_developer_container(self) -> None:
        found = {release.version: release for release in self.watch()}
        self.assertEqual(list(found), ["4459.2.1", "4459.2.0", "1688.5.3"])  # `current` is no release of its own
        newest = found["4459.2.1"]
        self.assertEqual((newest.kernel, newest.date), ("6.12.61-flatcar", "2026-11-11"))
        container = "https://stable.release.flatcar-linux.net/amd64-usr/4459.2.1/flatcar_developer_container.bin.bz2"
        self.assertEqual((newest.inputs["developer_container"], newest.inputs["signature"]), (container, container + ".sig"))

    def test_a_release_is_only_there_for_its_architectures(self) -> None:
        found = self.watch(architecture="aarch64")
        self.assertEqual([release.version for release in found], ["4459.2.1", "4459.2.0"])
        self.assertIn("/arm64-usr/", found[0].inputs["developer_container"])

    def test_another_form_is_an_error_that_names_the_document(self) -> None:
        for data, words in ((b"<html>", "is not JSON"), (b"[]", "it is no object"), (b"{}", "names no release"),
                            (b'{"1.2.3": {}}', "it has no architectures"), (b'{"1.2.3": {"architectures": ["amd64"]}}', "it has no major_software"),
                            (b'{"1.2.3": {"architectures": ["amd64"], "major_software": {"kernel": []}}}', "has no kernel"),
                            (b'{"1.2.3": {"architectures": ["amd64"], "major_software": {"kernel": ["../../etc"]}}}', "is no version")):
            with self.subTest(words), self.assertRaisesRegex(WatchError, words) as raised:
                self.watch(data)
            self.assertIn(self.URL, str(raised.exception))


class FedoraCoreos(unittest.TestCase):
    SITE = "https://builds.coreos.fedoraproject.org"

    def answers(self, version: str = "44.20261101.3.0") -> dict[str, bytes]:
        builds = f"{self.SITE}/prod/streams/stable/builds"
        return {f"{self.SITE}/streams/stable.json": answer("fedora-coreos-streams-stable.json"),
                f"{self.SITE}/prod/streams/stable/releases.json": answer("fedora-coreos-releases.json"),
                **{f"{builds}/{one}/x86_64/commitmeta.json": answer("fedora-coreos-commitmeta.json")
                   for one in (version, "44.20261018.3.1", "43.20260919.3.0")}}

    def test_the_kernel_comes_from_the_builds_own_list_of_packages(self) -> None:
        found = FedoraCoreosWatcher(Recorded(self.answers())).releases(*stream("fedora-coreos", "stable"), "x86_64")
        self.assertEqual([release.version for release in found], ["44.20261101.3.0", "44.20261018.3.1", "43.20260919.3.0"])
        self.assertEqual((found[0].kernel, found[0].date), ("6.17.8-300.fc44.x86_64", "2026-11-01"))
        self.assertEqual(found[0].inputs["headers"], "https://kojipkgs.fedoraproject.org/packages/kernel/6.17.8/300.fc44/x86_64/kernel-devel-6.17.8-300.fc44.x86_64.rpm")

    def test_only_as_many_builds_as_wanted_are_asked_for(self) -> None:
        system, stable = stream("fedora-coreos", "stable")
        fetcher = Recorded(self.answers())
        FedoraCoreosWatcher(fetcher).releases(system, replace(stable, newest=1), "x86_64")
        self.assertEqual(len(fetcher.asked), 2)

    def test_a_build_without_a_kernel_is_an_error(self) -> None:
        answers = self.answers()
        for url in answers:
            if url.endswith("commitmeta.json"):
                answers[url] = b'{"rpmostree.rpmdb.pkglist": [["kernel-core", "0", "5", "1", "x86_64"]]}'
        with self.assertRaisesRegex(WatchError, "lists no package 'kernel'"):
            FedoraCoreosWatcher(Recorded(answers)).releases(*stream("fedora-coreos", "stable"), "x86_64")

    def test_an_architecture_that_the_stream_has_not_is_an_error(self) -> None:
        with self.assertRaisesRegex(WatchError, "it has no architectures.s390x"):
            FedoraCoreosWatcher(Recorded(self.answers())).releases(*stream("fedora-coreos", "stable"), "s390x")


class Ubuntu(unittest.TestCase):
    def answers(self, change: Callable[[bytes], bytes] = lambda data: data) -> dict[str, bytes]:
        site = "https://archive.ubuntu.com/ubuntu/dists"
        return {f"{site}/noble/main/binary-amd64/Packages.xz": lzma.compress(b""),
                f"{site}/noble-updates/main/binary-amd64/Packages.xz": change(lzma.compress(answer("ubuntu-noble-Packages"))),
                f"{site}/noble-security/main/binary-amd64/Packages.xz": lzma.compress(b"")}

    def watch(self, answers: dict[str, bytes]) -> list[Release]:
        return UbuntuWatcher(Recorded(answers)).releases(*stream("ubuntu", "noble"), "x86_64")

    def test_kernels_of_the_wanted_flavours_with_image_and_headers(self) -> None:
        found = self.watch(self.answers())
        self.assertEqual([(release.kernel, release.flavour, release.version) for release in found],
                         [("6.8.0-49-generic", "generic", "24.04"), ("6.8.0-1018-aws", "aws", "24.04")])

    def test_a_damaged_or_missing_list_is_an_error(self) -> None:
        with self.assertRaisesRegex(WatchError, "is damaged"):
            self.watch(self.answers(lambda data: data[:-20]))
        answers = self.answers()
        answers.popitem()
        with self.assertRaisesRegex(WatchError, "404"):
            self.watch(answers)

    def test_arm_has_an_archive_of_its_own(self) -> None:
        fetcher = Recorded({})
        with self.assertRaises(WatchError):
            UbuntuWatcher(fetcher).releases(*stream("ubuntu", "noble"), "aarch64")
        self.assertEqual(fetcher.asked, ["https://ports.ubuntu.com/ubuntu-ports/dists/noble/main/binary-arm64/Packages.xz"])


class Microos(unittest.TestCase):
    SITE = "https://download.opensuse.org/tumbleweed/repo/oss"

    def answers(self, primary: bytes | None = None, kind: str = "gz", checksum: str = "") -> dict[str, bytes]:
        data = primary if primary is not None else gzip.compress(answer("microos-primary.xml"))
        repomd = answer("microos-repomd.xml").replace(b"@CHECKSUM@", (checksum or hashlib.sha512(data).hexdigest()).encode()).replace(b"@KIND@", kind.encode())
        return {f"{self.SITE}/repodata/repomd.xml": repomd, f"{self.SITE}/repodata/abc-primary.xml.{kind}": data}

    def watch(self, answers: dict[str, bytes]) -> list[Release]:
        return MicroosWatcher(Recorded(answers)).releases(*stream("microos", "tumbleweed"), "x86_64")

    def test_kernels_with_their_devel_package_under_the_date_of_the_snapshot(self) -> None:
        found = self.watch(self.answers())
        self.assertEqual([(release.version, release.kernel, release.date) for release in found],
                         [("20261119", "6.17.7-2-default", "2026-11-19"), ("20261119", "6.17.8-1-default", "2026-11-19")])
        self.assertEqual(found[1].inputs["headers"], f"{self.SITE}/x86_64/kernel-default-devel-6.17.8-1.1.x86_64.rpm")

    def test_the_kernels_name_leaves_out_the_counter_of_rebuilds(self) -> None:
        for version, release, uname in (("6.11.8", "1.2", "6.11.8-1-default"), ("6.4.0", "150600.23.25.1", "6.4.0-150600.23.25-default"), ("6.1", "1", "6.1-1-default")):
            self.assertEqual(uname_of(version, release), uname)

    def test_zstd_is_read_as_well(self) -> None:
        if not shutil.which("zstd"):
            self.skipTest("zstd is not installed")
        packed = subprocess.run(["zstd", "-cq"], input=answer("microos-primary.xml"), stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(len(self.watch(self.answers(packed, "zst"))), 2)
        with self.assertRaisesRegex(WatchError, "damaged|not what it is known"):
            self.watch(self.answers(packed[:-30], "zst"))

    def test_bytes_with_another_checksum_are_not_read(self) -> None:
        with self.assertRaisesRegex(WatchError, "another checksum than repomd.xml says"):
            self.watch(self.answers(checksum="00"))

    def test_another_form_is_an_error(self) -> None:
        for primary, words in ((gzip.compress(b"<metadata"), "is not what it is known to be"), (b"no gzip", "is damaged"),
                               (gzip.compress(b'<metadata xmlns="http://linux.duke.edu/metadata/common"/>'), "lists no package MicroOS-release")):
            with self.subTest(words), self.assertRaisesRegex(WatchError, words):
                self.watch(self.answers(primary))
        with self.assertRaisesRegex(WatchError, "names no primary.xml"):
            self.watch({f"{self.SITE}/repodata/repomd.xml": b"<repomd/>"})


class Limits(unittest.TestCase):
    def test_a_bomb_is_found_before_it_goes_off(self) -> None:
        kinds = {"a.gz": gzip.compress(bytes(1 << 22)), "a.xz": lzma.compress(bytes(1 << 22)), "a": bytes(1 << 22)}
        if shutil.which("zstd"):
            kinds["a.zst"] = subprocess.run(["zstd", "-cq"], input=bytes(1 << 22), stdout=subprocess.PIPE, check=True).stdout
        for name, data in kinds.items():
            with self.subTest(name), self.assertRaisesRegex(WatchError, "unpacks to more than it should"), unpacked(data, name, 1 << 20) as document:
                document.rest()

    def test_answers_are_json_where_they_should_be(self) -> None:
        for path in ANSWERS.glob("*.json"):
            json.loads(path.read_text())


if __name__ == "__main__":
    unittest.main()
