"""The `segment-sync` command."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import typer
from rich.markup import escape

from workers.cli import (
    connections,
    explain,
    jobs,
    lists,
    mappings,
    rules,
    scores,
    segments,
    skips,
    teams,
    workers,
    writeback,
    writeback_runs,
)
from workers.cli.output import console, debugging
from workers.ports import Refused, Unavailable
from workers.runtime.logs import configure_logs, redacted

USE, WORKERS = "Use it", "Workers"

app = typer.Typer(
    name="segment-sync",
    help="Real-time, two-way bridge between Salesforce and an account-based-marketing platform.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command(rich_help_panel=USE)(jobs.backfill)
app.command(rich_help_panel=USE)(explain.explain)
app.add_typer(connections.app, name="connections", rich_help_panel=USE)
app.add_typer(teams.app, name="teams", rich_help_panel=USE)
app.add_typer(lists.app, name="lists", rich_help_panel=USE)
app.add_typer(rules.app, name="rules", rich_help_panel=USE)
app.add_typer(segments.app, name="segments", rich_help_panel=USE)
app.add_typer(mappings.app, name="mappings", rich_help_panel=USE)
app.add_typer(skips.app, name="skips", rich_help_panel=USE)
app.add_typer(jobs.app, name="jobs", rich_help_panel=USE)
app.add_typer(scores.app, name="scores", rich_help_panel=USE)
writeback.app.add_typer(writeback_runs.app)
app.add_typer(writeback.app, name="writeback", rich_help_panel=USE)

app.command(rich_help_panel=WORKERS)(workers.capture)
app.command(rich_help_panel=WORKERS)(workers.routing)
app.command(rich_help_panel=WORKERS)(workers.replay)
app.command(rich_help_panel=WORKERS)(scores.scores_api)

insights = typer.Typer(invoke_without_command=True)
insights.callback()(workers.insights)
insights.command("undo")(writeback_runs.undo)
app.add_typer(insights, name="insights", rich_help_panel=WORKERS)

if find_spec("sandbox") is not None:  # not part of a production image
    from sandbox.cli import register

    register(app)


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="Show the stack trace of an error."),
) -> None:
    debugging.on = debug
    # Standard output belongs to the result. The workers raise the level to that of their settings.
    configure_logs("info" if debug else "error")


def main() -> None:
    """Errors that a person can mend are one sentence on standard error and exit status 1."""
    try:
        app()
    except (Refused, Unavailable) as error:
        if debugging.on:
            raise
        fail(error)
    except BaseExceptionGroup as group:
        expected, unexpected = group.split((Refused, Unavailable))
        if debugging.on or unexpected is not None or expected is None:
            raise
        fail(first_leaf(expected))


def fail(error: BaseException) -> None:
    console.print(f"[bold red]error:[/] {escape(redacted(str(error)))}", highlight=False, soft_wrap=True)
    sys.exit(1)


def first_leaf(error: BaseException) -> BaseException:
    return first_leaf(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
