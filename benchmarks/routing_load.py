"""The load of the routing benchmark: contacts of one team, created and then edited, and the rule that selects them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.documents import Destination, ListDefinition, Rule, RuleSet
from schemas.events import Change, Version
from schemas.topics import CHANGES

TEAM = "bench"
TOPIC = CHANGES["contact"]
CREATED_SHARE = 0.5
"""Half of the events create a contact, half edit one that exists: as in the first days of a team."""

COUNTRIES = ("Germany", "France", "Spain", "USA")
START_MS = 1_790_000_000_000

RULES = RuleSet(
    team=TEAM,
    version=1,
    applied_version=1,
    lists={
        "everyone": ListDefinition(
            list_id="everyone",
            entity="contact",
            label="Everyone",
            scope="everything",
            where={"field": "MailingCountry", "operator": "notEquals", "values": ["'Atlantis'"]},
            fetched_at_ms=0,
        )
    },
    rules=(
        Rule(
            rule_id="r1",
            entity="contact",
            list_ids=("everyone",),
            destination=Destination(kind="segment", segment_id="everyone"),
            created_at_ms=0,
        ),
    ),
)
"""Every contact becomes a person in a segment: the most work that a change can be."""


def changes(events: int, seed: int = 7) -> Iterator[Change]:
    rng = random.Random(seed)
    created = max(1, int(events * CREATED_SHARE))
    for number in range(created):
        yield change("create", number, number, contact(number, rng))
    for number in range(created, events):
        yield change("update", rng.randrange(created), number, edited(number, rng))


def change(kind: Any, record: int, number: int, fields: dict[str, Any]) -> Change:
    return Change(
        team=TEAM,
        entity="contact",
        record_id=f"003{record:012d}AAA",
        kind=kind,
        version=Version(START_MS + number, number + 1, 1),
        fields=fields,
        transaction_key=f"0000{number:08x}-0000-0000-0000-000000000000",
        replay_id=str(number),
        captured_at_ms=START_MS + number,
    )


def contact(number: int, rng: random.Random) -> dict[str, Any]:
    return {
        "FirstName": "Zoë",
        "LastName": f"O'Neill-{number}",
        "Email": f"Person.{number}@firma-{number % 997}.com",
        "Phone": f"+49 30 {number}",
        "Title": "VP, Marketing",
        "Department": "Marketing",
        "MailingStreet": f"{number} Main Street",
        "MailingCity": "Ōsaka",
        "MailingPostalCode": f"{number % 100_000:05d}",
        "MailingCountry": rng.choice(COUNTRIES),
        "LeadSource": "Web",
        "OwnerId": "005000000000001AAA",
        "Description": "Called; wants a $100 off.\nRing again, “soon”.",
        "DoNotCall": False,
        "HasOptedOutOfEmail": rng.random() < 0.1,
        "CreatedDate": "2026-10-01T08:00:00.000Z",
        "CreatedById": "005000000000001AAA",
        "LastModifiedDate": "2026-10-01T08:00:00.000Z",
        "LastModifiedById": "005000000000001AAA",
    }


def edited(number: int, rng: random.Random) -> dict[str, Any]:
    return {
        "MailingCountry": rng.choice(COUNTRIES),
        "Phone": f"+49 40 {number}",
        "LastModifiedDate": "2026-10-02T08:00:00.000Z",
    }


async def publish(bootstrap_servers: str, namespace: str, events: int) -> int:
    """All changes in order of time, by key as capture does it; returns the mean size of a value in bytes."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", linger_ms=20)
    await producer.start()
    total_bytes = 0
    try:
        pending = []
        for each in changes(events):
            value = each.model_dump_json().encode()
            total_bytes += len(value)
            key = f"{each.team}:{each.record_id}".encode()
            pending.append(await producer.send(namespace + TOPIC.name, value, key=key))
        await asyncio.gather(*pending)
    finally:
        await producer.stop()
    return total_bytes // events
