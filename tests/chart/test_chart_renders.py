"""Every supported shape lints strictly and renders to objects that Kubernetes accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

WARNING = 2
KUBERNETES = ("1.29", "1.37")
"""The oldest version that Chart.yaml admits and the newest whose schemas are packaged."""
CUSTOM = {"ScaledObject"}
"""Kinds that are not part of Kubernetes; their content is tested in test_chart_workloads.py."""


def findings(chart: Path, values: dict[str, Any]) -> list[Any]:
    report = helm_python.lint(chart, values, strict=True, namespace="marketing")
    return [*(message for message in report["messages"] if message["severity"] >= WARNING), *report["errors"]]


def test_lints_strictly(chart_path: Path, ci_values: dict[str, Any]) -> None:
    assert findings(chart_path, ci_values) == []


def test_lints_strictly_as_it_is_shipped(chart_path: Path) -> None:
    assert findings(chart_path, {}) == []


def test_lint_finds_a_planted_mistake(chart_path: Path, tmp_path: Path, minimal: dict[str, Any]) -> None:
    broken = tmp_path / "segment-sync"
    for source in (path for path in chart_path.rglob("*") if path.is_file()):
        target = broken / source.relative_to(chart_path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())
    (broken / "templates" / "capture.yaml").write_text("kind: Deployment\n  name: badly indented\n")

    assert findings(broken, minimal)


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(manifests: list[dict[str, Any]], version: str) -> None:
    checked = [manifest for manifest in manifests if manifest["kind"] not in CUSTOM]
    for manifest in checked:
        kubernetes_validate.validate(manifest, version, strict=True)
    assert len(checked) > len(CUSTOM)


def test_a_misspelt_field_would_be_found(manifests: list[dict[str, Any]]) -> None:
    deployment = next(manifest for manifest in manifests if manifest["kind"] == "Deployment")
    deployment["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(deployment, KUBERNETES[-1], strict=True)


def test_the_oldest_version_is_the_one_that_the_chart_admits(chart: helm_python.Chart) -> None:
    assert chart.metadata["kubeVersion"] == f">={KUBERNETES[0]}.0-0"


def test_names_are_unique_and_short_enough(manifests: list[dict[str, Any]]) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(set(names)) == len(names)
    # 63: the limit of a label; 52: a CronJob appends 11 characters to the names of its Jobs.
    assert [name for kind, name in names if len(name) > (52 if kind == "CronJob" else 63)] == []


def test_objects_are_created_in_the_namespace_of_the_release(manifests: list[dict[str, Any]]) -> None:
    assert [manifest for manifest in manifests if "namespace" in manifest["metadata"]] == []


def test_notes_say_which_secret_the_pods_wait_for(chart: helm_python.Chart, minimal: dict[str, Any]) -> None:
    files = chart.render(minimal | {"existingSecret": "crm-bridge"}, name="demo", namespace="marketing")
    assert '"crm-bridge"' in files["segment-sync/templates/NOTES.txt"]


def test_every_value_is_explained(chart_path: Path) -> None:
    """A leaf of values.yaml has a comment, or is one of a group whose key has one."""
    lines = (chart_path / "values.yaml").read_text().splitlines()
    unexplained = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if line.strip() and not line.lstrip().startswith("#") and not before.lstrip().startswith("#")
    ]
    assert {line.strip().split(":")[0] for line in unexplained} == {
        # groups, and leaves that say it themselves
        *("kafka", "mongodb", "image", "autoscaling", "enabled", "resources", "requests", "limits", "replicas"),
    }


def test_defaults_in_the_file_are_those_of_the_chart(chart_path: Path, chart: helm_python.Chart) -> None:
    assert chart.values == yaml.safe_load((chart_path / "values.yaml").read_text())
