"""Changes people and accounts, and tells `routing.memberships` who entered and left: the one way in which that is done.

May run twice. A crash after the write leaves `Member.announced` behind `Member.segments`; whoever changes the member
next, or makes the same change again, publishes what is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from schemas.documents import Contribution, Member
from schemas.events import MembershipChange
from workers.core.members import blank_member, fold, pending, still_pending
from workers.ports import Documents, Members, Publisher, Unavailable

Key = tuple[str, str]
"""(team, member key)."""

ChangeMember: TypeAlias = Callable[[Member], Member]
"""Returns the same object when there is nothing to change. Called again when somebody else wrote first."""

ROUNDS = 20
"""Lost compare-and-swaps in a row before the change is given up: each round somebody else made progress."""


@dataclass(slots=True)
class Written:
    changed: int = 0
    announced: int = 0
    """Messages."""


class MemberWriter:
    def __init__(self, publisher: Publisher, *, announcing: bool = True) -> None:
        """Without `announcing`, who entered and left stays owed to whoever does announce."""
        self._publisher = publisher
        self._announcing = announcing

    async def change(self, members: Members, todo: Mapping[Key, ChangeMember]) -> Written:
        """Raises Unavailable."""
        written = Written()
        for _ in range(ROUNDS):
            if not todo:
                return written
            stored = await members.load(todo)
            after = {key: changed_member(stored.get(key), key, change) for key, change in todo.items()}
            kept, lost = await swap_changed(members, stored, after)
            written.changed += len(kept)
            settled = {key: kept.get(key, member) for key, member in after.items() if key not in lost}
            unannounced = await self._announce(members, settled, written)
            todo = {key: todo[key] for key in lost | unannounced}
        raise Unavailable(f"{len(todo)} members lost {ROUNDS} compare-and-swaps in a row")

    async def _announce(self, members: Members, settled: Mapping[Key, Member], written: Written) -> set[Key]:
        """Publish, then note it; returns those that may have changed meanwhile."""
        due = {key: member for key, member in settled.items() if member.segments != member.announced}
        if not due or not self._announcing:
            return set()
        messages = [message for member in due.values() for message in membership_changes(member)]
        await self._publisher.memberships(messages)
        written.announced += len(messages)
        missed = await members.note_announced(list(due.values()))
        return {(member.team, member.key) for member in missed}


def folding(parts: Mapping[Key, Mapping[str, Contribution]]) -> dict[Key, ChangeMember]:
    """By member: the contributions to fold in, by record."""

    def folded(contributions: Mapping[str, Contribution]) -> ChangeMember:
        def change(member: Member) -> Member:
            for record_id, contribution in contributions.items():
                member = fold(member, record_id, contribution)
            return member

        return change

    return {key: folded(contributions) for key, contributions in parts.items()}


def changed_member(stored: Member | None, key: Key, change: ChangeMember) -> Member:
    before = stored if stored is not None else blank_member(*key)
    after = change(before)
    return after if after is before else still_pending(before, after)


async def swap_changed(
    members: Documents[Member], stored: Mapping[Key, Member], after: Mapping[Key, Member]
) -> tuple[dict[Key, Member], set[Key]]:
    """What was written, as it is stored now, and who lost."""
    changed = {
        key: m for key, m in after.items() if m is not stored.get(key) and (m.contributions or m.by_hand or m.rev)
    }
    losers = await members.swap(list(changed.values())) if changed else []
    lost = {(member.team, member.key) for member in losers}
    return {key: m.model_copy(update={"rev": m.rev + 1}) for key, m in changed.items() if key not in lost}, lost


def membership_changes(member: Member) -> list[MembershipChange]:
    entered, left = pending(member)
    return [
        MembershipChange(team=member.team, segment_id=segment, member=member.key, kind=kind, revision=member.rev)
        for kind, segments in (("entered", entered), ("left", left))
        for segment in segments
    ]
