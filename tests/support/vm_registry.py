"""Debian's docker-registry on the host's loopback, with an access log that can be counted.

    with Registry() as registry:
        push_to(f"{registry.on_host}/overdrive/nvidia-coreos")     # plain HTTP
        mark = registry.mark()
        ...                                                         # the node pulls from registry.in_node
        print(bytes_of(registry.requests(since=mark)))
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

HOST_IN_NODE = "10.0.2.2"
CONFIGURATION = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {storage}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", secret: test{http}}}
{sections}"""
# ADDRESS - - [TIME] "METHOD PATH PROTOCOL" STATUS BYTES "REFERER" "AGENT"
LINE = re.compile(r'^\S+ - \S+ \[[^]]*\] "(\S+) (\S+) [^"]*" (\d+) (\d+|-) "[^"]*" "([^"]*)"')


class Request(NamedTuple):
    """One answered request. `bytes` is the body that the registry wrote: 0 for HEAD."""

    method: str
    path: str
    status: int
    bytes: int
    agent: str


class RegistryError(Exception):
    """The registry cannot do its part; the text says why."""


def parse_line(line: str) -> Request | None:
    """One line of the access log; None for what is not a request."""
    found = LINE.match(line)
    if not found:
        return None
    method, path, status, size, agent = found.groups()
    return Request(method, path, int(status), 0 if size == "-" or method == "HEAD" else int(size), agent)


def downloads(requests: Iterable[Request]) -> list[Request]:
    """The successful GETs of blobs and manifests among `requests`."""
    wanted = re.compile(r"^/v2/.+/(blobs|manifests)/")
    return [one for one in requests if one.method == "GET" and one.status in (200, 206) and wanted.match(one.path)]


def bytes_of(requests: Iterable[Request]) -> int:
    """Bytes of blobs and manifests that were downloaded."""
    return sum(one.bytes for one in downloads(requests))


class Registry:
    """A registry with storage of its own, gone when closed unless a directory is given."""

    def __init__(self, directory: Path | None = None, port: int = 0, *, http: str = "", sections: str = "") -> None:
        """
        directory  where blobs and logs are kept and left; by default a temporary one
        port       on 127.0.0.1; 0 takes a free one
        http       further settings of its server, as YAML in braces: `tls: {certificate: FILE, key: FILE}`
        sections   further sections of its configuration: `auth: ...`
        """
        self._http, self._sections = http, sections
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="overdrive-registry-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = port or _free_port()
        self.access_log = self.directory / "access.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def on_host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def in_node(self) -> str:
        return f"{HOST_IN_NODE}:{self.port}"

    def start(self, limit: float = 60.0) -> None:
        """Starts to answer; also again after stop(), with the same blobs and port."""
        program = shutil.which("docker-registry")
        if not program:
            raise RegistryError("docker-registry is missing; run: ci/setup images")
        configuration = self.directory / "registry.yml"
        configuration.write_text(CONFIGURATION.format(storage=self.directory / "storage", port=self.port, http=f", {self._http}" if self._http else "",
                                                      sections=self._sections))
        command = ["setpriv", "--pdeathsig", "KILL", program, "serve", str(configuration)]
        with self.access_log.open("ab") as access, (self.directory / "error.log").open("ab") as errors:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=access, stderr=errors)
        deadline = time.monotonic() + limit
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                errors_said = (self.directory / "error.log").read_text(errors="replace")[-2000:]
                self.stop()
                raise RegistryError(f"docker-registry did not start on {self.on_host}:\n{errors_said}")
            time.sleep(0.1)

    def stop(self) -> None:
        """From now on connections are refused: an unreachable registry."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Registry:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def pid(self) -> int:
        """Of the running registry."""
        assert self._process is not None
        return self._process.pid

    def mark(self) -> int:
        """A place in the access log, for requests(since=...)."""
        return self.access_log.stat().st_size

    def requests(self, since: int = 0) -> list[Request]:
        """What was asked after a mark, in order of completion. A request still under way is not among it."""
        with self.access_log.open("rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").splitlines()
        return [request for line in lines if (request := parse_line(line))]

    def _answers(self) -> bool:
        try:
            if self._http or self._sections:  # it may want TLS or a login: that it listens is enough
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return True
            with urllib.request.urlopen(f"http://{self.on_host}/v2/", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
