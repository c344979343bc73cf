from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

import pytest

from sandbox.stack.errors import StackError
from sandbox.stack.jars import KAFKA_VERSION, PinnedJar, kafka_class_path, pinned_jars

CONTENT = b"bytes of a jar"
JAR = PinnedJar(hashlib.sha256(CONTENT).hexdigest(), PurePosixPath("org/example/group/thing/1.0/thing-1.0.jar"))


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    file = tmp_path / "maven" / JAR.path
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    return file


def test_every_pinned_line_is_a_digest_and_a_maven_path() -> None:
    jars = pinned_jars()
    assert len({jar.path for jar in jars}) == len(jars) > 40
    for jar in jars:
        _, artifact, version = jar.coordinates
        assert len(bytes.fromhex(jar.sha256)) == hashlib.sha256().digest_size
        assert jar.path.name == f"{artifact}-{version}.jar"


def test_all_kafka_jars_have_the_version_of_the_broker() -> None:
    versions = {jar.coordinates[2] for jar in pinned_jars() if jar.coordinates[0] == "org.apache.kafka"}
    assert versions == {KAFKA_VERSION}


def test_coordinates_are_read_from_the_path() -> None:
    assert JAR.coordinates == ("org.example.group", "thing", "1.0")


def test_a_cached_jar_needs_no_network(cached: Path, tmp_path: Path) -> None:
    assert kafka_class_path(tmp_path, jars=[JAR]) == [cached]


def test_changed_bytes_are_refused(cached: Path, tmp_path: Path) -> None:
    cached.write_bytes(CONTENT + b"!")
    with pytest.raises(StackError, match=r"thing-1\.0\.jar has SHA-256 .* instead of the pinned .*: delete it"):
        kafka_class_path(tmp_path, jars=[JAR])


def test_a_download_with_other_bytes_never_reaches_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download_other_bytes(artifact: object) -> Path:
        path: Path = artifact.cached_path  # type: ignore[attr-defined]
        path.parent.mkdir(parents=True)
        path.write_bytes(b"something else")
        return path

    monkeypatch.setattr("jgo.maven.Artifact.resolve", download_other_bytes)
    with pytest.raises(StackError, match="instead of the pinned"):
        kafka_class_path(tmp_path, jars=[JAR])
    assert [path.name for path in (tmp_path / "maven").iterdir()] == [".lock"]


def test_no_network_is_one_sentence_that_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> Path:
        raise ConnectionError("no route to host")

    monkeypatch.setattr("jgo.maven.Artifact.resolve", fail)
    with pytest.raises(StackError, match=r"thing-1\.0\.jar cannot be downloaded \(no route.*KAFKA_BOOTSTRAP_SERVERS"):
        kafka_class_path(tmp_path, jars=[JAR])
