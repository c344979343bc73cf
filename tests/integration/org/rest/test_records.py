"""REST over HTTP: statuses, bodies and headers as recorded, and the admin side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return orjson.loads(self.text)

    @property
    def error(self) -> Any:
        [error] = self.body
        return error


@dataclass(frozen=True, slots=True)
class Api:
    """Calls below ``/services/data/v62.0``, or anywhere with ``path``."""

    org: RunningOrg
    http: aiohttp.ClientSession

    async def __call__(self, method: str, resource: str = "", path: str | None = None, **options: Any) -> Reply:
        url = self.org.base_url + (f"/services/data/v62.0{resource}" if path is None else path)
        async with self.http.request(method, url, **options) as reply:
            return Reply(reply.status, reply.headers, await reply.text())

    async def create(self, object_name: str = "Contact", **fields: object) -> str:
        reply = await self("POST", f"/sobjects/{object_name}", json={"LastName": "Doe"} | fields)
        assert reply.status == 201
        return str(reply.body["id"])


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig()) as running:
        yield running


@pytest.fixture
async def api(org: RunningOrg) -> AsyncIterator[Api]:
    headers = {"Authorization": f"Bearer {org.access_token}", "Sforce-Call-Options": "client=SegmentSync"}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield Api(org, http)


async def test_the_list_of_versions_needs_no_session(org: RunningOrg) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{org.base_url}/services/data") as reply:
        versions = await reply.json()
        assert "Sforce-Limit-Info" not in reply.headers
    assert versions[0] == {"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"}
    assert versions[1]["label"] == "Winter '15"
    assert versions[-1] == {"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"}


async def test_everything_below_a_version_needs_a_session(org: RunningOrg) -> None:
    async with aiohttp.ClientSession() as http:
        reply = await Api(org, http)("GET", "/sobjects")
    assert reply.status == 401
    assert reply.body == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


async def test_a_record_from_creation_to_deletion(api: Api) -> None:
    created = await api("POST", "/sobjects/Contact/", json={"lastname": "Doe", "MailingCity": "Oslo"})
    record_id = created.body["id"]
    assert created.status == 201
    assert created.text == f'{{"id":"{record_id}","success":true,"errors":[]}}'
    assert created.headers["Location"] == f"/services/data/v62.0/sobjects/Contact/{record_id}"
    assert created.headers["Content-Type"] == "application/json;charset=UTF-8"
    path = f"/sobjects/Contact/{record_id}"
    updated = await api("PATCH", path, json={"Title": "Boss", "attributes": {"type": "Contact"}})
    assert (updated.status, updated.text) == (204, "")
    read = await api("GET", f"/sobjects/contact/{record_id[:15]}")
    assert list(read.body)[:3] == ["attributes", "Id", "IsDeleted"]
    assert (read.body["Title"], read.body["Department"]) == ("Boss", None)
    assert read.body["MailingAddress"]["city"] == "Oslo"
    assert read.body["OtherAddress"] is None
    assert read.headers["Last-Modified"].endswith(" GMT")
    some = await api("GET", f"{path}?fields=title,Name")
    assert list(some.body) == ["attributes", "Id", "Title", "Name"]
    assert (await api("DELETE", path)).status == 204
    again = await api("DELETE", path)
    assert again.status == 404
    assert again.text == '[{"message":"entity is deleted","errorCode":"ENTITY_IS_DELETED","fields":[]}]'
    assert (await api("GET", path)).status == 404


async def test_a_write_is_announced_with_the_callers_client_name(api: Api) -> None:
    await api.create()
    [event] = api.org.org.events.after("/data/ContactChangeEvent", -2, 10)
    origin = orjson.loads(event.data)["payload"]["ChangeEventHeader"]["changeOrigin"]
    assert origin == "com/salesforce/api/rest/62.0;client=SegmentSync"


@pytest.mark.parametrize(
    ("method", "resource", "body", "status", "text"),
    [
        (
            "POST",
            "/sobjects/Account",
            {},
            400,
            (
                '[{"message":"Required fields are missing: [Name]",'
                '"errorCode":"REQUIRED_FIELD_MISSING","fields":["Name"]}]'
            ),
        ),
        (
            "POST",
            "/sobjects/Account",
            {"Name": "A", "foo": 1},
            400,
            '[{"message":"No such column \'foo\' on sobject of type Account","errorCode":"INVALID_FIELD"}]',
        ),
        (
            "GET",
            "/sobjects/Unicorn/describe",
            None,
            404,
            '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]',
        ),
        (
            "PATCH",
            "/sobjects/Account/001000000000001AAA",
            {"Name": "A"},
            404,
            '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]',
        ),
        (
            "GET",
            "/nothing",
            None,
            404,
            '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]',
        ),
    ],
)
async def test_errors_have_the_recorded_text(
    api: Api, method: str, resource: str, body: object, status: int, text: str
) -> None:
    reply = await api(method, resource, json=body)
    assert (reply.status, reply.text) == (status, text)


async def test_a_dangling_reference_is_not_a_missing_record(api: Api) -> None:
    reply = await api("PATCH", f"/sobjects/Contact/{await api.create()}", json={"AccountId": "001000000000001"})
    assert reply.status == 400
    assert reply.error == {
        "message": "invalid cross reference id",
        "errorCode": "INVALID_CROSS_REFERENCE_KEY",
        "fields": [],
    }


async def test_a_method_that_is_not_allowed_names_the_others(api: Api) -> None:
    reply = await api("PUT", f"/sobjects/Contact/{await api.create()}")
    assert reply.status == 405
    assert reply.error["errorCode"] == "METHOD_NOT_ALLOWED"
    assert reply.headers["Allow"] == "DELETE,GET,HEAD,PATCH"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a":1}x'])
async def test_a_body_that_is_not_a_json_object(api: Api, body: bytes) -> None:
    reply = await api("POST", "/sobjects/Contact", data=body)
    assert reply.status == 400
    assert reply.error["errorCode"] == "JSON_PARSER_ERROR"


async def test_versions_outside_the_served_range(api: Api) -> None:
    for version in ("v67.0", "v62.5"):
        assert (await api("GET", path=f"/services/data/{version}/sobjects")).status == 404


async def test_collections_answer_row_by_row(api: Api) -> None:
    records = [{"attributes": {"type": "Contact"}, "LastName": "A"}, {"attributes": {"type": "Contact"}}]
    created = await api("POST", "/composite/sobjects", json={"allOrNone": False, "records": records})
    good, bad = created.body
    assert created.status == 200
    assert good == {"id": good["id"], "success": True, "errors": []}
    assert bad == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [LastName]",
                "fields": ["LastName"],
            }
        ],
    }
    patch = {"records": [{"attributes": {"type": "Contact"}, "id": good["id"], "Title": "Boss"}]}
    assert (await api("PATCH", "/composite/sobjects", json=patch)).body == [good]
    deleted = await api("DELETE", f"/composite/sobjects?ids={good['id']},001zz&allOrNone=false")
    assert [one["success"] for one in deleted.body] == [True, False]
    assert deleted.body[1]["errors"][0]["statusCode"] == "MALFORMED_ID"


async def test_a_collection_is_one_transaction(api: Api) -> None:
    records = [{"attributes": {"type": "Contact"}, "LastName": f"{number}"} for number in range(3)]
    await api("POST", "/composite/sobjects", json={"records": records})
    entries = list(api.org.org.ledger.after(0))[-3:]
    assert len({entry.commit_number for entry in entries}) == 1
    assert len({entry.transaction_key for entry in entries}) == 1


async def test_collections_have_a_limit(api: Api) -> None:
    records = [{"attributes": {"type": "Contact"}, "LastName": "A"}] * 201
    reply = await api("POST", "/composite/sobjects", json={"records": records})
    assert (reply.status, reply.error["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
    assert api.org.org.count("Contact") == 0


async def test_the_used_calls_are_counted_on_each_reply(api: Api) -> None:
    infos = [(await api("GET", "/sobjects")).headers["Sforce-Limit-Info"] for _ in range(2)]
    assert infos == ["api-usage=1/15000000", "api-usage=2/15000000"]
    limits = (await api("GET", "/limits")).body
    assert limits["DailyApiRequests"] == {"Max": 15_000_000, "Remaining": 14_999_997}
    assert list(limits) == sorted(limits)


async def test_record_counts_leave_unknown_objects_out(api: Api) -> None:
    await api.create()
    reply = await api("GET", "/limits/recordCount?sObjects=Contact,Unicorn,Lead")
    assert reply.body == {"sObjects": [{"count": 1, "name": "Contact"}, {"count": 0, "name": "Lead"}]}


async def test_the_ledger_is_read_in_pages(api: Api) -> None:
    record_id = await api.create(Title="Boss")
    await api("PATCH", f"/sobjects/Contact/{record_id}", json={"Title": "Chief"})
    lines = (await api("GET", path="/__admin__/ledger?after=2")).text.splitlines()
    created, updated = [orjson.loads(line) for line in lines]
    assert (created["operation"], updated["operation"]) == ("create", "update")
    assert updated["changed"]["Title"] == "Chief"
    assert updated["after"]["LastName"] == "Doe"
    assert updated["actor"]["client"] == "SegmentSync"
    assert updated["commitTimestamp"] <= updated["committedAt"]
    assert updated["replayIds"]["/data/ContactChangeEvent"] > created["replayIds"]["/data/ContactChangeEvent"]
    one = (await api("GET", path=f"/__admin__/ledger?after={created['number']}&limit=1")).text.splitlines()
    assert [orjson.loads(line)["number"] for line in one] == [updated["number"]]
    assert (await api("GET", path="/__admin__/ledger?after=x")).status == 400


async def test_state_counts_and_changes(api: Api) -> None:
    kept, gone = await api.create(), await api.create()
    await api("DELETE", f"/sobjects/Contact/{gone}")
    state = (await api("GET", path="/__admin__/state/contact")).body
    assert [row["Id"] for row in state] == [kept]
    counts = (await api("GET", path="/__admin__/counts")).body
    assert counts["objects"]["Contact"] == {"live": 1, "deleted": 1}
    assert counts["events"] == counts["changes"] == {"Contact": 3}
    assert (await api("GET", path="/__admin__/changes/Contact")).body == {kept: 1, gone: 2}
    stats = (await api("GET", path="/__admin__/stats")).body
    assert stats["calls"]["sobjects"] == stats["apiRequests"] == 3


async def test_a_deleted_record_comes_back(api: Api) -> None:
    record_id = await api.create()
    await api("DELETE", f"/sobjects/Contact/{record_id}")
    body = {"object": "Contact", "ids": [record_id, "003000000000001AAA"]}
    assert (await api("POST", path="/__admin__/undelete", json=body)).body == {"undeleted": 1}
    assert (await api("GET", f"/sobjects/Contact/{record_id}")).status == 200


async def test_an_outage_answers_every_product_route(api: Api) -> None:
    await api("POST", path="/__admin__/outage", json={"seconds": 60, "status": 502})
    assert (await api("GET", "/sobjects")).status == 502
    assert (await api("GET", path="/services/data")).status == 502
    await api("POST", path="/__admin__/outage", json={"seconds": 0})
    assert (await api("GET", "/sobjects")).status == 200


async def test_revoked_tokens_are_refused_from_then_on(api: Api) -> None:
    reply = await api("POST", path="/__admin__/tokens/revoke")
    assert reply.body == {"revoked": 1}
    assert (await api("GET", "/sobjects")).status == 401


async def test_the_credentials_name_everything_a_client_needs(org: RunningOrg) -> None:
    assert list(org.credentials) == [
        "login_url",
        "instance_url",
        "admin_url",
        "org_id",
        "client_id",
        "client_secret",
        "username",
        "password",
        "security_token",
        "access_token",
    ]
    assert org.credentials["access_token"].startswith(f"{org.credentials['org_id'][:15]}!")
    assert len(org.credentials["org_id"]) == 18
    for secret in ("client_secret", "password", "security_token", "access_token"):
        assert org.credentials[secret] not in repr(org)


async def test_a_seeded_org_has_what_was_asked(org: RunningOrg) -> None:
    async with await serve(OrgConfig(contacts=40, leads=30, accounts=20, seed=3)) as seeded:
        counts = [seeded.org.count(name) for name in ("Contact", "Lead", "Account")]
        accounts = {row["Id"] for row in seeded.org.rows("Account")}
        linked = [row["AccountId"] for row in seeded.org.rows("Contact") if "AccountId" in row]
    assert counts == [40, 30, 20]
    assert linked
    assert accounts.issuperset(linked)
    assert org.org.count("Contact") == 0
