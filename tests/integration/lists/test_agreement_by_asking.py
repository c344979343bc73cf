"""Lists that only the org can evaluate, in random histories: records change while questions are on their way, answers
come late, twice and about older states, and in the end every membership is the org's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.org.config import OrgConfig
from sandbox.org.lists.conditions import to_soql
from sandbox.org.soql.execute import run
from sandbox.org.soql.settings import SoqlSettings
from sandbox.org.store.org import Org
from sandbox.org.users.specs import UserSpec
from schemas.documents import Destination, ListDefinition, Record, Rule, RuleSet
from schemas.events import Change, Reevaluation
from tests.unit.runtime.routed import Routed, assert_nothing_is_owed, documents, heard, memberships
from workers.capture.lists.asker import answer
from workers.core.lists.queries import list_query

from .test_agreement import FIELDS, NOW, World, groups, leaves, listened, picklist, values, write

OWNERS = [
    {"field": "Owner.Name", "operator": "like", "values": ["'%bea%'"]},
    {"field": "Owner.IsActive", "operator": "equals", "values": ["true"]},
    {"field": "CreatedBy.Name", "operator": "notEquals", "values": ["'bea'"]},
]
"""Only the org can evaluate them."""

OWN = leaves().filter(lambda leaf: str(leaf["field"]) in FIELDS)
MIXED = st.builds(
    lambda owner, rest, conjunction: {"conjunction": conjunction, "conditions": [owner, rest]},
    st.sampled_from(OWNERS),
    st.recursive(OWN, groups, max_leaves=3),
    st.sampled_from(["and", "or"]),
)


@dataclass
class Asked:
    """An org, routing, and questions and answers that are on their way between them."""

    org: Org
    lists: dict[str, ListDefinition]
    here: Routed = field(default_factory=Routed)
    late: list[Reevaluation] = field(default_factory=list)
    """Answers given and not yet taken."""

    async def use(self) -> None:
        rules = tuple(
            Rule(
                rule_id=f"of {each}",
                entity="contact",
                list_ids=(each,),
                destination=Destination(kind="segment", segment_id=each),
                created_at_ms=0,
            )
            for each in self.lists
        )
        rule_set = RuleSet(team="acme", version=1, applied_version=1, lists=self.lists, rules=rules)
        assert not await self.here.store.rule_sets.swap([rule_set])

    def due(self) -> list[Record]:
        return [record for record in documents(self.here.store.records).all() if record.answers_due]

    def ask(self, records: Iterable[Record]) -> None:
        """As capture does; its reply is of this moment, whenever it arrives."""
        for record in records:
            told = {each: self.holds(each, record.record_id) for each in record.answers_due}
            self.late.append(answer(record, told))

    def holds(self, list_id: str, record_id: str) -> bool:
        query = list_query(self.lists[list_id].query).among([record_id])
        return bool(run(self.org, query, self.org.admin_user_id).rows)

    async def settle(self) -> None:
        while self.late or self.due():
            late, self.late = self.late, []
            await self.here.apply(*late)
            await self.here.settle()
            self.ask(self.due())


def asked_of(where: dict[str, Any], number: int) -> ListDefinition:
    query = f"SELECT Name FROM Contact WHERE {to_soql(where)} ORDER BY Name ASC NULLS FIRST"  # noqa: S608
    return ListDefinition(
        list_id=f"list-{number}",
        entity="contact",
        label=f"List {number}",
        scope="everything",
        where=where,
        query=query,
        fetched_at_ms=0,
    )


async def play(conditions: list[dict[str, Any]], random: Random) -> None:
    world = org_of(random)
    lists = {each.list_id: each for each in map(asked_of, conditions, range(len(conditions)))}
    team = Asked(world.org, lists)
    await team.use()
    users = [str(row["Id"]) for row in world.org.rows("User")]
    contacts = [create(world, random) for _ in range(5)]
    waiting: list[Change] = []
    for _ in range(25):
        happen(world, contacts, users, random)
        waiting += listened(world)
        if random.random() < 0.6:
            await team.here.apply(*waiting)
            waiting = []
        if random.random() < 0.4:
            team.ask(team.due())
        if team.late and random.random() < 0.4:
            some = random.sample(team.late, random.randint(1, len(team.late)))
            await team.here.apply(*some)  # and once more later, as Kafka may deliver it
    if waiting:
        await team.here.apply(*waiting)
    await team.settle()
    assert_as_in_the_org(team)


def org_of(random: Random) -> World:
    custom = tuple((f"Contact.{n}", {"label": n.removesuffix("__c"), **of, **picklist(of)}) for n, of in FIELDS.items())
    config = OrgConfig(
        seed=random.randrange(99), custom_fields=custom, soql=SoqlSettings(), users=(UserSpec("bea@x.example"),)
    )
    return World(Org(config, NOW.timestamp))


def create(world: World, random: Random) -> str:
    email = f"{random.randrange(10**9)}@acme.com"
    return write(world, "create", "Contact", LastName="Doe", Email=email, **values(random, FIELDS))


def happen(world: World, contacts: list[str], users: list[str], random: Random) -> None:
    act = random.random()
    if act < 0.1:
        contacts.append(create(world, random))
    elif act < 0.2 and len(contacts) > 2:
        write(world, "delete", "Contact", contacts.pop(random.randrange(len(contacts))))
    elif act < 0.5:
        write(world, "update", "Contact", random.choice(contacts), OwnerId=random.choice(users))
    else:
        some = dict(random.sample(sorted(values(random, FIELDS).items()), 2))
        write(world, "update", "Contact", random.choice(contacts), **some)


def assert_as_in_the_org(team: Asked) -> None:
    emails = {str(row["Id"]): str(row["Email"]) for row in team.org.rows("Contact")}
    wanted = {
        each: {email for record_id, email in emails.items() if team.holds(each, record_id)} for each in team.lists
    }
    people = team.here.people()
    assert {each: {key for key, segments in people.items() if each in segments} for each in team.lists} == wanted
    assert heard(team.here.publisher.published_memberships) == memberships(team.here.store)
    assert_nothing_is_owed(team.here.store)


@settings(max_examples=40, deadline=None)
@given(st.lists(MIXED, min_size=1, max_size=3), st.integers(0, 2**32))
def test_every_membership_is_the_orgs(conditions: list[dict[str, Any]], seed: int) -> None:
    asyncio.run(play(conditions, Random(seed)))
