"""How each workload is run, spread, scaled, restarted and walled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.topics import CHANGES, REEVALUATIONS

Manifest = dict[str, Any]
Render = Callable[[Manifest], list[Manifest]]

WORKERS = ["capture", "insights", "routing"]


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == kind}


def test_three_workers_run_for_ever_and_nothing_else_does(render: Render, minimal: Manifest) -> None:
    manifests = render(minimal)
    assert sorted(of_kind(manifests, "Deployment")) == [f"demo-segment-sync-{worker}" for worker in WORKERS]
    assert {manifest["kind"] for manifest in manifests} == {
        *("ConfigMap", "Deployment", "PodDisruptionBudget", "ServiceAccount"),
    }


def test_replicas_are_those_of_the_values(render: Render, minimal: Manifest) -> None:
    replicas = {"capture": 3, "routing": 5, "insights": 4}
    values = minimal | {worker: {"replicas": count} for worker, count in replicas.items()}
    deployments = of_kind(render(values), "Deployment")
    assert {worker: deployments[f"demo-segment-sync-{worker}"]["spec"]["replicas"] for worker in WORKERS} == replicas


@pytest.mark.parametrize("worker", WORKERS)
def test_a_rollout_adds_no_member_to_the_group(workloads: dict[str, Manifest], worker: str) -> None:
    strategy = workloads[worker]["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


@pytest.mark.parametrize("worker", WORKERS)
def test_selects_its_own_pods_only(workloads: dict[str, Manifest], pods: dict[str, Manifest], worker: str) -> None:
    selector = workloads[worker]["spec"]["selector"]["matchLabels"].items()
    chosen = [name for name, pod in pods.items() if selector <= pod["metadata"]["labels"].items()]
    assert chosen == [worker]


@pytest.mark.parametrize("worker", WORKERS)
def test_one_pod_at_a_time_may_be_drained(render: Render, minimal: Manifest, worker: str) -> None:
    manifests = render(minimal)
    budget = of_kind(manifests, "PodDisruptionBudget")[f"demo-segment-sync-{worker}"]["spec"]
    deployment = of_kind(manifests, "Deployment")[f"demo-segment-sync-{worker}"]["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget["selector"] == deployment["selector"]


@pytest.mark.parametrize("worker", WORKERS)
def test_is_spread_over_zones_and_nodes_where_possible(pods: dict[str, Manifest], worker: str) -> None:
    spread = pods[worker]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for each in spread:
        assert each["whenUnsatisfiable"] == "ScheduleAnyway"
        assert each["labelSelector"]["matchLabels"].items() <= pods[worker]["metadata"]["labels"].items()


def test_scores_over_http_reach_the_pods_that_take_them(
    render: Render, everything: Manifest, pods: dict[str, Manifest]
) -> None:
    manifests = render(everything)
    (service,) = of_kind(manifests, "Service").values()
    selector = service["spec"]["selector"].items()
    assert [name for name, pod in pods.items() if selector <= pod["metadata"]["labels"].items()] == ["scores-api"]
    (port,) = service["spec"]["ports"]
    (settings,) = of_kind(manifests, "ConfigMap").values()
    assert str(port["targetPort"]) == settings["data"]["SCORES_API_PORT"]


def test_write_backs_neither_overlap_nor_stop_for_ever(workloads: dict[str, Manifest]) -> None:
    spec = workloads["insights-due"]["spec"]
    assert (spec["concurrencyPolicy"], spec["timeZone"]) == ("Forbid", "Etc/UTC")
    assert spec["startingDeadlineSeconds"] >= 600
    job = spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["activeDeadlineSeconds"] > 0
    assert job["ttlSecondsAfterFinished"] > 0


def test_a_replay_belongs_to_its_revision(chart: Any, minimal: Manifest) -> None:
    files = chart.render(minimal | {"replay": {"enabled": True}}, name="demo", revision=7, is_upgrade=True)
    assert "name: demo-segment-sync-replay-7\n" in files["segment-sync/templates/replay.yaml"]


def test_a_replay_is_tried_a_bounded_number_of_times(workloads: dict[str, Manifest]) -> None:
    assert workloads["replay"]["spec"]["backoffLimit"] == 3


def test_keda_scales_routing_on_each_of_its_topics(render: Render, everything: Manifest) -> None:
    manifests = render(everything)
    ((name, scaled),) = of_kind(manifests, "ScaledObject").items()
    assert scaled["spec"]["scaleTargetRef"] == {"name": name} == {"name": "demo-segment-sync-routing"}
    metadata = [trigger["metadata"] for trigger in scaled["spec"]["triggers"]]
    assert {each["topic"] for each in metadata} == {topic.name for topic in (*CHANGES.values(), REEVALUATIONS)}
    for each in metadata:
        assert each["bootstrapServers"] == "kafka:9092"
        # As workers/wiring names it; the lag of any other group would be that of nobody.
        assert each["consumerGroup"] == "routing"
        assert each["offsetResetPolicy"] == "earliest"
        # KEDA reads every field of the metadata as a string and refuses a number.
        assert all(isinstance(value, str) for value in each.values())


def test_keda_neither_mistakes_markers_for_work_nor_starts_idle_pods(render: Render, everything: Manifest) -> None:
    (scaled,) = of_kind(render(everything), "ScaledObject").values()
    partitions = min(topic.partitions for topic in CHANGES.values())
    for trigger in scaled["spec"]["triggers"]:
        assert int(trigger["metadata"]["activationLagThreshold"]) > partitions
    assert 1 <= scaled["spec"]["minReplicaCount"] <= scaled["spec"]["maxReplicaCount"] <= partitions


def test_an_upgrade_leaves_the_number_that_keda_chose(workloads: dict[str, Manifest]) -> None:
    assert "replicas" not in workloads["routing"]["spec"]
    assert "replicas" in workloads["capture"]["spec"]


def allowed(policies: dict[str, Manifest], direction: str, labels: dict[str, str]) -> set[tuple[str, int]]:
    """Protocol and port that the policies admit for a pod with these labels."""

    def selects(selector: Manifest) -> bool:
        equal = selector["matchLabels"].items() <= labels.items()
        return equal and all(labels[each["key"]] in each["values"] for each in selector.get("matchExpressions", []))

    rules = [
        rule
        for policy in policies.values()
        if selects(policy["spec"]["podSelector"])
        for rule in policy["spec"].get(direction, [])
    ]
    return {(port["protocol"], port["port"]) for rule in rules for port in rule["ports"]}


def test_network_policies_admit_what_each_worker_needs(
    render: Render, everything: Manifest, pods: dict[str, Manifest]
) -> None:
    policies = of_kind(render(everything), "NetworkPolicy")
    shared = {("UDP", 53), ("TCP", 53), ("TCP", 9092), ("TCP", 27017)}
    salesforce = {"capture", "insights", "insights-due"}
    for component, pod in pods.items():
        labels = pod["metadata"]["labels"]
        scores = {("TCP", 8081)} if component == "scores-api" else set()
        assert allowed(policies, "ingress", labels) == {("TCP", 8080)} | scores
        assert allowed(policies, "egress", labels) == shared | ({("TCP", 443)} if component in salesforce else set())


def test_no_network_policy_unless_asked_for(render: Render, minimal: Manifest) -> None:
    assert of_kind(render(minimal), "NetworkPolicy") == {}
