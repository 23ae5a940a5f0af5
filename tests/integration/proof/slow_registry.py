"""A registry on 127.0.0.1 that sends the large blobs of an OCI layout no faster than it is told."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LARGE = 64 << 10
TICK = 0.02  # seconds between two pieces: no pause that looks like a stall


class SlowRegistry:
    """Serves until close(). `rate`: bytes a second of each large blob, 0 without a limit."""

    def __init__(self, layout: Path, rate: int = 0) -> None:
        self.layout = layout
        self.rate = rate
        self.sent = 0  # bytes of large blobs, over all requests
        self.tags = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry
                     for entry in json.loads((layout / "index.json").read_text())["manifests"]}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry.answer(self)

            def log_message(self, format: str, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def source(self) -> str:
        return f"docker://127.0.0.1:{self.server.server_address[1]}/overdrive/nvidia"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, sent: int, seconds: float = 30) -> None:
        """Until so many bytes of large blobs went out."""
        end = time.monotonic() + seconds
        while self.sent < sent:
            if time.monotonic() > end:
                raise AssertionError(f"{self.sent} of {sent} bytes were asked for within {seconds} s")
            time.sleep(0.02)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        kind, name = request.path.split("/")[-2:]
        digest = self.tags[name]["digest"] if name in self.tags else name
        blob = self.layout / "blobs" / digest.replace(":", "/")
        if kind not in ("manifests", "blobs") or not blob.is_file():
            request.send_error(404)
            return
        body = blob.read_bytes()
        request.send_response(200)
        request.send_header("Content-Type", json.loads(body)["mediaType"] if kind == "manifests" else "application/octet-stream")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        try:
            self._send(request, body)
        except OSError:  # whoever asked is gone
            request.close_connection = True

    def _send(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        if len(body) < LARGE:
            request.wfile.write(body)
            return
        begun, at = time.monotonic(), 0
        while at < len(body):
            piece = body[at : at + (int(self.rate * TICK) if self.rate else 1 << 20)]
            request.wfile.write(piece)
            at += len(piece)
            self.sent += len(piece)
            if self.rate:
                time.sleep(max(0.0, begun + at / self.rate - time.monotonic()))
