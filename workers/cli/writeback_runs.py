"""Runs of the write-back: begun by hand, told, searched, exported, undone."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.documents import WritebackRun
from schemas.reports import RowReport, RunReport
from workers import wiring
from workers.cli.output import Json, Team, console, print_json, progress_bar, run, show
from workers.cli.status import moment
from workers.cli.workers import tell_runs
from workers.console.run_reports import OUTCOMES, report_of, row_report_of
from workers.ports import Refused, RowsWanted
from workers.settings import Settings, load_settings

if TYPE_CHECKING:
    from workers.insights.forecast import Forecast

app = typer.Typer()

LOOK_SECONDS = 0.5

SKIPPED = {
    "unknown": "scores of people and accounts that are not imported",
    "no_record": "scores of people and accounts without a record any more",
    "disabled": "records of entities that are switched off",
    "converted": "leads whose contact has a score of its own",
    "deleted": "deleted records",
    "same": "records that had the values already",
}
"""By reason; what a run counts as left out."""

RunId = Annotated[str, typer.Argument(metavar="RUN", help="As `writeback runs` shows it.")]


def _outcome(text: str | None) -> str | None:
    if text is not None and text not in OUTCOMES:
        raise typer.BadParameter(f"{text!r} is no outcome: there are {', '.join(OUTCOMES)}")
    return text


@app.command("now")
def now(
    team: Team,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be sent; nothing is written anywhere.")
    ] = False,
    json: Json = False,
) -> None:
    """Write back what has changed, now, also a second time today. Ends with 1 when the run fails."""
    settings = load_settings()
    if dry_run:
        tell_forecast(run(wiring.writeback_forecast(settings, team)), json)
    else:
        tell_runs(run(_followed(settings, team)), json)


async def _followed(settings: Settings, team: str) -> list[WritebackRun]:
    """The run, with a bar of the rows that have their outcome."""
    with progress_bar() as bar:
        task = bar.add_task("planning", total=None)
        writing = asyncio.create_task(wiring.write_back(settings, team, again=True))
        try:
            while not (await asyncio.wait([writing], timeout=LOOK_SECONDS))[0]:
                if (so_far := await wiring.writeback_progress(settings, team)) is not None:
                    total = None if so_far.run.phase == "planning" else so_far.planned
                    bar.update(task, description=so_far.run.phase, completed=so_far.settled, total=total)
        finally:
            writing.cancel()
            await asyncio.wait([writing])
        ended = writing.result()
        settled = sum(each.planned for each in ended)
        bar.update(task, description="sent", completed=settled, total=settled)
        return ended


def tell_forecast(found: Forecast, json: bool) -> None:
    total = sum(found.rows.values())
    columns = ("Record", "Entity", "Score now", "Score then", "Engaged now", "Engaged then")
    sample = [
        (
            row.record_id,
            row.entity,
            *map(_shown, (row.before_score, row.score, row.before_date, row.last_engagement_date)),
        )
        for row in found.sample
    ]
    show(
        json,
        asdict(found)
        | {"sample": [row_report_of(row).model_dump(mode="json") for row in found.sample], "planned": total},
        columns,
        sample,
    )
    by_entity = ", ".join(f"{number:,} {entity}s" for entity, number in sorted(found.rows.items())) or "nothing"
    left = "" if found.calls_left is None else f" of {found.calls_left:,} that are left of our share today"
    console.print(f"would send {by_entity}; about {found.calls:,} API calls{left}, {found.batches} batches")
    if found.skipped:
        console.print(f"would leave out {_counts(found.skipped)}", markup=False)
    for problem in found.problems:
        console.print(f"[bold red]would fail:[/] {problem}", highlight=False)


@app.command("runs")
def runs(team: Team, json: Json = False) -> None:
    """The runs so far, newest first: what was planned, and what became of every row."""
    found = run(wiring.writeback_reports(load_settings(), team))
    columns = ("Run", "State", "Began", "Planned", "Accepted", "Rejected", "Retried", "Left for later", "Detail")
    show(json, [each.model_dump(mode="json") for each in found], columns, [_row(each) for each in found])


def _row(of: RunReport) -> tuple[object, ...]:
    later = of.unprocessed + of.disabled + of.postponed
    counts = (of.planned, of.accepted, of.rejected, of.retried, later)
    return (of.run_id, of.state, moment(of.started_at_ms), *counts, of.detail or "")


@app.command("report")
def report(team: Team, run_id: RunId, json: Json = False) -> None:
    """All figures of a run."""
    of = run(wiring.writeback_report(load_settings(), team, run_id))
    rows = [(name, value) for name, value in report_rows(of) if value not in (None, "")]
    show(json, of.model_dump(mode="json"), ("", f"Run {of.run_id}"), rows)


def report_rows(of: RunReport) -> list[tuple[str, object]]:
    counted = [
        ("planned", of.planned),
        ("sent", of.sent),
        ("accepted", of.accepted),
        ("rejected", of.rejected),
        ("sent again", of.retried),
        ("unprocessed", of.unprocessed),
        ("switched off meanwhile", of.disabled),
        ("left for the next run", of.postponed),
        ("left since somebody changed them", of.kept),
        ("without an outcome so far", of.waiting),
    ]
    return [
        ("state", f"{of.state}{f', {of.phase}' if of.state == 'running' else ''}"),
        ("undoes", of.undoes),
        ("began", moment(of.started_at_ms)),
        ("took", "" if of.duration_ms is None else f"{of.duration_ms / 1000:,.1f} s"),
        *((name, f"{number:,}") for name, number in counted if number or name in ("planned", "accepted", "rejected")),
        *(
            (f"rejected with {code}", f"{number:,}: {of.remedies[code]}")
            for code, number in sorted(of.rejections.items())
        ),
        ("left out", _counts(of.skipped)),
        ("API calls", f"{of.calls_used:,} ({of.calls_saved:,} saved)"),
        ("Bulk API jobs", ", ".join(of.jobs.values())),
        ("detail", of.detail),
    ]


@app.command("rows")
def rows(
    team: Team,
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="As `writeback runs` shows it; may be left out with --record.")
    ] = None,
    record: Annotated[str | None, typer.Option(help="Only this Salesforce record; without RUN, in every run.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="Only accepted, rejected, unprocessed, postponed, ...", callback=_outcome)
    ] = None,
    code: Annotated[str | None, typer.Option(help="Only this code of Salesforce, such as UNABLE_TO_LOCK_ROW.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write all of them into this CSV file instead.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many.")] = 1000,
    json: Json = False,
) -> None:
    """What became of each row of a run, and what to do about those that Salesforce rejected. Kept for 90 days."""
    settings, wanted = load_settings(), RowsWanted(outcome, code, record)
    if csv is not None:
        _export(settings, team, run_id, wanted, csv)
        return
    found, more = run(wiring.writeback_rows(settings, team, run_id, wanted, limit))
    columns = ("Run", "Record", "Entity", "Score", "Last engagement", "Outcome", "Why, and what to do")
    told = [
        (
            row.run_id,
            row.record_id,
            row.entity,
            *map(_shown, (row.score, row.last_engagement_date)),
            row.outcome,
            _why(row),
        )
        for row in found
    ]
    show(json, [row.model_dump(mode="json") for row in found], columns, told)
    if more:
        console.print(f"there are more than {limit:,}: narrow the search, raise --limit or write them to a --csv file")


def _export(settings: Settings, team: str, run_id: str | None, wanted: RowsWanted, file: Path) -> None:
    try:
        with file.open("w", encoding="utf-8", newline="") as to:
            number = run(wiring.export_writeback_rows(settings, team, run_id, wanted, to))
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from error
    console.print(f"{number:,} rows in {file}", markup=False, highlight=False)


@app.command("undo")
def undo(team: Team, run_id: RunId, json: Json = False) -> None:
    """Put back what a run replaced, where nobody has changed it since. It stays so until the score changes."""
    done = run(wiring.undo_write_back(load_settings(), team, run_id))
    if json:
        print_json(report_of(done).model_dump(mode="json"))
    else:
        console.print(
            f"{done.accepted} put back, {done.kept} left since they were changed, {done.rejected} rejected"
            f"{f' ({done.detail})' if done.detail else ''}",
            markup=False,
        )
    if done.state == "failed":
        raise typer.Exit(1)


def _shown(value: object) -> object:
    return "" if value is None else value


def _why(row: RowReport) -> str:
    return f"{row.error}: {row.remedy}" if row.error else ""


def _counts(of: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {SKIPPED.get(reason, reason)}" for reason, number in sorted(of.items()))
