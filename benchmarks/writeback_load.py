"""What the write-back benchmark finds in the store: scores, the people and accounts they are of, mirrored records, and
what Salesforce accepted of all but some. Written as the adapter would, but without its checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import bson
from bson import ObjectId
from pymongo import MongoClient, WriteConcern

from schemas.documents import Contribution, Engagement, Insight, Member, Reason, Record
from schemas.events import Entity, Version
from workers.adapters.mongo import specs
from workers.adapters.mongo.codec import encode
from workers.adapters.mongo.specs import CollectionSpec
from workers.core.writeback import values_of

TEAM = "bench"
PAGE = 5000
ENGAGED_MS = 1_790_000_000_000
SCALE = 100.0
"""Scores are two-digit numbers with two decimals."""

Scored = tuple[Entity, str]
"""A record with a score of its own; one of a million."""

ROW: dict[str, Any] = {
    "FirstName": "Ada",
    "LastName": "Lovelace",
    "Email": "ada.lovelace@example.com",
    "Phone": "+49 89 1234567",
    "Title": "Head of Analysis",
    "MailingCity": "Munich",
    "MailingCountry": "Germany",
    "LeadSource": "Web",
    "OwnerId": "005000000000001AAA",
    "CreatedDate": "2026-01-01T00:00:00.000Z",
}


def made_up(scores: int) -> Iterator[Scored]:
    """60 % contacts, 25 % leads, 15 % accounts."""
    for number in range(scores):
        entity: Entity = "contact" if number % 20 < 12 else "lead" if number % 20 < 17 else "account"
        yield entity, f"{ {'contact': '003', 'lead': '00Q', 'account': '001'}[entity] }{number:012d}AAA"


def score_of(number: int) -> float:
    return (number * 7919 % 10_000) / SCALE


def key_of(entity: Entity, number: int) -> str:
    """In another order than the records."""
    place = number * 2_654_435_761 % 2**32
    return f"company{place}.example.com" if entity == "account" else f"person{place}@company{number % 5000}.example.com"


def fill(uri: str, database: str, scored: Iterator[Scored], *, changed_every: int) -> int:
    """How many were written. Every n-th score differs from what was accepted; 1: nothing was accepted so far."""
    writers = {spec.name: _Writer(spec, one) for spec, one in _templates()}
    numbers = enumerate(scored)
    written = 0
    with MongoClient[dict[str, Any]](uri) as client:
        while page := list(islice(numbers, PAGE)):
            for name, rows in _page(writers, page, changed_every).items():
                if rows:
                    client[database].get_collection(name, write_concern=WriteConcern(1)).insert_many(rows, False)
            written += len(page)
        # Over so many documents this takes longer than the adapter waits for a reply.
        for spec in specs.ALL:
            if spec.indexes:
                client[database][spec.name].create_indexes(list(spec.indexes))
    return written


class _Writer:
    """Documents of one collection, all like a first one."""

    def __init__(self, spec: CollectionSpec[Any], first: Any) -> None:
        self._template = bson.decode(encode(spec, first, ObjectId()).raw)

    def row(self, id_: str, **given: Any) -> dict[str, Any]:
        return {**self._template, "_id": f"{TEAM}:{id_}", **given}


def _templates() -> list[tuple[CollectionSpec[Any], Any]]:
    member = Member(team=TEAM, key="k", alive=True, fields=ROW, segments=("s",), announced=("s",))
    record_id = "003000000000000AAA"
    return [
        (
            specs.ENGAGEMENT,
            Engagement(
                team=TEAM,
                subject="person",
                key="k",
                score=0.0,
                last_engagement_at_ms=ENGAGED_MS,
                scored_at_ms=ENGAGED_MS,
            ),
        ),
        (specs.PEOPLE, member),
        (specs.ACCOUNTS, member),
        (
            specs.RECORDS,
            Record(
                team=TEAM,
                record_id=record_id,
                entity="contact",
                alive=True,
                fields=ROW,
                full_version=Version(ENGAGED_MS, 1, 1),
                imported=True,
            ),
        ),
        (
            specs.INSIGHTS,
            Insight(team=TEAM, record_id=record_id, entity="contact", score=0.0, last_engagement_date=None),
        ),
    ]


def _page(
    writers: dict[str, _Writer], page: Sequence[tuple[int, Scored]], changed_every: int
) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in writers}
    for number, (entity, record_id) in page:
        key, score = key_of(entity, number), score_of(number)
        subject = "account" if entity == "account" else "person"
        given = {"subject": subject, "key": key, "score": score}
        rows["engagement"].append(writers["engagement"].row(f"{subject}:{key}", **given))
        contributions = {record_id: _contribution(entity)}
        collection = "accounts" if entity == "account" else "people"
        rows[collection].append(writers[collection].row(key, key=key, contributions=contributions))
        rows["records"].append(writers["records"].row(record_id, record_id=record_id, entity=entity))
        if changed_every > 1:
            accepted = score - 1 if number % changed_every == 0 else score
            rows["insights"].append(_insight(writers["insights"], entity, record_id, accepted))
    return rows


def _contribution(entity: Entity) -> dict[str, Any]:
    reasons = {"everyone": (Reason(rule_id="r1", list_id="everyone"),)}
    version = Version(ENGAGED_MS, 1, 1)
    return Contribution(rev=1, entity=entity, version=version, fields=ROW, segments=reasons).model_dump()


def _insight(writer: _Writer, entity: Entity, record_id: str, score: float) -> dict[str, Any]:
    date = values_of(score, ENGAGED_MS).last_engagement_date
    given = {"entity": entity, "score": score, "last_engagement_date": date}
    return writer.row(record_id, record_id=record_id, **given)
