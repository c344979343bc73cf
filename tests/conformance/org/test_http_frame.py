"""What all REST replies have in common (salesforce-shapes 0 and 1.1, 1.2)."""

from __future__ import annotations

import re

import pytest

from tests.conformance.org.conftest import Caller

# Shapes 1.2, in its order.
RESOURCES = (
    "tooling, metadata, eclair, folders, prechatForms, contact-tracing, jsonxform, chatter, payments, tabs, appMenu, "
    "quickActions, queryAll, commerce, wave, iot, analytics, search, smartdatadiscovery, identity, composite, "
    "parameterizedSearch, fingerprint, theme, nouns, domino, event, serviceTemplates, recent, connect, licensing, "
    "limits, process, dedupe, async-queries, query, jobs, localizedvalue, mobile, emailConnect, consent, tokenizer, "
    "compactLayouts, async, sobjects, actions, support"
)


async def test_headers_of_a_reply(call: Caller) -> None:
    """Shapes 0."""
    headers = (await call("GET", "/limits")).headers
    assert headers["Content-Type"] == "application/json;charset=UTF-8"
    assert headers["Cache-Control"] == "no-cache,must-revalidate,max-age=0,no-store,private"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Robots-Tag"] == "none"
    assert headers["Vary"] == "Accept-Encoding"
    assert headers["Server"] == "sfdcedge"
    assert re.fullmatch("[0-9a-f]{32}", headers["X-SFDC-Request-Id"])
    assert headers["X-Request-Id"] == headers["X-SFDC-Request-Id"]


async def test_the_calls_used_are_counted_by_one(call: Caller) -> None:
    """Shapes 0: used count, no space after ``=``; absent on the list of versions, which needs no token (1.1)."""
    first, second = [(await call("GET", "/limits")).headers["Sforce-Limit-Info"] for _ in range(2)]
    used, maximum = re.fullmatch(r"api-usage=(\d+)/(\d+)", first).groups()  # type: ignore[union-attr]
    assert second == f"api-usage={int(used) + 1}/{maximum}"
    versions = await call("GET", "/services/data", Authorization="")
    assert versions.status == 200
    assert "Sforce-Limit-Info" not in versions.headers


async def test_the_list_of_versions(call: Caller) -> None:
    """Shapes 1.1; the label of 42.0 is the one with a typographic apostrophe."""
    text = (await call("GET", "/services/data")).text
    assert text.startswith(
        '[{"label":"Summer \'14","url":"/services/data/v31.0","version":"31.0"},{"label":"Winter \'15"'
    )
    assert text.endswith('{"label":"Spring \'26","url":"/services/data/v66.0","version":"66.0"}]')
    assert '"label":"Spring ’18","url":"/services/data/v42.0"' in text
    assert text.count("’") == 1


async def test_the_resources_of_a_version(call: Caller) -> None:
    """Shapes 1.2."""
    root = (await call("GET", "/")).json
    assert list(root) == RESOURCES.split(", ")
    assert root["async-queries"] == "/services/data/v62.0/async-queries"
    assert root["identity"].endswith(f"/id/{call.org.org.organization_id}/{call.org.org.admin_user_id}")


async def test_bodies_are_compact_unless_asked_to_be_pretty(call: Caller) -> None:
    """Shapes 0, X-PrettyPrint: two spaces of indentation, a space on both sides of the colon, arrays inline."""
    record = {"LastName": "Pretty"}
    assert (await call("POST", "/sobjects/Contact", record)).neutral == '{"id":"003…","success":true,"errors":[]}'
    pretty = await call("POST", "/sobjects/Contact", record, X_PrettyPrint="1")
    assert pretty.neutral == '{\n  "id" : "003…",\n  "success" : true,\n  "errors" : [ ]\n}'
    missing = await call("GET", "/sobjects/Nope", X_PrettyPrint="1")
    assert missing.text == (
        '[ {\n  "errorCode" : "NOT_FOUND",\n  "message" : "The requested resource does not exist"\n} ]'
    )


async def test_where_a_new_record_is(call: Caller) -> None:
    """Shapes 0: a path without a host."""
    reply = await call("POST", "/sobjects/Account", {"Name": "X"})
    assert reply.headers["Location"] == f"/services/data/v62.0/sobjects/Account/{reply.json['id']}"


async def test_a_record_that_has_not_changed(call: Caller) -> None:
    """Shapes 0: Last-Modified, ETag and 304."""
    record = f"/sobjects/Account/{await call.created('Account', Name='X')}"
    read = await call("GET", record)
    assert re.fullmatch(r"\w{3}, \d\d? \w{3} \d{4} \d\d:\d\d:\d\d GMT", read.headers["Last-Modified"])
    assert (await call("GET", record, If_Modified_Since=read.headers["Last-Modified"])).status == 304
    assert (await call("GET", record, If_None_Match=read.headers["ETag"])).status == 304


@pytest.mark.parametrize(
    "path", ["/query/?q=SELECT+Id+FROM+Contact", "/sobjects/", "/limits/", "/sobjects/Contact/describe/"]
)
async def test_paths_with_a_slash_at_the_end(call: Caller, path: str) -> None:
    """salesforce.md 11."""
    assert (await call("GET", path)).status == 200


async def test_paths_with_two_slashes(call: Caller) -> None:
    """salesforce.md 11: clients that join an instance URL with a slash and a path with one."""
    assert (await call("GET", "/services/data/../data/v62.0/limits")).status in {200, 404}
    async with call.http.get(
        f"{call.org.base_url}//services/data/v62.0/limits", headers={"Authorization": f"Bearer {call.org.access_token}"}
    ) as reply:
        assert reply.status == 200


@pytest.mark.parametrize(("means", "status"), [("PATCH", 204), ("DELETE", 204), ("GET", 200)])
async def test_a_post_that_means_another_method(call: Caller, means: str, status: int) -> None:
    """REST API guide, "Using HEAD, PATCH, ..."; force-rest-api updates so."""
    record_id = await call.created("Contact", LastName="One")
    body = {"LastName": "Two"} if means == "PATCH" else None
    reply = await call("POST", f"/sobjects/Contact/{record_id}?_HttpMethod={means}", body)
    assert reply.status == status


async def test_versions_that_were_retired(call: Caller) -> None:
    """salesforce.md 3: 21.0 to 30.0 answer 410 GONE."""
    reply = await call("GET", "/services/data/v30.0/limits")
    assert (reply.status, reply.json[0]["errorCode"]) == (410, "GONE")
    assert (await call("GET", "/services/data/v99.0/limits")).status == 404
