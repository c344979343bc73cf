"""Scopes, parent fields and the like, each tried against the org: who evaluates the list, and that both sides agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from sandbox.org.rows.writes import Write
from schemas.events import Entity
from tests.support.waiting import until
from workers.console.lists import define_list, needs_org
from workers.ports import Refused

from .pipeline import Pipeline


def leaf(name: str, operator: str, *values: str) -> dict[str, Any]:
    return {"field": name, "operator": operator, "values": list(values)}


@dataclass(frozen=True)
class Kind:
    where: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    entity: Entity = "contact"
    by_org: str = ""
    """Part of the reason; empty: evaluated here."""


NEAR = ("GEOLOCATION(37.775, -122.418)", "20", "'mi'")
KINDS = {
    "everything": Kind(leaf("Title", "like", "'V%'")),
    "mine": Kind(leaf("Title", "like", "'V%'"), {"scope": "mine"}),
    "team": Kind(leaf("Title", "like", "'V%'"), {"scope": "team"}, by_org="team"),
    "of queues": Kind(leaf("Status", "notEquals", "null"), {"scope": "queue_owned"}, "lead", "queue_owned"),
    "of users": Kind(leaf("Status", "notEquals", "null"), {"scope": "user_owned"}, "lead", "user_owned"),
    "queue": Kind(leaf("Status", "notEquals", "null"), {"queue": "Inbound"}, "lead", "queue"),
    "campaign": Kind(given={"campaign": "Spring"}, by_org="campaign"),
    "owner": Kind(leaf("Owner.Name", "like", "'%bea%'"), by_org="Owner.Name"),
    "account": Kind(leaf("Account.Industry", "notEquals", "null")),
    "grandparent": Kind(leaf("Account.Owner.IsActive", "equals", "true"), by_org="Account.Owner.IsActive"),
    "picklist": Kind(leaf("LeadSource", "in", "'web'", "'Phone Inquiry'")),
    "value with a label": Kind(leaf("Sector__c", "equals", "'tech'")),
    "label": Kind(leaf("Sector__c", "like", "'%techno%'"), by_org="labels"),
    "no such label": Kind(leaf("Sector__c", "notLike", "'%techno%'"), by_org="labels"),
    "picklist of leads": Kind(leaf("Rating", "equals", "'Hot'"), entity="lead"),
    "formula": Kind(leaf("Grade__c", "equals", "'A'"), by_org="computes it"),
    "within": Kind(leaf("MailingAddress", "within", *NEAR), by_org="within"),
    "nested": Kind({"conjunction": "or", "conditions": [{"condition": leaf("Title", "like", "'V%'")}]}),
}


async def prepare(team: Pipeline) -> tuple[str, str]:
    """A queue with some leads, a campaign with some contacts; returns another user and the queue."""
    org = team.sandbox.org
    bea = next(str(row["Id"]) for row in org.rows("User") if row["Username"] == "bea@example.com")
    team.commit(
        Write("create", "Group", None, {"Name": "Inbound", "Type": "Queue", "DeveloperName": "Inbound"}),
        Write("create", "Campaign", None, {"Name": "Spring"}),
    )
    queue = next(str(row["Id"]) for row in org.rows("Group") if row["Name"] == "Inbound")
    (spring,) = (str(row["Id"]) for row in org.rows("Campaign") if row["Name"] == "Spring")
    team.commit(Write("create", "GroupMember", None, {"GroupId": queue, "UserOrGroupId": org.admin_user_id}))
    leads = sorted(str(row["Id"]) for row in org.rows("Lead"))
    team.commit(*(Write("update", "Lead", each, {"OwnerId": queue}) for each in leads[:3]))
    for each in team.contacts()[:4]:
        team.commit(Write("create", "CampaignMember", None, {"CampaignId": spring, "ContactId": each}))
    sectors = {each: ("TECH", "Banking", None)[number % 3] for number, each in enumerate(team.contacts()[12:24])}
    team.commit(*(Write("update", "Contact", each, {"Sector__c": sector}) for each, sector in sectors.items()))
    near: dict[str, object] = {"MailingLatitude": 37.77, "MailingLongitude": -122.41}
    team.commit(*(Write("update", "Contact", each, near) for each in team.contacts()[5:8]))
    team.commit(*(Write("update", "Contact", each, {"OwnerId": bea}) for each in team.contacts()[8:12]))
    return bea, queue


async def test_every_kind_of_list(team: Pipeline) -> None:
    bea, queue = await prepare(team)
    lists = {}
    for number, (label, kind) in enumerate(KINDS.items()):
        named = {"object": kind.entity.title(), "label": label, "developerName": f"Kind{number}"}
        lists[label] = await team.list_of(kind.where, **named, **kind.given)
    async with team.running():
        for label, kind in KINDS.items():
            reasons = needs_org(await team.use(kind.entity, label, label), 1)
            assert bool(reasons) == bool(kind.by_org), (label, reasons)
            assert kind.by_org in " ".join(reasons)

        async def agreed() -> bool:
            return not [each for each in lists if team.people(each) != await team.in_org(lists[each])]

        await until(agreed)
        assert [label for label in lists if not team.people(label)] == []

        leads = sorted(str(row["Id"]) for row in team.sandbox.org.rows("Lead"))
        team.commit(
            *(Write("update", "Contact", each, {"Title": "VP", "OwnerId": bea}) for each in team.contacts()[:3]),
            *(Write("update", "Contact", each, {"MailingLatitude": 1.0}) for each in team.contacts()[6:7]),
            *(Write("update", "Contact", each, {"LeadSource": "Web"}) for each in team.contacts()[20:25]),
            *(Write("update", "Contact", each, {"Sector__c": "TECH"}) for each in team.contacts()[25:30]),
            Write("update", "Lead", leads[4], {"OwnerId": queue, "Rating": "Hot"}),
            Write("update", "Lead", leads[0], {"OwnerId": bea}),
        )
        await until(lambda: len(team.people("owner")) > 4)
        await until(agreed)


async def test_recently_viewed_records_cannot_be_a_rule(team: Pipeline) -> None:
    await team.list_of({}, label="Seen", developerName="Seen", scope="mru")
    with pytest.raises(Refused, match="viewed recently"):
        await define_list(team.orgs.org(team.connection), "contact", "Seen", 1)
