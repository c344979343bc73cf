"""A copy of what a gate looks at, so that something bad can be planted in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("workers", "schemas", "sandbox")


def copy_settings(to: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", to)
    return to


def copy_packages(to: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, to / package, ignore=shutil.ignore_patterns("__pycache__"))
    return copy_settings(to)


def run_gate(directory: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of this environment, in the directory; wide, so that it does not break lines."""
    return subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        cwd=directory,
        env=os.environ | {"COLUMNS": "400", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
