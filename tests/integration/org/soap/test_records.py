"""The record calls of the SOAP APIs, as clients with the partner and enterprise WSDLs make them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Protocol
from xml.etree import ElementTree

import aiohttp
import orjson
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve

_ENVELOPE = (
    '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:sf="urn:sobject.partner.soap.sforce.com">'
    "<e:Header><SessionHeader><sessionId>{session}</sessionId></SessionHeader>{headers}"
    "<CallOptions><client>Old</client></CallOptions></e:Header>"
    '<e:Body><{operation} xmlns="urn:partner.soap.sforce.com">{body}</{operation}></e:Body></e:Envelope>'
)


class Call(Protocol):
    async def __call__(self, operation: str, body: str, headers: str = "", api: str = "u") -> list[str]: ...


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(accounts=13, contacts=20, leads=22)) as running:
        yield running


@pytest.fixture
async def call(org: RunningOrg) -> AsyncIterator[Call]:
    """The texts of the answer, as `name=text` without prefixes; of a fault its code."""
    async with aiohttp.ClientSession(org.base_url) as http:

        async def make(operation: str, body: str, headers: str = "", api: str = "u") -> list[str]:
            envelope = _ENVELOPE.format(session=org.access_token, operation=operation, body=body, headers=headers)
            async with http.post(f"/services/Soap/{api}/60.0", data=envelope.encode()) as response:
                tree = ElementTree.fromstring(await response.text())  # noqa: S314 (our own answer)
            leaves = (one for one in tree.iter() if len(one) == 0)
            return [f"{one.tag.rpartition('}')[2]}={one.text or ''}" for one in leaves]

        yield make


def value(texts: list[str], name: str) -> str:
    return next(one.partition("=")[2] for one in texts if one.startswith(f"{name}="))


async def test_query_pages_through_a_cursor(call: Call) -> None:
    size = "<QueryOptions><batchSize>200</batchSize></QueryOptions>"
    body = "<queryString>SELECT Id, Name, Account.Name FROM Contact WHERE LastName = 'Gonzalez'</queryString>"
    found = await call("query", body, size)
    many = "<sObjects><type>Lead</type><LastName>x</LastName><Company>y</Company></sObjects>" * 200
    await call("create", many)
    first = await call("query", "<queryString>SELECT Id FROM Lead</queryString>", size)
    rest = await call("queryMore", f"<queryLocator>{value(first, 'queryLocator')}</queryLocator>", size)

    assert [one for one in found if not one.startswith("Id=")] == [
        "done=true", "queryLocator=", "type=Contact", "Name=Rose Gonzalez", "Name=Edge Communications", "size=1",
    ]  # fmt: skip
    assert (value(first, "done"), value(first, "size"), first.count("type=Lead")) == ("false", "222", 200)
    assert (value(rest, "done"), rest.count("type=Lead")) == ("true", 22)


async def test_records_are_created_changed_and_deleted(org: RunningOrg, call: Call) -> None:
    tip = org.org.events.tip
    made = await call(
        "create", "<sObjects><sf:type>Contact</sf:type><sf:LastName>Soap</sf:LastName><sf:Title>T</sf:Title></sObjects>"
        "<sObjects><type>Contact</type></sObjects>"
    )  # fmt: skip
    record_id = value(made, "id")
    cleared = f"<sObjects><type>Contact</type><fieldsToNull>Title</fieldsToNull><Id>{record_id}</Id></sObjects>"
    changed = await call("update", cleared)
    seen = await call(
        "retrieve", f"<fieldList>LastName, Title</fieldList><sObjectType>Contact</sObjectType><ids>{record_id}</ids>"
    )
    gone = await call("delete", f"<ids>{record_id}</ids><ids>zzz</ids>")
    back = await call("undelete", f"<ids>{record_id}</ids>")

    assert made[2:] == [
        "fields=LastName", "message=Required fields are missing: [LastName]", "statusCode=REQUIRED_FIELD_MISSING",
        "id=", "success=false",
    ]  # fmt: skip
    assert changed == [f"id={record_id}", "success=true"]
    assert seen == ["type=Contact", "Id=", "LastName=Soap", "Title="]
    assert (gone[1], gone[-1], back) == ("success=true", "success=false", [f"id={record_id}", "success=true"])
    events = [orjson.loads(one.data)["payload"] for one in org.org.events.after("/data/ChangeEvents", tip, 9)]
    origins = {one["ChangeEventHeader"]["changeOrigin"] for one in events}
    assert origins == {"com/salesforce/api/soap/60.0;client=Old"}


async def test_upsert_by_email_updates_or_creates(call: Call) -> None:
    key = "<externalIDFieldName>Email</externalIDFieldName>"
    rows = [("rose@edge.com", "Changed"), ("new@edge.com", "New")]
    body = "".join(
        f"<sObjects><type>Contact</type><Email>{email}</Email><LastName>{name}</LastName></sObjects>"
        for email, name in rows
    )
    texts = await call("upsert", key + body)
    assert [one for one in texts if one.startswith(("created", "success"))] == [
        "created=false", "success=true", "created=true", "success=true",
    ]  # fmt: skip


async def test_merge_and_conversion(org: RunningOrg, call: Call) -> None:
    ids = [str(row["Id"]) for row in org.org.rows("Contact")][:3]
    master = f"<masterRecord><type>Contact</type><Id>{ids[0]}</Id><Title>Merged</Title></masterRecord>"
    losers = "".join(f"<recordToMergeIds>{one}</recordToMergeIds>" for one in ids[1:])
    merged = await call("merge", f"<request>{master}{losers}</request>")
    again = await call("merge", f"<request>{master}{losers}</request>")
    lead = next(str(row["Id"]) for row in org.org.rows("Lead"))
    asked = f"<leadConverts><convertedStatus>Closed - Converted</convertedStatus><leadId>{lead}</leadId></leadConverts>"
    converted = await call("convertLead", asked)
    twice = await call("convertLead", asked)

    assert merged == [f"id={ids[0]}", f"mergedRecordIds={ids[1]}", f"mergedRecordIds={ids[2]}", "success=true"]
    assert value(again, "statusCode") == "ENTITY_IS_DELETED"
    assert org.org.get("Contact", value(converted, "contactId")) is not None
    assert value(converted, "success") == "true"
    assert value(twice, "statusCode") == "CANNOT_UPDATE_CONVERTED_LEAD"


async def test_describes_and_the_rest(call: Call) -> None:
    described = await call("describeSObject", "<sObjectType>Contact</sObjectType>")
    known = await call("describeGlobal", "")
    user = await call("getUserInfo", "")
    now = await call("getServerTimestamp", "")

    assert "name=Salutation" in described
    assert "relationshipName=Account" in described
    assert {"name=Contact", "maxBatchSize=200"} <= set(known)
    assert value(user, "userFullName") == "Ada Admin"
    assert value(now, "timestamp").endswith("Z")


async def test_the_enterprise_api_types_its_records(call: Call) -> None:
    made = await call(
        "create", '<sObjects xsi:type="sf:Lead"><LastName>E</LastName><Company>C</Company></sObjects>', api="c"
    )
    found = await call("query", "<queryString>SELECT Company FROM Lead WHERE LastName = 'E'</queryString>", api="c")
    assert value(made, "success") == "true"
    assert found == ["done=true", "queryLocator=", "Company=C", "size=1"]


async def test_what_changed_and_what_went(org: RunningOrg, call: Call) -> None:
    gone = next(str(row["Id"]) for row in org.org.rows("Lead"))
    await call("delete", f"<ids>{gone}</ids>")
    now = datetime.now(UTC)
    start, end = ((now + timedelta(hours=hours)).isoformat() for hours in (-1, 1))
    span = f"<startDate>{start}</startDate><endDate>{end}</endDate>"
    updated = await call("getUpdated", f"<sObjectType>Lead</sObjectType>{span}")
    deleted = await call("getDeleted", f"<sObjectType>Lead</sObjectType>{span}")

    assert len([one for one in updated if one.startswith("ids=")]) == 21
    assert value(deleted, "id") == gone
    assert value(deleted, "deletedDate").endswith("Z")


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("query", "<queryString>SELECT Nope FROM Contact</queryString>", "INVALID_FIELD"),
        ("queryMore", "<queryLocator>x-1</queryLocator>", "INVALID_QUERY_LOCATOR"),
        ("getUpdated", "<sObjectType>Lead</sObjectType>", "MISSING_ARGUMENT"),
        ("describeSObject", "<sObjectType>Nope</sObjectType>", "INVALID_TYPE"),
        ("create", "<sObjects><type>Lead</type></sObjects>" * 201, "EXCEEDED_ID_LIMIT"),
        (
            "upsert",
            "<externalIDFieldName>Nope</externalIDFieldName><sObjects><type>Lead</type></sObjects>",
            "INVALID_FIELD",
        ),
    ],
)
async def test_faults(call: Call, operation: str, body: str, code: str) -> None:
    assert f"exceptionCode={code}" in await call(operation, body)


async def test_without_a_session_there_is_no_answer(org: RunningOrg, call: Call) -> None:
    org.tokens.revoke_all()
    assert "exceptionCode=INVALID_SESSION_ID" in await call("query", "<queryString>SELECT Id FROM Lead</queryString>")
