"""Where and when a figure was measured, and keeping it: a figure without its machine says nothing."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from sandbox.stack import Endpoints, Service
from sandbox.stack.jars import KAFKA_VERSION

RESULTS = Path(__file__).with_name("results")
LIBRARIES = ("aiokafka", "faust-streaming", "motor", "pydantic", "pymongo", "uvloop")


def environment(endpoints: Endpoints) -> dict[str, Any]:
    """The machine, and the stack that was used on it."""
    return machine(LIBRARIES) | {
        "kafka": KAFKA_VERSION if Service.KAFKA in endpoints.started else "as found",
        "mongod": mongod_version(endpoints.mongodb_uri),
    }


def machine(libraries: Sequence[str]) -> dict[str, Any]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in libraries},
    }


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:  # not Linux
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def mongod_version(uri: str) -> str:
    with MongoClient[dict[str, Any]](uri) as client:
        return str(client.server_info()["version"])


def save(name: str, result: dict[str, Any]) -> Path:
    """Append to the history of one benchmark, which is kept in git."""
    path = RESULTS / f"{name}.json"
    history = json.loads(path.read_text()) if path.exists() else []
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([*history, result], indent=2) + "\n")
    return path
