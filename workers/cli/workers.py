"""The worker processes, and replay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.documents import WritebackRun
from workers import wiring
from workers.cli.output import Json, console, print_json, progress_bar, run
from workers.console.run_reports import report_of
from workers.ports import Refused
from workers.settings import load_settings

if TYPE_CHECKING:
    from workers.replay.worker import Replayed


def capture() -> None:
    """Read the change events of every connected org and publish them to Kafka, until SIGTERM.

    Also imports what a newly connected org already holds. Run as many as you like: teams are shared out among them.
    """
    run(wiring.run_capture(load_settings()))


def routing() -> None:
    """Apply each team's rules and mappings to the changes: people, accounts and segments in MongoDB, until SIGTERM.

    Run as many as the change topics have partitions.
    """
    run(wiring.run_routing(load_settings()))


def insights(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Write back the teams whose run of today is not done, then exit.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Write back what has changed now, also a second time today, then exit.")
    ] = False,
    due: Annotated[
        bool, typer.Option("--due", help="Write back the teams whose own schedule says so, then exit: for a CronJob.")
    ] = False,
    team: Annotated[str | None, typer.Option(help="With --once or --now: only this team.")] = None,
    json: Json = False,
) -> None:
    """Take in engagement scores and write the changed ones back to Salesforce once a day, until SIGTERM."""
    if context.invoked_subcommand is not None:
        return
    if once + now + due > 1:
        raise Refused("--once, --now and --due exclude each other")
    if team and not (once or now):
        raise Refused("--team goes with --once or --now")
    if not (once or now or due):
        run(wiring.run_insights(load_settings()))
        return
    settings = load_settings()
    tell_runs(run(wiring.write_back_due(settings) if due else wiring.write_back(settings, team, again=now)), json)


def tell_runs(runs: Sequence[WritebackRun], json: bool) -> None:
    """Ends with exit status 1 when one of them has failed."""
    if json:
        print_json([report_of(each).model_dump(mode="json") for each in runs])
    else:
        for each in runs:
            console.print(run_text(each), markup=False)
    if any(each.state == "failed" for each in runs):
        raise typer.Exit(1)


def run_text(run: WritebackRun) -> str:
    return (
        f"{run.team}: {run.planned} changed, {run.accepted} accepted, {run.rejected} rejected, "
        f"{run.unprocessed} unprocessed{f' ({run.detail})' if run.detail else ''}"
    )


def replay(
    since: Annotated[
        str, typer.Option("--from", help="earliest, or an ISO time such as 2026-11-01T00:00:00Z", metavar="WHEN")
    ] = "earliest",
    team: Annotated[str | None, typer.Option(help="Only this team's changes.")] = None,
    json: Json = False,
) -> None:
    """Read the change topics again, up to now, and put right what differs. Sends nothing outward."""
    settings, since_ms = load_settings(), parse_time(since)
    with progress_bar() as bar:
        task = bar.add_task("replay", total=None)

        def advance(total: int, so_far: Replayed) -> None:
            bar.update(task, total=max(total, so_far.applied.read), completed=so_far.applied.read)

        result = run(wiring.run_replay(settings, since_ms, team, advance))
        bar.update(task, total=result.applied.read, completed=result.applied.read)
    summary = {
        "read": result.applied.read,
        "changed": result.changed,
        "records": result.applied.records_changed,
        "people": result.applied.people_changed,
        "accounts": result.applied.accounts_changed,
        "unreadable": result.unreadable,
    }
    if json:
        print_json(summary)
    else:
        console.print(f"read {summary['read']} changes, put {summary['changed']} documents right")


def parse_time(text: str) -> int | None:
    if text == "earliest":
        return None
    moment_ms = instant_ms(text)
    if moment_ms is None:
        raise Refused(f"--from {text}: give 'earliest' or an ISO time such as 2026-11-01T00:00:00Z")
    return moment_ms


def instant_ms(text: str) -> int | None:
    """Of an ISO time, in UTC where it does not say; None when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
