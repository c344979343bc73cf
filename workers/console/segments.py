"""Segments: what rules feed, what marketers look at, and whom they put in by hand."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable
from hashlib import sha256
from typing import Any, Literal
from unicodedata import normalize

from schemas.documents import ByHand, Edit, Handwork, Member, Rule, Segment, Skip
from schemas.events import Entity
from workers.core.identity import account_key, person_key
from workers.core.members import put_by_hand, taken_by_hand
from workers.ports import MemberQueries, Members, Refused, Store, Unavailable
from workers.runtime.edits import By, log_edit, rule_set_of
from workers.runtime.members import ChangeMember, MemberWriter

EDIT_ATTEMPTS = 10
"""Edits of one segment that may cross."""

MOST_AT_ONCE = 10_000
"""Members put in or taken out by one call: their keys are kept in the segment's document meanwhile."""

PAGE = 500

EditSegment = Callable[[Segment], tuple[dict[str, Any], str]]
"""What to change in a segment, and that in words. Raises Refused."""


# --- segments --------------------------------------------------------------------------------------------------------


def planned_segment(team: str, name: str, entity: Entity, now_ms: int) -> Segment:
    return Segment(team=team, segment_id=slug(name), name=name, kind=kind_for(entity), created_at_ms=now_ms)


async def make_segment(store: Store, planned: Segment, by: By) -> Segment:
    """Also in the place of one that was deleted. Raises Refused when the name is taken."""
    before = await check_name(store, planned)
    edits = before.edits + 1 if before else 1
    what = f"segment {planned.segment_id} created: “{planned.name}”, holds {planned.kind}"
    made = planned.model_copy(
        update={"rev": before.rev if before else 0, "edits": edits, "edit": _edit(edits, what, by)}
    )
    if before is not None:
        await _log(store, before)
    if await store.segments.swap([made]):
        raise _taken(planned)
    await _log(store, made)
    return made.model_copy(update={"rev": made.rev + 1})


async def check_name(store: Store, planned: Segment) -> Segment | None:
    """The deleted segment that stands in its place. Raises Refused when one that is in use does, or has the name."""
    before: Segment | None = None
    async for each in store.segments.scan(planned.team):
        if not each.deleted and _same(each.name, planned.name):
            raise _taken(each)
        if each.segment_id == planned.segment_id:
            before = each
    if before is not None and not before.deleted:
        raise _taken(before)
    return before


def _taken(segment: Segment) -> Refused:
    return Refused(
        f"team {segment.team} has a segment “{segment.name}” ({segment.segment_id}) already: "
        "use it with --existing-segment, or name another"
    )


def _same(name: str, other: str) -> bool:
    return name.casefold() == other.casefold()


async def segments_of(store: Store, team: str) -> list[Segment]:
    return [segment async for segment in store.segments.scan(team) if not segment.deleted]


async def segment_of(store: Store, team: str, name: str) -> Segment:
    """By id or name. Raises Refused."""
    segments = await segments_of(store, team)
    found = next((s for s in segments if name in (s.segment_id, s.name)), None)
    if found is None:
        raise Refused(f"team {team} has no segment “{name}”; it has: {', '.join(s.name for s in segments) or 'none'}")
    return found


async def existing_segment(store: Store, team: str, name: str, entity: Entity) -> Segment:
    """One that rules of the entity can feed."""
    found = await segment_of(store, team, name)
    if found.kind != kind_for(entity):
        raise Refused(
            f"segment “{found.name}” holds {found.kind}: a rule for {entity}s needs one of {kind_for(entity)}"
        )
    return found


async def check_destination(store: Store, team: str, rule: Rule) -> None:
    """Raises Refused when the segment that the rule feeds was deleted."""
    segment_id = rule.destination.segment_id
    if segment_id is None:
        return
    segment = (await store.segments.load([(team, segment_id)])).get((team, segment_id))
    if segment is not None and segment.deleted:
        raise Refused(
            f"rule {rule.rule_id} feeds segment “{segment.name}”, which was deleted: choose another with "
            f"`segment-sync rules edit {team} {rule.rule_id}`"
        )


