#!/usr/bin/env python3
"""Fetching over HTTP: what is too large, too slow, cut off or refused is told; what fails for a moment is tried again."""

from __future__ import annotations

import socket
import threading
import time
import unittest
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import catalog_case  # noqa: F401  (finds ci/)

from catalog.fetch import ATTEMPTS, HttpFetcher
from catalog.watchers.port import WatchError

Answer = Callable[[BaseHTTPRequestHandler, int], None]


def plain(body: bytes, status: int = 200, announced: int | None = None) -> Answer:
    def respond(request: BaseHTTPRequestHandler, _: int) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if announced is None else announced))
        request.end_headers()
        request.wfile.write(body)
    return respond


def dripping(request: BaseHTTPRequestHandler, _: int) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b"x")
        time.sleep(0.05)


class Fetching(unittest.TestCase):
    def setUp(self) -> None:
        self.requests = 0
        self.pauses: list[float] = []
        self.answer: Answer = plain(b"")

    def serve(self, answer: Answer) -> str:
        case = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                case.requests += 1
                try:
                    answer(self, case.requests)
                except OSError:
                    pass  # the client has gone

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}/document"

    def fetcher(self, **limits: float) -> HttpFetcher:
        return HttpFetcher(pause=self.pauses.append, **limits)

    def test_a_document_comes_whole(self) -> None:
        body = bytes(range(256)) * 5000
        self.assertEqual(self.fetcher().get(self.serve(plain(body)), len(body)), body)

    def test_a_document_that_is_too_large_is_refused(self) -> None:
        with self.assertRaisesRegex(WatchError, "is larger than 99 bytes"):
            self.fetcher().get(self.serve(plain(bytes(100))), 99)
        self.assertEqual(self.requests, 1)

    def test_a_failure_of_the_server_is_tried_again(self) -> None:
        def second_time(request: BaseHTTPRequestHandler, number: int) -> None:
            plain(b"good", 503 if number == 1 else 200)(request, number)
        self.assertEqual(self.fetcher().get(self.serve(second_time), 100), b"good")
        self.assertEqual(self.pauses, [2])

    def test_what_is_not_there_is_asked_for_once(self) -> None:
        with self.assertRaisesRegex(WatchError, "answers 404"):
            self.fetcher().get(self.serve(plain(b"", 404)), 100)
        self.assertEqual(self.requests, 1)

    def test_a_document_that_is_cut_off_is_no_document(self) -> None:
        with self.assertRaisesRegex(WatchError, "does not answer"):
            self.fetcher().get(self.serve(plain(b"half", announced=8)), 100)
        self.assertEqual(self.requests, ATTEMPTS)

    def test_a_server_that_drips_does_not_hold_us_up(self) -> None:
        began = time.monotonic()
        with self.assertRaisesRegex(WatchError, "not complete after 0.2 s|timed out"):
            self.fetcher(timeout=0.2).get(self.serve(dripping), 1000)
        self.assertLess(time.monotonic() - began, 10)

    def test_a_site_that_is_silent_is_waited_for_once(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
            fetcher = self.fetcher()
            for _ in range(2):
                with self.assertRaisesRegex(WatchError, "does not answer"):
                    fetcher.get(url + "document", 100)
        self.assertEqual(len(self.pauses), ATTEMPTS - 1)

    def test_words_that_are_no_url_are_refused(self) -> None:
        with self.assertRaises(WatchError):
            self.fetcher().get("no url", 100)


if __name__ == "__main__":
    unittest.main()
