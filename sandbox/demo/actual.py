"""What is in MongoDB and in the change topics, read without the workers' code."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer

from sandbox.demo.expected import Expected
from sandbox.demo.org_client import OrgClient
from sandbox.demo.watch import newest_version

CHANGE_TOPICS = ("salesforce.contact.changes", "salesforce.lead.changes", "salesforce.account.changes")
SYSTEM_FIELDS = {
    *("Id", "IsDeleted", "CreatedDate", "LastModifiedDate", "SystemModstamp", "CreatedById", "LastModifiedById"),
    *("Name", "PhotoUrl", "LastActivityDate", "LastViewedDate", "LastReferencedDate", "IsEmailBounced"),
    "CleanStatus",
}
"""Stamps, what no change event carries, and what is put together from other fields."""

ENTITIES = {"contact": "Contact", "lead": "Lead", "account": "Account"}


async def actual_state(database: Any, team: str) -> Expected:
    """In the same shape as what is expected, so that the two can be compared field by field."""
    found = Expected(counts=dict.fromkeys(ENTITIES.values(), 0))
    async for group in await database.records.aggregate(
        [{"$match": {"team": team, "alive": True}}, {"$group": {"_id": "$entity", "n": {"$sum": 1}}}]
    ):
        found.counts[ENTITIES[group["_id"]]] = group["n"]
    async for segment in database.segments.find({"team": team}):
        found.segments[segment["segment_id"]] = set()
    async for person in database.people.find({"team": team, "alive": True}):
        found.people[person["key"]] = sources(person, {"contact", "lead"})
        if len(found.people[person["key"]]) == 1:
            found.first_names[person["key"]] = person["fields"].get("first_name")
        enter(found, person)
    async for account in database.accounts.find({"team": team, "alive": True}):
        found.accounts[account["key"]] = sources(account, {"account"})
        enter(found, account)
    async for record in database.records.find({"team": team, "alive": True, "skip": {"$ne": None}}, {"skip": 1}):
        found.skipped[record["skip"]["reason"]] += 1
    return found


def sources(member: dict[str, Any], entities: set[str]) -> set[str]:
    return {
        record_id
        for record_id, part in member["contributions"].items()
        if not part["gone"] and part["entity"] in entities
    }


def enter(found: Expected, member: dict[str, Any]) -> None:
    for segment_id in member["segments"]:
        found.segments.setdefault(segment_id, set()).add(member["key"])


def differences(wanted: Expected, found: Expected) -> list[str]:
    """One line per kind of difference, with an example; empty when all is right."""
    lines = []
    if wanted.counts != found.counts:
        lines.append(f"records: expected {wanted.counts}, found {found.counts}")
    for name, left, right in (
        ("people", wanted.people, found.people),
        ("accounts", wanted.accounts, found.accounts),
        ("segments", wanted.segments, found.segments),
    ):
        wrong = sorted(key for key in left.keys() | right.keys() if left.get(key) != right.get(key))
        if wrong:
            key = wrong[0]
            lines.append(
                f"{name}: {len(wrong)} differ, e.g. {key}: "
                f"expected {brief(left.get(key), right.get(key))}, found {brief(right.get(key), left.get(key))}"
            )
    wrong = [key for key, name in wanted.first_names.items() if name != found.first_names.get(key)]
    if wrong:
        lines.append(
            f"first names: {len(wrong)} differ, e.g. {wrong[0]}: "
            f"expected {wanted.first_names[wrong[0]]!r}, found {found.first_names.get(wrong[0])!r}"
        )
    if +wanted.skipped != +found.skipped:
        lines.append(f"skipped: expected {dict(wanted.skipped)}, found {dict(found.skipped)}")
    return lines


async def behind(database: Any, team: str, org: OrgClient, after: int) -> list[str]:
    """Records whose mirror lacks their latest commit since ledger number `after`."""
    latest: dict[str, int] = {}
    async for entry in org.ledger(after):
        if entry["replayIds"]:
            latest[entry["recordId"]] = entry["commitNumber"]
    wanted = {"team": team, "record_id": {"$in": list(latest)}}
    fields = {"record_id": 1, "full_version": 1, "field_versions": 1}
    shown = {doc["record_id"]: newest_version(doc) async for doc in database.records.find(wanted, fields)}
    late = [record_id for record_id, number in latest.items() if not (v := shown.get(record_id)) or v[1] < number]
    return [f"records: {len(late)} lack their latest commit, e.g. {late[0]}"] if late else []


async def mirror_differences(database: Any, team: str, org: OrgClient) -> list[str]:
    """Every field of every record, except the system's own stamps, against the org's row (promise P4)."""
    rows: dict[str, dict[str, Any]] = {}
    for entity in ENTITIES.values():
        rows |= await org.state(entity)
    wrong = []
    async for record in database.records.find({"team": team, "alive": True}, {"record_id": 1, "fields": 1}):
        row = rows.pop(record["record_id"], {})
        if names := differing(business_fields(row), business_fields(record["fields"])):
            name = min(names)
            wrong.append(f"{record['record_id']} {name}: org {row.get(name)!r}, here {record['fields'].get(name)!r}")
    wrong += [f"{record_id} is missing" for record_id in rows]
    return [f"mirror: {len(wrong)} records differ, e.g. {wrong[0]}"] if wrong else []


def business_fields(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and name not in SYSTEM_FIELDS}


def differing(left: dict[str, Any], right: dict[str, Any]) -> set[str]:
    return {name for name in left.keys() | right.keys() if left.get(name) != right.get(name)}


def brief(these: set[str] | None, others: set[str] | None) -> str:
    if these is None:
        return "nothing"
    only = sorted(these - (others or set()))
    return f"{len(these)}" + (f" with {only[:3]}" if only else "")


@dataclass(slots=True)
class Changes:
    expected: int = 0
    published: int = 0
    lost: int = 0
    duplicated: int = 0
    examples: list[str] = field(default_factory=list)


async def published_changes(bootstrap_servers: str, topics: Sequence[str], org: OrgClient, after: int) -> Changes:
    """Every change that the org announced since ledger number `after` against what a consumer of committed messages
    reads. A change that came with a row of a query instead (after a gap; deletions too) counts as published."""
    stream: Counter[tuple[str, int]] = Counter()
    refreshed: dict[str, int] = {}
    async for message in read_topics(bootstrap_servers, topics):
        version = message["version"]
        if message["replay_id"] is None:
            refreshed[message["record_id"]] = max(version[0], refreshed.get(message["record_id"], 0))
        else:
            stream[message["record_id"], version[1]] += 1
    result = Changes(duplicated=sum(stream.values()) - len(stream))
    async for entry in org.ledger(after):
        if entry["kind"] == "seed" or not entry["replayIds"]:
            continue
        result.expected += 1
        seen = (entry["recordId"], entry["commitNumber"]) in stream
        if seen or refreshed.get(entry["recordId"], 0) >= entry["commitTimestamp"]:
            result.published += 1
        else:
            result.lost += 1
            result.examples.append(f"{entry['operation']} {entry['object']} {entry['recordId']}")
    return result


async def read_topics(bootstrap_servers: str, topics: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
    """Without a group a consumer is given all partitions of its topics."""
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        end = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(tp) < offset for tp, offset in end.items()]):
            for messages in (await consumer.getmany(timeout_ms=500, max_records=5000)).values():
                for message in messages:
                    yield json.loads(message.value)
    finally:
        await consumer.stop()
