"""An HTTP proxy on the loopback interface for CONNECT, which remembers where it was asked to."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class ConnectProxy:
    """Connects every name to 127.0.0.1, at the port that was asked for, until close()."""

    def __init__(self, refuse_with: int = 0) -> None:
        self.refuse_with = refuse_with  # an HTTP status, e.g. 403; 0: lets through
        self.asked: list[str] = []  # `HOST:PORT`
        self.heads: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (more := client.recv(4096)):
                head += more
            method, _, rest = head.decode("latin-1").partition(" ")
            place = rest.partition(" ")[0]
            self.asked.append(place)
            self.heads.append(head.decode("latin-1"))
            if method != "CONNECT" or self.refuse_with:
                client.sendall(f"HTTP/1.1 {self.refuse_with or 405} Refused\r\nContent-Length: 0\r\n\r\n".encode())
                return
            with socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2]))) as server:
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                _relay(client, server)


def _relay(one: socket.socket, other: socket.socket) -> None:
    while True:
        for readable in select.select([one, other], [], [])[0]:
            data = readable.recv(1 << 16)
            if not data:
                return
            (other if readable is one else one).sendall(data)
