"""An HTTP/1.1 server on the loopback interface whose every answer can go wrong on its way out, with a log of what arrived.

    server = LoopbackServer(lambda request: Reply(200, body=b"hello"))
    ...  # http://{server.host}/
    server.seen[0].headers["authorization"]
    server.close()
"""

from __future__ import annotations

import contextlib
import itertools
import re
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

MOST_HEAD = 64 << 10
TLS_HANDSHAKE = b"\x16"
TICK = 0.02  # seconds between two pieces of a slow body: no pause that looks like a stall


@dataclass
class Request:
    """What arrived. Header names in lower case; of several with one name the last."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int  # counts the connections that were accepted
    secure: bool

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def base(self) -> str:
        """`http://HOST`, as whoever asked named this server."""
        return f"{'https' if self.secure else 'http'}://{self.headers.get('host', '')}"


@dataclass
class Stop:
    """Where an answer stops before its end, and how."""

    phase: Literal["request", "head", "body"]  # before anything is sent, after the header lines, within the body
    how: Literal["close", "reset", "stall"]
    after: int = 0  # bytes of the body


@dataclass
class Reply:
    """An answer and how it goes out."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    length: int | Literal["exact", "chunked", "none"] = "exact"  # a number is announced whatever the body has; none: ends with the connection
    version: str = "HTTP/1.1"
    rate: int = 0  # bytes a second; 0 without a limit
    endless: bool = False  # the body again and again
    stop: Stop | None = None

    def header(self, name: str) -> str:
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")

    def set(self, name: str, value: str | None) -> None:
        """Replaces a header, or takes it away."""
        self.headers = [(known, old) for known, old in self.headers if known.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))


@dataclass
class Seen:
    """One line of the access log; `status` is 0 and `sent` less than the body while the answer is under way."""

    at: float  # time.monotonic()
    connection: int
    method: str
    target: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0  # bytes of the body that were handed to the network

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


Respond = Callable[[Request], Reply]


class LoopbackServer:
    """Serves from construction to close(), a thread for each connection."""

    def __init__(self, respond: Respond, *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0) -> None:
        self.respond = respond
        self.seen: list[Seen] = []
        self.refused_handshakes: list[str] = []
        self.connections = 0
        self._tls = tls
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((address, port), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.host = f"{address}:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def wait_until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"it did not come to that within {seconds} s; {len(self.seen)} requests were seen")
            time.sleep(0.01)

    def _accept(self) -> None:
        for number in itertools.count():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections = number + 1
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        connection = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                connection = self._tls.wrap_socket(plain, server_side=True)
            elif plain.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
                plain.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")  # tools that try https first go on at once
                return
            with self._lock:
                self._open.add(connection)
            with connection.makefile("rb") as stream:
                while not self._closing.is_set():
                    if not self._answer(connection, stream, number):
                        return
        except ssl.SSLError as error:
            self.refused_handshakes.append(str(error))
        except OSError:  # whoever asked is gone
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _answer(self, connection: socket.socket, stream: BinaryIO, number: int) -> bool:
        """One request; False when the connection is over."""
        head = _read_head(stream)
        if not head:
            return False
        method, target, headers = head
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _read_body(stream, headers)
        entry = Seen(time.monotonic(), number, method, target, headers)
        self.seen.append(entry)
        reply = self.respond(Request(method, target, headers, body, number, self._tls is not None))
        goes_on = self._send(connection, method, reply, entry)
        return goes_on and headers.get("connection", "").lower() != "close"

    def _send(self, connection: socket.socket, method: str, reply: Reply, entry: Seen) -> bool:
        if reply.stop and reply.stop.phase == "request":
            return self._stop(connection, reply.stop)
        entry.status = reply.status
        connection.sendall(_head(reply, method))
        if reply.stop and reply.stop.phase == "head":
            return self._stop(connection, reply.stop)
        if method != "HEAD":
            for piece in _pieces(reply):
                connection.sendall(piece if reply.length != "chunked" else b"%x\r\n%b\r\n" % (len(piece), piece))
                entry.sent += len(piece)
                if self._closing.is_set():
                    return False
            if reply.stop:
                return self._stop(connection, reply.stop)
            if reply.length == "chunked":
                connection.sendall(b"0\r\n\r\n")
        return reply.length != "none" and reply.version != "HTTP/1.0"

    def _stop(self, connection: socket.socket, stop: Stop) -> bool:
        if stop.how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        while stop.how == "stall" and not self._closing.wait(TICK):
            if select.select([connection], [], [], 0)[0] and not connection.recv(1):
                break
        return False


def _read_head(stream: BinaryIO) -> tuple[str, str, dict[str, str]] | None:
    lines: list[str] = []
    while True:
        line = stream.readline(MOST_HEAD)
        if not line:
            return None
        text = line.decode("latin-1").rstrip("\r\n")
        if not text and lines:
            break
        if text:
            lines.append(text)
    words = lines[0].split(" ")
    if len(words) != 3:
        return None
    pairs = (line.partition(":") for line in lines[1:])
    return words[0], words[1], {name.strip().lower(): value.strip() for name, _, value in pairs}


def _read_body(stream: BinaryIO, headers: dict[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", "").lower():
        return stream.read(int(headers.get("content-length", "0")))
    body = b""
    while size := int(stream.readline(MOST_HEAD).split(b";")[0] or b"0", 16):
        body += stream.read(size)
        stream.readline(MOST_HEAD)
    while stream.readline(MOST_HEAD).strip():  # trailers
        pass
    return body


REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content", 401: "Unauthorized", 404: "Not Found"}


def _head(reply: Reply, method: str) -> bytes:
    lines = [f"{reply.version} {reply.status} {REASONS.get(reply.status, 'Answer')}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.length == "chunked":
        lines.append("Transfer-Encoding: chunked")
    elif reply.length != "none" and not any(name.lower() == "content-length" for name, _ in reply.headers) and reply.status != 204:
        lines.append(f"Content-Length: {len(reply.body) if reply.length == 'exact' else reply.length}")
    if reply.version == "HTTP/1.0" or reply.length == "none":
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _pieces(reply: Reply) -> Iterator[bytes]:
    """The body in the pieces and at the speed in which it goes out."""
    body = reply.body[: reply.stop.after] if reply.stop else reply.body
    size = max(1, int(reply.rate * TICK)) if reply.rate else 1 << 20
    begun, sent = time.monotonic(), 0
    while body:
        for at in range(0, len(body), size):
            piece = body[at : at + size]
            yield piece
            sent += len(piece)
            if reply.rate:
                time.sleep(max(0.0, begun + sent / reply.rate - time.monotonic()))
        if not reply.endless:
            return


def parse_range(value: str) -> tuple[int, int | None] | None:
    """`bytes=5-` -> (5, None); None for what is no single range."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", value)
    return (int(found[1]), int(found[2]) if found[2] else None) if found else None
