from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from sandbox.stack.errors import StackError
from sandbox.stack.given import check_kafka
from sandbox.stack.kafka import server_properties
from sandbox.stack.mongo import mongod_command, mongod_program


def test_kafka_listens_on_this_machine_only_and_creates_no_topics() -> None:
    lines = dict(line.split("=", 1) for line in server_properties(Path("/data"), 1111, 2222, {}).splitlines())
    assert lines["listeners"] == "PLAINTEXT://127.0.0.1:1111,CONTROLLER://127.0.0.1:2222"
    assert lines["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1111"
    assert lines["auto.create.topics.enable"] == "false"
    assert lines["log.dirs"] == "/data"


def test_mongod_listens_on_this_machine_only_and_is_a_replica_set() -> None:
    command = " ".join(mongod_command(Path("/bin/mongod"), Path("/data"), 1111))
    assert "--bind_ip 127.0.0.1 " in command
    assert "--replSet rs0 " in command
    assert "--dbpath /data --port 1111 " in command


def test_a_missing_mongod_package_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(StackError, match=r"not installed: .*MONGODB_URI"):
        mongod_program()


@pytest.mark.parametrize("address", ["kafka.example", "kafka.example:", ":9092"])
def test_a_kafka_address_without_a_port_is_refused_before_connecting(address: str) -> None:
    with pytest.raises(StackError, match="is not a list of host:port"):
        check_kafka(address)
