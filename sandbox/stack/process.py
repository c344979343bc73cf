"""Child processes that end with us: pid files, log files, stopping, and what a crashed run left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from sandbox.stack.errors import StackError

_LAUNCHER = Path(__file__).with_name("launcher.py")
# Kafka and mongod both close in under a second on an idle machine.
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02
_LOG_TAIL_LINES = 3


def _say_nothing(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Control:
    """What the starting threads share with their caller: a way to give up, and a way to tell the user something."""

    cancelled: Event = field(default_factory=Event)
    report: Callable[[str], None] = _say_nothing


@dataclass(frozen=True, slots=True)
class Program:
    """One program to run. Its command names a file under the stack's directory: so a leftover is recognized."""

    name: str
    command: tuple[str, ...]
    pid_file: Path
    log_file: Path


class ChildProcess:
    """A started program in a session of its own, so that Ctrl-C in the terminal does not reach it before us."""

    def __init__(self, program: Program) -> None:
        self.program = program
        program.log_file.parent.mkdir(parents=True, exist_ok=True)
        with program.log_file.open("wb") as log:
            self._launcher = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LAUNCHER), *program.command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        program.pid_file.write_text(f"{self._launcher.pid}\n")

    @property
    def pid(self) -> int:
        return self._launcher.pid

    @property
    def exit_code(self) -> int | None:
        return self._launcher.poll()

    def wait_until(self, is_ready: Callable[[], bool], *, timeout_seconds: float, cancelled: Event) -> None:
        """Poll until ready.

        Raises:
            StackError: the program ended, took too long, or the start was cancelled.
        """
        deadline = time.monotonic() + timeout_seconds
        while not is_ready():
            if self.exit_code is not None:
                raise StackError(f"{self.program.name} ended while starting: {self.log_hint()}")
            if time.monotonic() > deadline:
                raise StackError(f"{self.program.name} was not ready after {timeout_seconds:.0f} s: {self.log_hint()}")
            if cancelled.wait(_POLL_SECONDS):
                raise StackError(f"The start of {self.program.name} was cancelled.")

    def log_text(self) -> str:
        return self.program.log_file.read_text(errors="replace")

    def log_hint(self) -> str:
        lines = [line.strip() for line in self.log_text().splitlines() if line.strip()]
        return f"see {self.program.log_file} ({' / '.join(lines[-_LOG_TAIL_LINES:])[:500] or 'empty'})."

    def stop(self) -> None:
        """Ask, wait, then kill. Safe to call again, and on a program that has ended by itself."""
        self._launcher.terminate()
        try:
            self._launcher.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _kill_session(self._launcher.pid)
            self._launcher.wait()
        if self._launcher.stdin is not None:
            self._launcher.stdin.close()
        self.program.pid_file.unlink(missing_ok=True)


def stop_leftover(pid_file: Path, data_directory: Path) -> None:
    """Kill what an earlier run left behind, if the pid in the file is still that program and not somebody else's."""
    try:
        pid = int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        pid_file.unlink(missing_ok=True)
        return
    if _runs_on(pid, data_directory):
        _kill_session(pid)
        deadline = time.monotonic() + _STOP_SECONDS
        while _runs_on(pid, data_directory) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    pid_file.unlink(missing_ok=True)


def _runs_on(pid: int, data_directory: Path) -> bool:
    """Whether the process exists and its command line names the directory (a reused pid does not)."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return os.fsencode(data_directory) in command


def _kill_session(pid: int) -> None:
    """The launcher leads a process group of its own, with nothing in it but the program."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Distinct ports that were free a moment ago; all are held at once so that none comes twice."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        return [held.getsockname()[1] for held in sockets]
    finally:
        for held in sockets:
            held.close()


def require_free_port(port: int, *, option: str) -> None:
    """Fail early on a port that the user asked for.

    Raises:
        StackError: somebody listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StackError(
                f"Port {port} is taken: choose another one with {option} (0 takes any free port)."
            ) from error
