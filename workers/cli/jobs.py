"""Long work that capture does in the background: backfills, sweeps, comparisons."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers import wiring
from workers.cli.output import Json, Team, console, print_json, progress_bar, run, show
from workers.cli.rules import EntityName, entity_of
from workers.cli.status import moment
from workers.cli.workers import instant_ms
from workers.ports import Refused
from workers.settings import Settings, load_settings

if TYPE_CHECKING:
    from schemas.documents import Job

app = typer.Typer(help="See what capture does in the background, and decide what it asks.", no_args_is_help=True)

LOOK_SECONDS = 0.5
OPEN = ("pending", "running")


def backfill(
    team: Team,
    entity: Annotated[EntityName, typer.Option(help="contact, lead or account")],
    since: Annotated[
        str | None, typer.Option(help="Only what changed since an ISO time such as 2026-11-01T00:00:00Z.")
    ] = None,
    ids: Annotated[
        str | None, typer.Option(help="Only these records: ids separated by commas, or @FILE with one in each line.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be read.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it is done, with progress.")] = True,
    json: Json = False,
) -> None:
    """Read records of a team again from Salesforce, while the stream goes on. Capture must be running.

    Without --since and --ids the entity is read whole, and what is no longer in the org is looked for afterwards.
    """
    if since and ids:
        raise Refused("give --since or --ids, not both")
    settings = load_settings()
    since_ms = instant_ms(since) if since else None
    if since and since_ms is None:
        raise Refused(f"--since {since}: give an ISO time such as 2026-11-01T00:00:00Z")
    asked = wiring.request_backfill(
        settings, team, entity_of(entity), since_ms=since_ms, ids=record_ids(ids), dry_run=dry_run
    )
    job = run(asked)
    tell(run(follow(settings, job)) if wait else job, json)


@app.command("list")
def list_jobs(team: Team, json: Json = False) -> None:
    """The jobs of a team, and what came of them."""
    found = run(wiring.jobs(load_settings(), team))
    columns = ("Job", "State", "Done", "Finished", "What came of it")
    show(json, [job.model_dump(mode="json") for job in found], columns, map(row_of, found))


@app.command("confirm")
def confirm(
    team: Team,
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")],
    wait: Annotated[bool, typer.Option(help="Wait until it is done, with progress.")] = True,
    json: Json = False,
) -> None:
    """Agree to what a job asks, such as the deletion of many records."""
    settings = load_settings()
    job = run(wiring.confirm_job(settings, team, job_id))
    tell(run(follow(settings, job)) if wait else job, json)


def record_ids(text: str | None) -> tuple[str, ...]:
    """Raises Refused for a file that cannot be read or what is no record id."""
    if text is None:
        return ()
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"--ids {text}: {error}") from None
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


async def follow(settings: Settings, job: Job) -> Job:
    """Until it is done, failed, asks something or is put off for minutes."""
    with progress_bar() as bar:
        task = bar.add_task(job.kind, total=job.total)
        while job.state in OPEN and job.not_before_ms is None:
            await asyncio.sleep(LOOK_SECONDS)
            job = await wiring.job(settings, job.team, job.job_id)
            bar.update(task, completed=job.done, total=job.total)
    return job


def tell(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(job.model_dump(mode="json"))
    else:
        console.print(f"{job.job_id} is {job.state.replace('_', ' ')} {told(job)}".rstrip(), markup=False)
    if job.state == "failed" or (job.state in OPEN and job.not_before_ms):
        raise typer.Exit(1)


def row_of(job: Job) -> tuple[str, ...]:
    total = "?" if job.total is None else f"{job.total:,}"
    finished = "" if job.finished_at_ms is None else moment(job.finished_at_ms)
    return job.job_id, job.state.replace("_", " "), f"{job.done:,}/{total}", finished, told(job)


def told(job: Job) -> str:
    counted = ", ".join(f"{name.replace('_', ' ')}: {number}" for name, number in job.report.items())
    again = f"refused, tried again at {moment(job.not_before_ms)}" if job.not_before_ms and job.state in OPEN else ""
    return " | ".join(part for part in (counted, job.detail or "", again) if part)
