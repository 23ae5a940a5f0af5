"""A registry of this checkout on the loopback address: Debian's docker-registry with its data under build/registry.

Host and port are part of what signatures vouch for, so the port stays the same from run to run.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from publishing.settings import SettingsError

REPOSITORY = "overdrive/nvidia-{os_id}"
START_SECONDS = 30.0
CONFIGURATION = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {data}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", secret: local}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LocalRegistry:
    """Runs while this is open. One that runs already (`keep`) is used and left running."""

    def __init__(self, directory: Path, keep: bool = False) -> None:
        self.directory, self._keep = directory, keep
        self._process: subprocess.Popen[bytes] | None = None
        self.port = self._port()

    def _port(self) -> int:
        """The port of the first run, in build/registry/port."""
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / "port"
        if not file.exists():
            file.write_text(f"{free_port()}\n")
        return int(file.read_text())

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def template(self) -> str:
        return f"{self.host}/{REPOSITORY}"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def __enter__(self) -> LocalRegistry:
        if self._answers():
            return self
        if not shutil.which("docker-registry"):
            raise SettingsError("docker-registry is not installed; run ci/setup images, or name a registry with --registry")
        settings = self.directory / "registry.yml"
        settings.write_text(CONFIGURATION.format(data=self.data, port=self.port))
        with (self.directory / "registry.log").open("ab") as log:
            self._process = subprocess.Popen(["docker-registry", "serve", str(settings)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             start_new_session=self._keep)
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise SettingsError(f"the local registry does not start on {self.host}; see {self.directory}/registry.log. If another program has "
                                    f"that port: remove {self.directory} (and what was published there) and run again")
            time.sleep(0.1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None and not self._keep:
            self._process.terminate()
            self._process.wait(30)

    def bytes_kept(self) -> int:
        """What the blobs take on disk."""
        return sum(path.stat().st_size for path in self.data.rglob("blobs/**/data"))
