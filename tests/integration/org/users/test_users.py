"""Several users of one org: what each may see and do, through HTTP as clients ask.

Sources: salesforce-answers.md 5 (errors of hidden fields and records), salesforce-shapes.md 7.4 (fields without
permissions), object reference (User, PermissionSet, ObjectPermissions, FieldPermissions).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve
from sandbox.org.store.people import add_permission_set
from sandbox.org.streaming.sessions import SubscribeError
from tests.integration.org.team import REP, Team, team_config

USER_FIELDS = "LastName, Email, Alias, TimeZoneSidKey, LocaleSidKey, EmailEncodingKey, LanguageLocaleKey, ProfileId"


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(team_config()) as running:
        yield running


async def permission_set(team: Team, name: str) -> str:
    (found,) = await team.admin.ids(f"SELECT Id FROM PermissionSet WHERE Name = '{name}'")  # noqa: S608 (SOQL)
    return found


async def test_without_object_permissions_there_is_no_object(team: Team) -> None:
    names = {one["name"] for one in (await team.clerk("GET", "/sobjects"))["sobjects"]}
    assert ("Contact" in names, "User" in names) == (False, True)
    (error,) = await team.clerk.query("SELECT Id FROM Contact", 400)
    assert error["errorCode"] == "INVALID_TYPE"
    assert "sObject type 'Contact' is not supported." in error["message"]
    for path in ("", "/describe", "/003000000000001AAA", "/listviews"):
        (error,) = await team.clerk("GET", f"/sobjects/Contact{path}", None, 404)
        assert error["errorCode"] == "NOT_FOUND"


async def test_permissions_given_by_api_act_at_once(team: Team) -> None:
    parent = await permission_set(team, "Clerk")
    rights = {"ParentId": parent, "SobjectType": "Campaign", "PermissionsRead": True}
    row = await team.admin.create("ObjectPermissions", **rights)
    assert (await team.clerk.field_names("Campaign")) >= {"Id", "Name", "OwnerId"}
    assert "Status" not in await team.clerk.field_names("Campaign")
    field = {"ParentId": parent, "SobjectType": "Campaign", "Field": "Campaign.Status", "PermissionsRead": True}
    await team.admin.create("FieldPermissions", **field)
    described = await team.clerk("GET", "/sobjects/Campaign/describe")
    status = next(one for one in described["fields"] if one["name"] == "Status")
    assert (status["createable"], status["updateable"], described["createable"]) == (False, False, False)
    (error,) = await team.clerk("POST", "/sobjects/Campaign", {"Name": "x"}, 400)
    assert (error["errorCode"], error["message"]) == (
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "entity type cannot be inserted: Campaign",
    )
    campaign = await team.admin.create("Campaign", Name="Spring")
    for method, body in (("PATCH", {"Name": "y"}), ("DELETE", None)):
        (error,) = await team.clerk(method, f"/sobjects/Campaign/{campaign}", body, 403)
        assert error == {
            "message": "insufficient access rights on object id",
            "errorCode": "INSUFFICIENT_ACCESS_OR_READONLY",
            "fields": [],
        }
    await team.admin("DELETE", f"/sobjects/ObjectPermissions/{row}", None, 204)
    await team.clerk("GET", "/sobjects/Campaign", None, 404)


async def test_a_field_made_by_api_is_seen_when_permissions_are_given(team: Team) -> None:
    body = {"FullName": "Contact.Score__c", "Metadata": {"type": "Number", "precision": 4, "scale": 0}}
    await team.admin("POST", "/tooling/sobjects/CustomField", body, 201)
    assert "Score__c" not in await team.admin.field_names("Contact")
    (error,) = await team.admin.query("SELECT Score__c FROM Contact", 400)
    assert error["errorCode"] == "INVALID_FIELD"
    assert "No such column 'Score__c' on entity 'Contact'." in error["message"]
    (error,) = await team.admin("POST", "/sobjects/Contact", {"LastName": "A", "Score__c": 5}, 400)
    assert error == {
        "message": "No such column 'Score__c' on sobject of type Contact",
        "errorCode": "INVALID_FIELD",
    }
    profiles = "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true AND Profile.Name = '{}'"
    (admins,) = await team.admin.ids(profiles.format("System Administrator"))
    (standard,) = await team.admin.ids(profiles.format("Standard User"))
    row = {"SobjectType": "Contact", "Field": "Contact.Score__c", "PermissionsRead": True}
    await team.admin.create("FieldPermissions", ParentId=admins, PermissionsEdit=True, **row)
    await team.admin.create("FieldPermissions", ParentId=standard, PermissionsEdit=False, **row)
    contact = await team.admin.create("Contact", LastName="A", Score__c=5)
    assert (await team.admin("GET", f"/sobjects/Contact/{contact}"))["Score__c"] == 5.0
    (error,) = await team.rep("POST", "/sobjects/Contact", {"LastName": "B", "Score__c": 5}, 400)
    assert error["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert error["message"].startswith("Unable to create/update fields: Score__c. Please check the security settings")
    assert error["fields"] == ["Score__c"]


async def test_a_hidden_field_is_nowhere(team: Team) -> None:
    account = await team.admin.create("Account", Name="Acme", AnnualRevenue=5)
    contact = await team.admin.create("Contact", LastName="H", Email="h@x.example", AccountId=account)
    granted = "SELECT Id FROM FieldPermissions WHERE Field = '{}' AND Parent.Profile.Name = 'Standard User'"
    for field in ("Contact.Email", "Contact.MailingAddress", "Account.AnnualRevenue"):
        (row,) = await team.admin.ids(granted.format(field))
        await team.admin("DELETE", f"/sobjects/FieldPermissions/{row}", None, 204)
    hidden = {"Email", "MailingAddress", "MailingCity", "MailingStreet"}
    assert not hidden & await team.rep.field_names("Contact")
    record = await team.rep("GET", f"/sobjects/Contact/{contact}")
    assert not hidden & set(record)
    assert record["LastName"] == "H"
    for text in (
        "SELECT Email FROM Contact",
        "SELECT Id FROM Contact WHERE Email = 'h@x.example'",
        "SELECT Id FROM Contact ORDER BY Email",
        "SELECT Account.AnnualRevenue FROM Contact",
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE MailingCity = 'x')",
    ):
        (error,) = await team.rep.query(text, 400)
        assert error["errorCode"] == "INVALID_FIELD", text
    every = await team.rep.query("SELECT FIELDS(ALL) FROM Contact LIMIT 1")
    assert not hidden & set(every["records"][0])
    await team.rep("GET", "/sobjects/Contact/Email/h@x.example", None, 404)
    assert (await team.admin.query("SELECT Email FROM Contact WHERE LastName = 'H'"))["records"][0]["Email"]


async def test_private_records_are_seen_by_their_owners(team: Team) -> None:
    lead = await team.rep.create("Lead", LastName="Mine", Company="X")
    assert await team.rep.ids("SELECT Id FROM Lead") == [lead]
    assert await team.peer.ids("SELECT Id FROM Lead") == []
    assert await team.admin.ids("SELECT Id FROM Lead") == [lead]
    await team.peer("GET", f"/sobjects/Lead/{lead}", None, 404)
    (error,) = await team.peer("PATCH", f"/sobjects/Lead/{lead}", {"Title": "x"}, 400)
    assert (error["errorCode"], error["message"]) == (
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "insufficient access rights on cross-reference id",
    )
    await team.admin("PATCH", f"/sobjects/Lead/{lead}", {"OwnerId": team.peer.user_id}, 204)
    assert await team.rep.ids("SELECT Id FROM Lead") == []
    await team.peer("PATCH", f"/sobjects/Lead/{lead}", {"Title": "x"}, 204)
    await team.peer("DELETE", f"/sobjects/Lead/{lead}", None, 204)


async def test_the_members_of_a_queue_share_its_records(team: Team) -> None:
    queue = await team.admin.create("Group", Name="Hot leads", Type="Queue")
    lead = await team.admin.create("Lead", LastName="Queued", Company="X", OwnerId=queue)
    assert await team.rep.ids("SELECT Id FROM Lead") == []
    await team.admin.create("GroupMember", GroupId=queue, UserOrGroupId=team.rep.user_id)
    assert await team.rep.ids("SELECT Id FROM Lead") == [lead]
    assert await team.peer.ids("SELECT Id FROM Lead") == []
    await team.rep("PATCH", f"/sobjects/Lead/{lead}", {"OwnerId": team.rep.user_id}, 204)
    await team.admin("DELETE", f"/sobjects/Lead/{lead}", None, 204)


async def test_records_are_shared_one_by_one(team: Team) -> None:
    """Object Reference, LeadShare."""
    lead = await team.admin.create("Lead", LastName="Shared", Company="X")
    share = {"LeadId": lead, "UserOrGroupId": team.rep.user_id, "LeadAccessLevel": "Read", "RowCause": "Manual"}
    share_id = await team.admin.create("LeadShare", **share)
    assert (await team.rep.ids("SELECT Id FROM Lead"), await team.peer.ids("SELECT Id FROM Lead")) == ([lead], [])
    await team.rep("PATCH", f"/sobjects/Lead/{lead}", {"Title": "x"}, 403)
    await team.admin("PATCH", f"/sobjects/LeadShare/{share_id}", {"LeadAccessLevel": "Edit"}, 204)
    await team.rep("PATCH", f"/sobjects/Lead/{lead}", {"Title": "x"}, 204)
    await team.rep("DELETE", f"/sobjects/Lead/{lead}", None, 403)
    await team.admin("DELETE", f"/sobjects/LeadShare/{share_id}", None, 204)
    assert await team.rep.ids("SELECT Id FROM Lead") == []


async def test_roles_see_what_is_below_them(team: Team) -> None:
    boss = await team.admin.create("UserRole", Name="Boss")
    sales = await team.admin.create("UserRole", Name="Sales", ParentRoleId=boss)
    await team.admin("PATCH", f"/sobjects/User/{team.rep.user_id}", {"UserRoleId": boss}, 204)
    await team.admin("PATCH", f"/sobjects/User/{team.peer.user_id}", {"UserRoleId": sales}, 204)
    lead = await team.peer.create("Lead", LastName="Below", Company="X")
    own = await team.rep.create("Lead", LastName="Above", Company="X")
    assert set(await team.rep.ids("SELECT Id FROM Lead")) == {lead, own}
    assert await team.peer.ids("SELECT Id FROM Lead") == [lead]
    await team.rep("PATCH", f"/sobjects/Lead/{lead}", {"Title": "x"}, 204)


async def test_readable_records_of_others_cannot_be_changed(team: Team) -> None:
    account = await team.admin.create("Account", Name="Shared")
    assert (await team.rep("GET", f"/sobjects/Account/{account}"))["Name"] == "Shared"
    for method, body in (("PATCH", {"Name": "y"}), ("DELETE", None)):
        (error,) = await team.rep(method, f"/sobjects/Account/{account}", body, 403)
        assert error["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    rows = [{"attributes": {"type": "Account"}, "Id": account, "Name": "y"}]
    (result,) = await team.rep("PATCH", "/composite/sobjects", {"records": rows})
    assert result["errors"][0]["statusCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"


async def test_a_record_that_is_hidden_cannot_be_referred_to(team: Team) -> None:
    lead = await team.admin.create("Lead", LastName="Secret", Company="X")
    campaign = await team.rep.create("Campaign", Name="Mine")
    body = {"CampaignId": campaign, "LeadId": lead}
    (error,) = await team.rep("POST", "/sobjects/CampaignMember", body, 400)
    assert error["errorCode"] == "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
    await team.admin("POST", "/sobjects/CampaignMember", body, 201)
    await team.admin("DELETE", f"/sobjects/Lead/{lead}", None, 204)


async def test_users_are_made_and_changed_by_administrators_only(team: Team, org: RunningOrg) -> None:
    (profile,) = await team.admin.ids("SELECT Id FROM Profile WHERE Name = 'Standard User'")
    user = {
        "Username": "new@org.example", "LastName": "New", "Email": "new@org.example", "Alias": "new",
        "TimeZoneSidKey": "Europe/Berlin", "LocaleSidKey": "de_DE", "EmailEncodingKey": "UTF-8",
        "LanguageLocaleKey": "de", "ProfileId": profile, "IsActive": True,
    }  # fmt: skip
    (error,) = await team.rep("POST", "/sobjects/User", user, 400)
    assert error["errorCode"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    created = await team.admin.create("User", **user)
    assert created.startswith("005")
    (error,) = await team.admin("POST", "/sobjects/User", {**user, "Username": "b@org.example", "Alias": None}, 400)
    assert error["errorCode"] == "REQUIRED_FIELD_MISSING"
    await team.admin("DELETE", f"/sobjects/User/{created}", None, 400)
    assert created in await team.rep.ids("SELECT Id FROM User")
    assert org.org.view(created).may_read("Campaign", {"Id": "x", "OwnerId": "y"})


@pytest.mark.parametrize(
    ("object_name", "fields", "code", "message"),
    [
        (
            "ObjectPermissions",
            {"SobjectType": "Lead", "PermissionsRead": True, "PermissionsDelete": True},
            "FIELD_INTEGRITY_EXCEPTION",
            "Permission Delete Lead depends on permission(s): Edit Lead",
        ),
        (
            "FieldPermissions",
            {"SobjectType": "Contact", "Field": "Contact.LastName", "PermissionsRead": True},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Field Name: bad value for restricted picklist field: Contact.LastName",
        ),
    ],
)
async def test_permissions_that_make_no_sense(
    team: Team, object_name: str, fields: dict[str, object], code: str, message: str
) -> None:
    body = {"ParentId": await permission_set(team, "Clerk"), **fields}
    (error,) = await team.admin("POST", f"/sobjects/{object_name}", body, 400)
    assert (error["errorCode"], error["message"]) == (code, message)


async def test_permissions_are_given_once(team: Team) -> None:
    clerk = await permission_set(team, "Clerk")
    field = {"ParentId": clerk, "SobjectType": "Lead", "Field": "Lead.Email", "PermissionsRead": True}
    await team.admin.create("FieldPermissions", **field)
    assignment = {"PermissionSetId": clerk, "AssigneeId": team.clerk.user_id}
    for object_name, body in (("FieldPermissions", field), ("PermissionSetAssignment", assignment)):
        (error,) = await team.admin("POST", f"/sobjects/{object_name}", body, 400)
        assert error["errorCode"] == "DUPLICATE_VALUE"


async def test_user_names_are_unique_and_owners_active(team: Team) -> None:
    (user,) = (await team.admin.query(f"SELECT {USER_FIELDS} FROM User WHERE Username = '{REP}'"))["records"]  # noqa: S608
    del user["attributes"]
    (error,) = await team.admin("POST", "/sobjects/User", user | {"Username": REP.upper()}, 400)
    assert (error["errorCode"], error["fields"]) == ("DUPLICATE_USERNAME", ["Username"])
    await team.admin("PATCH", f"/sobjects/User/{team.rep.user_id}", {"IsActive": False}, 204)
    lead = {"LastName": "L", "Company": "X", "OwnerId": team.rep.user_id}
    (error,) = await team.admin("POST", "/sobjects/Lead", lead, 400)
    assert (error["errorCode"], error["message"]) == (
        "INACTIVE_OWNER_OR_USER",
        f"operation performed with inactive user [{team.rep.user_id}] as owner of lead",
    )


async def test_a_permission_set_adds_up_with_the_profile(team: Team, org: RunningOrg) -> None:
    add_permission_set(org.org, "Reader")
    reader = await permission_set(team, "Reader")
    rights = {"SobjectType": "Lead", "PermissionsRead": True, "PermissionsViewAllRecords": True}
    await team.admin.create("ObjectPermissions", ParentId=reader, **rights)
    lead = await team.admin.create("Lead", LastName="All", Company="X")
    assert await team.peer.ids("SELECT Id FROM Lead") == []
    assignment = await team.admin.create(
        "PermissionSetAssignment", PermissionSetId=reader, AssigneeId=team.peer.user_id
    )
    assert await team.peer.ids("SELECT Id FROM Lead") == [lead]
    await team.admin("DELETE", f"/sobjects/PermissionSetAssignment/{assignment}", None, 204)
    await team.admin("DELETE", f"/sobjects/Lead/{lead}", None, 204)


async def streamed(org: RunningOrg, user_id: str, *channels: str) -> list[dict[str, Any]]:
    """Payloads of all retained events that a subscriber gets."""
    table = org.cometd_sessions
    session = table.open(user_id)
    for channel in channels:
        table.subscribe(session, channel, {channel: -2})
    messages = [orjson.loads(one) for one in table.take(session)] if table.has_news(session) else []
    return [one["data"]["payload"] for one in messages]


async def test_events_leave_out_what_the_subscriber_may_not_see(team: Team, org: RunningOrg) -> None:
    """Source: salesforce.md 1.9; CDC guide, Field-Level Security."""
    add_permission_set(org.org, "Streamer")
    rights = {"ParentId": await permission_set(team, "Streamer"), "SobjectType": "Contact"}
    await team.admin.create("ObjectPermissions", PermissionsRead=True, PermissionsViewAllRecords=True, **rights)
    await team.admin.create("PermissionSetAssignment", PermissionSetId=rights["ParentId"], AssigneeId=team.rep.user_id)
    for field in ("Contact.Email", "Contact.MailingAddress"):
        query = f"SELECT Id FROM FieldPermissions WHERE Field = '{field}'"  # noqa: S608 (SOQL)
        (row,) = await team.admin.ids(f"{query} AND Parent.Profile.Name = 'Standard User'")
        await team.admin("DELETE", f"/sobjects/FieldPermissions/{row}", None, 204)
    contact = await team.admin.create("Contact", LastName="E", Email="e@x.example", MailingCity="Bonn", Title="Boss")
    changes = {"Email": "f@x.example", "MailingCity": "Köln", "Title": "Chief"}
    await team.admin("PATCH", f"/sobjects/Contact/{contact}", changes, 204)
    await team.admin.create("Account", Name="Not for them")
    created, updated = await streamed(org, team.rep.user_id, "/data/ChangeEvents")
    assert not {"Email", "MailingAddress"} & (set(created) | set(updated))
    assert (created["Title"], updated["Title"], created["Name"]) == ("Boss", "Chief", {"LastName": "E"})
    assert updated["ChangeEventHeader"]["changedFields"] == ["Title", "LastModifiedDate"]
    with pytest.raises(SubscribeError, match="403::User not allowed to subscribe CDC without required permissions"):
        await streamed(org, team.rep.user_id, "/data/AccountChangeEvent")
    created, updated, _account = await streamed(org, team.admin.user_id, "/data/ChangeEvents")
    assert (created["Email"], updated["MailingAddress"]) == ("e@x.example", {"City": "Köln"})
    assert len(updated["ChangeEventHeader"]["changedFields"]) == 4


async def test_administrators_too_get_no_fields_that_they_may_not_see(team: Team, org: RunningOrg) -> None:
    body = {"FullName": "Contact.Score__c", "Metadata": {"type": "Number", "precision": 4, "scale": 0}}
    await team.admin("POST", "/tooling/sobjects/CustomField", body, 201)
    write = Write("create", "Contact", None, {"LastName": "P", "Score__c": 5})
    org.org.commit([write], Actor(org.org.admin_user_id, ""))
    (created,) = await streamed(org, team.admin.user_id, "/data/ContactChangeEvent")
    assert "Score__c" not in created
    (parent,) = await team.admin.ids(
        "SELECT Id FROM PermissionSet WHERE Profile.Name = 'System Administrator' AND IsOwnedByProfile = true"
    )
    rights = {"SobjectType": "Contact", "Field": "Contact.Score__c", "PermissionsRead": True}
    await team.admin.create("FieldPermissions", ParentId=parent, **rights)
    (created,) = await streamed(org, team.admin.user_id, "/data/ContactChangeEvent")
    assert created["Score__c"] == 5.0
