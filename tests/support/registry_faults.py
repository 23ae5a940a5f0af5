"""A registry that goes wrong as it is told, and remembers who asked for what.

    registry = FaultyRegistry(RegistryApi(store))            # or FaultyRegistry(upstream("127.0.0.1:5000"))
    registry.on(BLOB, cut(0.5), times=2)                     # the next two blobs end in the middle
    registry.on("GET .*" + digest, flip(0.0))                # this one is wrong in its first bit, always
    registry.asked(BLOB)                                     # what arrived

A fault is a function from a request and its right answer to the answer that goes out; `Reply` says how it does.
"""

from __future__ import annotations

import functools
import gzip
import http.client
import itertools
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from loopback_http import LoopbackServer, Reply, Request, Respond, Seen, Stop

Fault = Callable[[Request, Reply], Reply]

TAG = r"GET /v2/.*/manifests/(?!sha256)"
MANIFEST = r"GET /v2/.*/manifests/sha256"
BLOB = r"GET /v2/.*/blobs/sha256"
TAG_LIST = r"GET /v2/.*/tags/list"
ANY = r"GET /v2/"


@dataclass
class Rule:
    pattern: str
    fault: Fault
    times: int | None  # None: always
    after: int  # so many matching requests go well before


class FaultyRegistry:
    """Answers as `respond` does, but for the rules: the first that was given last and is not used up."""

    def __init__(self, respond: Respond, *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> None:
        self._right = respond
        self._rules: list[Rule] = []
        self.server = LoopbackServer(self._respond, tls=tls, address=address)
        self.host = self.server.host
        self.port = self.server.port

    def on(self, pattern: str, fault: Fault, *, times: int | None = None, after: int = 0) -> None:
        """@param pattern  searched in `METHOD TARGET`"""
        self._rules.insert(0, Rule(pattern, fault, times, after))

    def reset(self) -> None:
        """No rules, an empty log."""
        self._rules.clear()
        self.server.seen.clear()

    def asked(self, pattern: str = "") -> list[Seen]:
        return [one for one in self.server.seen if re.search(pattern, f"{one.method} {one.target}")]

    @property
    def sent(self) -> int:
        """Bytes of blobs, over all requests."""
        return sum(one.sent for one in self.asked(BLOB))

    def close(self) -> None:
        self.server.close()

    def _respond(self, request: Request) -> Reply:
        for rule in self._rules:
            if rule.times == 0 or not re.search(rule.pattern, f"{request.method} {request.target}"):
                continue
            if rule.after > 0:
                rule.after -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule.fault(request, self._right(request))
        return self._right(request)


def upstream(host: str) -> Respond:
    """The answers of another registry, in plain HTTP."""

    def forwarded(request: Request) -> Reply:
        connection = http.client.HTTPConnection(host, timeout=30)
        headers = {name: value for name, value in request.headers.items() if name not in ("connection", "transfer-encoding", "content-length")}
        connection.request(request.method, request.target, request.body or None, headers)
        answer = connection.getresponse()
        reply = Reply(answer.status, [(name, value) for name, value in answer.getheaders() if name.lower() not in ("connection", "transfer-encoding")],
                      answer.read())
        connection.close()
        return reply

    return forwarded


def always(reply: Reply) -> Respond:
    """A server with one answer for everything."""
    return lambda request: reply


# --- the body


def place(at: float | int, size: int) -> int:
    """A share of the body, or a byte of it; a negative one counts from the end."""
    return int(at * size) if isinstance(at, float) else at % size if at < 0 else min(at, size)


def cut(at: float | int, how: Literal["close", "reset", "stall"] = "close") -> Fault:
    def fault(request: Request, reply: Reply) -> Reply:
        reply.stop = Stop("body", how, place(at, len(reply.body)))
        return reply

    return fault


def flip(at: float | int) -> Fault:
    """One bit is another one."""

    def fault(request: Request, reply: Reply) -> Reply:
        where = min(place(at, len(reply.body)), len(reply.body) - 1)
        reply.body = reply.body[:where] + bytes([reply.body[where] ^ 1]) + reply.body[where + 1 :]
        return reply

    return fault


def endless(length: int | Literal["chunked", "none"] = "chunked") -> Fault:
    """The body again and again. @param length  what is announced: a lie, or nothing"""

    def fault(request: Request, reply: Reply) -> Reply:
        reply.set("Content-Length", None)
        reply.length, reply.endless = length, True
        return reply

    return fault


def slow(rate: int) -> Fault:
    def fault(request: Request, reply: Reply) -> Reply:
        reply.rate = rate
        return reply

    return fault


def sent_as(length: Literal["chunked", "none"], version: str = "HTTP/1.1") -> Fault:
    def fault(request: Request, reply: Reply) -> Reply:
        reply.set("Content-Length", None)
        reply.length, reply.version = length, version
        return reply

    return fault


def gzipped(request: Request, reply: Reply) -> Reply:
    """A Content-Encoding that nobody asked for."""
    reply.body = gzip.compress(reply.body, 1)
    reply.set("Content-Length", None)
    reply.set("Content-Encoding", "gzip")
    return reply


def replaced(body: bytes, media_type: str | None = None) -> Fault:
    def fault(request: Request, reply: Reply) -> Reply:
        reply.body = body
        reply.set("Content-Length", None)
        reply.set("Docker-Content-Digest", None)
        if media_type is not None:
            reply.set("Content-Type", media_type)
        return reply

    return fault


# --- the connection


def reset(phase: Literal["request", "head", "body"] = "request") -> Fault:
    return stopped(phase, "reset")


def stall(phase: Literal["request", "head", "body"] = "head") -> Fault:
    return stopped(phase, "stall")


def stopped(phase: Literal["request", "head", "body"], how: Literal["close", "reset", "stall"]) -> Fault:
    def fault(request: Request, reply: Reply) -> Reply:
        reply.stop = Stop(phase, how, len(reply.body) // 2)
        return reply

    return fault


# --- ranges; faults of the request after a cut()


def without_ranges(respond: Respond) -> Respond:
    """A registry that ignores Range: to be given to FaultyRegistry."""

    def answer(request: Request) -> Reply:
        request.headers = {name: value for name, value in request.headers.items() if name != "range"}
        reply = respond(request)
        reply.set("Accept-Ranges", None)
        return reply

    return answer


def content_range(text: str) -> Fault:
    """Tells another range than was asked for."""

    def fault(request: Request, reply: Reply) -> Reply:
        reply.set("Content-Range", text)
        return reply

    return fault


def etag(text: str) -> Fault:
    def fault(request: Request, reply: Reply) -> Reply:
        reply.set("ETag", text)
        return reply

    return fault


# --- the status


def answered(status: int, *headers: tuple[str, str], body: bytes = b"") -> Fault:
    return lambda request, reply: Reply(status, list(headers), body)


def redirected(to: str, status: int = 307) -> Fault:
    """@param to  `{target}` is what was asked for"""
    return lambda request, reply: Reply(status, [("Location", to.replace("{target}", request.target))])


def redirected_in_a_loop() -> Fault:
    """To itself, each time by another name."""
    rounds = itertools.count()
    return lambda request, reply: Reply(307, [("Location", f"{request.path}?round={next(rounds)}")])


def too_many(retry_after: str | None = None, status: int = 429) -> Fault:
    headers = [] if retry_after is None else [("Retry-After", retry_after)]
    return lambda request, reply: Reply(status, headers, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}')


def challenged(challenge: str | None, status: int = 401) -> Fault:
    headers = [] if challenge is None else [("WWW-Authenticate", challenge)]
    return lambda request, reply: Reply(status, headers, b'{"errors":[{"code":"UNAUTHORIZED"}]}')


def then(action: Callable[[], object]) -> Fault:
    """A right answer, and something happens behind it."""

    def fault(request: Request, reply: Reply) -> Reply:
        action()
        return reply

    return fault


def both(*faults: Fault) -> Fault:
    return lambda request, reply: functools.reduce(lambda answer, one: one(request, answer), faults, reply)
