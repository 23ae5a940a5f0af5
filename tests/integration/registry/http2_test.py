#!/usr/bin/env python3
"""A registry that speaks HTTP/2, and breaks off streams and connections in its ways. Tests are named after the rows of the fault
table in tests/README.md. Run as root: python3 tests/integration/registry/http2_test.py
"""

from __future__ import annotations

import itertools
import shutil
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from registry_case import DRIVER, QUICK, REPOSITORY, RegistryCase, layer, main, name_hosts  # noqa: E402 - first: it says where the others are
from cli_case import remove_shared, shared  # noqa: E402
from standin_registry import RegistryApi  # noqa: E402
from tls_material import Authority, server_context  # noqa: E402

try:
    from http2_server import Http2Server
except ImportError as error:
    print(f"SKIPPED: {error}; run: ci/setup build")
    sys.exit(77)

NAME = "registry.test"


class Http2Test(RegistryCase):
    settings = QUICK

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.authority = Authority(shared(), "private")
        cls.certificate = cls.authority.server("good", NAME)

    def broken(self, role: str, how: str, times: int) -> Http2Server:
        count = itertools.count()
        return self.serve_http2(lambda request: how if layer(role) in request.target and next(count) < times else None)

    def serve_http2(self, breaks: object) -> Http2Server:
        server = Http2Server(RegistryApi(self.store), server_context(self.certificate), breaks)  # type: ignore[arg-type]
        self.addCleanup(server.close)
        self.new_host()
        folder = self.host.root / f"etc/containers/certs.d/{NAME}:{server.port}"
        folder.mkdir(parents=True)
        shutil.copy(self.authority.certificate, folder / "ca.crt")
        self.remember()
        return server

    def source_of(self, server: Http2Server) -> str:
        return f"docker://{NAME}:{server.port}/{REPOSITORY}"

    def test_c15_everything_comes_over_one_connection(self) -> None:
        server = self.serve_http2(lambda request: None)
        self.assert_installed(self.timed(15, self.source_of(server)), DRIVER)
        self.assertEqual({one.connection for one in server.seen}, {0})

    def test_c15_a_stream_or_a_connection_that_ends_once(self) -> None:
        for role in ("modules", "user-space"):
            for how in ("goaway", "goaway-before", "reset", "refused"):
                with self.subTest(f"{role} {how}"):
                    server = self.broken(role, how, 1)
                    self.assert_installed(self.timed(15, self.source_of(server)), DRIVER)
                    self.assertEqual(len([one for one in server.seen if layer(role) in one.target]), 2)

    def test_c15_streams_that_always_end(self) -> None:
        for how in ("goaway", "reset"):
            with self.subTest(how):
                server = self.broken("user-space", how, 1000)
                run = self.timed(20, self.source_of(server))
                self.refused(run, str(run.error.get("reason")), run.rc)
                self.assertIn((run.error.get("reason"), run.rc), (("truncated", 1), ("unreachable", 6)), run)


def setUpModule() -> None:
    name_hosts()


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
