"""Segments and who is in them."""

from __future__ import annotations

from typing import Annotated

import typer

from schemas.documents import Member
from workers import wiring
from workers.cli.output import Json, Team, run, show
from workers.ports import Refused
from workers.settings import load_settings

app = typer.Typer(help="Look at segments.", no_args_is_help=True)


@app.command("list")
def list_segments(team: Team, json: Json = False) -> None:
    """All segments of a team and their sizes."""
    found = run(wiring.segments(load_settings(), team))
    rows = [(segment.segment_id, segment.name, segment.kind, size) for segment, size in found]
    document = [dict(zip(("segment_id", "name", "kind", "size"), row, strict=True)) for row in rows]
    show(json, document, ("Id", "Name", "Holds", "Size"), rows)


@app.command("create")
def create(
    team: Team,
    name: Annotated[str, typer.Argument(help="What marketers call it.")],
    accounts: Annotated[bool, typer.Option("--accounts", help="A segment of accounts instead of people.")] = False,
    json: Json = False,
) -> None:
    """Make an empty segment, for rules that feed an existing one."""
    segment = run(wiring.create_segment(load_settings(), team, name, "account" if accounts else "contact"))
    show(json, segment.model_dump(mode="json"), ("Id", "Name"), [(segment.segment_id, segment.name)])


@app.command("members")
def members(
    team: Team,
    segment: Annotated[str, typer.Argument(help="The segment's id.")],
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    json: Json = False,
) -> None:
    """Who is in a segment, and which rules, lists and records put them there."""
    found = run(wiring.segment_members(load_settings(), team, segment, limit))
    if found is None:
        raise Refused(f"team {team} has no segment {segment}: `segment-sync segments list {team}` shows them")
    document = [{"key": m.key, "fields": m.fields, "because": reasons(m, segment)} for m in found]
    show(json, document, ("Member", "Because of"), [(m.key, "; ".join(reasons(m, segment))) for m in found])


def reasons(member: Member, segment_id: str) -> list[str]:
    return [
        f"rule {reason.rule_id}, list {reason.list_id}, record {record_id}"
        for record_id, contribution in sorted(member.contributions.items())
        if not contribution.gone
        for reason in contribution.segments.get(segment_id, ())
    ]
