"""Every import contract refuses what it is there to refuse."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from .planting import ROOT, copy_packages, run_gate

ONE_WAY = "one way: __main__ -> cli -> wiring -> settings -> (workers | adapters) -> runtime -> ports -> core"
NETWORK = "only adapters touch the network"
ROOMS = "the rooms of the simulated org depend on each other one way"
ORG = "the simulated org shares no code with what it contradicts"

PLANTS = [
    (ONE_WAY, "workers/core", "workers.ports"),
    (ONE_WAY, "workers/ports", "workers.runtime.retry"),
    (ONE_WAY, "workers/runtime", "workers.adapters.memory.store"),
    (ONE_WAY, "workers/capture", "workers.routing.worker"),
    (ONE_WAY, "workers/routing", "workers.adapters.mongo"),
    (ONE_WAY, "workers/adapters", "workers.console.rules"),
    (ONE_WAY, "workers/insights", "workers.settings"),
    (ONE_WAY, "workers/wiring", "workers.cli"),
    ("adapters do not know each other", "workers/adapters/kafka", "workers.adapters.mongo"),
    (NETWORK, "workers/core", "aiohttp"),
    (NETWORK, "workers/routing", "faust"),
    (NETWORK, "schemas", "pymongo"),
    ("schemas stand alone", "schemas", "workers.core.merge"),
    (ORG, "sandbox/org", "schemas.events"),
    (ORG, "sandbox/org", "workers.core.lists.predicates"),
    (ROOMS, "sandbox/org/rows", "sandbox.org.rest.records"),
    (ROOMS, "sandbox/org/bulk/csv_text", "sandbox.org.bulk.api"),
    (
        "workers run without the sandbox (the command only registers its commands)",
        "workers/wiring",
        "sandbox.stack",
    ),
]
"""(contract, where the bad import is planted, what is imported)."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copy_packages(tmp_path)


def plant(tree: Path, where: str, imported: str) -> None:
    """In a new module of a package, or at the end of a module."""
    place = tree / where / "planted.py" if (tree / where).is_dir() else tree / f"{where}.py"
    with place.open("a") as module:
        module.write(f"\nimport {imported}\n")


def test_the_tree_as_it_is_keeps_every_contract(tree: Path) -> None:
    verdict = run_gate(tree, "lint-imports", "--no-cache")
    assert verdict.returncode == 0, verdict.stdout
    assert "0 broken" in verdict.stdout


@pytest.mark.parametrize(("contract", "where", "imported"), PLANTS)
def test_a_planted_import_breaks_its_contract(tree: Path, contract: str, where: str, imported: str) -> None:
    plant(tree, where, imported)
    verdict = run_gate(tree, "lint-imports", "--no-cache")
    assert verdict.returncode == 1, verdict.stdout
    assert f"{contract} BROKEN" in verdict.stdout


def test_a_module_that_no_layer_names_is_refused(tree: Path) -> None:
    (tree / "workers" / "stray.py").touch()
    verdict = run_gate(tree, "lint-imports", "--no-cache")
    assert verdict.returncode == 1, verdict.stdout
    assert "workers.stray" in verdict.stdout


def test_every_contract_has_a_planted_import() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} == {contract for contract, _, _ in PLANTS}
