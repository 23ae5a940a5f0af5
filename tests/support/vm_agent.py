"""Commands in a test node, over virtio-serial ports whose other end the host listens on.

The guest's side is tests/vm/node/usr/lib/test-node/agent. Each port runs one command at a time; several ports
let a test look at the node while a long command runs.
"""

from __future__ import annotations

import base64
import queue
import socket
import threading
import time
from pathlib import Path
from typing import NamedTuple

PORTS = 3
GRACE = 60.0  # seconds that the guest may need, beyond a command's own limit, to kill it and answer


class NodeError(Exception):
    """The node, or a command in it, did not do what was asked; the text says which and what to do."""


class Result(NamedTuple):
    """What a command left: its exit status (124 or 137 when its time ran out) and both its streams."""

    rc: int
    output: str


class Port:
    """One virtio-serial port: listens before QEMU starts, then speaks the agent's line protocol."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._connection: socket.socket | None = None
        self._buffer = bytearray()
        self._last_id = 0

    def close(self) -> None:
        self._listener.close()
        if self._connection:
            self._connection.close()
        self.path.unlink(missing_ok=True)

    def wait_ready(self, deadline: float) -> str:
        """Returns the agent's greeting: 'ready UPTIME KERNEL'."""
        if self._connection is None:
            self._listener.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                self._connection = self._listener.accept()[0]
            except TimeoutError:
                raise NodeError("QEMU did not open the agent's port") from None
        while True:
            line = self._read_line(deadline)
            if line.startswith(b"ready "):
                return line.decode()

    def run(self, script: str, timeout: float) -> Result:
        """Runs a bash script in the guest; the guest kills it after `timeout` seconds."""
        assert self._connection is not None
        self._last_id += 1
        wanted = str(self._last_id).encode()
        encoded = base64.b64encode(script.encode())
        deadline = time.monotonic() + timeout + GRACE
        self._connection.settimeout(GRACE)
        try:
            self._connection.sendall(b"%s %d %s\n" % (wanted, max(1, round(timeout)), encoded))
        except OSError as error:
            raise NodeError(f"the node went away: {error}") from error
        while True:
            words = self._read_line(deadline).split(b" ")
            if words[0] == wanted and len(words) == 3:
                return Result(int(words[1]), base64.b64decode(words[2]).decode(errors="replace"))

    def _read_line(self, deadline: float) -> bytes:
        assert self._connection is not None
        while (end := self._buffer.find(b"\n")) < 0:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NodeError("the agent in the node did not answer in time")
            self._connection.settimeout(left)
            try:
                data = self._connection.recv(1 << 20)
            except TimeoutError:
                continue
            except OSError as error:
                raise NodeError(f"the agent's port broke: {error}") from error
            if not data:
                raise NodeError("the node went away: QEMU closed the agent's port")
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


class Job:
    """A command that runs in the node while the test does something else."""

    def __init__(self, agent: Agent, script: str, timeout: float) -> None:
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(agent, script, timeout), daemon=True)
        self._thread.start()

    def _work(self, agent: Agent, script: str, timeout: float) -> None:
        try:
            self._result = agent.run(script, timeout)
        except BaseException as error:  # handed to whoever waits
            self._error = error

    def done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, timeout: float | None = None) -> Result:
        """Waits for the end of the command. Raises NodeError when the node went away first."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise NodeError(f"the command still runs after {timeout} s")
        if self._error:
            raise self._error
        assert self._result is not None
        return self._result


class Agent:
    """The ports of one boot. Commands take a free port; more than PORTS at a time wait for one."""

    def __init__(self, directory: Path) -> None:
        self._ports = [Port(directory / f"agent{number}") for number in range(PORTS)]
        self._free: queue.Queue[Port] = queue.Queue()
        self._usable = 0

    def qemu_arguments(self) -> list[str]:
        arguments = ["-device", "virtio-serial-pci"]
        for number, port in enumerate(self._ports):
            arguments += ["-chardev", f"socket,id=agent{number},path={port.path}"]
            arguments += ["-device", f"virtserialport,chardev=agent{number},name=agent{number}"]
        return arguments

    def wait_ready(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for port in self._ports:
            port.wait_ready(deadline)
            self._usable += 1
            self._free.put(port)

    def run(self, script: str, timeout: float) -> Result:
        port = self._take_port(time.monotonic() + timeout + GRACE)
        try:
            result = port.run(script, timeout)
        except BaseException:
            # Not used again: a late answer would be taken for the next command's.
            self._usable -= 1
            raise
        self._free.put(port)
        return result

    def _take_port(self, deadline: float) -> Port:
        while self._usable > 0:
            try:
                return self._free.get(timeout=1)
            except queue.Empty:
                if time.monotonic() > deadline:
                    raise NodeError(f"all {PORTS} ports of the node stayed busy") from None
        raise NodeError("the node cannot be talked to: it has not booted, or it went away")

    def close(self) -> None:
        for port in self._ports:
            port.close()
