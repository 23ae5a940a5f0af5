#!/usr/bin/env python3
"""Who is sent where, who is told a login, and how often a registry that is busy is asked. Tests are named after the rows of the
fault table in tests/README.md. Run as root: python3 tests/integration/registry/access_test.py
"""

from __future__ import annotations

import base64
import email.utils
import json
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from registry_case import QUICK, REPOSITORY, RegistryCase, layer, main  # noqa: E402 - first: it says where the others are
from cli_case import remove_shared  # noqa: E402
from loopback_http import Reply  # noqa: E402
from registry_faults import ANY, BLOB, FaultyRegistry, always, answered, challenged, redirected, redirected_in_a_loop, then, too_many  # noqa: E402
from registry_faults import TAG as BY_TAG  # noqa: E402
from standin_registry import RegistryApi, asking_for_login  # noqa: E402
from token_service import TokenService, asking_for_token  # noqa: E402

LOGIN = "node:secret-of-the-node"
MOST_TRIES = 5


def basic(login: str = LOGIN) -> str:
    return base64.b64encode(login.encode()).decode()


class LoggedInCase(RegistryCase):
    """A host that has a login for the registry, and the registry's answers before any login is asked for."""

    settings = QUICK

    def setUp(self) -> None:
        super().setUp()
        self.api = RegistryApi(self.store)
        self.give_login(self.registry.host)

    def give_login(self, *hosts: str) -> None:
        """As `podman login --authfile` writes it."""
        path = self.host.root / "etc/containers/auth.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"auths": {host: {"auth": basic()} for host in hosts}}))
        self.remember()

    def behind_login(self) -> None:
        registry = self.serve(asking_for_login(self.api, LOGIN))
        self.registry, self.source = registry, self.at(registry)
        self.give_login(registry.host)

    def assert_told_nothing(self, *foreign: FaultyRegistry) -> None:
        """No login, token or cookie arrived there."""
        for registry in foreign:
            for one in registry.asked():
                self.assertEqual([name for name in one.headers if name in ("authorization", "cookie", "proxy-authorization")], [], one)
                self.assertNotIn("secret", one.target)

    def assert_no_secret(self, *texts: str) -> None:
        for text in texts:
            for secret in ("secret", basic()):
                self.assertNotIn(secret, text)


class RedirectsTest(LoggedInCase):
    def test_c6_blobs_may_lie_elsewhere_and_the_login_stays_at_home(self) -> None:
        self.behind_login()
        storage = self.serve(self.api)
        for status in (301, 302, 303, 307, 308):
            with self.subTest(status):
                self.new_host()
                self.give_login(self.registry.host)
                self.registry.reset()
                self.registry.on(BLOB, redirected(f"http://{storage.host}{{target}}", status))
                self.installed(self.timed(15))
                self.assertTrue(storage.asked(BLOB))
                self.assert_told_nothing(storage)
                self.assertTrue(any(basic() in one.authorization for one in self.registry.asked()))
                self.assertTrue(all(one.method in ("GET", "HEAD") for one in storage.asked()))

    def test_c6_a_redirect_to_a_file_or_another_scheme_is_refused(self) -> None:
        for place in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:6379/_x", "unix:///run/x", "data:,x", "//", "http://", "", "\x01"):
            with self.subTest(place):
                self.registry.reset()
                self.registry.on(BLOB, redirected(place))
                run = self.timed(15)
                self.refused(run, "unreachable", 6, "redirect")
                self.assertNotIn("root:", str(run))

    def test_c6_a_redirect_to_plain_http_elsewhere_is_refused(self) -> None:
        for place in ("http://foreign.test/x", "http://127.0.0.1.foreign.test/x", "http://192.0.2.1/x", "http://user@foreign.test/", "http://[::ffff:192.0.2.1]/"):
            with self.subTest(place):
                self.registry.reset()
                self.registry.on(BY_TAG, redirected(place))
                self.refused(self.timed(10), "unreachable", 6, "redirect")

    def test_c6_a_redirect_to_an_address_of_the_link_is_not_tried(self) -> None:
        """Where clouds answer with the credentials of the machine. Over https it would cost the time of a connection."""
        for place in ("http://169.254.169.254/latest/meta-data/", "https://169.254.169.254/x", "https://[fe80::1]/x", "https://0.0.0.0/x", "https://[::]/x",
                      "https://2852039166/x", "https://0xa9fea9fe/x"):
            with self.subTest(place):
                self.registry.reset()
                self.registry.on(BY_TAG, redirected(place))
                self.refused(self.timed(10), "unreachable", 6, "redirects to", "is refused")

    def test_c6_thirty_redirects_end_after_five(self) -> None:
        self.registry.on(BY_TAG, redirected_in_a_loop())
        self.refused(self.timed(15), "unreachable", 6, "redirects more than 5 times")
        self.assertLessEqual(len(self.registry.asked()), 6 * MOST_TRIES)


