"""Helm itself, in this process: the chart is linted and rendered as `helm lint` and `helm template` would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

Manifest = dict[str, Any]
Values = dict[str, Any]
Render = Callable[[Values], list[Manifest]]

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "segment-sync"
CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))


@pytest.fixture(scope="session")
def chart_path() -> Path:
    return CHART


@pytest.fixture(scope="session")
def chart() -> Iterator[helm_python.Chart]:
    with helm_python.Chart.load(CHART) as chart:
        yield chart


@pytest.fixture(scope="session")
def render(chart: helm_python.Chart) -> Render:
    """The objects that an installation with these values creates."""

    def render(values: Values) -> list[Manifest]:
        files = chart.render(values, name="demo", namespace="marketing")
        texts = [text for path, text in sorted(files.items()) if path.endswith(".yaml")]
        return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]

    return render


@pytest.fixture(params=CI_VALUES, ids=lambda path: path.name.removesuffix("-values.yaml"))
def ci_values(request: pytest.FixtureRequest) -> Values:
    values: Values = yaml.safe_load(request.param.read_text())
    return values


@pytest.fixture
def manifests(render: Render, ci_values: Values) -> list[Manifest]:
    return render(ci_values)


@pytest.fixture
def minimal() -> Values:
    """What a user must set; the caller may change it."""
    values: Values = yaml.safe_load((CHART / "ci" / "minimal-values.yaml").read_text())
    return values


@pytest.fixture
def everything(minimal: Values) -> Values:
    """Every optional part switched on."""
    return minimal | {
        "insights": {"schedule": {"cronJob": {"enabled": True}}},
        "scoresApi": {"enabled": True},
        "replay": {"enabled": True},
        "autoscaling": {"keda": {"enabled": True}},
        "networkPolicy": {"enabled": True},
    }


@pytest.fixture
def workloads(render: Render, everything: Values) -> dict[str, Manifest]:
    """Deployments, Jobs and CronJobs by component, with everything switched on."""
    kinds = ("Deployment", "Job", "CronJob")
    return {
        manifest["metadata"]["labels"]["app.kubernetes.io/component"]: manifest
        for manifest in render(everything)
        if manifest["kind"] in kinds
    }


@pytest.fixture
def pods(workloads: dict[str, Manifest]) -> dict[str, Manifest]:
    """The pod templates of the workloads, by component."""

    def pod(manifest: Manifest) -> Manifest:
        spec = manifest["spec"]
        if manifest["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        template: Manifest = spec["template"]
        return template

    return {component: pod(manifest) for component, manifest in workloads.items()}
