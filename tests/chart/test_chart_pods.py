"""Every pod meets the restricted Pod Security Standard, and more; secrets are only ever references."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

COMPONENTS = {"capture", "routing", "insights", "insights-due", "scores-api", "replay"}
SERVING = {"capture", "routing", "insights", "scores-api"}
SECRETS = {"MONGODB_URI", "TOKEN_ENCRYPTION_KEYS"}

Manifest = dict[str, Any]


@pytest.fixture(params=sorted(COMPONENTS))
def pod(request: pytest.FixtureRequest, pods: dict[str, Manifest]) -> Manifest:
    template: Manifest = pods[request.param]
    return template


@pytest.fixture
def container(pod: Manifest) -> Manifest:
    (container,) = pod["spec"]["containers"]
    assert "initContainers" not in pod["spec"]
    found: Manifest = container
    return found


@pytest.fixture(params=sorted(SERVING))
def serving(request: pytest.FixtureRequest, pods: dict[str, Manifest]) -> Manifest:
    container: Manifest = pods[request.param]["spec"]["containers"][0]
    return container


def test_these_are_the_workloads(pods: dict[str, Manifest]) -> None:
    assert pods.keys() == COMPONENTS


def test_runs_as_a_user_without_rights(pod: Manifest) -> None:
    security = pod["spec"]["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == security["runAsGroup"] == 10001
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


def test_shares_nothing_with_the_node(pod: Manifest) -> None:
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys()
    assert [set(volume) - {"name"} for volume in pod["spec"]["volumes"]] == [{"emptyDir"}]


def test_container_cannot_gain_rights_or_change_its_image(container: Manifest) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]


def test_has_no_token_of_the_kubernetes_api(
    pod: Manifest, render: Callable[[Manifest], list[Manifest]], minimal: Manifest
) -> None:
    assert pod["spec"]["automountServiceAccountToken"] is False
    (account,) = (manifest for manifest in render(minimal) if manifest["kind"] == "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert pod["spec"]["serviceAccountName"] == account["metadata"]["name"]


def test_gets_no_variables_of_neighbouring_services(pod: Manifest) -> None:
    assert pod["spec"]["enableServiceLinks"] is False


def test_asks_for_what_it_needs_and_is_bounded(container: Manifest) -> None:
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"].keys() == {"memory"}


def test_has_a_minute_to_end(pod: Manifest) -> None:
    assert pod["spec"]["terminationGracePeriodSeconds"] == 60


def test_is_probed_on_the_health_port(serving: Manifest) -> None:
    assert serving["ports"] == [{"name": "health", "containerPort": 8080}]
    paths = {probe: serving[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
    assert paths == {
        "startup": {"path": "/livez", "port": "health"},
        "liveness": {"path": "/livez", "port": "health"},
        "readiness": {"path": "/readyz", "port": "health"},
    }


def test_settings_and_probes_agree_on_the_port(
    serving: Manifest, render: Callable[[Manifest], list[Manifest]], minimal: Manifest
) -> None:
    (settings,) = (manifest for manifest in render(minimal) if manifest["kind"] == "ConfigMap")
    assert settings["data"]["HEALTH_PORT"] == str(serving["ports"][0]["containerPort"])


def test_what_ends_by_itself_is_not_probed(pods: dict[str, Manifest]) -> None:
    for component in COMPONENTS - SERVING:
        (container,) = pods[component]["spec"]["containers"]
        assert [key for key in container if key.endswith("Probe")] == []
        assert pods[component]["spec"]["restartPolicy"] == "Never"


def test_metrics_are_announced_where_they_are_served(pods: dict[str, Manifest]) -> None:
    scraped = {
        component
        for component, pod in pods.items()
        if pod["metadata"]["annotations"].get("prometheus.io/scrape") == "true"
    }
    assert scraped == SERVING
    assert {pods[component]["metadata"]["annotations"]["prometheus.io/port"] for component in scraped} == {"8080"}


def test_secrets_are_references(container: Manifest) -> None:
    given = {entry["name"]: entry["valueFrom"] for entry in container["env"]}
    own_name = given.pop("CAPTURE_INSTANCE_ID", None)
    assert own_name == ({"fieldRef": {"fieldPath": "metadata.name"}} if container["name"] == "capture" else None)
    assert given == {name: {"secretKeyRef": {"name": "segment-sync", "key": name}} for name in SECRETS}


def test_no_secret_in_a_config_map_and_no_secret_object(manifests: list[Manifest]) -> None:
    assert [manifest for manifest in manifests if manifest["kind"] == "Secret"] == []
    for manifest in manifests:
        if manifest["kind"] == "ConfigMap":
            assert not SECRETS & manifest["data"].keys()


def test_no_environment_value_is_a_secret(manifests: list[Manifest]) -> None:
    """Whatever has a literal value does not bear the name of a secret, in any object."""

    def literals(node: object) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(literals, node))
        if not isinstance(node, dict):
            return set()
        own = {node["name"]} if "name" in node and "value" in node else set()
        return own.union(*map(literals, node.values()))

    assert not SECRETS & literals(manifests)


def test_further_environment_reaches_every_pod(
    render: Callable[[Manifest], list[Manifest]], everything: Manifest
) -> None:
    extra = {"name": "TZ", "value": "Etc/UTC"}
    text = json.dumps(render(everything | {"extraEnv": [extra]}))
    assert text.count(json.dumps(extra)) == len(COMPONENTS)


def test_a_changed_setting_restarts_the_pods(render: Callable[[Manifest], list[Manifest]], minimal: Manifest) -> None:
    def checksums(values: Manifest) -> set[str]:
        return {
            manifest["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
            for manifest in render(values)
            if manifest["kind"] == "Deployment"
        }

    assert len(checksums(minimal)) == 1
    assert checksums(minimal) == checksums(minimal | {"routing": {"replicas": 5}})
    assert checksums(minimal).isdisjoint(checksums(minimal | {"logLevel": "debug"}))