class LoginsTest(LoggedInCase):
    def tokens(self, **options: object) -> TokenService:
        made = TokenService(self.work, **{"login": LOGIN, **options})  # type: ignore[arg-type]
        self.addCleanup(made.close)
        return made

    def behind_tokens(self, tokens: TokenService) -> None:
        scope = f"repository:{REPOSITORY}:pull"
        registry = self.serve(asking_for_token(self.api, tokens, lambda request: scope))
        self.registry, self.source = registry, self.at(registry)
        self.give_login(registry.host)

    def test_c7_a_login_by_name_and_password(self) -> None:
        self.behind_login()
        run = self.timed(15)
        self.installed(run)
        self.assert_no_secret(run.stdout, run.stderr)

    def test_c7_a_token_of_the_realm_that_the_registry_names(self) -> None:
        tokens = self.tokens()
        self.behind_tokens(tokens)
        self.installed(self.timed(15))
        asked = tokens.server.seen
        self.assertEqual([one.status for one in asked], [200])
        self.assertEqual(asked[0].authorization, f"Basic {basic()}")
        self.assertNotIn(basic(), str([one.authorization for one in self.registry.asked()]), "the registry needs no password beside a token")

    def test_c7_a_token_that_ends_during_a_download_is_asked_for_anew(self) -> None:
        tokens = self.tokens()
        self.behind_tokens(tokens)
        self.registry.on(layer("modules"), then(tokens.expire_all), times=1)
        self.installed(self.timed(15))
        self.assertEqual(len(tokens.server.seen), 2)

    def test_c7_a_registry_that_takes_no_token_is_asked_for_two(self) -> None:
        tokens = self.tokens()
        self.registry.on(ANY, challenged(tokens.challenge(f"repository:{REPOSITORY}:pull")))
        self.refused(self.timed(15), "login-refused", 6, self.registry.host)
        self.assertLessEqual(len(tokens.server.seen), 2)

    def test_c7_a_realm_elsewhere_is_not_told_the_login(self) -> None:
        """It may give a token to anybody; the password is the registry's alone."""
        tokens = self.tokens(login="")
        tokens.realm = tokens.realm.replace("127.0.0.1", "localhost")
        self.behind_tokens(tokens)
        self.timed(15)
        self.assertEqual([one.authorization for one in tokens.server.seen if one.authorization], [])
        self.assertNotIn("secret", str([one.target for one in tokens.server.seen]))

    def test_c7_a_realm_over_plain_http_elsewhere_or_of_another_scheme_is_refused(self) -> None:
        for realm in ("http://foreign.test/token", "http://192.0.2.1/token", "file:///etc/passwd", "https://169.254.169.254/token", "javascript:x", "",
                      "https://user:secret@foreign.test/"):
            with self.subTest(realm):
                self.registry.reset()
                self.registry.on(ANY, challenged(f'Bearer realm="{realm}",service="x"'))
                run = self.timed(10)
                self.refused(run, "login-refused", 6, self.registry.host)
                self.assert_no_secret(run.stdout, run.stderr)

    def test_c7_challenges_that_cannot_be_understood(self) -> None:
        for challenge in (None, "", "Bearer", 'Bearer realm="', "Negotiate", "Digest realm=x", "\x01\x02", "Basic", ",,,,", "=", 'Bearer realm="a",realm="b"',
                          "Bearer " + "a=b," * 20_000, "Basic realm=" + "x" * 60_000):
            with self.subTest(str(challenge)[:30]):
                self.registry.reset()
                self.registry.on(ANY, challenged(challenge))
                run = self.timed(10)
                self.assertEqual(run.rc, 6, run)
                self.refused(run, str(run.error.get("reason")), 6, self.registry.host)
                self.assertIn(run.error.get("reason"), ("login-refused", "unreachable"))
                self.assertLess(len(run.stderr), 4000)

    def test_c7_403_is_final(self) -> None:
        self.registry.on(ANY, challenged(None, 403))
        self.refused(self.timed(10), "login-refused", 6, "403", self.registry.host)
        self.assertEqual(len(self.registry.asked()), 1)

    def test_c7_without_a_login_and_with_a_wrong_one(self) -> None:
        self.behind_login()
        for login in (None, "node:another"):
            with self.subTest(login):
                auth = self.host.root / "etc/containers/auth.json"
                auth.write_text(json.dumps({"auths": {self.registry.host: {"auth": basic(login)}} if login else {}}))
                self.remember()
                run = self.timed(10)
                self.refused(run, "login-refused", 6, self.registry.host)
                self.assertNotIn("another", str(run))

    def test_c7_a_token_service_that_does_not_answer_with_one(self) -> None:
        for reply in (Reply(200, body=b"{}"), Reply(200, body=b"no json"), Reply(200, body=b'{"token":"a\\r\\nX-Evil: 1"}'), Reply(200, body=b'{"token":7}'),
                      Reply(200, body=b'{"token":"' + b"a" * 300_000 + b'"}'), Reply(401, body=b"no"), Reply(403), Reply(404)):
            with self.subTest(reply.body[:30]):
                service = self.serve(always(reply))
                self.registry.reset()
                self.registry.on(ANY, challenged(f'Bearer realm="http://{service.host}/token",service="x"'))
                run = self.timed(15)
                self.refused(run, str(run.error.get("reason")), 6)
                self.assertEqual([one for one in self.registry.asked() if "x-evil" in one.headers], [])


