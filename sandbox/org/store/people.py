"""The users of an org with their profiles and permission sets, as records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sandbox.org.metadata.objects import FieldType
from sandbox.org.rows.writes import Row
from sandbox.org.users.specs import (
    ADMINISTRATOR,
    PROFILES,
    ProfileSpec,
    UserSpec,
    field_permissions,
    object_permissions,
    system_permissions,
)
from sandbox.org.values.ids import base62, to_18

if TYPE_CHECKING:
    from sandbox.org.store.org import Org


def load(org: Org) -> None:
    """The organization, its profiles, the administrator, and the users of the configuration.

    ValueError for a user whose profile the org does not have.
    """
    organization: Row = {
        "Id": org.organization_id,
        "Name": "Simulated Org",
        "OrganizationType": "Developer Edition",
        "DefaultLocaleSidKey": "en_US",
        "TimeZoneSidKey": "America/Los_Angeles",
        "FiscalYearStartMonth": org.config.soql.fiscal_year_start_month,
    }
    org.load("Organization", [organization])
    profiles = {profile.name: _load_profile(org, number, profile) for number, profile in enumerate(PROFILES, start=1)}
    admin = UserSpec(org.config.username, first_name="Ada", last_name="Admin", profile=ADMINISTRATOR)
    org.load("User", [admin.row(profiles[ADMINISTRATOR]) | {"Id": org.admin_user_id}])
    _assign_profile(org, org.admin_user_id, profiles[ADMINISTRATOR])
    everybody: Row = {"Name": "All Internal Users", "DeveloperName": "AllInternalUsers", "Type": "Organization"}
    org.load("Group", [everybody], told_to_ledger=False)
    for user in org.config.users:
        add_user(org, user)


def add_user(org: Org, user: UserSpec) -> str:
    """Put a user in; the id. ValueError when there is no such profile, or the name is taken."""
    profile_id = _named(org, "Profile", user.profile)
    if profile_id is None:
        raise ValueError(f"no profile {user.profile!r}")
    if any(str(row["Username"]).lower() == user.username.lower() for row in org.rows("User")):
        raise ValueError(f"there is a user {user.username!r} already")
    (user_id,) = org.load("User", [user.row(profile_id)])
    _assign_profile(org, user_id, profile_id)
    for name in user.permission_sets:
        permission_set_id = _named(org, "PermissionSet", name) or add_permission_set(org, name)
        assignment: Row = {"AssigneeId": user_id, "PermissionSetId": permission_set_id, "IsActive": True}
        org.load("PermissionSetAssignment", [assignment])
    return user_id


def _assign_profile(org: Org, user_id: str, profile_id: str) -> None:
    """A profile's permission set is assigned to its users as well (Object Reference, PermissionSet)."""
    owned = next(row["Id"] for row in org.rows("PermissionSet") if row.get("ProfileId") == profile_id)
    assignment: Row = {"AssigneeId": user_id, "PermissionSetId": owned, "IsActive": True}
    org.load("PermissionSetAssignment", [assignment], told_to_ledger=False)


def add_permission_set(org: Org, name: str) -> str:
    """An empty permission set; its id."""
    row: Row = {"Name": name, "Label": name.replace("_", " "), "IsCustom": True, "IsOwnedByProfile": False}
    (permission_set_id,) = org.load("PermissionSet", [row | {"Type": "Regular"}])
    return permission_set_id


def show_field(org: Org, object_name: str, field: FieldType) -> None:
    """Let everybody whose profile has field permissions read and write the field."""
    rights: Row = {"PermissionsRead": True, "PermissionsEdit": True}
    shown: Row = {"SobjectType": object_name, "Field": f"{object_name}.{field.permission_name}"}
    profiles = [row["Id"] for row in org.rows("PermissionSet") if row.get("IsOwnedByProfile")]
    org.load("FieldPermissions", [{"ParentId": one, **shown, **rights} for one in profiles], told_to_ledger=False)


def _named(org: Org, object_name: str, name: str) -> str | None:
    return next((str(row["Id"]) for row in org.rows(object_name) if row.get("Name") == name), None)


def _load_profile(org: Org, number: int, profile: ProfileSpec) -> str:
    """A profile, the permission set that holds its rights, and the rights."""
    system: Mapping[str, bool] = system_permissions(profile.system)
    profile_id = to_18(f"00e{org.ids.pod}0{base62(number, 9)}")
    org.load(
        "Profile", [{"Id": profile_id, "Name": profile.name, "UserType": "Standard", **system}], told_to_ledger=False
    )
    owned: Row = {
        "Name": f"X{profile_id[:15]}",
        "Label": profile_id[:15],
        "ProfileId": profile_id,
        "IsOwnedByProfile": True,
        "IsCustom": False,
        "Type": "Profile",
        **system,
    }
    (owned_id,) = org.load("PermissionSet", [owned], told_to_ledger=False)
    types = org.objects().values()
    org.load("ObjectPermissions", object_permissions(owned_id, types, profile.object_rights), told_to_ledger=False)
    if profile.all_fields:
        org.load("FieldPermissions", field_permissions(owned_id, types), told_to_ledger=False)
    return profile_id
