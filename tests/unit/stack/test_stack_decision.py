from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.stack.endpoints import Platform, Service, Source, StackSettings, choose_source
from sandbox.stack.errors import StackError
from sandbox.stack.running import choose_sources

LINUX = Platform("Linux", "x86_64")
MAC = Platform("Darwin", "arm64")
EVERY_SERVICE = pytest.mark.parametrize("service", list(Service))


def yes() -> bool:
    return True


def no() -> bool:
    return False


def given(service: Service) -> StackSettings:
    if service is Service.KAFKA:
        return StackSettings(kafka_bootstrap_servers="kafka.example:9092")
    return StackSettings(mongodb_uri="mongodb://mongo.example")


@EVERY_SERVICE
def test_a_setting_wins_and_docker_is_not_even_asked(service: Service) -> None:
    def must_not_be_asked() -> bool:
        raise AssertionError("asked for Docker")

    assert choose_source(service, given(service), machine=MAC, docker_answers=must_not_be_asked) is Source.SETTING


@EVERY_SERVICE
@pytest.mark.parametrize("machine", [LINUX, MAC])
def test_docker_comes_before_the_local_programs(service: Service, machine: Platform) -> None:
    assert choose_source(service, StackSettings(), machine=machine, docker_answers=yes) is Source.DOCKER


@EVERY_SERVICE
def test_without_docker_the_local_programs_are_used(service: Service) -> None:
    assert choose_source(service, StackSettings(), machine=LINUX, docker_answers=no) is Source.LOCAL


@pytest.mark.parametrize(
    ("service", "setting"), [(Service.KAFKA, "KAFKA_BOOTSTRAP_SERVERS"), (Service.MONGODB, "MONGODB_URI")]
)
@pytest.mark.parametrize("machine", [MAC, Platform("Linux", "aarch64"), Platform("Windows", "AMD64")])
def test_elsewhere_the_message_says_what_to_set(service: Service, setting: str, machine: Platform) -> None:
    with pytest.raises(StackError, match=rf"No {service} on {machine.system} {machine.machine}.*Docker.*{setting}"):
        choose_source(service, StackSettings(), machine=machine, docker_answers=no)


def test_the_local_programs_can_be_asked_for() -> None:
    settings = StackSettings(only=Source.LOCAL)
    assert choose_source(Service.KAFKA, settings, machine=LINUX, docker_answers=yes) is Source.LOCAL


def test_docker_can_be_asked_for_and_is_then_not_replaced() -> None:
    with pytest.raises(StackError, match="no Docker daemon answers"):
        choose_source(Service.KAFKA, StackSettings(only=Source.DOCKER), machine=LINUX, docker_answers=no)


def test_each_service_is_decided_on_its_own() -> None:
    sources = choose_sources(given(Service.MONGODB), machine=LINUX, docker_answers=no)
    assert sources == {Service.KAFKA: Source.LOCAL, Service.MONGODB: Source.SETTING}


def test_docker_is_asked_once_for_both() -> None:
    asked = []

    def no_daemon() -> bool:
        asked.append("Docker")
        return False

    choose_sources(StackSettings(), machine=LINUX, docker_answers=no_daemon)
    assert asked == ["Docker"]


def test_settings_come_from_the_environment() -> None:
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": " kafka.example:9092 ",
        "MONGODB_URI": "mongodb://mongo.example",
        "SEGMENT_SYNC_STACK": "local",
        "SEGMENT_SYNC_CACHE": "/somewhere",
    }
    assert StackSettings.from_environment(environment, kafka_port=1, mongo_port=2) == StackSettings(
        kafka_bootstrap_servers="kafka.example:9092",
        mongodb_uri="mongodb://mongo.example",
        kafka_port=1,
        mongo_port=2,
        only=Source.LOCAL,
        cache_directory=Path("/somewhere"),
    )


@pytest.mark.parametrize("text", ["", "auto", " AUTO "])
def test_auto_is_the_default(text: str) -> None:
    assert StackSettings.from_environment({"SEGMENT_SYNC_STACK": text}) == StackSettings()


@pytest.mark.parametrize("text", ["podman", "setting"])
def test_an_unknown_source_is_refused(text: str) -> None:
    with pytest.raises(StackError, match=f"SEGMENT_SYNC_STACK={text} is unknown"):
        StackSettings.from_environment({"SEGMENT_SYNC_STACK": text})


def test_a_password_is_in_no_repr() -> None:
    assert "hunter2" not in repr(replace(StackSettings(), mongodb_uri="mongodb://user:hunter2@mongo.example"))