async def rename_segment(store: Store, team: str, segment: str, name: str, by: By) -> Segment:
    """Its id, which rules and topics name, stays."""
    found = await segment_of(store, team, segment)
    slug(name)
    if any(_same(each.name, name) for each in await segments_of(store, team) if each.segment_id != found.segment_id):
        raise Refused(f"team {team} has a segment “{name}” already: name it otherwise")

    def edit(before: Segment) -> tuple[dict[str, Any], str]:
        return {"name": name}, f"segment {before.segment_id} renamed: “{before.name}” is now “{name}”"

    return await _edit_segment(store, found, edit, by)


async def delete_segment(store: Store, writer: MemberWriter, team: str, segment: str, by: By) -> Segment:
    """Whom somebody put in by hand leaves. Raises Refused while a rule feeds it.

    Asked again after an interruption, it goes on.
    """
    stored = (await store.segments.load([(team, segment)])).get((team, segment))
    found = stored if stored is not None and stored.deleted else await segment_of(store, team, segment)
    feeding = [rule for rule in (await rule_set_of(store, team)).rules if _feeds(rule, found.segment_id)]
    if feeding:
        rules = ", ".join(rule.rule_id for rule in feeding)
        raise Refused(
            f"segment “{found.name}” is fed by {rules}: let them feed another segment, or de-activate them and remove "
            f"their members (`segment-sync rules deactivate {team} RULE --remove-members`)"
        )
    if not found.deleted:
        found = await _edit_segment(store, found, _deleting, by)
    async for keys in _hand_picked(_queries(store, found), found):
        await writer.change(_members(store, found), {(team, key): _taking(found.segment_id) for key in keys})
    return found


def _feeds(rule: Rule, segment_id: str) -> bool:
    return (rule.active or rule.retains) and rule.destination.segment_id == segment_id


def _deleting(before: Segment) -> tuple[dict[str, Any], str]:
    return {"deleted": True, "handwork": None}, f"segment {before.segment_id} deleted: “{before.name}”"


async def _hand_picked(queries: MemberQueries, segment: Segment) -> AsyncIterator[list[str]]:
    keys: list[str] = []
    async for member in queries.in_segment(segment.team, segment.segment_id):
        if segment.segment_id in member.by_hand:
            keys.append(member.key)
        if len(keys) == PAGE:
            yield keys
            keys = []
    if keys:
        yield keys


async def _edit_segment(store: Store, segment: Segment, edit: EditSegment, by: By) -> Segment:
    """One compare-and-swap; an edit that crossed another is made again on its result."""
    key = (segment.team, segment.segment_id)
    for _ in range(EDIT_ATTEMPTS):
        before = (await store.segments.load([key]))[key]
        await _log(store, before)
        update, what = edit(before)
        edits = before.edits + 1
        after = before.model_copy(update={**update, "edits": edits, "edit": _edit(edits, what, by)})
        if not await store.segments.swap([after]):
            await _log(store, after)
            return after.model_copy(update={"rev": after.rev + 1})
    raise Unavailable(f"segment {segment.segment_id} of team {segment.team} is being edited by others: try again")


def _edit(version: int, what: str, by: By) -> Edit:
    return Edit(version=version, at_ms=by.now_ms, who=by.who, what=what)


async def _log(store: Store, segment: Segment) -> None:
    await log_edit(store, segment.team, f"segment-{segment.segment_id}", segment.edit)


# --- members put in by hand ------------------------------------------------------------------------------------------


async def put_members(
    store: Store, writer: MemberWriter, team: str, segment: str, names: Iterable[str], by: By
) -> Segment:
    """Put people (e-mail addresses) or accounts (domains) into a segment: no rule takes them out.

    Raises Refused, naming what is no e-mail address or domain.
    """
    found = await segment_of(store, team, segment)
    return await _handle(store, writer, found, keys_of(found, names), put=True, by=by)


async def take_members(
    store: Store, writer: MemberWriter, team: str, segment: str, names: Iterable[str], by: By
) -> Segment:
    """Take out whom somebody put in. Raises Refused for members that only rules hold."""
    found = await segment_of(store, team, segment)
    await _finish(store, writer, found)
    keys = keys_of(found, names)
    stored = await _members(store, found).load([(team, key) for key in keys])
    for member in stored.values():
        if found.segment_id in member.segments and found.segment_id not in member.by_hand:
            raise Refused(
                f"{member.key} is in segment “{found.name}” by a rule: `segment-sync explain {team} {member.key}` "
                "tells by which; change the rule, its list or the record"
            )
    return await _handle(store, writer, found, keys, put=False, by=by)


