"""What the tests against registries share: the program, a host's tree, and a registry that goes wrong as it is told.

Names of this file's `HOSTS` lead to 127.0.0.1 for the programs that a test starts: 127.0.0.1 itself is spoken to in plain
HTTP, so that TLS needs names.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import time
import unittest
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/integration/cli"), str(TOP / "tests/support")]

import damage  # noqa: E402
from cli_case import OS_VERSION, CliTestCase, Host, Run, keys, layout, say, shared  # noqa: E402
from loopback_http import Respond  # noqa: E402
from registry_faults import FaultyRegistry  # noqa: E402
from registry_store import RegistryStore  # noqa: E402
from standin_registry import RegistryApi  # noqa: E402

REPOSITORY = "overdrive/nvidia-coreos"
DRIVER = "900.1.0"
TAG = f"{OS_VERSION}-{DRIVER}"
HOSTS = ("registry.test", "tokens.registry.test", "mirror.test", "storage.test", "tokens.test", "foreign.test")
# What one layer may cost one host that gives no more of it: the request that broke off, one for the rest, and where that is
# refused one for the whole again.
MOST_REQUESTS_A_LAYER = 3
QUICK = "[registry]\nconnect-timeout = 2\nstall-timeout = 1\npatience = 2\n"
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18


def name_hosts() -> None:
    """In a mount namespace of this process, HOSTS are names of 127.0.0.1."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "no mount namespace of its own")
    hosts = shared() / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {' '.join(HOSTS)}\n::1 dual.test\n127.0.0.1 dual.test\n")
    say(["mount", "--bind", hosts, "/etc/hosts"])


def layer(role: str, tag: str = TAG) -> str:
    return damage.layer_digest(layout(), tag, role)


class RegistryCase(CliTestCase):
    """A host that trusts the key, and a registry that has the artifacts; every refusal leaves the host as it was."""

    settings = ""  # of every test of a class, besides the trust in the key

    def setUp(self) -> None:
        super().setUp()
        self.new_host()
        self.store = RegistryStore(self.work / "store")
        self.store.load_layout(REPOSITORY, layout())
        self.registry = self.serve(RegistryApi(self.store))
        self.source = self.at(self.registry)

    def new_host(self) -> None:
        """A host on which nothing is installed."""
        shutil.rmtree(self.host.root, ignore_errors=True)
        self.host = Host(self.host.root)
        shutil.copy(keys()[1], self.host.root / "etc/first.pub")
        self.configure()

    def configure(self, more: str = "") -> None:
        """Trust in the key, and settings besides."""
        self.host.configure(f'[trust]\nkeys = ["/etc/first.pub"]\n{self.settings}{more}')
        self.remember()

    def remember(self) -> None:
        self.before = self.host.snapshot()

    def serve(self, respond: Respond, **options: object) -> FaultyRegistry:
        made = FaultyRegistry(respond, **options)  # type: ignore[arg-type]
        self.addCleanup(made.close)
        return made

    def at(self, registry: FaultyRegistry, host: str = "127.0.0.1") -> str:
        return f"docker://{host}:{registry.port}/{REPOSITORY}"

    def refused(self, run: Run, reason: str, rc: int, *words: str) -> None:
        self.assert_refused(run, reason, rc, *words)
        self.assertEqual(self.host.snapshot(), self.before)

    def installed(self, run: Run) -> None:
        self.assert_installed(run, DRIVER)
        self.assert_few_requests()
        verified = self.host.overdrive("verify")
        self.assertEqual(verified.rc, 0, verified)

    def assert_few_requests(self, *registries: FaultyRegistry) -> None:
        for registry in registries or (self.registry,):
            asked = Counter(one.target for one in registry.asked("GET .*/blobs/"))
            self.assertLessEqual(max(asked.values(), default=0), MOST_REQUESTS_A_LAYER, asked)

    def timed(self, most: float, source: str | None = None, *more: object) -> Run:
        """An install that must end within `most` seconds."""
        begun = time.monotonic()
        run = self.install(source or self.source, DRIVER, *more)
        self.assertLess(time.monotonic() - begun, most, run)
        return run


def main() -> None:
    if os.geteuid() != 0:
        print("SKIPPED: needs root: files of root are written")
        sys.exit(77)
    unittest.main()
