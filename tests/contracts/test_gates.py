"""The gates of `make test` can fail: each refuses something planted, under the settings of this project."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .planting import copy_settings, run_gate

CLEAN_TEST = "def test_nothing() -> None:\n    pass\n"
UNKNOWN_MARKER = "import pytest\n\n\n@pytest.mark.nosuch\ndef test_marked() -> None:\n    pass\n"
WARNS = "import warnings\n\n\ndef test_warns() -> None:\n    warnings.warn('old', stacklevel=1)\n"
SWALLOWS = "try:\n    import this\nexcept Exception:\n    pass\n"
UNTYPED = "def length(text):\n    return len(text)\n"
WRONG_TYPE = 'number: int = "one"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    return copy_settings(tmp_path)


def pytest_on(project: Path, test: str) -> subprocess.CompletedProcess[str]:
    (project / "tests" / "test_planted.py").write_text(test)
    return run_gate(project, "pytest", "-p", "no:cacheprovider", "tests")


def test_a_clean_test_passes(project: Path) -> None:
    verdict = pytest_on(project, CLEAN_TEST)
    assert verdict.returncode == 0, verdict.stdout


@pytest.mark.parametrize(
    ("test", "told"), [(UNKNOWN_MARKER, "'nosuch' not found in `markers`"), (WARNS, "UserWarning: old")]
)
def test_pytest_refuses(project: Path, test: str, told: str) -> None:
    verdict = pytest_on(project, test)
    assert verdict.returncode != 0
    assert told in verdict.stdout


@pytest.mark.parametrize(("source", "rule"), [(SWALLOWS, "BLE001"), ("import os\n", "F401"), ("print(1)\n", "T201")])
def test_ruff_refuses(project: Path, source: str, rule: str) -> None:
    (project / "planted.py").write_text(source)
    verdict = run_gate(project, "ruff", "check", "--no-cache", "planted.py")
    assert verdict.returncode == 1
    assert rule in verdict.stdout


def test_ruff_refuses_another_format(project: Path) -> None:
    (project / "planted.py").write_text("x = {'a':1}\n")
    assert run_gate(project, "ruff", "format", "--no-cache", "--check", "planted.py").returncode == 1
    (project / "planted.py").write_text('x = {"a": 1}\n')
    assert run_gate(project, "ruff", "format", "--no-cache", "--check", "planted.py").returncode == 0


def test_mypy_refuses(project: Path) -> None:
    """All in one run, since a run costs seconds; the clean module shows that nothing else is wrong."""
    sources = {"untyped": UNTYPED, "wrong": WRONG_TYPE, "clean": "x: int = 1\n"}
    for name, source in sources.items():
        (project / f"{name}.py").write_text(source)
    verdict = run_gate(project, "mypy", "--cache-dir", "cache", "untyped.py", "wrong.py", "clean.py")
    assert verdict.returncode == 1
    assert "untyped.py:1: error: Function is missing a type annotation" in verdict.stdout
    assert "wrong.py:1: error: Incompatible types in assignment" in verdict.stdout
    assert "clean.py" not in verdict.stdout
