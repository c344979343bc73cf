"""Without a Docker daemon: how its absence is noticed, and what is asked of it when it is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from docker.errors import DockerException

from sandbox.stack import Control, containers
from sandbox.stack.errors import StackError


class FakeClient:
    """Takes the place of the connection to the daemon, and refuses to run anything."""

    def __init__(self, **_: object) -> None:
        self.client = self

    def create(self, *_: object, **__: object) -> None:
        raise DockerException("no such image")

    def close(self) -> None:
        pass


def test_no_daemon_is_noticed_without_an_open_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert containers.docker_answers() is False


def test_kafka_in_docker_has_transactions_and_the_asked_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testcontainers.core.container.DockerClient", FakeClient)
    container = containers.kafka_container(port=19092)
    assert container.kraft_enabled
    assert container.ports == {"9093": 19092}
    assert container.env["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert container.env["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"] == "1"


def test_an_image_that_cannot_run_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testcontainers.core.container.DockerClient", FakeClient)
    monkeypatch.setattr("testcontainers.core.config.testcontainers_config.ryuk_disabled", True)
    with pytest.raises(StackError, match=r"Docker cannot run MongoDB \(no such image\): .*MONGODB_URI.*=local"):
        containers.start_mongo_container(port=0, control=Control())
