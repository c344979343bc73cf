"""Skips: who is not imported, and why."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from schemas.events import Entity
from workers import wiring
from workers.cli.output import Json, Team, console, run, show
from workers.cli.rules import EntityName, entity_of
from workers.ports import Refused
from workers.settings import load_settings

app = typer.Typer(help="See who is not imported, and why.", no_args_is_help=True)

EntityOption = Annotated[EntityName | None, typer.Option(help="Only contact, lead or account.")]
ReasonOption = Annotated[str | None, typer.Option(help="Only this reason, such as no_email.")]


@app.command("count")
def count(team: Team, json: Json = False) -> None:
    """How many records are not imported, by entity and reason."""
    found = run(wiring.skip_counts(load_settings(), team))
    rows = [(entity, reason, number) for (entity, reason), number in sorted(found.items())]
    document = [dict(zip(("entity", "reason", "records"), row, strict=True)) for row in rows]
    show(json, document, ("Entity", "Reason", "Records"), [(e, r.replace("_", " "), f"{n:,}") for e, r, n in rows])


@app.command("list")
def list_skips(
    team: Team,
    entity: EntityOption = None,
    reason: ReasonOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    json: Json = False,
) -> None:
    """Records that are not imported, and which field is to be mended in Salesforce."""
    found = run(wiring.skips(load_settings(), team, entity_in(entity), reason, limit))
    rows = [
        (s.entity, s.record_id, s.name, s.reason.replace("_", " "), s.detail, f"{s.field}: {s.value}".strip(": "))
        for s in found
    ]
    show(json, [asdict(each) for each in found], ("Entity", "Record", "Name", "Reason", "Detail", "To mend"), rows)


@app.command("export")
def export(
    team: Team,
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    entity: EntityOption = None,
    reason: ReasonOption = None,
) -> None:
    """Write all records that are not imported into a CSV file."""
    try:
        with file.open("w", encoding="utf-8", newline="") as to:
            number = run(wiring.export_skips(load_settings(), team, entity_in(entity), reason, to))
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from error
    console.print(f"{number:,} records in {file}", markup=False, highlight=False)


def entity_in(name: EntityName | None) -> Entity | None:
    return None if name is None else entity_of(name)
