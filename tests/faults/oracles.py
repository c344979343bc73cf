"""Who says whether capture kept its promises: functions of what the org's ledger and the topics hold, nothing else.

O1 the topics say what the ledger says, O2 once, O3 in its order, O4 the stored replay id is that of the last change,
O9 memory is bounded, O10 no secret is anywhere.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.events import ENTITIES, Change, Entity, Position
from workers.core.normalize import OBJECTS

RSS_LIMIT_MB = 400.0
"""A worker with its libraries takes about 90 MB, and 8 MiB a team that waits for Kafka."""

ACCESS_TOKEN = re.compile(r"00D[A-Za-z0-9]{12,15}![\w.]{10,}")

SHOWN = 4
"""Of what is missing or too much."""

_GONE = frozenset({"delete", "hard_delete"})


@dataclass(frozen=True, slots=True)
class Announcement:
    """One record's part of one commit that the org announced."""

    record_id: str
    commit_number: int


@dataclass(slots=True)
class Truth:
    """An org at the end of a run."""

    announced: Counter[Announcement] = field(default_factory=Counter)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Live ones, by id."""
    gone: set[str] = field(default_factory=set)
    committed_ms: dict[Announcement, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Promise:
    """Which oracles judge a row; a fault of the org itself may suspend one."""

    every_event: bool = True
    """O1 of every announced change; otherwise only of what the records have become, as after a reading."""
    once: bool = True
    in_order: bool = True
    last_replay_id: bool = True
    fields: tuple[str, ...] = ("Description", "LastName")


def truth_of(ledger: Iterable[Mapping[str, Any]], rows: Iterable[dict[str, Any]]) -> Truth:
    """`ledger`: lines of the org's admin API; `rows`: of all captured objects."""
    truth = Truth(rows={str(row["Id"]): row for row in rows})
    for line in ledger:
        if line.get("object") not in OBJECTS.values():
            continue
        if line["operation"] in _GONE:
            truth.gone.add(line["recordId"])
        if line["replayIds"] and line["changeType"] != "GAP_OVERFLOW":
            announcement = Announcement(line["recordId"], line["commitNumber"])
            truth.announced[announcement] += 1
            truth.committed_ms[announcement] = line["committedAt"]
    truth.gone -= truth.rows.keys()
    return truth


def missing(truth: Truth, changes: Iterable[Change], promise: Promise) -> list[str]:
    """O1, one direction: what the org holds and the topics do not say (yet)."""
    changes = list(changes)
    found = list(_other_states(truth, changes, promise.fields))
    if promise.every_event:
        seen = {Announcement(change.record_id, change.version.commit_number) for change in changes}
        found += [
            f"{one.record_id}, commit {one.commit_number}: never published" for one in truth.announced.keys() - seen
        ]
    return found


def _other_states(truth: Truth, changes: Iterable[Change], fields: Sequence[str]) -> Iterator[str]:
    folded = fold(changes)
    for record_id, row in truth.rows.items():
        state = folded.get(record_id)
        if state is None:
            yield f"{record_id}: is not there"
            continue
        for name in fields:
            if (state.get(name) or None) != (row.get(name) or None):
                yield f"{record_id}: {name} is {state.get(name)!r}, not {row.get(name)!r}"
    yield from (f"{record_id}: is not deleted" for record_id in truth.gone if folded.get(record_id) is not None)


def fold(changes: Iterable[Change]) -> dict[str, dict[str, Any] | None]:
    """What each record has become, in the order of versions; None: deleted."""
    states: dict[str, dict[str, Any] | None] = {}
    # Of one version a full state is the later word: it was read after the event.
    for change in sorted(changes, key=lambda change: (change.version, change.kind != "update")):
        if change.kind == "delete":
            states[change.record_id] = None
        elif change.kind == "update":
            # What comes before the first full state is in that.
            states[change.record_id] = {**(states.get(change.record_id) or {}), **change.fields}
        else:
            states[change.record_id] = dict(change.fields)
    return states


def invented(truth: Truth, changes: Iterable[Change]) -> list[str]:
    """O1, the other direction: streamed changes that the org never announced."""
    return [
        f"{change.record_id}, commit {change.version.commit_number}: never announced"
        for change in changes
        if change.replay_id is not None
        and Announcement(change.record_id, change.version.commit_number) not in truth.announced
    ]


def duplicates(changes: Iterable[Change]) -> list[str]:
    """O2. A replay id alone may come again after an org has moved to another instance."""
    seen = Counter(
        (change.entity, change.replay_id, change.record_id, change.version.commit_number)
        for change in changes
        if change.replay_id is not None
    )
    return [f"{key[2]}, replay id {key[1]}: {count} times" for key, count in seen.items() if count > 1]


def disorder(changes: Iterable[Change]) -> list[str]:
    """O3: streamed changes of a record whose commits fall, in the order of the topic."""
    last: dict[str, tuple[int, ...]] = {}
    found = []
    for change in changes:
        if change.replay_id is None:
            continue
        if change.version < last.get(change.record_id, (0, 0, 0)):
            found.append(f"{change.record_id}: commit {change.version.commit_number} after a later one")
        last[change.record_id] = change.version
    return found


def misplaced(changes: Iterable[Change], positions: Mapping[Entity, Position]) -> list[str]:
    """O4."""
    newest: dict[Entity, int] = defaultdict(int)
    for change in changes:
        newest[change.entity] = max(newest[change.entity], int(change.replay_id or 0))
    found = []
    for entity in ENTITIES:
        position = positions.get(entity)
        stored = int(position.replay_id or 0) if position else 0
        if newest[entity] and stored != newest[entity]:
            found.append(f"{entity}: the position is {stored}, the last change {newest[entity]}")
    return found


def oversized(rss_mb: float) -> list[str]:
    """O9."""
    return [f"a worker took {rss_mb:.0f} MB"] if rss_mb > RSS_LIMIT_MB else []


def leaks(texts: Mapping[str, str], secrets: Iterable[str]) -> list[str]:
    """O10: `texts` by where they were found."""
    secrets = list(secrets)
    return [
        f"a secret is in {place}"
        for place, text in texts.items()
        if ACCESS_TOKEN.search(text) or any(secret in text for secret in secrets)
    ]


def judge(truth: Truth, changes: Sequence[Change], positions: Mapping[Entity, Position], promise: Promise) -> list[str]:
    """Every broken promise of O1 to O4."""
    found = _named("O1", missing(truth, changes, promise)) + _named("O1", invented(truth, changes))
    if promise.once:
        found += _named("O2", duplicates(changes))
    if promise.in_order:
        found += _named("O3", disorder(changes))
    if promise.last_replay_id:
        found += _named("O4", misplaced(changes, positions))
    return found


def _named(oracle: str, found: list[str]) -> list[str]:
    return [f"{oracle}: {len(found)}: {'; '.join(sorted(found)[:SHOWN])}"] if found else []
