"""Segments and who is in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from schemas.documents import Member, Segment
from workers import wiring
from workers.cli.output import Json, Team, run, show
from workers.cli.status import moment
from workers.ports import Refused
from workers.settings import load_settings

app = typer.Typer(help="Look at segments, and put members in by hand.", no_args_is_help=True)

SegmentArgument = Annotated[str, typer.Argument(help="The segment's id or name.")]
MembersArgument = Annotated[
    list[str], typer.Argument(help="E-mail addresses or domains, or @FILE with one in each line.", metavar="MEMBER...")
]


@app.command("list")
def list_segments(team: Team, json: Json = False) -> None:
    """All segments of a team and their sizes."""
    found = run(wiring.segments(load_settings(), team))
    rows = [(segment.segment_id, segment.name, segment.kind, size) for segment, size in found]
    document = [dict(zip(("segment_id", "name", "kind", "size"), row, strict=True)) for row in rows]
    show(json, document, ("Id", "Name", "Holds", "Size"), [(*row, f"{size:,}") for *row, size in rows])


@app.command("create")
def create(
    team: Team,
    name: Annotated[str, typer.Argument(help="What marketers call it.")],
    accounts: Annotated[bool, typer.Option("--accounts", help="A segment of accounts instead of people.")] = False,
    json: Json = False,
) -> None:
    """Make an empty segment, for rules that feed an existing one, or to put members in by hand."""
    tell(run(wiring.create_segment(load_settings(), team, name, "account" if accounts else "contact")), json)


@app.command("rename")
def rename(
    team: Team,
    segment: SegmentArgument,
    name: Annotated[str, typer.Argument(help="What marketers shall call it.")],
    json: Json = False,
) -> None:
    """Give a segment another name; its id stays."""
    tell(run(wiring.rename_segment(load_settings(), team, segment, name)), json)


@app.command("delete")
def delete(team: Team, segment: SegmentArgument, json: Json = False) -> None:
    """Delete a segment that no rule feeds. Whom somebody put in by hand leaves it."""
    tell(run(wiring.delete_segment(load_settings(), team, segment)), json)


@app.command("add")
def add(team: Team, segment: SegmentArgument, members: MembersArgument, json: Json = False) -> None:
    """Put people or accounts into a segment by hand. They stay until somebody removes them, whatever rules say."""
    tell(run(wiring.put_members(load_settings(), team, segment, given(members))), json)


@app.command("remove")
def remove(team: Team, segment: SegmentArgument, members: MembersArgument, json: Json = False) -> None:
    """Take out whom somebody put in by hand."""
    tell(run(wiring.take_members(load_settings(), team, segment, given(members))), json)


@app.command("members")
def members(
    team: Team,
    segment: SegmentArgument,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    json: Json = False,
) -> None:
    """Who is in a segment, and which rules, lists and records, or who put them there."""
    of, found = run(wiring.segment_members(load_settings(), team, segment, limit))
    document = [{"key": m.key, "fields": m.fields, "because": reasons(m, of.segment_id)} for m in found]
    lists = run(wiring.load_rule_set(load_settings(), team)).lists
    labels = {list_id: f"“{definition.label}”" for list_id, definition in lists.items()}
    rows = [(m.key, "; ".join(reasons(m, of.segment_id, labels))) for m in found]
    show(json, document, ("Member", "Because of"), rows)


def tell(segment: Segment, json: bool) -> None:
    document = segment.model_dump(mode="json", include={"team", "segment_id", "name", "kind", "created_at_ms"})
    show(json, document, ("Id", "Name", "Holds"), [(segment.segment_id, segment.name, segment.kind)])


def given(members: list[str]) -> list[str]:
    """Raises Refused for a file that cannot be read."""
    names: list[str] = []
    for each in members:
        if not each.startswith("@"):
            names.append(each)
            continue
        try:
            lines = Path(each[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"{each}: {error}") from None
        names += [line.strip() for line in lines if line.strip()]
    if not names:
        raise Refused("nobody is named")
    return names


def reasons(member: Member, segment_id: str, labels: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Lists are told by their ids where `labels` does not say otherwise."""
    by_hand = member.by_hand.get(segment_id)
    picked = [] if by_hand is None else [f"by hand, {by_hand.who} at {moment(by_hand.at_ms)}"]
    return picked + [
        f"rule {reason.rule_id}, list {labels.get(reason.list_id, reason.list_id)}, record {record_id}"
        for record_id, contribution in sorted(member.contributions.items())
        if not contribution.gone
        for reason in contribution.segments.get(segment_id, ())
    ]
