"""People and accounts, folded from what their records contribute.

The result is a function of the newest contribution of each record: not of the order in which they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.documents import ByHand, Contribution, Member
from workers.core.merge import BEFORE_ALL


def blank_member(team: str, key: str) -> Member:
    return Member(team=team, key=key)


def fold(member: Member, record_id: str, contribution: Contribution) -> Member:
    """The member with a record's contribution; the same object when it is not newer (by `rev`) than the one it has, or
    says the same as its very next one: no late writer can hold another contribution of a revision between the two."""
    known = member.contributions.get(record_id)
    if known is not None and (contribution.rev <= known.rev or _repeats(known, contribution)):
        return member
    return _folded(member, {**member.contributions, record_id: contribution}, member.by_hand)


def _repeats(known: Contribution, following: Contribution) -> bool:
    return following.rev == known.rev + 1 and known.model_copy(update={"rev": following.rev}) == following


def put_by_hand(member: Member, segment_id: str, by_hand: ByHand) -> Member:
    """The member in a segment that somebody put it into; the same object when somebody did so before."""
    if segment_id in member.by_hand:
        return member
    return _folded(member, member.contributions, {**member.by_hand, segment_id: by_hand})


def taken_by_hand(member: Member, segment_id: str) -> Member:
    """The member without that; it stays in the segment if a record holds it there."""
    if segment_id not in member.by_hand:
        return member
    kept = {each: by_hand for each, by_hand in member.by_hand.items() if each != segment_id}
    return _folded(member, member.contributions, kept)


def _folded(member: Member, contributions: dict[str, Contribution], by_hand: dict[str, ByHand]) -> Member:
    living = {each_id: each for each_id, each in contributions.items() if not each.gone}
    segments = {segment for each in living.values() for segment in each.segments} | by_hand.keys()
    return member.model_copy(
        update={
            "contributions": contributions,
            "by_hand": by_hand,
            "alive": bool(living or by_hand),
            "fields": _fields(living),
            "segments": tuple(sorted(segments)),
        }
    )


def _fields(living: Mapping[str, Contribution]) -> dict[str, Any]:
    """Where records disagree, the highest precedence wins, then the record that changed last, field by field; the id
    decides between equals."""
    if len(living) == 1:
        return dict(next(iter(living.values())).fields)
    ordered = sorted(living.items(), key=lambda item: (item[1].version or BEFORE_ALL, item[0]))
    fields: dict[str, Any] = {}
    for _, contribution in ordered:
        fields.update(contribution.fields)
    ranked = {name for contribution in living.values() for name in contribution.precedence}
    for name in ranked & fields.keys():
        having = [contribution for _, contribution in ordered if name in contribution.fields]
        # Of equals the last: max() would take the first.
        fields[name] = max(reversed(having), key=lambda each: each.precedence.get(name, 0)).fields[name]
    return fields


def still_pending(before: Member, after: Member) -> Member:
    """`after` with every announcement that `before` still owed kept as owed.

    Somebody may have published it without having noted it yet. If the change that was owed is undone now, the opposite
    is owed instead: who heard of the first must hear of the second.
    """
    owed = set(before.segments) ^ set(before.announced)
    if not owed:
        return after
    told = (set(before.announced) - owed) | (owed - set(after.segments))
    return after.model_copy(update={"announced": tuple(sorted(told))})


def pending(member: Member) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The segments that the member has entered and those it has left since the last announcement."""
    entered = tuple(sorted(set(member.segments) - set(member.announced)))
    left = tuple(sorted(set(member.announced) - set(member.segments)))
    return entered, left
