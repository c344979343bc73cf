"""What a stack starts, it stops, however it ends; what it did not start, it leaves alone."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient

from sandbox.stack import Control, Endpoints, Platform, Service, Source, Stack, StackError, StackSettings, start_stack
from tests.support.terminal import obeying_ctrl_c

pytestmark = pytest.mark.skipif(not Platform.current().runs_local_stack, reason="the local programs do not run here")

DEADLINE_SECONDS = 30.0
LOCAL = replace(StackSettings.from_environment(), kafka_bootstrap_servers="", mongodb_uri="", only=Source.LOCAL)


def processes_on(directory: Path) -> list[str]:
    """The programs whose command line names a file of the stack."""
    found = []
    for process in psutil.process_iter(["cmdline", "name"]):
        command = process.info["cmdline"] or []
        if process.pid != psutil.Process().pid and any(str(directory) in word for word in command[1:]):
            found.append(process.info["name"])
    return found


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def answers(mongodb_uri: str) -> bool:
    with MongoClient[dict[str, object]](mongodb_uri, serverSelectionTimeoutMS=2000) as client:
        return bool(client.admin.command("ping")["ok"])


def only_mongo(stack: Endpoints, **changes: object) -> StackSettings:
    """Kafka is given, so that only the quicker half is started."""
    return replace(LOCAL, kafka_bootstrap_servers=stack.kafka_bootstrap_servers, **changes)  # type: ignore[arg-type]


def test_stopping_ends_both_and_removes_their_data(tmp_path: Path) -> None:
    running = start_stack(tmp_path, LOCAL)
    assert running.endpoints.started == (Service.KAFKA, Service.MONGODB)
    assert {"java", "mongod"} <= set(processes_on(tmp_path))
    with pytest.raises(StackError, match="Another stack is running in"):
        start_stack(tmp_path, LOCAL)
    running.stop()
    running.stop()
    assert processes_on(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "log"}


def test_given_servers_are_used_and_not_stopped(stack: Endpoints, tmp_path: Path) -> None:
    given = replace(LOCAL, kafka_bootstrap_servers=stack.kafka_bootstrap_servers, mongodb_uri=stack.mongodb_uri)
    with start_stack(tmp_path, given) as running:
        assert running.endpoints == Endpoints(stack.kafka_bootstrap_servers, stack.mongodb_uri, started=())
        assert processes_on(tmp_path) == []
    assert answers(stack.mongodb_uri)
    host, port = stack.kafka_bootstrap_servers.split(":")
    socket.create_connection((host, int(port)), DEADLINE_SECONDS).close()


def test_each_service_is_decided_on_its_own_and_stacks_live_side_by_side(stack: Endpoints, tmp_path: Path) -> None:
    with start_stack(tmp_path, only_mongo(stack)) as running:
        assert running.endpoints.started == (Service.MONGODB,)
        assert running.endpoints.mongodb_uri != stack.mongodb_uri
        assert answers(running.endpoints.mongodb_uri)
    assert answers(stack.mongodb_uri)


PARENT = """
import sys, time
from pathlib import Path
from sandbox.stack import Source, StackSettings, start_stack
settings = StackSettings(kafka_bootstrap_servers=sys.argv[2], only=Source.LOCAL)
with start_stack(Path(sys.argv[1]), settings):
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_parent(how: signal.Signals, stack: Endpoints, tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    with obeying_ctrl_c():
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(directory), stack.kafka_bootstrap_servers],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    with parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"ready\n"
            assert "mongod" in processes_on(directory)
            parent.send_signal(how)
            parent.communicate(timeout=DEADLINE_SECONDS)
        finally:
            parent.kill()
    wait_until(lambda: processes_on(directory) == [])


def test_the_program_dies_with_its_launcher(stack: Endpoints, tmp_path: Path) -> None:
    running = start_stack(tmp_path, only_mongo(stack))
    try:
        psutil.Process(int((tmp_path / "mongo.pid").read_text())).kill()
        wait_until(lambda: processes_on(tmp_path) == [])
    finally:
        running.stop()


async def test_a_cancelled_start_leaves_nothing(stack: Endpoints, tmp_path: Path) -> None:
    async def enter() -> None:
        async with Stack(tmp_path, only_mongo(stack)):
            raise AssertionError("not cancelled")

    starting = asyncio.create_task(enter())
    await asyncio.to_thread(wait_until, (tmp_path / "mongo.pid").exists)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert processes_on(tmp_path) == []


async def test_a_failing_body_stops_the_stack(stack: Endpoints, tmp_path: Path) -> None:
    async def fail() -> None:
        async with Stack(tmp_path, only_mongo(stack)) as endpoints:
            assert answers(endpoints.mongodb_uri)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert processes_on(tmp_path) == []


@pytest.mark.parametrize("setting", ["kafka_port", "mongo_port"])
def test_a_port_in_use_is_one_sentence_and_stops_the_other(setting: str, tmp_path: Path) -> None:
    control = Control()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"^Port {port} is taken: .*--{setting.replace('_', '-')}"):
            start_stack(tmp_path, replace(LOCAL, **{setting: port}), control=control)
    assert control.cancelled.is_set()
    assert processes_on(tmp_path) == []


def test_an_asked_port_is_used(stack: Endpoints, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with start_stack(tmp_path, only_mongo(stack, mongo_port=port)) as running:
        assert f"127.0.0.1:{port}/" in running.endpoints.mongodb_uri


@pytest.mark.parametrize("keep_data", [True, False])
def test_data_is_kept_only_when_asked(keep_data: bool, stack: Endpoints, tmp_path: Path) -> None:
    settings = only_mongo(stack)
    counts = []
    for _ in range(2):
        with (
            start_stack(tmp_path, settings, keep_data=keep_data) as running,
            MongoClient[dict[str, object]](running.endpoints.mongodb_uri, serverSelectionTimeoutMS=5000) as client,
        ):
            client["kept"]["people"].insert_one({})
            counts.append(client["kept"]["people"].count_documents({}))
    assert counts == ([1, 2] if keep_data else [1, 1])


def test_a_wrong_given_mongodb_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    given = replace(LOCAL, mongodb_uri="mongodb://user:hunter2@[broken/")
    with pytest.raises(StackError, match=r"^No MongoDB answers at MONGODB_URI") as raised:
        start_stack(tmp_path, given)
    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in repr(given)
    assert processes_on(tmp_path) == []
