"""What a newcomer, a mirror of the package index and a reader of the history may rely on."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .planting import ROOT

REQUIREMENTS = ("requirements.txt", "requirements-runtime.txt")
ADDRESS = re.compile(r"https?://|--(?:extra-)?index-url|--find-links|--trusted-host|(?<!\S)-[fi]\s|\s@\s")
PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;]+)")
# More than a newcomer takes in at a glance.
MODULES_IN_A_ROOM = 15
MACHINE_PATH = re.compile(r"(?<![\w.*}\-])/(?:home|Users|root|work\w*)/\w")


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def required(name: str) -> list[str]:
    """The requirements of a file with their hashes, one a line, comments left out."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if not line.lstrip().startswith("#")]
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


def pinned(lines: list[str]) -> dict[str, str]:
    return {canonical(found["name"]): found["version"] for line in lines if (found := PIN.match(line))}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    lines = required(name)
    assert len(lines) > 20
    assert [line for line in lines if not PIN.match(line) or "--hash=sha256:" not in line] == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_name_no_registry(name: str) -> None:
    assert [line for line in (ROOT / name).read_text().splitlines() if ADDRESS.search(line)] == []


@pytest.mark.parametrize(
    "line", ["--index-url x", "-i x", "--find-links=x", "--trusted-host x", "a @ file:x", "a # from http://x"]
)
def test_a_registry_would_be_noticed(line: str) -> None:
    assert ADDRESS.search(line)


@pytest.mark.parametrize(
    ("extras", "name"), [(("sandbox", "dev"), "requirements.txt"), ((), "requirements-runtime.txt")]
)
def test_the_project_asks_for_exactly_what_is_pinned(extras: tuple[str, ...], name: str) -> None:
    optional = project()["optional-dependencies"]
    asked = [*project()["dependencies"], *(line for extra in extras for line in optional[extra])]
    assert [line for line in asked if not PIN.match(line)] == []
    found = pinned(required(name))
    assert {name: found.get(name) for name in pinned(asked)} == pinned(asked)


def test_every_make_target_has_a_help_text() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    helped = {line.split()[1] for line in shown.splitlines() if line.startswith("  make ")}
    assert helped == set(phony[1].split()) == set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def test_one_command_runs_every_gate() -> None:
    dry = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [gate for gate in ("ruff format", "ruff check", "mypy", "lint-imports", "pytest") if gate not in dry] == []
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_readme_shows_the_command(command: str) -> None:
    assert re.search(rf"^{command}$", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_the_changelog_has_the_version() -> None:
    assert re.search(rf"^## \[{re.escape(project()['version'])}\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    assert [f"{path}: {line}" for path, line in tracked_lines() if MACHINE_PATH.search(line)] == []


@pytest.mark.parametrize("directory", ["home", "Users", "root"])
def test_a_place_on_a_machine_would_be_noticed(directory: str) -> None:
    assert MACHINE_PATH.search(f"open('/{directory}/joe/x')")
    assert not MACHINE_PATH.search(f"https://example.com/{directory}/joe")


def tracked_lines() -> Iterator[tuple[Path, str]]:
    """Every line of every text file in git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file():  # deleted, not committed yet
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        yield from ((path.relative_to(ROOT), line) for line in text.splitlines())


def test_the_simulated_org_keeps_its_modules_in_rooms() -> None:
    org = ROOT / "sandbox" / "org"
    assert {path.name for path in org.glob("*.py")} == {"__init__.py", "config.py", "server.py"}
    rooms = {path.parent for path in org.rglob("*.py")}
    crowded = {room.name for room in rooms if len(list(room.glob("[!_]*.py"))) > MODULES_IN_A_ROOM}
    assert crowded == set()
