"""What the plan of a write-back run asks, the same for every store."""

from __future__ import annotations

from typing import Any

from schemas.documents import Contribution, Engagement, Insight
from workers.ports import Store

from .samples import member, record, record_id


def scored(team: str, subject: str, key: str, score: float, at_ms: int | None = None) -> Engagement:
    return Engagement.model_validate(
        {
            "team": team,
            "subject": subject,
            "key": key,
            "score": score,
            "last_engagement_at_ms": at_ms,
            "scored_at_ms": 2**40,
        }
    )


def from_records(*given: tuple[str, int, str, bool]) -> dict[str, Any]:
    """Contributions of (prefix, number, entity, gone)."""
    return {
        record_id(number, prefix): Contribution.model_validate({"rev": 1, "entity": entity, "gone": gone})
        for prefix, number, entity, gone in given
    }


async def test_scores_come_in_the_order_of_their_ids_page_by_page(store: Store, team: str) -> None:
    await store.engagement.swap(
        [
            scored(team, "person", "b@x.org", 2.5, 2**40),
            scored(team, "person", "é@x.org", 3.0),
            scored(team, "account", "x.org", -1.0, -1),
            scored(team, "person", "a@x.org", 1.0),
            scored(f"{team}-b", "person", "c@x.org", 9.0),
        ]
    )
    first = await store.planning_queries.scores(team, "", 2)
    assert first == [("account:x.org", -1.0, -1, 2**40), ("person:a@x.org", 1.0, None, 2**40)]
    rest = await store.planning_queries.scores(team, "person:a@x.org", 9)
    assert rest == [("person:b@x.org", 2.5, 2**40, 2**40), ("person:é@x.org", 3.0, None, 2**40)]
    assert await store.planning_queries.scores(team, "person:é@x.org", 9) == []


async def test_the_records_behind_people_and_accounts(store: Store, team: str) -> None:
    of_person = from_records(
        ("00Q", 2, "lead", False),
        ("003", 1, "contact", False),
        ("003", 9, "contact", True),
        ("001", 3, "account", False),
    )
    of_account = from_records(("001", 4, "account", False), ("003", 1, "contact", False), ("001", 5, "account", True))
    await store.people.swap(
        [
            member(team, "a@x.org", contributions=of_person),
            member(team, "empty@x.org"),
            member(team, "other@x.org", contributions=of_person),
            member(f"{team}-b", "elsewhere@x.org", contributions=of_person),
        ]
    )
    await store.accounts.swap([member(team, "x.org", contributions=of_account)])
    asked = ["a@x.org", "empty@x.org", "unknown@x.org", "elsewhere@x.org"]
    assert await store.planning_queries.sources(team, "person", asked) == {
        "a@x.org": [record_id(1), record_id(2, "00Q")],
        "empty@x.org": [],
    }
    found = await store.planning_queries.sources(team, "account", ["x.org"])
    assert found == {"x.org": [record_id(4, "001")]}
    assert await store.planning_queries.sources(team, "account", []) == {}


async def test_the_contacts_of_converted_leads(store: Store, team: str) -> None:
    def lead(number: int, **fields: object) -> Any:
        return record(team, record_id=record_id(number, "00Q"), entity="lead", fields=fields)

    await store.records.swap(
        [
            lead(1, IsConverted=True, ConvertedContactId=record_id(1)),
            lead(2, IsConverted=False, ConvertedContactId=record_id(2)),
            lead(3),
            lead(4, IsConverted=True),
            lead(5, IsConverted=True, ConvertedContactId=record_id(5)),
            record(team, 6, fields={"IsConverted": True, "ConvertedContactId": record_id(6)}),
        ]
    )
    asked = [*(record_id(number, "00Q") for number in (1, 2, 3, 4)), record_id(6)]
    found = await store.planning_queries.converted(team, asked)
    assert found == {record_id(1, "00Q"): record_id(1), record_id(4, "00Q"): None}
    assert await store.planning_queries.converted(f"{team}-b", asked) == {}


async def test_what_salesforce_last_accepted(store: Store, team: str) -> None:
    def insight(number: int, date: str | None, **fields: str) -> Insight:
        return Insight(
            team=team,
            record_id=record_id(number),
            entity="contact",
            score=number / 3,
            last_engagement_date=date,
            **fields,
        )

    await store.insights.swap([insight(1, "2026-02-28"), insight(2, None, score_field="S__c", date_field="D__c")])
    asked = [record_id(number) for number in (1, 2, 3)]
    assert await store.planning_queries.accepted(team, asked) == {
        record_id(1): ((1 / 3, "2026-02-28", "Engagement_Score__c", "Last_Engagement_Date__c"), 1),
        record_id(2): ((2 / 3, None, "S__c", "D__c"), 1),
    }
    assert await store.planning_queries.accepted(f"{team}-b", asked) == {}


async def test_what_the_mirror_knows_of_some_fields(store: Store, team: str) -> None:
    await store.records.swap(
        [record(team, 1, fields={"Score__c": 2, "Name": "Ada"}), record(team, 2, alive=False), record(team, 3)]
    )
    found = await store.planning_queries.mirrored(team, [record_id(n) for n in (1, 2, 4)], ["Score__c", "Date__c"])
    assert {key: (each.alive, dict(each.fields)) for key, each in found.items()} == {
        record_id(1): (True, {"Score__c": 2}),
        record_id(2): (False, {}),
    }
