"""Hidden fields and records beside single records and queries: Bulk, collections, trees, search, tooling.

Sources: salesforce-shapes.md 6 (columns hidden by field-level security), salesforce-answers.md 2 and 5.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from sandbox.org.server import RunningOrg, serve
from tests.integration.org.team import DATA, Caller, Team, team_config
from tests.support.waiting import until


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(team_config()) as running:
        yield running


async def hide(team: Team, *fields: str) -> None:
    """Take the fields from everybody with the profile Standard User."""
    for field in fields:
        query = f"SELECT Id FROM FieldPermissions WHERE Field = '{field}'"  # noqa: S608 (SOQL)
        (row,) = await team.admin.ids(f"{query} AND Parent.Profile.Name = 'Standard User'")
        await team.admin("DELETE", f"/sobjects/FieldPermissions/{row}", None, 204)


class Bulk:
    """Jobs of one caller."""

    def __init__(self, org: RunningOrg, http: aiohttp.ClientSession, caller: Caller) -> None:
        self._http, self._caller = http, caller
        self._headers = {"Authorization": f"Bearer {org.tokens.issue(caller.user_id)}"}

    async def finished(self, path: str) -> Mapping[str, object]:
        found: dict[str, object] = {}

        async def done() -> bool:
            found.update(await self._caller("GET", path))
            return found["state"] in {"JobComplete", "Failed"}

        await until(done)
        return found

    async def ingest(self, object_name: str, operation: str, csv: str) -> tuple[Mapping[str, object], str]:
        """The finished job, and the text of its failed rows."""
        job = await self._caller("POST", "/jobs/ingest", {"object": object_name, "operation": operation})
        path = f"/jobs/ingest/{job['id']}"
        headers = self._headers | {"Content-Type": "text/csv"}
        async with self._http.put(f"{DATA}{path}/batches", data=csv, headers=headers) as reply:
            assert reply.status == 201
        await self._caller("PATCH", path, {"state": "UploadComplete"})
        told = await self.finished(path)
        async with self._http.get(f"{DATA}{path}/failedResults", headers=self._headers) as reply:
            return told, await reply.text()

    async def query(self, text: str) -> list[str]:
        job = await self._caller("POST", "/jobs/query", {"operation": "query", "query": text})
        await self.finished(f"/jobs/query/{job['id']}")
        async with self._http.get(f"{DATA}/jobs/query/{job['id']}/results", headers=self._headers) as reply:
            return (await reply.text()).splitlines()


async def test_bulk_jobs(team: Team, org: RunningOrg, http: aiohttp.ClientSession) -> None:
    await hide(team, "Lead.Email")
    bulk = Bulk(org, http, team.rep)
    told, _ = await bulk.ingest("Lead", "insert", "LastName,Company,Email\nA,X,a@x.example\n")
    assert (told["state"], told["errorMessage"]) == ("Failed", "InvalidBatch : Field name not found : Email")
    body = {"operation": "query", "query": "SELECT Email FROM Lead"}
    (error,) = await team.rep("POST", "/jobs/query", body, 400)
    assert error["errorCode"] == "INVALID_FIELD"
    own = await team.rep.create("Lead", LastName="Own", Company="X")
    other = await team.peer.create("Lead", LastName="Other", Company="X")
    shared = await team.peer.create("Account", Name="Shared")
    assert await bulk.query("SELECT Id FROM Lead") == ['"Id"', f'"{own}"']
    told, failed = await bulk.ingest("Lead", "update", f"Id,Title\n{own},x\n{other},x\n")
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (2, 1)
    assert "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY:insufficient access rights on cross-reference id:" in failed
    _, failed = await bulk.ingest("Account", "delete", f"Id\n{shared}\n")
    assert "INSUFFICIENT_ACCESS_OR_READONLY:insufficient access rights on object id:" in failed
    await team.clerk("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"}, 400)


async def test_the_hard_delete_of_bulk_takes_its_permission(team: Team) -> None:
    job = {"object": "Lead", "operation": "hardDelete"}
    (error,) = await team.admin("POST", "/jobs/ingest", job, 400)
    assert error["errorCode"] == "FEATURENOTENABLED"
    eraser = await team.admin.create("PermissionSet", Name="Eraser", Label="Eraser", PermissionsBulkApiHardDelete=True)
    assignment = {"PermissionSetId": eraser, "AssigneeId": team.admin.user_id}
    await team.admin.create("PermissionSetAssignment", **assignment)
    await team.admin("POST", "/jobs/ingest", job)


async def test_collections_and_trees(team: Team) -> None:
    await hide(team, "Contact.Email")
    other = await team.peer.create("Lead", LastName="Other", Company="X")
    assert await team.rep("GET", f"/composite/sobjects/Lead?ids={other}&fields=LastName") == [None]
    row = {"attributes": {"type": "Contact"}, "LastName": "A", "Email": "a@x.example"}
    (result,) = await team.rep("POST", "/composite/sobjects", {"records": [row]})
    assert result["errors"][0]["statusCode"] == "INVALID_FIELD"
    (error,) = await team.rep("GET", "/composite/sobjects/Contact?ids=003000000000001AAA&fields=Email", None, 400)
    assert error["errorCode"] == "INVALID_FIELD"
    node = {"attributes": {"type": "Contact", "referenceId": "r"}, "LastName": "A", "Email": "a@x.example"}
    answer = await team.rep("POST", "/composite/tree/Contact", {"records": [node]}, 400)
    assert answer["results"][0]["errors"][0]["statusCode"] == "INVALID_FIELD"


async def test_searches_and_replication(team: Team) -> None:
    own = await team.rep.create("Lead", LastName="Findable", Company="X")
    await team.peer.create("Lead", LastName="Findable", Company="Y")
    found = await team.rep("GET", "/search?q=FIND {Findable} RETURNING Lead(Id)")
    assert [one["Id"] for one in found["searchRecords"]] == [own]
    moments = "start=2020-01-01T00:00:00Z&end=2100-01-01T00:00:00Z"
    await team.clerk("GET", f"/sobjects/Lead/updated?{moments}", None, 404)


async def test_setup_is_for_those_who_may_view_it(team: Team) -> None:
    query = "/tooling/query?q=SELECT SelectedEntity FROM PlatformEventChannelMember"
    assert (await team.admin("GET", query))["size"] > 0
    (error,) = await team.rep("GET", query, None, 400)
    assert error["errorCode"] == "INVALID_TYPE"
    assert error["message"].endswith("sObject type 'PlatformEventChannelMember' is not supported.")
    body = {"FullName": "Contact.X__c", "Metadata": {"type": "Text", "length": 9}}
    (error,) = await team.rep("POST", "/tooling/sobjects/CustomField", body, 403)
    assert error["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"


async def test_a_profile_without_the_api(team: Team) -> None:
    (clerk,) = await team.admin.ids(
        "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true AND Profile.Name LIKE 'Minimum%'"
    )
    await team.admin("PATCH", f"/sobjects/PermissionSet/{clerk}", {"PermissionsApiEnabled": False}, 204)
    (error,) = await team.clerk("GET", "/limits", None, 403)
    assert error == {
        "message": "API is not enabled for this Organization or Partner",
        "errorCode": "API_DISABLED_FOR_ORG",
    }


async def bayeux(http: aiohttp.ClientSession, token: str, **message: object) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    async with http.post("/cometd/62.0", json=[{"id": "1", **message}], headers=headers) as reply:
        answer: list[dict[str, Any]] = await reply.json()
        return answer


async def test_a_stream_of_a_user_who_may_not_see_everything(
    team: Team, org: RunningOrg, http: aiohttp.ClientSession
) -> None:
    """Source: salesforce.md 1.9."""
    await hide(team, "Contact.Email")
    viewer = await team.admin.create("PermissionSet", Name="Viewer", Label="Viewer")
    rights = {"SobjectType": "Contact", "PermissionsRead": True, "PermissionsViewAllRecords": True}
    await team.admin.create("ObjectPermissions", ParentId=viewer, **rights)
    await team.admin.create("PermissionSetAssignment", PermissionSetId=viewer, AssigneeId=team.rep.user_id)
    token = org.tokens.issue(team.rep.user_id)
    (hello,) = await bayeux(http, token, channel="/meta/handshake", supportedConnectionTypes=["long-polling"])
    client = {"clientId": hello["clientId"]}
    answers = {}
    for channel in ("/data/ContactChangeEvent", "/data/AccountChangeEvent", "/data/ChangeEvents"):
        (answer,) = await bayeux(http, token, channel="/meta/subscribe", subscription=channel, **client)
        answers[channel] = answer.get("error")
    refused = "403::User not allowed to subscribe CDC without required permissions"
    assert list(answers.values()) == [None, refused, None]
    await bayeux(http, token, channel="/meta/connect", connectionType="long-polling", **client)
    await team.admin.create("Account", Name="Out of sight")
    await team.admin.create("Contact", LastName="In sight", Email="e@x.example")
    replies = await bayeux(http, token, channel="/meta/connect", connectionType="long-polling", **client)
    events = [one for one in replies if "data" in one]
    assert {one["channel"] for one in events} == {"/data/ContactChangeEvent", "/data/ChangeEvents"}
    for event in events:
        assert "Email" not in event["data"]["payload"]
        assert event["data"]["payload"]["Name"] == {"LastName": "In sight"}
