"""What merges, conversions, deletions and person accounts of the org become here, in whatever order events arrive.

The org is the simulated one, its events are normalized and routed as in production; the store is in memory.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.metadata.record_types import RecordTypeSpec
from sandbox.org.store.conversion import Conversion, convert
from sandbox.org.store.merging import merge
from sandbox.org.store.org import Actor, Org, Write
from schemas.documents import Destination, ListDefinition, Rule, RuleSet
from schemas.events import Change, Entity
from tests.unit.runtime.routed import Routed, documents, heard, memberships
from workers.core.normalize import Malformed, Reread, normalize
from workers.ports import StreamEvent

TEAM = "acme"
CITY: dict[Entity, str] = {"contact": "MailingCity", "lead": "City", "account": "BillingCity"}
SEGMENT: dict[Entity, str] = {"contact": "people", "lead": "people", "account": "firms"}
CHANNELS: dict[Entity, str] = {
    "account": "/data/AccountChangeEvent",
    "contact": "/data/ContactChangeEvent",
    "lead": "/data/LeadChangeEvent",
}


def rules_of(*entities: Entity) -> RuleSet:
    """Whoever is in Oslo, into the segment of the entity."""
    lists = {
        entity: ListDefinition(
            list_id=entity,
            entity=entity,
            label="Oslo",
            scope="everything",
            where={"field": CITY[entity], "operator": "equals", "values": ["'Oslo'"]},
            fetched_at_ms=0,
        )
        for entity in entities
    }
    rules = (
        Rule(
            rule_id=entity,
            entity=entity,
            list_ids=(entity,),
            destination=Destination(kind="segment", segment_id=SEGMENT[entity]),
            created_at_ms=0,
        )
        for entity in entities
    )
    return RuleSet(team=TEAM, version=1, applied_version=1, lists=lists, rules=tuple(rules))


class World:
    def __init__(self) -> None:
        self.org = Org(
            OrgConfig(person_accounts=True, record_types=(RecordTypeSpec("Account", "Person", person=True),))
        )
        self._heard: dict[Entity, int] = dict.fromkeys(CHANNELS, -1)

    @property
    def actor(self) -> Actor:
        return Actor(self.org.admin_user_id, "rest", None)

    def write(self, operation: Any, object_name: str, record_id: str | None = None, **fields: Any) -> str:
        (result,) = self.org.commit([Write(operation, object_name, record_id, fields)], self.actor)
        assert result.success, result.errors
        return str(result.record_id)

    def contact(self, email: str, **fields: Any) -> str:
        return self.write("create", "Contact", LastName="Doe", Email=email, MailingCity="Oslo", **fields)

    def lead(self, email: str, **fields: Any) -> str:
        return self.write("create", "Lead", LastName="Doe", Company="Acme", Email=email, City="Oslo", **fields)

    def news(self) -> list[Change]:
        """What the org has announced since the last call."""
        changes: list[Change] = []
        for entity, channel in CHANNELS.items():
            for logged in self.org.events.after(channel, self._heard[entity], 1000):
                payload = json.loads(logged.data)["payload"]
                read = normalize(TEAM, StreamEvent(entity, str(logged.replay_id), payload, 0))
                assert not isinstance(read, Malformed), read
                changes += self.read(entity, read) if isinstance(read, Reread) else read.changes
                self._heard[entity] = logged.replay_id
        return changes

    def read(self, entity: Entity, wanted: Reread) -> list[Change]:
        """What capture reads where an event does not tell enough: the Name of a person account comes in parts."""
        rows = {record_id: self.org.get("Account", record_id) for record_id in wanted.record_ids}
        return [
            Change(
                team=TEAM,
                entity=entity,
                record_id=record_id,
                kind="snapshot",
                version=wanted.version,
                fields={name: value for name, value in row.items() if isinstance(value, str | bool | float)},
                captured_at_ms=0,
            )
            for record_id, row in rows.items()
            if row is not None
        ]

    async def read_again(self, here: Routed) -> None:
        """What capture does with the jobs that routing leaves to it."""
        for job in documents(here.store.jobs).all():
            assert (job.kind, job.state) == ("backfill", "pending")
            assert job.request is not None
            for record_id in job.request.ids:
                known, row = await here.record(record_id, TEAM), self.org.get("Contact", record_id)
                assert known.full_version is not None
                assert row is not None
                version = known.full_version._replace(sequence_number=known.full_version.sequence_number + 1)
                fields = {**known.fields, "AccountId": row["AccountId"]}
                await here.apply(
                    Change(
                        team=TEAM,
                        entity="contact",
                        record_id=record_id,
                        kind="snapshot",
                        version=version,
                        fields=fields,
                        captured_at_ms=0,
                    )
                )
        await here.settle()


async def route(here: Routed, changes: Sequence[Change], seed: int) -> None:
    """In an order of no meaning, one by one."""
    for change in Random(seed).sample(list(changes), len(changes)):
        await here.apply(change)
    await here.settle()


async def listening(*entities: Entity) -> Routed:
    here = Routed()
    assert not await here.store.rule_sets.swap([rules_of(*entities)])
    return here


ORDERS = pytest.mark.parametrize("seed", range(6))


@ORDERS
async def test_merged_people_become_the_winner(seed: int) -> None:
    org, here = World(), await listening("contact")
    winner, loser = org.contact("ann@acme.com"), org.contact("anne@acme.com")
    await route(here, org.news(), seed)
    assert here.people() == {"ann@acme.com": ("people",), "anne@acme.com": ("people",)}
    merge(org.org, "Contact", winner, [loser], {"Title": "Boss"}, org.actor)
    await route(here, org.news(), seed)
    assert here.people() == {"ann@acme.com": ("people",)}
    assert heard(here.publisher.published_memberships) == memberships(here.store)


@ORDERS
async def test_merging_the_records_of_one_person_tells_nobody(seed: int) -> None:
    org, here = World(), await listening("contact")
    winner, loser = org.contact("ann@acme.com"), org.contact("Ann@acme.com")
    await route(here, org.news(), seed)
    merge(org.org, "Contact", winner, [loser], {}, org.actor)
    await route(here, org.news(), seed)
    assert here.people() == {"ann@acme.com": ("people",)}
    assert here.told() == [("entered", "people", "ann@acme.com")]


@ORDERS
async def test_a_winner_that_takes_the_address_of_the_loser_moves(seed: int) -> None:
    org, here = World(), await listening("contact")
    winner, loser = org.contact("old@acme.com"), org.contact("new@acme.com")
    await route(here, org.news(), seed)
    merge(org.org, "Contact", winner, [loser], {"Email": "new@acme.com"}, org.actor)
    await route(here, org.news(), seed)
    assert here.people() == {"new@acme.com": ("people",)}
    assert heard(here.publisher.published_memberships) == memberships(here.store)


@ORDERS
async def test_contacts_of_a_merged_account_bring_the_winner(seed: int) -> None:
    org, here = World(), await listening("contact")
    winner, loser = (org.write("create", "Account", Name=name, Website=f"{name}.com") for name in ("acme", "beta"))
    org.contact("ann@acme.com", AccountId=loser)
    await route(here, org.news(), seed)
    assert here.accounts() == {"beta.com": ()}
    merge(org.org, "Account", winner, [loser], {}, org.actor)
    await route(here, org.news(), seed)
    await org.read_again(here)
    assert here.accounts() == {"acme.com": ()}
    assert here.people() == {"ann@acme.com": ("people",)}


@ORDERS
async def test_a_converted_lead_and_its_contact_are_one_person_who_never_left(seed: int) -> None:
    org, here = World(), await listening("contact", "lead")
    lead = org.lead("ann@acme.com", Website="acme.com")
    await route(here, org.news(), seed)
    converted = convert(org.org, Conversion(lead), org.actor)
    await route(here, org.news(), seed)
    assert here.people() == {"ann@acme.com": ("people",)}
    person = (await here.store.people.load([(TEAM, "ann@acme.com")]))[TEAM, "ann@acme.com"]
    assert {converted.contact_id} <= {each for each, said in person.contributions.items() if not said.gone}
    assert here.told() == [("entered", "people", "ann@acme.com")]
    assert here.accounts() == {"acme.com": ()}
    assert (await here.record(converted.account_id)).imported


@ORDERS
async def test_a_contact_stands_where_its_lead_stood_though_no_rule_is_about_contacts(seed: int) -> None:
    org, here = World(), await listening("lead")
    lead = org.lead("ann@acme.com", Website="acme.com")
    await route(here, org.news(), seed)
    converted = convert(org.org, Conversion(lead), org.actor)
    await route(here, org.news(), seed)
    assert here.people() == {"ann@acme.com": ("people",)}
    assert here.told() == [("entered", "people", "ann@acme.com")]
    assert converted.contact_id is not None
    assert (await here.record(converted.contact_id)).imported
    assert not (await here.record(lead)).imported
    assert here.accounts() == {"acme.com": ()}
    org.write("delete", "Contact", converted.contact_id)
    await route(here, org.news(), seed)
    assert here.people() == {}


@ORDERS
async def test_who_is_deleted_leaves_and_who_is_undeleted_returns(seed: int) -> None:
    org, here = World(), await listening("contact", "account")
    account = org.write("create", "Account", Name="Acme", Website="acme.com", BillingCity="Oslo")
    contact = org.contact("ann@acme.com", AccountId=account)
    await route(here, org.news(), seed)
    org.write("delete", "Account", account)
    await route(here, org.news(), seed)
    assert (here.people(), here.accounts()) == ({}, {})
    org.write("undelete", "Account", account)
    await route(here, org.news(), seed)
    assert (here.people(), here.accounts()) == ({"ann@acme.com": ("people",)}, {"acme.com": ("firms",)})
    assert (await here.record(contact)).alive
    assert heard(here.publisher.published_memberships) == memberships(here.store)


@ORDERS
async def test_a_person_account_is_a_person_and_follows_its_address(seed: int) -> None:
    org, here = World(), await listening("contact")
    person = org.write("create", "Account", LastName="Doe", PersonEmail="ann@acme.com", PersonMailingCity="Oslo")
    await route(here, org.news(), seed)
    assert (here.people(), here.accounts()) == ({"ann@acme.com": ("people",)}, {})
    org.write("update", "Account", person, PersonEmail="ann@beta.com")
    await route(here, org.news(), seed)
    assert here.people() == {"ann@beta.com": ("people",)}
    org.write("delete", "Account", person)
    await route(here, org.news(), seed)
    assert here.people() == {}
    org.write("undelete", "Account", person)
    await route(here, org.news(), seed)
    assert here.people() == {"ann@beta.com": ("people",)}