def keys_of(segment: Segment, names: Iterable[str]) -> tuple[str, ...]:
    normal = person_key if segment.kind == "people" else account_key
    keys: dict[str, None] = {}
    for name in names:
        key = normal(name)
        if isinstance(key, Skip):
            what = "e-mail address" if segment.kind == "people" else "domain"
            raise Refused(f"{name[:320]!r} is no {what}{f': {key.detail}' if key.detail else ''}")
        keys[key] = None
    if len(keys) > MOST_AT_ONCE:
        raise Refused(f"{len(keys)} members: at most {MOST_AT_ONCE:,} at once")
    return tuple(keys)


async def _handle(
    store: Store, writer: MemberWriter, segment: Segment, keys: tuple[str, ...], *, put: bool, by: By
) -> Segment:
    """What is to be done is noted in the segment first, so that the next call finishes what a crash interrupted."""
    await _finish(store, writer, segment)
    work = Handwork(keys=keys, put=put, who=by.who, at_ms=by.now_ms)
    many = keys[0] if len(keys) == 1 else f"{len(keys)} members"

    def edit(before: Segment) -> tuple[dict[str, Any], str]:
        if before.deleted:
            raise Refused(f"segment “{before.name}” was deleted meanwhile")
        if before.handwork is not None:
            raise Unavailable(f"somebody else is working on segment “{before.name}”: try again")
        what = f"segment {before.segment_id}: {many} {'put in' if put else 'taken out'} by hand"
        return {"handwork": work}, what

    noted = await _edit_segment(store, segment, edit, by)
    return await _finish(store, writer, noted)


async def _finish(store: Store, writer: MemberWriter, segment: Segment) -> Segment:
    """Do what the segment's note says, then clear it; twice is no different from once."""
    work = segment.handwork
    if work is None:
        return segment
    if work.put:
        change = _putting(segment.segment_id, ByHand(who=work.who, at_ms=work.at_ms))
    else:
        change = _taking(segment.segment_id)
    for start in range(0, len(work.keys), PAGE):
        keys = work.keys[start : start + PAGE]
        await writer.change(_members(store, segment), {(segment.team, key): change for key in keys})
    done = segment.model_copy(update={"handwork": None})
    # Lost: somebody else has finished it, or edited the segment; the note is then found again.
    await store.segments.swap([done])
    return done.model_copy(update={"rev": done.rev + 1})


def _putting(segment_id: str, by_hand: ByHand) -> ChangeMember:
    return lambda member: put_by_hand(member, segment_id, by_hand)


def _taking(segment_id: str) -> ChangeMember:
    return lambda member: taken_by_hand(member, segment_id)


def _members(store: Store, segment: Segment) -> Members:
    return store.people if segment.kind == "people" else store.accounts


def _queries(store: Store, segment: Segment) -> MemberQueries:
    return store.people_queries if segment.kind == "people" else store.account_queries


async def members_of(store: Store, segment: Segment, limit: int) -> list[Member]:
    """The first ones, by key."""
    members: list[Member] = []
    async for member in _queries(store, segment).in_segment(segment.team, segment.segment_id):
        members.append(member)
        if len(members) == limit:
            break
    return members


def kind_for(entity: Entity) -> Literal["people", "accounts"]:
    return "accounts" if entity == "account" else "people"


def slug(name: str) -> str:
    """Segment ids stand in topic keys: letters, digits and dashes. Accents are left out; a name with letters of
    another script has a digest of it instead, so that two such names have two ids.

    >>> slug("Ärzte & Kliniken"), slug("東京 A")
    ('arzte-kliniken', 'a-02cc90d6')
    """
    spelled = "".join(each for each in normalize("NFKD", name.casefold()) if each.isalnum() or each.isascii())
    text = re.sub(r"[^a-z0-9]+", "-", spelled).strip("-")
    if not spelled.isascii():
        text = f"{text[:70]}-{sha256(name.casefold().encode()).hexdigest()[:8]}"
    if not text:
        raise Refused(f"segment name “{name}”: give it at least one letter or digit")
    return text[:80].lstrip("-")
