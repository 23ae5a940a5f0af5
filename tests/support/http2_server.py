"""An HTTP/2 server on the loopback interface, over TLS as it is on the network, whose streams can be broken off.

Needs python3-h2 (ci/setup build).
@see RFC 9113: 6.4 RST_STREAM, 6.8 GOAWAY
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Literal

import h2.config
import h2.connection
import h2.events
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError

from loopback_http import Reply, Request, Respond, Seen

Break = Literal["goaway", "goaway-before", "reset", "refused"]


class Http2Server:
    """Serves from construction to close(). `breaks` tells for a request how its stream ends after half of the body, if it does."""

    def __init__(self, respond: Respond, tls: ssl.SSLContext, breaks: Callable[[Request], Break | None] = lambda request: None) -> None:
        tls.set_alpn_protocols(["h2"])
        self.respond, self.breaks = respond, breaks
        self.seen: list[Seen] = []
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        for number in itertools.count():
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain, number), daemon=True).start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError, ProtocolError), self._tls.wrap_socket(plain, server_side=True) as connection:
            _Connection(self, connection, number).run()
            connection.settimeout(1)  # what is still being said is read, so that our last words are not lost in a reset
            while connection.recv(1 << 16):
                pass


class _Connection:
    """One connection: its streams are answered one after the other."""

    def __init__(self, server: Http2Server, connection: ssl.SSLSocket, number: int) -> None:
        self.server, self.connection, self.number = server, connection, number
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.closed = False

    def run(self) -> None:
        self.h2.initiate_connection()
        self.flush()
        while not self.closed:
            for event in self.receive():
                if isinstance(event, h2.events.RequestReceived):
                    self.answer(event.stream_id, dict(event.headers))

    def receive(self) -> list[h2.events.Event]:
        data = self.connection.recv(1 << 16)
        if not data:
            self.closed = True
            return []
        events = self.h2.receive_data(data)
        self.flush()
        return list(events)

    def flush(self) -> None:
        self.connection.sendall(self.h2.data_to_send())

    def answer(self, stream: int, fields: dict[str, str]) -> None:
        headers = {name: value for name, value in fields.items() if not name.startswith(":")} | {"host": fields.get(":authority", "")}
        request = Request(fields[":method"], fields[":path"], headers, b"", self.number, True)
        entry = Seen(time.monotonic(), self.number, request.method, request.target, headers)
        self.server.seen.append(entry)
        reply = self.server.respond(request)
        how = self.server.breaks(request)
        if how == "refused":
            self.h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
        elif how == "goaway-before":
            self.go_away(last_stream=stream - 2)
        else:
            self.send(stream, request, reply, entry, how)
        self.flush()

    def send(self, stream: int, request: Request, reply: Reply, entry: Seen, how: Break | None) -> None:
        entry.status = reply.status
        body = reply.body if request.method != "HEAD" else b""
        self.h2.send_headers(stream, [(":status", str(reply.status)), *((name.lower(), value) for name, value in reply.headers),
                                      ("content-length", str(len(reply.body)))], end_stream=not body)
        until = len(body) // 2 if how else len(body)
        while entry.sent < until and not self.closed:
            size = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, until - entry.sent)
            if size == 0:
                self.flush()
                self.receive()  # more of the window, or the end
                continue
            with contextlib.suppress(StreamClosedError):
                self.h2.send_data(stream, body[entry.sent : entry.sent + size], end_stream=entry.sent + size == len(body))
            entry.sent += size
            self.flush()
        if how == "reset":
            self.h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        elif how == "goaway":
            self.go_away(last_stream=stream)

    def go_away(self, last_stream: int) -> None:
        self.h2.close_connection(last_stream_id=max(0, last_stream))
        self.flush()
        self.closed = True
