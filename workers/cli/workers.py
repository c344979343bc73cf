"""The worker processes, and replay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from workers import wiring
from workers.cli.output import Json, console, print_json, progress_bar, run
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
    once: Annotated[
        bool, typer.Option("--once", help="Write back the teams whose run of today is not done, then exit.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Write back what has changed now, also a second time today, then exit.")
    ] = False,
    team: Annotated[str | None, typer.Option(help="With --once or --now: only this team.")] = None,
    json: Json = False,
) -> None:
    """Take in engagement scores and write the changed ones back to Salesforce once a day, until SIGTERM."""
    if not (once or now):
        if team:
            raise Refused("--team goes with --once or --now")
        run(wiring.run_insights(load_settings()))
        return
    runs = run(wiring.write_back(load_settings(), team, again=now))
    if json:
        print_json([each.model_dump(mode="json") for each in runs])
        return
    for each in runs:
        console.print(
            f"{each.team}: {each.planned} changed, {each.accepted} accepted, {each.rejected} rejected, "
            f"{each.unprocessed} unprocessed{f' ({each.detail})' if each.detail else ''}",
            markup=False,
        )
    if any(each.state == "failed" for each in runs):
        raise typer.Exit(1)


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
