#!/usr/bin/env python3
"""TLS for real: the docker-registry behind certificates that are good or not, client certificates, old protocols, wrong clocks,
proxies, and its logins. Tests are named after the rows of the fault table in tests/README.md.
Run as root: python3 tests/integration/registry/tls_test.py
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

from registry_case import DRIVER, QUICK, REPOSITORY, TAG, RegistryCase, main, name_hosts  # noqa: E402 - first: it says where the others are
from cli_case import Run, finished, layout, programs, remove_shared, say, shared  # noqa: E402
import moved_clock  # noqa: E402
from connect_proxy import ConnectProxy  # noqa: E402
from loopback_http import LoopbackServer, Reply  # noqa: E402
from registry_faults import BLOB, redirected  # noqa: E402
from standin_registry import RegistryApi  # noqa: E402
from tls_material import LONG_AGO, Authority, Certificate, server_context  # noqa: E402
from token_service import ISSUER, TokenService  # noqa: E402
from vm_registry import Registry  # noqa: E402

DAY = datetime.timedelta(days=1)
NAME = "registry.test"
LOGIN = "node:secret-of-the-node"


class TlsCase(RegistryCase):
    settings = QUICK
    authority: Authority
    good: Certificate

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if not hasattr(TlsCase, "authority"):
            TlsCase.authority = Authority(shared(), "private")
            TlsCase.good = TlsCase.authority.server("good", NAME, "tokens.registry.test", "storage.test")

    def serve_tls(self, made: Certificate, **options: object) -> str:
        """A registry with that certificate; the source that names it."""
        self.registry = self.serve(RegistryApi(self.store), tls=server_context(made, **options))  # type: ignore[arg-type]
        return self.at(self.registry, NAME)

    def trust_authority(self, port: int, authority: Authority | None = None, client: Certificate | None = None) -> Path:
        """As operators do it for podman."""
        folder = self.host.root / "etc/containers/certs.d" / f"{NAME}:{port}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy((authority or self.authority).certificate, folder / "ca.crt")
        if client:
            shutil.copy(client.certificate, folder / "client.cert")
            shutil.copy(client.key, folder / "client.key")
        self.remember()
        return folder

    def refused_by_tls(self, source: str, *words: str) -> Run:
        run = self.timed(10, source)
        self.refused(run, "tls-refused", 6, NAME, *words)
        self.assertEqual(self.registry.asked(), [], "something was said to a server that could not prove itself")
        return run


class CertificatesTest(TlsCase):
    def test_c11_an_unknown_authority(self) -> None:
        source = self.serve_tls(self.good)
        self.refused_by_tls(source, "certs.d")
        other = Authority(self.work, "other")
        self.trust_authority(self.registry.port, other)
        self.refused_by_tls(source)
        self.trust_authority(self.registry.port)
        self.installed(self.timed(10, source))

    def test_c11_expired_not_yet_valid_and_for_another_host(self) -> None:
        for name, made in (("expired", self.authority.server("expired", NAME, ends=-DAY)), ("early", self.authority.server("early", NAME, begins=DAY)),
                           ("foreign", self.authority.server("foreign", "foreign.test")), ("wild", self.authority.server("wild", "*.foreign.test"))):
            with self.subTest(name):
                source = self.serve_tls(made)
                self.trust_authority(self.registry.port)
                self.refused_by_tls(source)

    def test_c11_a_client_certificate_where_a_server_s_must_be(self) -> None:
        source = self.serve_tls(self.authority.client("client-as-server"))
        self.trust_authority(self.registry.port)
        self.refused_by_tls(source)

    def test_c11_old_protocols(self) -> None:
        for version in ("TLSv1", "TLSv1.1"):
            with self.subTest(version):
                self.serve_tls(self.good)
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", 0))
                    port = probe.getsockname()[1]
                # OpenSSL offers them at its lowest level only.
                server = subprocess.Popen(["openssl", "s_server", "-accept", str(port), "-www", "-cert", self.good.certificate, "-key", self.good.key,
                                           f"-{version.lower().replace('v', '').replace('.', '_')}", "-cipher", "ALL:@SECLEVEL=0"],
                                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.addCleanup(server.wait)
                self.addCleanup(server.kill)
                self.trust_authority(port)
                self.wait_for_port(port)
                self.refused(self.timed(10, f"docker://{NAME}:{port}/{REPOSITORY}"), "tls-refused", 6, NAME, "TLS")

    def wait_for_port(self, port: int) -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.fail("openssl s_server did not start")

    def test_c11_a_server_that_speaks_no_tls_is_not_spoken_to_in_plain_http(self) -> None:
        source = self.at(self.registry, NAME)
        run = self.timed(10, source)
        self.refused(run, "tls-refused", 6, NAME)
        self.assertEqual(self.registry.asked(), [])

    def test_c11_the_authority_of_one_registry_vouches_for_no_other(self) -> None:
        """Neither for another port of the same host."""
        source = self.serve_tls(self.good)
        self.trust_authority(self.registry.port + 1)
        self.refused_by_tls(source)

    def test_c6_https_does_not_become_http(self) -> None:
        plain = self.registry
        source = self.serve_tls(self.good)
        self.trust_authority(self.registry.port)
        self.registry.on(BLOB, redirected(f"http://{plain.host}{{target}}"))
        self.refused(self.timed(10, source), "unreachable", 6, "redirect")
        self.assertEqual(plain.asked(), [])

    def test_c11_a_redirect_to_a_host_with_a_certificate_of_an_unknown_authority(self) -> None:
        storage = self.serve(RegistryApi(self.store), tls=server_context(Authority(self.work, "other").server("storage", "storage.test")))
        source = self.serve_tls(self.good)
        self.trust_authority(self.registry.port)
        self.registry.on(BLOB, redirected(f"https://storage.test:{storage.port}{{target}}"))
        self.refused(self.timed(10, source), "tls-refused", 6, "storage.test")
        self.assertEqual(storage.asked(), [])


class ClocksTest(TlsCase):
    def at_time(self, when: datetime.datetime, source: str) -> Run:
        library = moved_clock.library(shared())
        words = [programs() / "overdrive", "--root", self.host.root, "--json", "install", DRIVER, "--source", source, "--no-activate", "--no-units"]
        done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env={**os.environ, **moved_clock.set_to(library, when)})
        return finished("install", done.returncode, done.stdout, done.stderr)

    def test_c11_in_1970_a_good_certificate_is_good(self) -> None:
        source = self.serve_tls(self.good)
        self.trust_authority(self.registry.port)
        self.installed(self.at_time(datetime.datetime(1970, 1, 1, 0, 1, tzinfo=datetime.UTC), source))

    def test_c11_a_clock_that_is_turned_back_revives_no_certificate(self) -> None:
        """Validity is judged no earlier than the program was built."""
        now = datetime.datetime.now(datetime.UTC)
        source = self.serve_tls(self.authority.server("long-gone", NAME, begins=LONG_AGO, ends=-3000 * DAY))
        self.trust_authority(self.registry.port)
        self.refused(self.at_time(now - 3500 * DAY, source), "tls-refused", 6, NAME)

    def test_c11_in_twenty_years_it_has_expired(self) -> None:
        source = self.serve_tls(self.good)
        self.trust_authority(self.registry.port)
        self.refused(self.at_time(datetime.datetime.now(datetime.UTC) + 7300 * DAY, source), "tls-refused", 6, NAME)


class RealRegistryTest(TlsCase):
    """Debian's docker-registry behind TLS, pushed to by skopeo."""

    def real(self, http: str = "", sections: str = "", login: str = "", client: Certificate | None = None) -> str:
        made = Registry(http=f"tls: {{certificate: {self.good.certificate}, key: {self.good.key}{http}}}", sections=sections)
        self.addCleanup(made.close)
        made.start()
        folder = self.trust_authority(made.port, client=client)
        say(["skopeo", "copy", "-q", "--all", "--preserve-digests", "--dest-cert-dir", folder, *(["--dest-creds", login] if login else []),
             f"oci:{layout()}:{TAG}", f"docker://{NAME}:{made.port}/{REPOSITORY}:{TAG}"])
        self.real_port = made.port
        return f"docker://{NAME}:{made.port}/{REPOSITORY}"

    def give_login(self, login: str, name: str = "etc/containers/auth.json") -> None:
        path = self.host.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"auths": {f"{NAME}:{self.real_port}": {"auth": base64.b64encode(login.encode()).decode()}}}))
        self.remember()

    def test_c11_a_private_authority(self) -> None:
        self.assert_installed(self.timed(15, self.real()), DRIVER)

    def refused_for_its_certificate(self, run: Run) -> None:
        """In TLS 1.3 the alert comes after the handshake, and is lost when the connection is closed while we still send."""
        reason = "unreachable" if run.error.get("reason") == "unreachable" else "login-refused"
        self.refused(run, reason, 6, "client certificate", "client.cert")

    def test_c11_a_client_certificate_is_shown_where_it_is_wanted(self) -> None:
        client = self.authority.client("node")
        source = self.real(f", clientcas: [{self.authority.certificate}]", client=client)
        folder = self.host.root / f"etc/containers/certs.d/{NAME}:{self.real_port}"
        for name in ("client.cert", "client.key"):
            (folder / name).rename(self.work / name)
        self.remember()
        self.refused_for_its_certificate(self.timed(10, source))
        stranger = Authority(self.work, "strangers").client("stranger")
        shutil.copy(stranger.certificate, folder / "client.cert")
        shutil.copy(stranger.key, folder / "client.key")
        self.remember()
        self.refused_for_its_certificate(self.timed(10, source))
        for name in ("client.cert", "client.key"):
            shutil.move(self.work / name, folder / name)
        self.assert_installed(self.timed(15, source), DRIVER)

    def test_c7_a_login_by_name_and_password(self) -> None:
        user, password = LOGIN.split(":")
        (self.work / "htpasswd").write_text(f"{user}:{crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n")
        source = self.real(sections=f"auth: {{htpasswd: {{realm: basic, path: {self.work}/htpasswd}}}}\n", login=LOGIN)
        self.refused(self.timed(10, source), "login-refused", 6, NAME, "auth.json")
        self.give_login("node:another")
        run = self.timed(10, source)
        self.refused(run, "login-refused", 6, NAME)
        self.assertNotIn("another", str(run))
        for place in ("etc/containers/auth.json", "root/.docker/config.json"):
            with self.subTest(place):
                self.new_host()
                self.trust_authority(self.real_port)
                self.give_login(LOGIN, place)
                self.assert_installed(self.timed(15, source), DRIVER)

    def test_c7_a_token_of_a_service_that_it_trusts(self) -> None:
        # A sibling of the registry's name, so that it may be told the login.
        tokens = TokenService(self.work, login=LOGIN, tls=server_context(self.good))
        self.addCleanup(tokens.close)
        tokens.realm = f"https://tokens.{NAME}:{tokens.server.port}/token"
        settings = f'realm: "{tokens.realm}", service: registry, issuer: {ISSUER}, rootcertbundle: {tokens.certificate}'
        bundle = self.work / "bundle"
        bundle.mkdir()
        source = self.real(sections=f"auth: {{token: {{{settings}}}}}\n", login=LOGIN)
        folder = self.host.root / f"etc/containers/certs.d/tokens.{NAME}:{tokens.server.port}"
        folder.mkdir(parents=True)
        shutil.copy(self.authority.certificate, folder / "ca.crt")
        tokens.server.seen.clear()
        self.give_login(LOGIN)
        self.assert_installed(self.timed(15, source), DRIVER)
        self.assertEqual([one.status for one in tokens.server.seen], [200], "one token for everything")
        self.new_host()
        self.trust_authority(self.real_port)
        folder.mkdir(parents=True)
        shutil.copy(self.authority.certificate, folder / "ca.crt")
        self.give_login("node:another")
        self.refused(self.timed(15, source), "login-refused", 6, NAME)


