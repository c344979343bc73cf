"""The chart and the program agree on the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from workers.settings import Settings

Manifest = dict[str, Any]
Render = Callable[[Manifest], list[Manifest]]

# A 32-byte key in url-safe base64, and an address that nothing answers.
SECRETS = {"MONGODB_URI": "mongodb://127.0.0.1:1", "TOKEN_ENCRYPTION_KEYS": "A" * 43 + "="}


def setting_names() -> set[str]:
    """What the program reads from the environment: each field by its aliases, or by its own name."""
    names: set[str] = set()
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        choices = getattr(alias, "choices", [alias or field])
        names.update(str(choice).upper() for choice in choices)
    return names


def environment(render: Render, values: Manifest) -> dict[str, str]:
    """What a container gets from the ConfigMap, with stand-ins for the secrets."""
    (settings,) = (manifest for manifest in render(values) if manifest["kind"] == "ConfigMap")
    return {**settings["data"], **SECRETS}


def test_every_variable_is_a_setting(render: Render, minimal: Manifest, pods: dict[str, Manifest]) -> None:
    secrets = {entry["name"] for pod in pods.values() for entry in pod["spec"]["containers"][0]["env"]}
    (settings,) = (manifest for manifest in render(minimal) if manifest["kind"] == "ConfigMap")
    assert (secrets | settings["data"].keys()) - setting_names() == set()


def test_every_setting_that_must_be_given_is_given(
    pods: dict[str, Manifest], render: Render, minimal: Manifest
) -> None:
    required = {field.upper() for field, info in Settings.model_fields.items() if info.is_required()}
    (settings,) = (manifest for manifest in render(minimal) if manifest["kind"] == "ConfigMap")
    for pod in pods.values():
        (container,) = pod["spec"]["containers"]
        assert container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
        assert required <= settings["data"].keys() | {entry["name"] for entry in container["env"]}


def test_the_program_accepts_what_the_chart_sets(
    render: Render, ci_values: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(render, ci_values).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.health_port == 8080
    assert settings.kafka_bootstrap_servers == ci_values["kafka"]["bootstrapServers"]
    assert settings.kafka_replication_factor == ci_values["kafka"].get("replicationFactor", 3)


@pytest.mark.parametrize(("cron_job", "scheduler"), [(False, "process"), (True, "cron")])
def test_either_the_process_or_the_cron_job_looks_who_is_due(
    render: Render, minimal: Manifest, cron_job: bool, scheduler: str
) -> None:
    values = minimal | {"insights": {"schedule": {"cronJob": {"enabled": cron_job}}}}
    assert environment(render, values)["INSIGHTS_SCHEDULER"] == scheduler
    assert Settings.model_fields["insights_scheduler"].default == "process"
    assert ("CronJob" in {manifest["kind"] for manifest in render(values)}) == cron_job


@pytest.mark.parametrize(
    ("setting", "schema_path"), [("log_level", ["logLevel"]), ("mongodb_driver", ["mongodb", "driver"])]
)
def test_the_schema_admits_what_the_program_admits(
    chart: Any, monkeypatch: pytest.MonkeyPatch, setting: str, schema_path: list[str]
) -> None:
    schema = chart.schema
    for key in schema_path:
        schema = schema["properties"][key]
    for name, value in ({"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"} | SECRETS).items():
        monkeypatch.setenv(name, value)
    for choice in schema["enum"]:
        monkeypatch.setenv(setting.upper(), choice)
        assert getattr(Settings(), setting) == choice
    monkeypatch.setenv(setting.upper(), "something else")
    with pytest.raises(ValidationError, match=setting):
        Settings()


def test_users_cannot_set_a_setting_of_the_chart_twice(chart: Any, render: Render, minimal: Manifest) -> None:
    reserved = chart.schema["definitions"]["environment"]["properties"]["name"]["not"]["enum"]
    assert set(reserved) == environment(render, minimal).keys() | {"CAPTURE_INSTANCE_ID"}


def test_the_defaults_of_the_chart_are_those_of_the_program(render: Render, minimal: Manifest) -> None:
    given = environment(render, minimal)
    assert given["MONGODB_DRIVER"] == Settings.model_fields["mongodb_driver"].default
    for name in (
        "salesforce_api_share",
        "salesforce_api_reserve",
        "capture_headroom_hours",
        "capture_list_minutes",
        "insights_rows_kept_days",
    ):
        assert float(given[name.upper()]) == Settings.model_fields[name].default


@pytest.mark.parametrize(
    ("setting", "schema_path"),
    [
        ("salesforce_api_share", ["salesforce", "apiShare"]),
        ("salesforce_api_reserve", ["salesforce", "apiReserve"]),
        ("capture_headroom_hours", ["capture", "headroomHours"]),
        ("capture_list_minutes", ["capture", "listMinutes"]),
        ("insights_rows_kept_days", ["insights", "rowsKeptDays"]),
    ],
)
def test_the_schema_has_the_bounds_of_the_program(chart: Any, setting: str, schema_path: list[str]) -> None:
    schema, ours = chart.schema, Settings.model_json_schema()["properties"][setting]
    for key in schema_path:
        schema = schema["properties"][key]
    bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    assert {key: schema[key] for key in bounds if key in schema} == {key: ours[key] for key in bounds if key in ours}
