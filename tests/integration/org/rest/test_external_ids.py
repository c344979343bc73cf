"""External ids, conditional requests, compression (salesforce-shapes.md 0, 3 and 7.4)."""

from __future__ import annotations

import gzip
from typing import Any

import aiohttp
import orjson

from sandbox.org.server import RunningOrg

DATA = "/services/data/v62.0"


async def call(
    http: aiohttp.ClientSession, method: str, path: str, body: object = None, status: int = 200, version: str = DATA
) -> Any:
    async with http.request(method, version + path, json=body) as reply:
        text = await reply.text()
        assert reply.status == status, text
        return orjson.loads(text) if text else None


async def test_upsert_by_email(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    path = "/sobjects/Contact/Email/x%40example.com"
    created = await call(http, "PATCH", path, {"LastName": "X"}, 201)
    assert created == {"id": created["id"], "success": True, "errors": [], "created": True}
    again = await call(http, "PATCH", path, {"LastName": "Y"})
    assert again == created | {"created": False}
    assert await call(http, "PATCH", path, {"LastName": "Z"}, 204, "/services/data/v41.0") is None
    (row,) = org.org.rows("Contact")
    assert (row["Email"], row["LastName"]) == ("x@example.com", "Z")
    assert (await call(http, "GET", "/sobjects/Contact/Email/X@EXAMPLE.com?fields=LastName"))["LastName"] == "Z"
    await call(http, "DELETE", path, None, 204)
    assert org.org.count("Contact") == 0
    await call(http, "PATCH", path + "?updateOnly=true", {"LastName": "Y"}, 404)
    await call(http, "GET", path, None, 404)


async def test_several_matches_are_offered(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    ids = org.org.load("Contact", [{"LastName": name, "Email": "two@example.com"} for name in "AB"])
    choices = [f"{DATA}/sobjects/Contact/{one}" for one in ids]
    for method in ("GET", "PATCH", "DELETE"):
        body = {"LastName": "C"} if method == "PATCH" else None
        assert await call(http, method, "/sobjects/Contact/Email/two@example.com", body, 300) == choices


async def test_fields_that_identify_nothing(http: aiohttp.ClientSession) -> None:
    (error,) = await call(http, "GET", "/sobjects/Contact/Namez/x", None, 404)
    assert error == {
        "message": "Provided external ID field does not exist or is not accessible: Namez",
        "errorCode": "NOT_FOUND",
    }
    await call(http, "GET", "/sobjects/Contact/Title/x", None, 404)
    (error,) = await call(http, "PATCH", "/sobjects/Contact/Email/x@y.example", {"email": "z"}, 400)
    assert error["errorCode"] == "INVALID_FIELD"


async def test_upsert_by_id(http: aiohttp.ClientSession) -> None:
    created = await call(http, "POST", "/sobjects/Account/Id", {"Name": "A"}, 201)
    assert created["created"] is True
    updated = await call(http, "PATCH", f"/sobjects/Account/Id/{created['id']}", {"Name": "B"})
    assert updated["created"] is False
    await call(http, "PATCH", "/sobjects/Account/Id/001000000000000AAA", {"Name": "B"}, 404)


async def test_readers_who_have_it_are_told_so(http: aiohttp.ClientSession) -> None:
    record = await call(http, "POST", "/sobjects/Account", {"Name": "A"}, 201)
    path = f"{DATA}/sobjects/Account/{record['id']}?fields=Name"
    async with http.get(path) as reply:
        tag, modified = reply.headers["ETag"], reply.headers["Last-Modified"]
    for headers in ({"If-None-Match": tag}, {"If-None-Match": tag[:-1] + '--gzip"'}, {"If-Modified-Since": modified}):
        async with http.get(path, headers=headers) as reply:
            assert (reply.status, await reply.read()) == (304, b"")
    old = {"If-Modified-Since": "Wed, 6 May 2020 09:49:20 GMT"}
    for headers in (old, {"If-None-Match": '"other"'}, {"If-Modified-Since": "yesterday"}):
        async with http.get(path, headers=headers) as reply:
            assert reply.status == 200
    async with http.patch(path, json={"Name": "B"}, headers={"If-Match": '"other"'}) as reply:
        assert (reply.status, (await reply.json())[0]["errorCode"]) == (412, "PRECONDITION_FAILED")
    async with http.patch(path, json={"Name": "B"}, headers={"If-Match": tag}) as reply:
        assert reply.status == 204


async def test_large_answers_are_compressed(org: RunningOrg) -> None:
    headers = {"Authorization": f"Bearer {org.access_token}", "Accept-Encoding": "gzip"}
    async with aiohttp.ClientSession(org.base_url, headers=headers, auto_decompress=False) as http:
        async with http.get(f"{DATA}/sobjects/Contact/describe") as reply:
            assert reply.headers["Content-Encoding"] == "gzip"
            assert orjson.loads(gzip.decompress(await reply.read()))["name"] == "Contact"
        async with http.get(f"{DATA}/limits/recordCount") as reply:
            assert "Content-Encoding" not in reply.headers
        body = gzip.compress(b'{"Name": "packed"}')
        async with http.post(f"{DATA}/sobjects/Account", data=body, headers={"Content-Encoding": "gzip"}) as reply:
            assert reply.status == 201
    assert [row["Name"] for row in org.org.rows("Account")] == ["packed"]


async def test_root(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    root = await call(http, "GET", "")
    assert list(root)[:3] == ["tooling", "metadata", "eclair"]
    assert (len(root), root["query"]) == (47, f"{DATA}/query")
    assert root["identity"] == f"{org.base_url}/id/{org.org.organization_id}/{org.org.admin_user_id}"
