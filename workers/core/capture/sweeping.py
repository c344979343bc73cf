"""Finding what disappeared: mirrored records that a whole reading of the entity did not bring."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.events import Change, Entity, Version

SHARE = 0.02
"""Of the mirrored records of an entity: more than that to delete is more likely a lost permission."""

FEW = 5
"""So many may go without asking even where they are more than that share."""


class Ids:
    """A large set of record ids in eight bytes each: a million take 8 MB instead of 90.

    By their hash, so that an id may be taken for another with a probability of 1 in 10^13; the record is then found by
    a later sweep.
    """

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._hashes = array("q", map(hash, ids))
        self._sorted = False

    def add(self, record_id: str) -> None:
        self._hashes.append(hash(record_id))
        self._sorted = False

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, record_id: object) -> bool:
        if not self._sorted:
            self._hashes = array("q", sorted(self._hashes))
            self._sorted = True
        wanted = hash(record_id)
        at = bisect_left(self._hashes, wanted)
        return at < len(self._hashes) and self._hashes[at] == wanted


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to go on alone."""

    deletes: bool
    asks: str | None
    """What a person must know to decide; None: nothing is left to decide."""


def judge(entity: Entity, mirrored: int, missing: int, vanished: int, *, confirmed: bool) -> Verdict:
    """`missing` mirrored records are not among the org's; `vanished` of them are not in its recycle bin either."""
    if confirmed:
        return Verdict(deletes=True, asks=None)
    if missing > max(FEW, mirrored * SHARE):
        return Verdict(
            deletes=False,
            asks=f"{missing} of {mirrored} {entity}s are not to be found in the org any more: if that is so, and not a "
            "permission that the connected user has lost, confirm that they are deleted",
        )
    if vanished:
        return Verdict(
            deletes=True,
            asks=f"{vanished} {entity}s are neither in the org nor in its recycle bin: confirm that they are deleted",
        )
    return Verdict(deletes=True, asks=None)


def deletions(team: str, entity: Entity, ids: Sequence[str], seen_ms: int, now_ms: int) -> list[Change]:
    """Of records that left no trace; what is newer than the moment at which they were missed wins."""
    return [
        Change(
            team=team,
            entity=entity,
            record_id=record_id,
            kind="delete",
            version=Version(seen_ms, 0, 0),
            captured_at_ms=now_ms,
        )
        for record_id in ids
    ]