class ProxiesTest(TlsCase):
    def through(self, proxy: str, source: str, **more: str) -> Run:
        words = [programs() / "overdrive", "--root", self.host.root, "--json", "install", DRIVER, "--source", source, "--no-activate", "--no-units"]
        done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "https_proxy": proxy, **more})
        return finished("install", done.returncode, done.stdout, done.stderr)

    def proxy(self, refuse_with: int = 0) -> ConnectProxy:
        made = ConnectProxy(refuse_with)
        self.addCleanup(made.close)
        return made

    def test_c10_through_a_proxy_which_sees_no_login(self) -> None:
        proxy = self.proxy()
        source = self.serve_tls(self.good)
        self.trust_authority(self.registry.port)
        self.installed(self.through(proxy.url, source))
        self.assertEqual(set(proxy.asked), {f"{NAME}:{self.registry.port}"})
        self.assertNotIn("authorization", "".join(proxy.heads).lower())

    def test_c10_a_proxy_of_the_configuration_and_names_without_one(self) -> None:
        proxy = self.proxy()
        source = self.serve_tls(self.good)
        self.trust_authority(self.registry.port)
        self.configure(f'proxy = "{proxy.url}"\n')
        self.installed(self.timed(10, source))
        self.assertTrue(proxy.asked)
        proxy.asked.clear()
        self.new_host()
        self.trust_authority(self.registry.port)
        self.configure(f'proxy = "{proxy.url}"\nno-proxy = [".test"]\n')
        self.installed(self.timed(10, source))
        self.assertEqual(proxy.asked, [])

    def test_c10_a_proxy_that_is_down_or_refuses(self) -> None:
        source = self.serve_tls(self.good)
        self.trust_authority(self.registry.port)
        down = self.proxy()
        down.close()
        for proxy in (down, self.proxy(403), self.proxy(502), self.proxy(407)):
            with self.subTest(proxy.refuse_with):
                begun = time.monotonic()
                run = self.through(proxy.url.replace("http://", "http://someone:secret@"), source)
                self.assertLess(time.monotonic() - begun, 10)
                self.refused(run, "unreachable", 6, NAME)
                self.assertNotIn("secret", run.stdout + run.stderr)
                self.assertEqual(self.registry.asked(), [], "it was asked without the proxy")

    def test_c11_somebody_in_the_middle(self) -> None:
        """A proxy that answers itself, with a certificate of its own for the right name."""
        middle = LoopbackServer(lambda request: Reply(200, body=b"{}"), tls=server_context(Authority(self.work, "middle").server("middle", NAME)))
        self.addCleanup(middle.close)
        self.serve_tls(self.good)
        self.trust_authority(middle.port)
        self.refused(self.through(self.proxy().url, f"docker://{NAME}:{middle.port}/{REPOSITORY}"), "tls-refused", 6, NAME)
        self.assertEqual(middle.seen, [])


def setUpModule() -> None:
    name_hosts()


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
