"""Files for a test node: a small HTTP server on the host's loopback, which the node reaches as 10.0.2.2."""

from __future__ import annotations

import http.server
import secrets
import shutil
import tarfile
import threading
from pathlib import Path

HOST_IN_NODE = "10.0.2.2"


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


class FileServer:
    """Serves files as they are and directories as tar streams, each under a name of its own."""

    def __init__(self) -> None:
        shared: dict[str, Path] = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                source = shared.get(self.path)
                if source is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                if source.is_dir():
                    self.end_headers()
                    with tarfile.open(fileobj=self.wfile, mode="w|") as tar:
                        tar.add(source, arcname=".", filter=_owned_by_root)
                else:
                    self.send_header("Content-Length", str(source.stat().st_size))
                    self.end_headers()
                    with source.open("rb") as file:
                        shutil.copyfileobj(file, self.wfile, 1 << 20)

            def log_message(self, *_: object) -> None:
                pass

        self._shared = shared
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def share(self, source: Path) -> str:
        """Returns the URL by which the node gets `source` until the server is closed."""
        if not source.exists():
            raise FileNotFoundError(f"{source} does not exist; it was to be put into the node")
        path = f"/{secrets.token_hex(8)}"
        self._shared[path] = source
        return f"http://{HOST_IN_NODE}:{self._server.server_port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
