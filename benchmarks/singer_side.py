"""The peer of the snapshot benchmark: the Bulk export of Singer's tap for Salesforce, in an environment of its own.

Its records go to a program that counts lines, which takes next to nothing: no target, and no Kafka.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TAP = "tap-salesforce==2.8.1"
CORE = 1
SINGER = Path(__file__).with_name("singer")
ENVIRONMENT = SINGER / "venv"
BIN = ENVIRONMENT / "bin"
CONFIG = {
    "client_id": "any",
    "client_secret": "any",
    "refresh_token": "any",
    "start_date": "2000-01-01T00:00:00Z",
    "api_type": "BULK",
    "select_fields_by_default": True,
    # Nobody else uses the org.
    "quota_percent_total": 100,
    "quota_percent_per_run": 100,
}


class Missing(Exception):
    """Why the peer cannot be measured here."""


def install() -> None:
    """Raises Missing."""
    if (BIN / "tap-salesforce").exists():
        return
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    command = [str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TAP]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        raise Missing(f"Singer is left out: pip could not install {TAP}: {installed.stderr.strip()[-300:]}")


def export(org_url: str, client_id: str, client_secret: str, directory: Path) -> dict[str, Any]:
    """All contacts of the org, from the start of the tap to its end."""
    config, catalog = directory / "config.json", directory / "catalog.json"
    config.write_text(json.dumps(CONFIG))
    with _front(org_url, client_id, client_secret) as url:
        environment = os.environ | {"SINGER_FRONT": url, "PYTHONPATH": str(SINGER)}
        tap = [str(BIN / "tap-salesforce"), "--config", str(config)]
        discovered = subprocess.run([*tap, "--discover"], env=environment, capture_output=True, check=True).stdout
        catalog.write_text(json.dumps(_only_contacts(json.loads(discovered))))
        return _timed([*tap, "--properties", str(catalog)], environment, directory / "tap.log")


def _timed(command: list[str], environment: dict[str, str], log: Path) -> dict[str, Any]:
    pinned = ["taskset", "-c", str(CORE)] if hasattr(os, "sched_setaffinity") else []
    began = time.perf_counter()
    with log.open("wb") as errors, subprocess.Popen(
        [*pinned, *command], env=environment, stdout=subprocess.PIPE, stderr=errors
    ) as tap, subprocess.Popen(
        ["grep", "-c", '^{"type": "RECORD"'], stdin=tap.stdout, stdout=subprocess.PIPE, text=True
    ) as counter:  # fmt: skip
        assert tap.stdout is not None
        tap.stdout.close()
        records = int(counter.communicate()[0])
        _, status, usage = os.wait4(tap.pid, 0)
        tap.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
    if tap.returncode:
        raise SystemExit(f"the tap failed with {tap.returncode}: {log.read_text()[-2000:]}")
    return {
        "records": records,
        "seconds": round(seconds, 1),
        "records_per_second": round(records / seconds),
        "cpu_us_per_record": round((usage.ru_utime + usage.ru_stime) / max(records, 1) * 1e6, 1),
        "peak_rss_mb": usage.ru_maxrss // 1024,
    }


def _only_contacts(catalog: dict[str, Any]) -> dict[str, Any]:
    streams = [stream for stream in catalog["streams"] if stream["stream"] == "Contact"]
    for stream in streams:
        whole = next(entry for entry in stream["metadata"] if not entry["breadcrumb"])
        whole["metadata"]["selected"] = True
    return {"streams": streams}


@contextmanager
def _front(org_url: str, client_id: str, client_secret: str) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.singer_front", org_url, client_id, client_secret]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as front:
        assert front.stdin is not None
        assert front.stdout is not None
        if not (url := front.stdout.readline().strip()):
            raise SystemExit("the front of the tap did not start")
        try:
            yield url
        finally:
            front.stdin.close()
