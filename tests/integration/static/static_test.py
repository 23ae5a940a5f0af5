#!/usr/bin/env python3
"""The self-contained program where there is no C library: a root that holds it, busybox and nothing else. Mounting, loading
modules and speaking to systemd with it is done in booted nodes (tests/vm).
Run as root: python3 tests/integration/static/static_test.py
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(TOP / "tests/integration/registry")]

from registry_case import DRIVER, REPOSITORY, TAG, RegistryCase, main  # noqa: E402 - first: it says where the others are
from cli_case import Host, Run, finished, keys, layout, programs, remove_shared, say  # noqa: E402
from name_server import NameServer  # noqa: E402
from registry_store import RegistryStore  # noqa: E402
from standin_registry import RegistryApi  # noqa: E402
from tls_material import Authority, server_context  # noqa: E402

PROGRAM = Path(os.environ.get("OVERDRIVE_BUNDLE", TOP / "build/bundle")) / "bin/overdrive"
MOST_BYTES = 12_000_000
NAME = "registry.test"
# As on a systemd host: modules of the C library that only the host's own could load, asked before `dns`.
NSSWITCH = """\
passwd: systemd files sss
group: systemd files sss
hosts: mymachines resolve [!UNAVAIL=return] myhostname mdns4_minimal [NOTFOUND=return] files dns
"""
CLONE_NEWNS, CLONE_NEWNET, MS_REC, MS_PRIVATE = 0x20000, 0x40000000, 0x4000, 1 << 18
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def apart() -> None:
    """A mount and a network namespace of this process, so that port 53 is free and nothing stays mounted."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "no namespaces of its own")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:
        fcntl.ioctl(loopback, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


class CellHost(Host):
    """A host's tree that the program sees as /host from a root of its own."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.cell = root.parent / "cell"
        if not self.cell.exists():
            for directory in ("bin", "etc", "proc", "host"):
                (self.cell / directory).mkdir(parents=True)
            shutil.copy(PROGRAM, self.cell / "bin/overdrive")
            shutil.copy(shutil.which("busybox") or "", self.cell / "bin/busybox")
            say(["mount", "--rbind", "/proc", self.cell / "proc"])
        say(["mount", "--bind", root, self.cell / "host"])
        (self.cell / "etc/resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        (self.cell / "etc/nsswitch.conf").write_text(NSSWITCH)

    def in_cell(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["/usr/sbin/chroot", str(self.cell), *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=180, env={"PATH": "/bin"})

    def overdrive(self, *arguments: object, prefix: list[object] | None = None) -> Run:
        done = self.in_cell("/bin/overdrive", "--root", "/host", "--json", *arguments)
        return finished(str(arguments[0]), done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        say(["umount", self.cell / "host"])


class StaticCase(RegistryCase):
    host: CellHost

    def new_host(self) -> None:
        if isinstance(self.host, CellHost):
            self.host.close()
        else:
            self.addCleanup(lambda: say(["umount", "--recursive", "--lazy", self.host.cell / "proc"]))
            self.addCleanup(lambda: self.host.close())
        shutil.rmtree(self.host.root, ignore_errors=True)
        self.host = CellHost(self.host.root)
        shutil.copy(keys()[1], self.host.root / "etc/first.pub")
        self.configure()


class ExecutableTest(StaticCase):
    def test_it_is_one_small_file_that_asks_for_no_library(self) -> None:
        self.assertLessEqual(PROGRAM.stat().st_size, MOST_BYTES)
        headers = say(["readelf", "--program-headers", "--dynamic", PROGRAM])
        self.assertNotIn("INTERP", headers)
        self.assertNotIn("NEEDED", headers)
        self.assertIn("GNU_RELRO", headers)
        self.assertIn("DYN (", say(["readelf", "--file-header", PROGRAM]), "its addresses are not the same in every run")

    def test_it_starts(self) -> None:
        done = self.host.in_cell("/bin/overdrive", "--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertEqual(done.stdout, say([programs() / "overdrive", "--version"]))

    def test_it_says_what_the_development_build_says(self) -> None:
        """The mount table by libmount, modules by libkmod, configuration and time, as the same objects see them elsewhere."""
        self.installed(self.install(f"oci:{self.put_layout()}"))
        (self.host.root / "proc/1/mountinfo").write_text("22 1 0:20 / / ro - squashfs /dev/vda ro\n23 22 0:21 / /usr ro - squashfs /dev/vda ro\n")
        for words in (["list"], ["status"], ["verify"], ["plan", DRIVER, "--source", "oci:/host/layout"], ["preflight", DRIVER], ["history"]):
            here = self.host.overdrive(*words)
            there = Host.overdrive(self.host, *[str(word).replace("oci:/host", f"oci:{self.host.root}") for word in words])
            self.assertEqual(self.shown(here), self.shown(there), words)

    def put_layout(self) -> str:
        """Within what the program sees; its name there."""
        shutil.copytree(layout(), self.host.root / "layout")
        return "/host/layout"

    def shown(self, run: Run) -> tuple[int, str]:
        return run.rc, json.dumps(run.result, sort_keys=True).replace(str(self.host.root), "/host")


class InstallTest(StaticCase):
    def setUp(self) -> None:
        super().setUp()
        authority = Authority(self.work, "private")
        self.authorities = self.host.root / "etc/ssl/certs/ca-certificates.crt"
        self.authorities.parent.mkdir(parents=True)
        shutil.copy(authority.certificate, self.authorities)
        self.names = NameServer({NAME: "127.0.0.1"})
        self.addCleanup(self.names.close)
        self.tls = server_context(authority.server("good", NAME))
        self.registry = self.serve(RegistryApi(self.store), tls=self.tls)

    def test_zstd_layers_by_https_from_a_name_that_dns_knows(self) -> None:
        self.installed(self.install(self.at(self.registry, NAME)))
        self.assertIn(NAME, self.names.asked)

    def test_gzip_layers(self) -> None:
        say(["skopeo", "copy", "-q", "--dest-compress", "--dest-compress-format", "gzip", f"oci:{layout()}:{TAG}", f"oci:{self.work}/gzip:{TAG}"])
        kinds = {json.loads((self.work / "gzip/blobs" / layer["digest"].replace(":", "/")).read_text())["layers"][0]["mediaType"]
                 for layer in json.loads((self.work / "gzip/index.json").read_text())["manifests"]}
        self.assertEqual(kinds, {"application/vnd.oci.image.layer.v1.tar+gzip"})
        store = RegistryStore(self.work / "gzip-store")
        store.load_layout(REPOSITORY, self.work / "gzip")
        self.registry = self.serve(RegistryApi(store), tls=self.tls)
        self.installed(self.install(self.at(self.registry, NAME)))

    def test_an_authority_that_nobody_trusts_is_refused(self) -> None:
        shutil.copy(Authority(self.work, "foreign").certificate, self.authorities)
        self.remember()
        self.refused(self.install(self.at(self.registry, NAME)), "tls-refused", 6, NAME)

    def test_a_name_that_nobody_knows_is_said(self) -> None:
        self.configure("[registry]\npatience = 1\n")
        self.refused(self.install(self.at(self.registry, "unknown.test")), "unreachable", 6, "unknown.test")


class BusTest(StaticCase):
    """update_engine's interface over a D-Bus of this test's own, at the host's socket."""

    def start_bus(self) -> None:
        directory = self.host.root / "run/dbus"
        directory.mkdir(parents=True)
        address = f"unix:path={directory}/system_bus_socket"
        bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={address}"], stderr=subprocess.DEVNULL)
        self.addCleanup(bus.wait)
        self.addCleanup(bus.terminate)
        self.wait_for(lambda: self.answers(directory / "system_bus_socket"))
        engine = subprocess.Popen([programs() / "fake_update_engine"], stdin=subprocess.PIPE, text=True,
                                  env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address})
        self.addCleanup(engine.wait)
        self.addCleanup(engine.stdin.close)  # type: ignore[union-attr]
        assert engine.stdin
        engine.stdin.write("UPDATE_STATUS_UPDATED_NEED_REBOOT 1999.9.9\n")
        engine.stdin.flush()

    @staticmethod
    def answers(path: Path) -> bool:
        """Whether somebody listens: the file is there a moment before."""
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(path)) == 0

    def wait_for(self, good: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not good():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_a_service_is_asked(self) -> None:
        self.start_bus()
        self.host.configure(f'driver = "{DRIVER}"\nsources = ["{self.source}"]\n[trust]\nkeys = ["/etc/first.pub"]\n')
        self.wait_for(lambda: "1999.9.9" in self.host.overdrive("stage", "--dry-run").stdout)

    def test_without_a_bus_it_says_so(self) -> None:
        run = self.host.overdrive("install", DRIVER, "--source", self.source, "--no-activate")
        self.assert_installed(run, DRIVER)
        self.assertIn("systemd cannot be reached", run.stderr, run)


def setUpModule() -> None:
    if os.geteuid() == 0:
        apart()


def tearDownModule() -> None:
    remove_shared()


if __name__ == "__main__":
    if not PROGRAM.exists():
        print(f"SKIPPED: {PROGRAM} is not there; make it: ci/bundle build/dev build/bundle")
        sys.exit(77)
    main()
