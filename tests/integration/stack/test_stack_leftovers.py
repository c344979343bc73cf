from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox.stack.errors import StackError
from sandbox.stack.process import ChildProcess, Control, Program, stop_leftover


def says_something(echo: subprocess.Popen[bytes]) -> bool:
    assert echo.stdin is not None
    assert echo.stdout is not None
    echo.stdin.write(b"still there\n")
    return echo.stdout.readline() == b"still there\n"


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program of an earlier run: a session of its own, and a command line that names the data directory."""
    code = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
    command = [sys.executable, "-c", code, str(tmp_path / "kafka" / "server.properties")]
    with subprocess.Popen(
        command, start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert says_something(process)  # before that, the kernel may still show an empty command line
        yield process
        process.kill()


def test_a_leftover_of_ours_is_stopped(echo: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pid_file = tmp_path / "kafka.pid"
    pid_file.write_text(str(echo.pid))
    stop_leftover(pid_file, tmp_path)
    assert echo.wait(10) == -9
    assert not pid_file.exists()


def test_a_process_of_somebody_else_with_that_pid_is_left_alone(echo: subprocess.Popen[bytes], tmp_path: Path) -> None:
    pid_file = tmp_path / "kafka.pid"
    pid_file.write_text(str(echo.pid))
    stop_leftover(pid_file, tmp_path / "another stack")
    assert says_something(echo)
    assert not pid_file.exists()


@pytest.mark.parametrize("content", [None, "", "not a pid", "4194305"])
def test_a_useless_pid_file_is_removed(content: str | None, tmp_path: Path) -> None:
    pid_file = tmp_path / "kafka.pid"
    if content is not None:
        pid_file.write_text(content)
    stop_leftover(pid_file, tmp_path)
    assert not pid_file.exists()


def child(tmp_path: Path, code: str) -> ChildProcess:
    command = (sys.executable, "-c", code)
    return ChildProcess(Program("Kafka", command, tmp_path / "kafka.pid", tmp_path / "log" / "kafka.log"))


def test_a_program_that_ends_while_starting_is_reported_with_its_last_words(tmp_path: Path) -> None:
    ended = child(tmp_path, "print('disk full'); raise SystemExit(3)")
    with pytest.raises(StackError, match=r"Kafka ended while starting: see .*kafka\.log \(disk full\)"):
        ended.wait_until(lambda: False, timeout_seconds=30, cancelled=Control().cancelled)
    assert ended.exit_code == 3
    ended.stop()


def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.stack.process._STOP_SECONDS", 0.2)
    code = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(600)"
    stubborn = child(tmp_path, code)
    stubborn.wait_until(lambda: "\n" in stubborn.log_text(), timeout_seconds=30, cancelled=Control().cancelled)
    program = psutil.Process(int(stubborn.log_text()))
    stubborn.stop()
    program.wait(10)
    assert not stubborn.program.pid_file.exists()
