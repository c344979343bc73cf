"""Bad values are refused before anything is installed, with a message that names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import helm_python
import pytest

Values = dict[str, Any]
Render = Callable[[Values], list[dict[str, Any]]]


def nested(path: str, value: object) -> Values:
    """`a.b` and 1 make {"a": {"b": 1}}."""
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


def overlay(base: Values, change: Values) -> Values:
    both = {key: overlay(base[key], change[key]) for key in base.keys() & change.keys() if isinstance(base[key], dict)}
    return base | change | both


BAD = [
    ("kafka.bootstrapServers", "kafka"),
    ("kafka.bootstrapServers", "kafka:9092, other:9092"),
    ("kafka.bootstrapServers", ["kafka:9092"]),
    ("kafka.replicationFactor", 0),
    ("kafka.replicationFactor", "3"),
    ("kafka.bootstrapServer", "kafka:9092"),
    ("mongodb.driver", "mongoengine"),
    ("mongodb.database", "segment.sync"),
    ("mongodb.database", ""),
    ("mongodb.uri", "mongodb://user:password@mongodb"),
    ("existingSecret", "Segment_Sync"),
    ("logLevel", "INFO"),
    ("capture.replicas", 0),
    ("capture.replicas", 65),
    ("routing.replicas", 1.5),
    ("routing.resources.limit", {"memory": "1Gi"}),
    ("insights.schedule.cronJob.every", "hourly"),
    ("insights.schedule.cronJob.every", "0 2 * *"),
    ("insights.schedule.cronJob.timeZone", "Local"),
    ("insights.schedule.cronJob.enabled", "yes"),
    ("replay.from", ""),
    ("replay.from", "--help"),
    ("autoscaling.keda.minReplicas", 0),
    ("autoscaling.enabled", True),
    ("networkPolicy.kafkaPorts", []),
    ("networkPolicy.kafkaPorts", [65536]),
    ("image.tag", "a tag"),
    ("image.pullPolicy", "Sometimes"),
    ("imagePullSecrets", ["registry"]),
    ("fullnameOverride", "Upper_Case"),
    ("nodeSelector", {"dedicated": True}),
    ("extraEnv", {"TZ": "Etc/UTC"}),
    ("extraEnv", [{"name": "TZ"}]),
    ("extraEnv", [{"name": "TZ", "value": 1}]),
    ("extraEnv", [{"name": "TZ", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]),
    ("extraEnv", [{"name": "MONGODB_URI", "value": "mongodb://user:password@mongodb"}]),
    ("extraEnv", [{"name": "HEALTH_PORT", "value": "9090"}]),
    ("replicaCount", 2),
]


@pytest.mark.parametrize(("path", "value"), BAD, ids=[f"{path}={value}"[:60] for path, value in BAD])
def test_bad_value_is_refused_by_name(render: Render, minimal: Values, path: str, value: object) -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        render(overlay(minimal, nested(path, value)))
    parts = path.split(".")
    # An unknown key is reported at its parent, by name; a wrong value by its own path.
    assert parts[-1] in str(refused.value)


GOOD = [
    ("kafka.bootstrapServers", "kafka-0.kafka.svc:9092,kafka-1.kafka.svc:9092"),
    ("insights.schedule.cronJob.every", "@hourly"),
    ("insights.schedule.cronJob.every", "*/15 0-6 * * MON-FRI"),
    ("insights.schedule.cronJob.timeZone", "America/Argentina/Buenos_Aires"),
    ("insights.schedule.cronJob.timeZone", "Etc/GMT+3"),
    ("mongodb.driver", "motor"),
    ("routing.resources", {"limits": {"cpu": 2, "memory": "1Gi"}}),
    ("image.repository", "localhost:5000/team/segment-sync"),
]


@pytest.mark.parametrize(("path", "value"), GOOD, ids=[f"{path}={value}"[:60] for path, value in GOOD])
def test_good_value_is_admitted(render: Render, minimal: Values, path: str, value: object) -> None:
    assert render(overlay(minimal, nested(path, value)))


def test_missing_secret_is_refused_with_what_to_do(render: Render, minimal: Values) -> None:
    sentence = (
        "existingSecret is empty: create a Secret with the keys MONGODB_URI and TOKEN_ENCRYPTION_KEYS"
        " and set existingSecret to its name"
    )
    with pytest.raises(helm_python.HelmRenderError, match=sentence):
        render(overlay(minimal, {"existingSecret": ""}))


def test_missing_brokers_are_refused_with_what_to_do(render: Render, minimal: Values) -> None:
    with pytest.raises(helm_python.HelmRenderError, match=r"kafka\.bootstrapServers is empty: set it to host:port"):
        render(overlay(minimal, nested("kafka.bootstrapServers", "")))


def test_the_schema_knows_every_value(chart: helm_python.Chart) -> None:
    def paths(values: Values, schema: dict[str, Any]) -> set[str]:
        known = schema.get("properties")
        if known is None:
            return set()
        unknown = values.keys() - known.keys()
        deeper = (
            paths(values[key], known[key]) for key in values.keys() & known.keys() if isinstance(values[key], dict)
        )
        return set(unknown).union(*deeper)

    assert chart.schema is not None
    assert paths(chart.values, chart.schema) == set()
