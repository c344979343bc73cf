"""The peer of the capture benchmark: Apache Camel from Salesforce to Kafka (`benchmarks/camel`), built with Maven."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from dataclasses import asdict, dataclass, field
from pathlib import Path

PROJECT = Path(__file__).with_name("camel")
LINGER_MS = 5
"""Of 0, 5 and batches of 500 the quickest."""


class Missing(Exception):
    """Why the peer cannot be measured here."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where Camel reads and writes. Each field is one of its program's settings."""

    org_url: str
    client_id: str
    client_secret: str = field(repr=False)
    servers: str
    topic: str


def build() -> str:
    """Compile the program; its class path. Raises Missing."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise Missing(f"Camel is left out: {tool} is not installed")
    classpath = PROJECT / "target" / "classpath"
    command = ["mvn", "-q", "-B", "-f", str(PROJECT / "pom.xml"), "compile", "dependency:build-classpath"]
    built = subprocess.run([*command, f"-Dmdep.outputFile={classpath}"], capture_output=True, text=True, check=False)
    if built.returncode:
        raise Missing(f"Camel is left out: Maven could not build it: {built.stdout.strip()[:500]}")
    return f"{PROJECT / 'target' / 'classes'}:{classpath.read_text().strip()}"


async def start(classpath: str, place: Place, *, replay_id: int, warmup: int, events: int, core: int) -> Process:
    """Consume from behind an event, and end when so many events after the first ones are in Kafka."""
    told = asdict(place) | {"replay_id": replay_id, "warmup": warmup, "events": events, "linger_ms": LINGER_MS}
    return await asyncio.create_subprocess_exec(
        *(["taskset", "-c", str(core)] if hasattr(os, "sched_setaffinity") else []),
        *("java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classpath, "Capture", json.dumps(told)),
        stdout=PIPE,
    )
