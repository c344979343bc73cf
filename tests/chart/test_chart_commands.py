"""Every command that the chart runs exists, with the options that it gives."""

from __future__ import annotations

from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from workers.cli import app

Manifest = dict[str, Any]


def options_of(command: str) -> set[str]:
    """What the parser knows; the text of `--help` also names options where it explains others."""
    group: Any = get_command(app)
    return {option for parameter in group.commands[command].params for option in parameter.opts}


def test_every_command_exists(pods: dict[str, Manifest]) -> None:
    commands = {component: pod["spec"]["containers"][0]["args"] for component, pod in pods.items()}
    assert commands == {
        "capture": ["capture"],
        "routing": ["routing"],
        "insights": ["insights"],
        "insights-due": ["insights", "--due"],
        "scores-api": ["scores-api"],
        "replay": ["replay", "--from", "earliest"],
    }
    for command, *options in commands.values():
        assert {option for option in options if option.startswith("--")} <= options_of(command)
        shown = CliRunner().invoke(app, [command, "--help"])
        assert shown.exit_code == 0, shown.output
