"""What `up` does about workers that are gone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.demo.processes import Fleet, Process


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Process]:
    """Started again it only prints its help."""
    worker = Process("routing", ["--help"], dict(os.environ), tmp_path / "routing.log")
    yield worker
    worker.kill()


def test_a_killed_worker_is_started_again(worker: Process) -> None:
    worker.running = killed = subprocess.Popen(["sleep", "600"])
    fleet = Fleet([worker])
    assert fleet.revive() == []
    worker.kill()
    assert fleet.revive() == ["routing"]
    assert worker.running is not killed
    assert worker.running is not None
    assert worker.running.wait(60) == 0


def test_a_worker_that_ended_by_itself_is_not_started_again(worker: Process) -> None:
    worker.log.write_text("error: KAFKA_BOOTSTRAP_SERVERS is missing\n")
    worker.running = subprocess.Popen(["false"])
    worker.running.wait()
    fleet = Fleet([worker])
    assert fleet.revive() == []
    with pytest.raises(RuntimeError, match=r"routing ended with status 1(.|\n)*KAFKA_BOOTSTRAP_SERVERS is missing"):
        fleet.check()
