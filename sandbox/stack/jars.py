"""The jars of the local Kafka: which ones, where they are kept, and that they are what was pinned.

`kafka-jars.sha256` is a lock file in the format of sha256sum, with paths as in a Maven repository. Starting Kafka
downloads exactly those files (no resolution, so no surprise), and refuses bytes that differ. `python -m
sandbox.stack.jars` resolves the coordinates below anew and rewrites the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from jgo.maven import Artifact, MavenContext
from jgo.parse import Endpoint

from sandbox.stack.errors import StackError
from sandbox.stack.process import Control

LOCK_FILE = Path(__file__).with_name("kafka-jars.sha256")
KAFKA_VERSION = "4.1.0"
# Resolved one by one: in one request, jgo 3.2.0 lets the version table of log4j's parent pom override Kafka's own
# dependencies, and kafka-clients comes out as 3.8.0, with which the broker does not start.
_COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-core:2.24.3",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
)
# Small files: the time goes into waiting for answers, not into bandwidth.
_PARALLEL_DOWNLOADS = 12
_DOWNLOAD_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class PinnedJar:
    """One line of the lock file."""

    sha256: str
    path: PurePosixPath

    @property
    def coordinates(self) -> tuple[str, str, str]:
        """Group, artifact and version, as a Maven repository spells them into the path."""
        *group, artifact, version, _ = self.path.parts
        return ".".join(group), artifact, version


def pinned_jars(lock_file: Path = LOCK_FILE) -> list[PinnedJar]:
    lines = lock_file.read_text().splitlines()
    return [PinnedJar(sha256, PurePosixPath(path)) for sha256, path in (line.split() for line in lines)]


def kafka_class_path(
    cache_directory: Path, *, control: Control | None = None, jars: list[PinnedJar] | None = None
) -> list[Path]:
    """The verified jars, downloaded first where they are missing.

    Raises:
        StackError: a jar cannot be downloaded, or is not the pinned one.
    """
    wanted = pinned_jars() if jars is None else jars
    repository = cache_directory / "maven"
    repository.mkdir(parents=True, exist_ok=True)
    with _exclusive(repository / ".lock"):
        _download([jar for jar in wanted if not (repository / jar.path).exists()], repository, control or Control())
    for jar in wanted:
        _verify(repository / jar.path, jar)
    return [repository / jar.path for jar in wanted]


@contextmanager
def _exclusive(lock: Path) -> Iterator[None]:
    """One process downloads, the others wait for it (the kernel lets go when the holder dies)."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _download(missing: list[PinnedJar], repository: Path, control: Control) -> None:
    """Into a directory beside, and moved when verified: an interrupted download leaves nothing half in the cache."""
    if not missing:
        return
    control.report(f"Downloading Kafka {KAFKA_VERSION} ({len(missing)} files, once) to {repository}")
    staging = Path(tempfile.mkdtemp(prefix=".download-", dir=repository))
    try:
        context = MavenContext(repo_cache=staging, timeout=_DOWNLOAD_TIMEOUT_SECONDS)
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            list(pool.map(lambda jar: _fetch(context, jar, control), missing))
        for jar in missing:
            _verify(staging / jar.path, jar)
            (repository / jar.path).parent.mkdir(parents=True, exist_ok=True)
            (staging / jar.path).replace(repository / jar.path)
    finally:
        shutil.rmtree(staging)


def _fetch(context: MavenContext, jar: PinnedJar, control: Control) -> None:
    if control.cancelled.is_set():
        raise StackError("The download of Kafka was cancelled.")
    group, artifact, version = jar.coordinates
    try:
        context.project(group, artifact).at_version(version).artifact().resolve()
    except (OSError, RuntimeError) as error:
        raise StackError(
            f"Kafka's {jar.path.name} cannot be downloaded ({error}): check the network, "
            "or set KAFKA_BOOTSTRAP_SERVERS to a Kafka of your own."
        ) from error


def _verify(file: Path, jar: PinnedJar) -> None:
    with file.open("rb") as content:
        actual = hashlib.file_digest(content, "sha256").hexdigest()
    if actual != jar.sha256:
        raise StackError(
            f"{file} has SHA-256 {actual} instead of the pinned {jar.sha256}: delete it and start again, "
            "and distrust the download if it happens again."
        )


def _resolve(context: MavenContext, coordinates: str) -> list[Artifact]:
    wanted = [context.create_dependency(replace(c, scope="compile")) for c in Endpoint.parse(coordinates).coordinates]
    inputs, transitive = context.resolver.resolve(wanted)
    return [found.artifact for found in (*inputs, *transitive) if found.scope in {"compile", "runtime"}]


def write_lock_file(lock_file: Path = LOCK_FILE) -> None:
    """Resolve, download and pin anew. The first coordinates win where two want different versions."""
    with tempfile.TemporaryDirectory() as directory:
        repository = Path(directory)
        context = MavenContext(repo_cache=repository)
        chosen: dict[tuple[str, str], Artifact] = {}
        for coordinates in _COORDINATES:
            for artifact in _resolve(context, coordinates):
                chosen.setdefault((artifact.groupId, artifact.artifactId), artifact)
        jars = sorted(artifact.resolve() for artifact in chosen.values())
        lines = [f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.relative_to(repository)}" for jar in jars]
    lock_file.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_lock_file()
