"""The Dockerfile fits the chart and the project; what it builds is not tested here."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]

ROOT = Path(__file__).parents[2]


def test_the_chart_installs_the_version_of_the_project(chart: Any) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart.metadata["appVersion"] == project["version"]


def test_the_image_is_built_with_what_the_project_names() -> None:
    """The build backend of pyproject.toml is the one that deploy/requirements-build.txt pins by hash."""
    (backend,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert f"\n{backend} \\\n    --hash=sha256:" in (ROOT / "deploy" / "requirements-build.txt").read_text()


def dockerfile() -> list[list[str]]:
    """Instructions of deploy/Dockerfile as words, continuation lines joined."""
    text = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def test_the_image_runs_the_program_as_the_user_of_the_pods(pods: dict[str, Manifest]) -> None:
    final = {words[0]: words[1:] for words in dockerfile()}
    user = pods["capture"]["spec"]["securityContext"]
    assert final["USER"] == [f"{user['runAsUser']}:{user['runAsGroup']}"]
    assert final["ENTRYPOINT"] == ['["segment-sync"]']
    # Faust creates a directory where it is started: only the volume of the pods can be written.
    mounts = pods["routing"]["spec"]["containers"][0]["volumeMounts"]
    assert final["WORKDIR"] == [mounts[0]["mountPath"]]


def test_everything_in_the_image_is_verified_by_hash() -> None:
    installs = [words for words in dockerfile() if {"install", "wheel"} & set(words)]
    assert installs
    for words in installs:
        assert "--require-hashes" in words or "--no-deps" in words


def test_the_image_is_built_from_files_that_exist_without_the_sandbox() -> None:
    sources = [
        source
        for instruction, *words in dockerfile()
        if instruction == "COPY" and not words[0].startswith("--from")
        for source in words[:-1]
    ]
    assert {source for source in sources if "*" not in source and not (ROOT / source).exists()} == set()
    assert [source for source in sources if source.startswith(("sandbox", "."))] == []
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{source.rstrip('*')}" for source in sources} <= set(ignored)
