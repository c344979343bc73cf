"""Custom channels: filters, enrichment; and who may see what on which channel. Source: salesforce.md 1.9."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.events.custom_channels import ChannelMember, CustomChannel
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.store.org import Actor, Org, Write
from sandbox.org.streaming.sessions import SessionTable, SubscribeError
from tests.unit.org.events.buses import open_bus

CHANNEL, CONTACTS, ALL = "/data/Hot__chn", "/data/ContactChangeEvent", "/data/ChangeEvents"


def org_with(*members: ChannelMember, **config: Any) -> Org:
    return Org(OrgConfig(custom_channels=(CustomChannel("Hot__chn", members),), **config))


def create(org: Org, object_name: str = "Contact", **fields: object) -> str:
    row = {"LastName": "Doe", **fields} if object_name != "Account" else {"Name": "Acme", **fields}
    [result] = org.commit([Write("create", object_name, None, row)], Actor(org.admin_user_id, "rest"))
    return str(result.record_id)


def update(org: Org, record_id: str, **fields: object) -> None:
    org.commit([Write("update", "Contact", record_id, fields)], Actor(org.admin_user_id, "rest", "Tests"))


def delete(org: Org, record_id: str) -> None:
    org.commit([Write("delete", "Contact", record_id, {})], Actor(org.admin_user_id, "rest"))


def payloads(org: Org, channel: str = CHANNEL) -> list[dict[str, Any]]:
    return [json.loads(event.data)["payload"] for event in org.events.after(channel, -2, 100)]


def kinds(org: Org, channel: str = CHANNEL) -> list[str]:
    return [payload["ChangeEventHeader"]["changeType"] for payload in payloads(org, channel)]


@pytest.mark.parametrize(
    ("expression", "passes"),
    [
        ("Title = 'Boss'", True),
        ("Title = 'boss' AND Department = 'None'", False),
        ("Name.LastName LIKE 'D%'", True),
        ("MailingAddress.City = 'Oslo'", True),
        ("MailingAddress.City = 'MailingAddress.City'", False),
        ("ChangeEventHeader.changeType = 'CREATE'", True),
        ("ChangeEventHeader.changeType != 'CREATE'", False),
        ("ChangeEventHeader.changeOrigin LIKE '%rest%'", True),
    ],
)
def test_a_filter_decides_what_its_channel_carries(expression: str, passes: bool) -> None:
    org = org_with(ChannelMember("Contact", expression))
    create(org, Title="Boss", MailingCity="Oslo")
    assert kinds(org) == (["CREATE"] if passes else [])
    assert kinds(org, CONTACTS) == ["CREATE"]
    entry = list(org.ledger.after(0))[-1]
    assert entry.channels == ((CONTACTS, ALL, CHANNEL) if passes else (CONTACTS, ALL))


@pytest.mark.parametrize("expression", ["Titel = 'x'", "Title =", "Account.Name = 'x'"])
def test_a_filter_that_is_none_is_refused(expression: str) -> None:
    with pytest.raises(SoqlError):
        org_with(ChannelMember("Contact", expression))


def test_updates_and_deletions_are_enriched_on_their_channel_only() -> None:
    org = org_with(ChannelMember("Contact", enriched_fields=("Email", "Name", "Phone")))
    record_id = create(org, Email="jo@acme.org", FirstName="Jo")
    update(org, record_id, Title="Boss")
    delete(org, record_id)
    created, updated, deleted = payloads(org)
    assert updated["Email"] == deleted["Email"] == "jo@acme.org"
    assert updated["Name"] == {"FirstName": "Jo", "LastName": "Doe"}
    assert updated["Title"] == "Boss"
    assert "Phone" not in updated
    assert sorted(updated["ChangeEventHeader"]["changedFields"]) == ["LastModifiedDate", "Title"]
    assert created.keys() == payloads(org, CONTACTS)[0].keys()
    assert "Email" not in payloads(org, CONTACTS)[1]


def test_fields_of_the_filter_are_enriched_too() -> None:
    org = org_with(ChannelMember("Contact", "Department = 'Sales' OR Title = 'Department'"))
    record_id = create(org, Department="Sales")
    update(org, record_id, Phone="1")
    assert payloads(org)[-1]["Department"] == "Sales"


def test_an_enrichment_never_hides_a_change() -> None:
    org = org_with(ChannelMember("Contact", enriched_fields=("Email", "Name")))
    record_id = create(org, Email="jo@acme.org", FirstName="Jo")
    update(org, record_id, Email=None, FirstName="Ann")
    assert payloads(org)[-1]["Email"] is None
    assert payloads(org)[-1]["Name"] == {"FirstName": "Ann"}


def test_a_member_selects_its_object() -> None:
    org = org_with(ChannelMember("Account"), cdc_entities=("Contact",))
    create(org, "Account")
    assert kinds(org) == ["CREATE"]
    assert kinds(org, ALL) == []
    assert list(org.ledger.after(0))[-1].channels == (CHANNEL,)


@pytest.fixture
def org() -> Org:
    return Org(OrgConfig())


@pytest.fixture
def table(org: Org) -> SessionTable:
    return SessionTable(
        org.config,
        open_bus(org),
        random.Random(1),
        lambda: 0.0,
    )


def taken(table: SessionTable, session: Any) -> list[str]:
    return [json.loads(one)["data"]["payload"]["ChangeEventHeader"]["entityName"] for one in table.take(session)]


def test_without_view_all_a_channel_of_one_object_is_refused(org: Org, table: SessionTable) -> None:
    table.bus.forbidden.add("Contact")
    session = table.open("user")
    with pytest.raises(SubscribeError, match="403::User not allowed to subscribe CDC without required permissions"):
        table.subscribe(session, CONTACTS, None)


def test_without_view_all_a_channel_of_many_objects_withholds_silently(org: Org, table: SessionTable) -> None:
    table.bus.forbidden.add("Contact")
    session = table.open("user")
    table.subscribe(session, ALL, None)
    create(org)
    assert not table.has_news(session)
    create(org, "Account")
    create(org)
    assert table.has_news(session)
    assert taken(table, session) == ["Account"]
    assert not table.has_news(session)
    assert table.bus.delivered == {ALL: 1}


def test_a_permission_acts_on_the_next_subscription(org: Org, table: SessionTable) -> None:
    session = table.open("user")
    table.subscribe(session, ALL, None)
    table.bus.forbidden.add("Contact")
    create(org)
    assert taken(table, session) == ["Contact"]
    table.subscribe(session, ALL, None)
    create(org)
    assert taken(table, session) == []


def test_a_stalled_stream_delivers_nothing_and_keeps_it(org: Org, table: SessionTable) -> None:
    """Source: salesforce.md 2.3."""
    session = table.open("user")
    table.subscribe(session, CONTACTS, None)
    table.bus.stalled = True
    create(org)
    assert (table.has_news(session), taken(table, session)) == (False, [])
    table.bus.stalled = False
    assert (table.has_news(session), taken(table, session)) == (True, ["Contact"])
