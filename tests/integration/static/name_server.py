"""A name server on 127.0.0.1:53 that knows the addresses it is told. @see RFC 1035, section 4"""

from __future__ import annotations

import socket
import struct
import threading

A, INTERNET = 1, 1
NO_SUCH_NAME = 3


class NameServer:
    """Answers from construction to close(); `asked` are the names, in order."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self.asked: list[str] = []
        self._addresses = addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", 53))  # an empty one ends it
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, sender = self._socket.recvfrom(512)
            if not query:
                return
            self._socket.sendto(self._answer(query), sender)

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, (kind,) = ".".join(labels), struct.unpack_from(">H", query, at + 1)
        self.asked.append(name)
        address = self._addresses.get(name)
        answer = b""
        if address and kind == A:  # the name by a pointer to the question
            answer = struct.pack(">HHHIH", 0xC00C, A, INTERNET, 60, 4) + socket.inet_aton(address)
        flags = 0x8580 | (0 if address else NO_SUCH_NAME)
        return query[:2] + struct.pack(">HHHHH", flags, 1, bool(answer), 0, 0) + query[12 : at + 5] + answer
