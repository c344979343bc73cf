"""What the columns of an ingest job may name: external ids, records by their keys, and what is no field."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from sandbox.org.store.setup import add_field
from tests.integration.org.bulk.steps import INGEST, call, ingest, rows

CODE = ("Account.Code__c", {"type": "Text", "length": 20, "externalId": True})
NUMBER = ("Contact.Number__c", {"type": "Number", "precision": 18, "scale": 0, "externalId": True, "unique": True})


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    """Accounts have an external id of text that is not unique, contacts one that is a unique number."""
    async with await serve(OrgConfig(custom_fields=(CODE, NUMBER))) as running:
        codes = {"A": "a", "B": "twin", "C": "Twin"}
        running.org.load("Account", [{"Name": name, "Code__c": code} for name, code in codes.items()])
        yield running


def found(org: RunningOrg, object_name: str, **fields: object) -> list[dict[str, object]]:
    return [row for row in org.org.rows(object_name) if fields.items() <= row.items()]


async def failures(http: aiohttp.ClientSession, path: str) -> dict[str, str]:
    """Errors by last name."""
    return {row["LastName"]: row["sf__Error"] for row in await rows(http, f"{path}/failedResults")}


async def test_upsert_by_a_number(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    settings = {"operation": "upsert", "externalIdFieldName": "number__C"}
    path, done = await ingest(http, "LastName,Number__c\nOne,7\nTwo,8\nAgain,7.0\nNone,\n", **settings)
    assert done["externalIdFieldName"] == "Number__c"
    assert await failures(http, path) == {
        "Again": "DUPLICATE_VALUE:Duplicate external id specified: 7.0:Number__c --",
        "None": "MISSING_ARGUMENT:Number__c not specified:--",
    }
    path, done = await ingest(http, "LastName,Number__c\nUno,7.00\nThree,9\n", **settings)
    outcome = {row["LastName"]: row["sf__Created"] for row in await rows(http, f"{path}/successfulResults")}
    assert outcome == {"Uno": "false", "Three": "true"}
    assert len(found(org, "Contact", Number__c=7.0, LastName="Uno")) == 1


async def test_upsert_finds_what_an_earlier_transaction_created(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    lines = "".join(f"L{number},{number % 200}\n" for number in range(400))
    settings = {"operation": "upsert", "externalIdFieldName": "Number__c"}
    _, done = await ingest(http, f"LastName,Number__c\n{lines}", **settings)
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (400, 0)
    assert sorted(str(row["LastName"]) for row in org.org.rows("Contact")) == sorted(f"L{200 + n}" for n in range(200))


async def test_several_records_of_an_external_id(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    settings = {"object": "Account", "operation": "upsert", "externalIdFieldName": "Code__c"}
    path, done = await ingest(http, "Name,Code__c\nX,TWIN\n", **settings)
    assert done["numberRecordsFailed"] == 1
    (row,) = await rows(http, f"{path}/failedResults")
    ids = ", ".join(str(one["Id"]) for one in org.org.rows("Account") if one["Name"] in {"B", "C"})
    assert row["sf__Error"] == (
        f"DUPLICATE_EXTERNAL_ID:Code: more than one record found for external id field: [{ids}]:--"
    )


async def test_upsert_by_id(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    account = found(org, "Account", Name="A")[0]["Id"]
    settings = {"object": "Account", "operation": "upsert", "externalIdFieldName": "Id"}
    path, done = await ingest(http, f"Id,Name\n{account},A1\n,D\n", **settings)
    assert done["externalIdFieldName"] == "id"
    outcome = {row["Name"]: row["sf__Created"] for row in await rows(http, f"{path}/successfulResults")}
    assert outcome == {"A1": "false", "D": "true"}


async def test_records_named_by_their_keys(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    content = (
        "LastName,account.code__c,ReportsTo.Email,Owner.Email\n"
        f"Child,A,,{org.org.config.username}\nLost,nowhere,,\nTwin,twin,,\nPlain,,,\nBoss,,nobody@x.example,\n"
    )
    path, done = await ingest(http, content, operation="insert")
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (5, 3)
    failed = await failures(http, path)
    assert (
        failed["Lost"]
        == "INVALID_FIELD:Foreign key external ID: nowhere not found for field Code__c in entity Account:--"
    )
    assert failed["Boss"].startswith(
        "INVALID_FIELD:Foreign key external ID: nobody@x.example not found for field Email"
    )
    assert failed["Twin"].startswith("DUPLICATE_EXTERNAL_ID:Code: more than one record found")
    (child,) = found(org, "Contact", LastName="Child")
    assert child["AccountId"] == found(org, "Account", Name="A")[0]["Id"]
    assert child["OwnerId"] == org.org.admin_user_id

    content = f"Id,Account.Code__c\n{child['Id']},#N/A\n"
    path, done = await ingest(http, content)
    assert done["numberRecordsFailed"] == 0
    assert await call(http, "GET", f"{path}/successfulResults") == (
        f'"sf__Id","sf__Created",Id,Account.Code__c\n"{child["Id"]}","false","{child["Id"]}","#N/A"\n'
    )
    assert "AccountId" not in found(org, "Contact", LastName="Child")[0]


async def test_a_key_that_identifies_nothing_fails_its_rows(http: aiohttp.ClientSession) -> None:
    path, done = await ingest(http, "LastName,Account.Website\nX,example.com\nY,\n", operation="insert")
    assert done["numberRecordsFailed"] == 1
    assert await failures(http, path) == {
        "X": "INVALID_FIELD:Field name provided, Website does not match an External ID, Salesforce Id, or indexed field"
        " for Account:--"
    }


@pytest.mark.parametrize(
    ("header", "settings", "message"),
    [
        ("LastName,Nothing.Code__c", {}, "Field name not found : Nothing.Code__c"),
        ("LastName,Account.Nothing", {}, "Field name not found : Account.Nothing"),
        ("LastName,Account.Owner.Email", {}, "Field name not found : Account.Owner.Email"),
        ("LastName,Account:Account.Code__c", {}, "type is not needed for non polymorphic foreign key reference"),
        ("LastName,AccountId,Account.Code__c", {}, "Duplicate field name : Account.Code__c"),
        ("LastName,lastname", {}, "Duplicate field name : lastname"),
        ("LastName", {"operation": "update"}, "Field name not found : Id"),
        ("Title", {"operation": "delete"}, "Field name not found : Id"),
        ("LastName", {"operation": "upsert", "externalIdFieldName": "Email"}, "Field name not found : Email"),
        ("LastName;Title", {}, "Field name not found : LastName;Title"),
    ],
)
async def test_columns_that_fail_the_job(
    http: aiohttp.ClientSession, header: str, settings: dict[str, str], message: str
) -> None:
    path, done = await ingest(http, f"{header}\nx\n", **{"operation": "insert", **settings})
    assert done["state"] == "Failed"
    assert done["errorMessage"].startswith("InvalidBatch : ")
    assert message in done["errorMessage"]
    assert await call(http, "GET", f"{path}/successfulResults") == f'"sf__Id","sf__Created",{header}\n'
    assert await call(http, "GET", f"{path}/unprocessedrecords") == f"{header}\nx\n"


async def test_a_key_must_be_an_external_id(http: aiohttp.ClientSession) -> None:
    body = {"object": "Contact", "operation": "upsert", "externalIdFieldName": ""}
    (error,) = await call(http, "POST", INGEST, 400, json=body)
    assert error == {
        "errorCode": "INVALIDJOB",
        "message": "InvalidJob : Field name provided,  does not match an External ID for Contact",
    }


@pytest.mark.parametrize("column", ["Owner.Email", "User:Owner.Email", "user:owner.EMAIL"])
async def test_an_owner_of_several_types(http: aiohttp.ClientSession, org: RunningOrg, column: str) -> None:
    """A lead's owner may be a queue too; the type may say that a user is meant."""
    content = f"LastName,Company,{column}\nLead,Co,{org.org.config.username}\n"
    _, done = await ingest(http, content, object="Lead", operation="insert")
    assert (done["state"], done["numberRecordsFailed"]) == ("JobComplete", 0)
    (_, failed) = await ingest(http, content.replace(column, "Group:Owner.Email"), object="Lead", operation="insert")
    assert failed["state"] == "Failed" or failed["numberRecordsFailed"] == 1


async def test_a_field_that_the_user_may_not_see_is_no_column(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    add_field(org.org, "Contact.Hidden__c", {"type": "Text", "length": 20}, visible=False)
    _, done = await ingest(http, "LastName,Hidden__c\nX,Y\n", operation="insert")
    assert (done["state"], done["errorMessage"]) == ("Failed", "InvalidBatch : Field name not found : Hidden__c")
