"""List views, scopes and recent records, as each user of an org sees them.

Sources: salesforce-answers.md 6, salesforce-shapes.md 5 and 1.4, REST API guide (View Recently Viewed Records).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.org.server import RunningOrg, serve
from tests.integration.org.team import DATA, PEER, REP, Caller, Team, team_config


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(team_config()) as running:
        yield running


async def define(http: aiohttp.ClientSession, **definition: object) -> str:
    async with http.post("/__admin__/listviews", json=definition) as reply:
        assert reply.status == 201, await reply.text()
        return str((await reply.json())["id"])


async def list_names(caller: Caller, object_name: str, path: str = "") -> set[str]:
    body = await caller("GET", f"/sobjects/{object_name}/listviews{path}")
    return {one["developerName"] for one in body["listviews"]}


async def test_lists_are_private_shared_or_for_everybody(team: Team, http: aiohttp.ClientSession) -> None:
    group = await team.admin.create("Group", Name="Reps", Type="Regular")
    await team.admin.create("GroupMember", GroupId=group, UserOrGroupId=team.rep.user_id)
    hot = {"object": "Lead", "label": "x", "owner": REP}
    private = await define(http, developerName="Private", private=True, **hot)
    shared = await define(http, developerName="Shared", sharedWith=["Reps"], **hot | {"owner": PEER})
    await define(http, developerName="Public", **hot)
    assert {"Private", "Shared", "Public"} <= await list_names(team.rep, "Lead")
    assert {"Private", "Shared", "Public"} & await list_names(team.peer, "Lead") == {"Shared", "Public"}
    assert {"Private", "Shared", "Public"} & await list_names(team.admin, "Lead") == {"Public"}
    for path in ("", "/describe", "/results"):
        (error,) = await team.peer("GET", f"/sobjects/Lead/listviews/{private}{path}", None, 404)
        assert error == {"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}
        await team.admin("GET", f"/sobjects/Lead/listviews/{shared}{path}", None, 404)
        await team.rep("GET", f"/sobjects/Lead/listviews/{shared}{path}")
    names = "SELECT DeveloperName FROM ListView WHERE Name = 'x' ORDER BY DeveloperName"
    found = (await team.peer.query(names))["records"]
    assert [one["DeveloperName"] for one in found] == ["Public", "Shared"]
    assert await list_names(team.rep, "Lead", "/recent") == {"Shared"}
    assert await list_names(team.peer, "Lead", "/recent") == set()


async def test_lists_for_roles_and_for_everybody(team: Team, org: RunningOrg, http: aiohttp.ClientSession) -> None:
    """Object Reference, Group: types Organization, Role, RoleAndSubordinates; setup makes those of a role."""
    boss = await team.admin.create("UserRole", Name="Boss")
    sales = await team.admin.create("UserRole", Name="Sales", ParentRoleId=boss)
    await team.admin("PATCH", f"/sobjects/User/{team.rep.user_id}", {"UserRoleId": boss}, 204)
    await team.admin("PATCH", f"/sobjects/User/{team.peer.user_id}", {"UserRoleId": sales}, 204)
    for kind, readers in (("Role", (True, False)), ("RoleAndSubordinates", (True, True))):
        (group,) = org.org.load("Group", [{"Name": kind, "Type": kind, "RelatedId": boss}])
        await define(http, object="Lead", label=kind, developerName=kind, sharedWith=[group])
        seen = [kind in await list_names(caller, "Lead") for caller in (team.rep, team.peer)]
        assert tuple(seen) == readers, kind
    await define(http, object="Lead", label="All", developerName="ForAll", sharedWith=["All Internal Users"])
    assert "ForAll" in await list_names(team.peer, "Lead")


async def test_a_list_shows_what_its_reader_may_see(team: Team, http: aiohttp.ClientSession) -> None:
    (row,) = await team.admin.ids(
        "SELECT Id FROM FieldPermissions WHERE Field = 'Contact.Title' AND Parent.Profile.Name = 'Standard User'"
    )
    await team.admin("DELETE", f"/sobjects/FieldPermissions/{row}", None, 204)
    account = await team.admin.create("Account", Name="Acme")
    await team.admin.create("Contact", LastName="One", AccountId=account, Title="Boss")
    (view,) = await team.rep.ids("SELECT Id FROM ListView WHERE DeveloperName = 'AllContacts'")
    path = f"/sobjects/Contact/listviews/{view}"
    described = await team.rep("GET", f"{path}/describe")
    assert "Title" not in {one["fieldNameOrPath"] for one in described["columns"]}
    assert "Title" not in described["query"]
    assert "Title" in (await team.admin("GET", f"{path}/describe"))["query"]
    (record,) = (await team.rep("GET", f"{path}/results"))["records"]
    assert {one["fieldNameOrPath"]: one["value"] for one in record["columns"]}["Name"] == "One"
    leaders = await team.rep.ids("SELECT Id FROM ListView WHERE DeveloperName = 'MarketingLeaders'")
    (error,) = await team.rep("GET", f"/sobjects/Contact/listviews/{leaders[0]}/results", None, 400)
    assert error["errorCode"] == "INVALID_FIELD"


async def test_lists_of_a_queue_and_of_a_campaign(team: Team, http: aiohttp.ClientSession) -> None:
    queue = await team.admin.create("Group", Name="Inbox", Type="Queue")
    queued = await team.admin.create("Lead", LastName="Q", Company="X", OwnerId=queue)
    await team.admin.create("Lead", LastName="R", Company="X")
    campaign = await team.admin.create("Campaign", Name="Spring")
    await team.admin.create("CampaignMember", CampaignId=campaign, LeadId=queued)
    for definition, scope, entity in (
        ({"queue": "Inbox"}, "queue", ("scopeEntityId", queue)),
        ({"campaign": "Spring"}, "campaign", ("relatedEntityId", campaign)),
    ):
        view = await define(http, object="Lead", label="L", developerName=scope, **definition)
        described = await team.admin("GET", f"/sobjects/Lead/listviews/{view}/describe")
        assert (described["scope"], described[entity[0]]) == (scope, entity[1])
        found = (await team.admin.query(described["query"]))["records"]
        assert [one["Id"] for one in found] == [queued]
        async with http.get(f"/__admin__/listviews/{view}/members") as reply:
            assert await reply.json() == [queued]


async def test_a_list_that_no_query_stands_for(team: Team, http: aiohttp.ClientSession) -> None:
    view = await define(http, object="Lead", label="L", developerName="Odd", soqlCompatible=False)
    body = await team.rep("GET", f"/sobjects/Lead/listviews/{view}")
    assert body["soqlCompatible"] is False
    for path in ("describe", "results"):
        await team.rep("GET", f"/sobjects/Lead/listviews/{view}/{path}", None, 400)
    (record,) = (await team.rep.query("SELECT IsSoqlCompatible FROM ListView WHERE DeveloperName = 'Odd'"))["records"]
    assert record["IsSoqlCompatible"] is False


async def test_lists_of_opportunities_and_campaigns(team: Team) -> None:
    await team.rep.create("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-01-31", Amount=5)
    await team.rep.create("Campaign", Name="Live", IsActive=True)
    for object_name, developer_name in (("Opportunity", "AllOpportunities"), ("Campaign", "AllActiveCampaigns")):
        (view,) = await team.rep.ids(f"SELECT Id FROM ListView WHERE DeveloperName = '{developer_name}'")  # noqa: S608
        body = await team.rep("GET", f"/sobjects/{object_name}/listviews/{view}/results")
        assert body["size"] == 1
        described = await team.rep("GET", f"/sobjects/{object_name}/listviews/{view}/describe")
        assert len((await team.rep.query(described["query"]))["records"]) == 1


async def test_scopes(team: Team) -> None:
    """Source: salesforce-answers.md 6 and salesforce-shapes.md 1.4, supported scopes."""
    queue = await team.admin.create("Group", Name="Inbox", Type="Queue")
    await team.admin("PATCH", f"/sobjects/User/{team.rep.user_id}", {"ManagerId": team.admin.user_id}, 204)
    owners = {"queued": queue, "own": team.admin.user_id, "rep": team.rep.user_id, "peer": team.peer.user_id}
    for name, owner in owners.items():
        await team.admin.create("Lead", LastName=name, Company="X", OwnerId=owner)
    expected = {
        "everything": {"queued", "own", "rep", "peer"},
        "mine": {"own"},
        "queue_owned": {"queued"},
        "user_owned": {"own", "rep", "peer"},
        "team": {"own", "rep"},
        "scopingRule": {"queued", "own", "rep", "peer"},
        "mru": set(),
    }
    for scope, names in expected.items():
        found = (await team.admin.query(f"SELECT LastName FROM Lead USING SCOPE {scope}"))["records"]  # noqa: S608
        assert {one["LastName"] for one in found} == names, scope
    described = await team.admin("GET", "/sobjects/Lead/describe")
    assert [one["name"] for one in described["supportedScopes"]] == sorted(set(expected) - {"mru"})
    for text in ("SELECT Id FROM Lead USING SCOPE delegated", "SELECT Id FROM Account USING SCOPE queue_owned"):
        (error,) = await team.admin.query(text, 400)
        assert error["errorCode"] == "MALFORMED_QUERY"


async def test_what_a_user_viewed(team: Team) -> None:
    """REST API guide, View Recently Viewed Records; SOQL reference, FOR VIEW."""
    first, second = [await team.rep.create("Campaign", Name=name) for name in ("First", "Second")]
    assert await team.rep("GET", "/recent") == []
    assert await team.rep.ids("SELECT Id FROM Campaign USING SCOPE mru") == []
    await team.rep.query(f"SELECT Id FROM Campaign WHERE Id = '{second}' FOR VIEW")  # noqa: S608 (SOQL)
    seen = await team.rep("GET", f"/sobjects/Campaign/{first}")
    assert seen["LastViewedDate"] == seen["LastReferencedDate"] is not None
    assert await team.rep("GET", "/recent") == [
        {
            "attributes": {"type": "Campaign", "url": f"{DATA}/sobjects/Campaign/{record_id}"},
            "Id": record_id,
            "Name": name,
        }
        for record_id, name in ((first, "First"), (second, "Second"))
    ]
    assert [one["Id"] for one in (await team.rep("GET", "/sobjects/Campaign"))["recentItems"]] == [first, second]
    assert len(await team.rep("GET", "/recent?limit=1")) == 1
    viewed = "SELECT Id, Name, Type FROM RecentlyViewed WHERE LastViewedDate != null ORDER BY LastViewedDate DESC"
    assert set(await team.rep.ids(viewed)) == {first, second}
    assert set(await team.rep.ids("SELECT Id FROM Campaign USING SCOPE mru")) == {first, second}
    assert await team.rep.ids("SELECT Id FROM Campaign WHERE LastViewedDate = null") == []
    assert await team.peer("GET", "/recent") == []
    assert await team.peer.ids("SELECT Id FROM Campaign USING SCOPE mru") == []
    (record,) = (await team.peer.query(f"SELECT LastViewedDate FROM Campaign WHERE Id = '{first}'"))["records"]  # noqa: S608
    assert record["LastViewedDate"] is None
    await team.rep("DELETE", f"/sobjects/Campaign/{first}", None, 204)
    assert await team.rep.ids(viewed) == [second]