class BusyTest(LoggedInCase):
    settings = "[registry]\nconnect-timeout = 2\nstall-timeout = 1\npatience = 4\n"

    def test_c9_a_burst_passes(self) -> None:
        for status in (429, 500, 502, 503, 504):
            with self.subTest(status):
                self.new_host()
                self.registry.reset()
                self.registry.on(BY_TAG, too_many(status=status), times=1)
                self.registry.on(BLOB, too_many(status=status), times=1)
                self.assert_installed(self.timed(20), "900.1.0")

    def test_c9_retry_after_in_seconds_is_waited_out(self) -> None:
        self.registry.on(BY_TAG, too_many("2"), times=1)
        self.installed(self.timed(20))
        self.assert_waited(2)

    def test_c9_retry_after_as_a_date_is_waited_out(self) -> None:
        self.registry.on(BY_TAG, too_many(email.utils.formatdate(time.time() + 3, usegmt=True)), times=1)
        self.installed(self.timed(20))
        self.assert_waited(1)

    def assert_waited(self, seconds: float) -> None:
        first, second = self.registry.asked(BY_TAG)
        self.assertGreaterEqual(second.at - first.at, seconds)

    def test_c9_an_absurd_retry_after_is_not(self) -> None:
        self.registry.on(BY_TAG, too_many("1000000000"))
        self.refused(self.timed(5), "unreachable", 6, "429")
        self.assertEqual(len(self.registry.asked()), 1)

    def test_c9_what_is_no_time_is_as_none(self) -> None:
        for text in ("soon", "-1", "1.5", "99999999999999999999", ""):
            with self.subTest(text):
                self.new_host()
                self.registry.reset()
                self.registry.on(BY_TAG, too_many(text), times=1)
                run = self.timed(15)
                self.assertIn(run.rc, (4, 6), run)

    def test_c9_a_registry_that_stays_busy_is_given_up_and_the_next_source_is_asked(self) -> None:
        self.registry.on(ANY, too_many(status=503))
        self.refused(self.timed(20), "unreachable", 6, "503", self.registry.host)
        self.assertLessEqual(len(self.registry.asked()), MOST_TRIES)
        other = self.serve(self.api)
        run = self.timed(20, self.source, "--source", self.at(other))
        self.assert_installed(run, "900.1.0")
        self.assertIn("503", run.stderr)

    def test_c9_what_is_no_passing_failure_is_not_tried_again(self) -> None:
        for status in (400, 405, 410, 418, 501):
            with self.subTest(status):
                self.registry.reset()
                self.registry.on(ANY, answered(status))
                run = self.timed(10)
                self.refused(run, "unreachable", 6, str(status))
                self.assertEqual(len(self.registry.asked()), 1)


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
