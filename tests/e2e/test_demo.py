"""`segment-sync demo` as a user starts it: what it says, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.terminal import obeying_ctrl_c

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(360)]

SMALL = ["--contacts", "150", "--leads", "60", "--accounts", "40", "--edits", "150", "--rate", "50"]
MARK = "SEGMENT_SYNC_TEST_MARK"
"""Every process that the demo starts inherits it."""

DEADLINE_SECONDS = 150


class DemoRun:
    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.mark = uuid.uuid4().hex
        self._told = (directory.parent / "stderr.txt").open("w+")
        with obeying_ctrl_c():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers", "demo", *arguments, "--directory", str(directory)],
                env=os.environ | {MARK: self.mark, "COLUMNS": "200"},
                stdin=subprocess.DEVNULL,
                stdout=self._told,
                stderr=subprocess.STDOUT,
            )

    @property
    def told(self) -> str:
        self._told.seek(0)
        return self._told.read()

    def wait(self) -> int:
        return self.process.wait(300)

    def wait_for(self, log: str, size_bytes: int = 1) -> None:
        """Until a process of the demo has been started (size 0), or has written to its log."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        path = self.directory / "log" / log
        while not (path.exists() and path.stat().st_size >= size_bytes):
            assert self.process.poll() is None, self.told
            assert time.monotonic() < deadline, f"{log} stayed empty"
            time.sleep(0.05)

    def processes(self) -> dict[psutil.Process, str]:
        """Everything that this run started and that still lives, whoever its parent is by now; with its command."""
        return {process: found for process in psutil.process_iter() if (found := self._command_of_ours(process))}

    def _command_of_ours(self, process: psutil.Process) -> str:
        try:
            command = " ".join(process.cmdline())
            return command if process.environ().get(MARK) == self.mark or str(self.directory) in command else ""
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return ""

    def close(self) -> None:
        for process in self.processes():
            process.kill()
        self.process.wait()
        self._told.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "demo"


@pytest.fixture
def runs() -> Iterator[list[DemoRun]]:
    """Runs of a test, ended with it."""
    started: list[DemoRun] = []
    yield started
    for run in started:
        run.close()


def started(runs: list[DemoRun], directory: Path, *arguments: str) -> DemoRun:
    runs.append(DemoRun(directory, *arguments))
    return runs[-1]


def test_the_demo_ends_well_with_a_full_summary_and_leaves_nothing_running(
    directory: Path, runs: list[DemoRun]
) -> None:
    run = started(runs, directory, *SMALL, "--seed", "3")
    run.wait_for("routing.log")
    assert len(run.processes()) >= 5  # the search finds them: the demo, the org, three workers
    assert run.wait() == 0, run.told
    assert run.processes() == {}
    check_summary(json.loads((directory / "summary.json").read_text()))


def check_summary(summary: dict[str, Any]) -> None:
    assert summary["ok"] is True
    assert set(summary["org"]) == {"contacts", "leads", "accounts"}
    assert min(summary["org"].values()) > 0
    changes = summary["changes"]
    assert changes["published"] == changes["expected"] >= 150
    assert (changes["lost"], changes["duplicated"]) == (0, 0)
    assert min(summary["people"], summary["accounts"]) > 0
    assert set(summary["segments"]) == {"emea-people", "fresh-leads", "technology-accounts"}
    assert summary["segments"]["technology-accounts"]["actual"] == 0  # its rule was de-activated
    for each in (*summary["segments"].values(), *summary["skipped"].values()):
        assert each["expected"] == each["actual"]
    assert summary["latency_ms"]["p50"] <= summary["latency_ms"]["p95"] <= summary["latency_ms"]["p99"]
    write_back = summary["write_back"]
    assert write_back["changed"] == write_back["succeeded"] == write_back["verified_in_org"] > 0
    assert write_back["failed"] == 0
    assert min(write_back["rejected_at_first"], write_back["retried"]) > 0
    assert summary["replay"]["read"] >= changes["expected"]
    assert summary["replay"]["changed"] == 0
    assert set(summary["seconds"]) >= {"stack", "import", "edits", "write_back", "rules", "replay", "total"}


@pytest.mark.parametrize(
    ("log", "size_bytes", "number"),
    [("org.log", 0, signal.SIGINT), ("routing.log", 1, signal.SIGTERM)],
    ids=["Ctrl-C while the stack starts", "SIGTERM while the workers run"],
)
def test_a_demo_that_is_stopped_says_so_and_leaves_nothing_running(
    directory: Path, runs: list[DemoRun], log: str, size_bytes: int, number: signal.Signals
) -> None:
    run = started(runs, directory, *SMALL)
    run.wait_for(log, size_bytes)
    run.process.send_signal(number)
    assert run.wait() != 0
    assert run.processes() == {}
    assert not (directory / "summary.json").exists()
    assert "Traceback" not in run.told
