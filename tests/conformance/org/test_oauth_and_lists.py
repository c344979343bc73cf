"""OAuth, identity, list views and limits (salesforce-answers 3, 4 and 6, salesforce-shapes 5 and 7)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import serve
from tests.conformance.org.conftest import Caller, Reply

USERINFO = [
    "sub", "user_id", "organization_id", "preferred_username", "nickname", "name", "email", "email_verified",
    "given_name", "family_name", "zoneinfo", "photos", "profile", "picture", "address",
    "is_salesforce_integration_user", "urls", "active", "user_type", "language", "locale", "utcOffset", "updated_at",
]  # fmt: skip
FORM = "application/x-www-form-urlencoded"


async def token(call: Caller, **form: str) -> Reply:
    config = call.org.org.config
    known = {"client_id": config.client_id, "client_secret": config.client_secret}
    body = urlencode({name: value for name, value in (known | form).items() if value}).encode()
    return await call("POST", "/services/oauth2/token", body, Content_Type=FORM, Authorization="")


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant", "expired access/refresh token"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant", "expired authorization code"),
        ({"grant_type": "password", "username": "u", "password": "p"}, "invalid_grant", "authentication failure"),
        ({"grant_type": "teleport"}, "unsupported_grant_type", "grant type not supported"),
        ({}, "invalid_request", "missing required parameter: grant_type"),
        (
            {"grant_type": "client_credentials", "client_id": "nobody"},
            "invalid_client_id",
            "client identifier invalid",
        ),
        (
            {"grant_type": "client_credentials", "client_secret": "wrong"},
            "invalid_client",
            "invalid client credentials",
        ),
    ],
)
async def test_refused_grants(call: Caller, form: dict[str, str], error: str, description: str) -> None:
    """Answers 4: always 400; error, then its description; not to be stored."""
    reply = await token(call, **form)
    assert (reply.status, reply.text) == (400, f'{{"error":"{error}","error_description":"{description}"}}')
    assert "no-store" in reply.headers["Cache-Control"]


async def test_client_credentials_without_a_user(call: Caller) -> None:
    """Answers 4."""
    async with await serve(OrgConfig(client_credentials_enabled=False)) as org:
        reply = await token(Caller(org, call.http), grant_type="client_credentials")
    assert reply.json == {"error": "invalid_grant", "error_description": "no client credentials user enabled"}


async def test_a_granted_token(call: Caller) -> None:
    """salesforce.md 3: no expires_in; the time in ms as text."""
    body = (await token(call, grant_type="client_credentials")).json
    assert body.keys() >= {"access_token", "instance_url", "id", "token_type", "issued_at", "signature"}
    assert body.keys().isdisjoint({"expires_in", "refresh_token"})
    assert (body["token_type"], body["issued_at"].isdigit()) == ("Bearer", True)
    assert body["access_token"].startswith(f"{call.org.org.organization_id[:15]}!")


async def test_userinfo_and_identity(call: Caller) -> None:
    """Shapes 7.2: keys in their order; addresses keep the literal {version}."""
    info = (await call("GET", "/services/oauth2/userinfo")).json
    assert list(info) == USERINFO
    assert info["urls"]["rest"].endswith("/services/data/v{version}/")
    org = call.org.org
    identity = (await call("GET", f"/services/../id/{org.organization_id}/{org.admin_user_id}")).json
    assert identity.keys() >= {
        "id",
        "asserted_user",
        "username",
        "nick_name",
        "display_name",
        "timezone",
        "urls",
        "status",
    }
    assert (identity["user_id"], identity["user_type"]) == (org.admin_user_id, "STANDARD")


async def test_limits(call: Caller) -> None:
    """Shapes 7.1: Max and Remaining, names in alphabetical order."""
    limits = (await call("GET", "/limits")).json
    assert list(limits) == sorted(limits)
    assert all({"Max", "Remaining"} <= one.keys() for one in limits.values())
    expected = {"DailyAsyncApexExecutions": 250_000, "DailyBulkApiBatches": 15_000, "DailyBulkV2QueryJobs": 10_000}
    assert {name: limits[name]["Max"] for name in expected} == expected


async def test_record_counts(call: Caller) -> None:
    """Shapes 7.1: unknown objects are left out."""
    reply = await call("GET", "/limits/recordCount?sObjects=Account,Nope")
    count = call.org.org.count("Account")
    assert reply.text == f'{{"sObjects":[{{"count":{count},"name":"Account"}}]}}'


async def views(call: Caller, name: str) -> dict[str, Any]:
    body = (await call("GET", f"/sobjects/{name}/listviews")).json
    return {one["developerName"]: one for one in body["listviews"]}


async def test_the_list_of_list_views(call: Caller) -> None:
    """Shapes 5: keys in their order, ids of 18 characters."""
    body = (await call("GET", "/sobjects/Account/listviews")).json
    assert list(body) == ["done", "listviews", "nextRecordsUrl", "size", "sobjectType"]
    one = body["listviews"][0]
    assert list(one) == ["describeUrl", "developerName", "id", "label", "resultsUrl", "soqlCompatible", "url"]
    assert len(one["id"]) == 18
    assert one["describeUrl"] == f"/services/data/v62.0/sobjects/Account/listviews/{one['id']}/describe"
    assert (await call("GET", f"/sobjects/Account/listviews/{one['id']}")).json == one


async def test_the_describe_of_a_list_view(call: Caller) -> None:
    """Shapes 5.1: 15 characters here; labels that look inverted; the order ends with the id."""
    one = (await views(call, "Account"))["AllAccounts"]
    body = (await call("GET", one["describeUrl"])).json
    assert list(body) == ["columns", "id", "orderBy", "query", "scope", "sobjectType", "whereCondition"]
    assert body["id"] == one["id"][:15]
    assert body["whereCondition"] == {"conditions": [], "conjunction": "and"}
    assert (body["scope"], body["sobjectType"]) == ("everything", "Account")
    name = next(column for column in body["columns"] if column["fieldNameOrPath"] == "Name")
    assert (name["ascendingLabel"], name["descendingLabel"]) == ("Z-A", "A-Z")
    assert list(name) == sorted(name)
    hidden = [column["fieldNameOrPath"] for column in body["columns"] if column["hidden"]]
    assert {"Id", "CreatedDate", "LastModifiedDate", "SystemModstamp"} <= set(hidden)
    assert body["query"].endswith("ORDER BY Name ASC NULLS FIRST, Id ASC NULLS FIRST")


async def test_a_list_view_of_a_week(call: Caller) -> None:
    """Shapes 5.2: date literals stay literals."""
    body = (await call("GET", (await views(call, "Account"))["NewThisWeek"]["describeUrl"])).json
    leaf = {"field": "CreatedDate", "operator": "equals", "values": ["THIS_WEEK"]}
    assert body["whereCondition"] == leaf
    assert "WHERE CreatedDate = THIS_WEEK ORDER BY" in body["query"]


async def test_the_records_of_my_list(call: Caller) -> None:
    """Answers 6: the scope is between FROM and ORDER BY, and no condition of its own."""
    body = (await call("GET", (await views(call, "Account"))["MyAccounts"]["describeUrl"])).json
    assert body["scope"] == "mine"
    assert "FROM Account USING SCOPE mine ORDER BY" in body["query"]
    assert body["whereCondition"] == {"conditions": [], "conjunction": "and"}


async def test_results_of_a_list_view(call: Caller) -> None:
    """Shapes 5.3: cells as texts, date-times in the form of Java's toString."""
    one = (await views(call, "Account"))["AllAccounts"]
    body = (await call("GET", f"{one['resultsUrl']}?limit=2")).json
    assert list(body) == ["columns", "developerName", "done", "id", "label", "records", "size"]
    assert (body["size"], len(body["records"])) == (2, 2)
    cells = {cell["fieldNameOrPath"]: cell["value"] for cell in body["records"][0]["columns"]}
    assert all(value is None or isinstance(value, str) for value in cells.values())
    assert len(cells["CreatedDate"].split()) == 6
    assert " GMT " in cells["CreatedDate"]
