"""The people of an org: what a user is made from, and the profiles and permission sets that a new org has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.org.metadata.objects import ObjectType
from sandbox.org.rows.writes import Row

ADMINISTRATOR = "System Administrator"
STANDARD_USER = "Standard User"
MINIMUM_ACCESS = "Minimum Access - Salesforce"

#: Objects that set an org up: everybody may read them, and only who manages users may write them.
SETUP_OBJECTS = frozenset({
    "AccountShare", "CampaignShare", "ContactShare", "FieldPermissions", "Group", "GroupMember", "LeadShare",
    "ListView", "ObjectPermissions", "OpportunityShare", "Organization", "PermissionSet", "PermissionSetAssignment",
    "Profile", "RecentlyViewed", "RecordType", "User", "UserRole",
})  # fmt: skip

#: System permissions as fields of permission sets, in the order of the describe.
SYSTEM_PERMISSIONS = (
    "PermissionsApiEnabled", "PermissionsBulkApiHardDelete", "PermissionsCustomizeApplication",
    "PermissionsManageUsers", "PermissionsModifyAllData", "PermissionsPasswordNeverExpires", "PermissionsViewAllData",
    "PermissionsViewAllUsers", "PermissionsViewSetup",
)  # fmt: skip
# The hard delete of Bulk API is off for administrators too.
_OF_ADMINISTRATORS = frozenset(SYSTEM_PERMISSIONS) - {"PermissionsBulkApiHardDelete", "PermissionsPasswordNeverExpires"}

_OBJECT_RIGHTS = ("Create", "Read", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")
_STANDARD_RIGHTS = frozenset({"Create", "Read", "Edit", "Delete"})


@dataclass(frozen=True, slots=True)
class UserSpec:
    """A user to create. Permission sets are named by their API names and created empty when the org has none such."""

    username: str
    password: str = field(default="", repr=False)
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    profile: str = STANDARD_USER
    permission_sets: tuple[str, ...] = ()
    is_active: bool = True
    security_token: str = field(default="", repr=False)

    def row(self, profile_id: str) -> Row:
        """The User record, with the settings that every user of a new org gets."""
        local = self.username.partition("@")[0]
        return {
            "Username": self.username,
            "FirstName": self.first_name or None,
            "LastName": self.last_name or local,
            "Email": self.email or self.username,
            "Alias": f"{self.first_name[:1]}{self.last_name or local}".lower()[:8],
            "CommunityNickname": local[:40],
            "IsActive": self.is_active,
            "TimeZoneSidKey": "America/Los_Angeles",
            "LocaleSidKey": "en_US",
            "LanguageLocaleKey": "en_US",
            "EmailEncodingKey": "UTF-8",
            "UserType": "Standard",
            "ProfileId": profile_id,
        }


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """What a profile of a new org allows."""

    name: str
    system: frozenset[str]
    object_rights: frozenset[str]
    all_fields: bool


PROFILES = (
    ProfileSpec(ADMINISTRATOR, _OF_ADMINISTRATORS, frozenset(_OBJECT_RIGHTS), all_fields=True),
    ProfileSpec(STANDARD_USER, frozenset({"PermissionsApiEnabled"}), _STANDARD_RIGHTS, all_fields=True),
    ProfileSpec(MINIMUM_ACCESS, frozenset({"PermissionsApiEnabled"}), frozenset(), all_fields=False),
)


def object_permissions(parent_id: str, types: Iterable[ObjectType], rights: frozenset[str]) -> Iterator[Row]:
    """A row of ObjectPermissions for each object that holds data; none when there is nothing to allow."""
    for object_type in types:
        if rights and object_type.name not in SETUP_OBJECTS:
            flags = {f"Permissions{right}": right in rights for right in _OBJECT_RIGHTS}
            yield {"ParentId": parent_id, "SobjectType": object_type.name, **flags}


def field_permissions(parent_id: str, types: Iterable[ObjectType]) -> Iterator[Row]:
    """A row of FieldPermissions for each field whose visibility can be set: everything may be read and written."""
    for object_type in types:
        if object_type.name not in SETUP_OBJECTS:
            for path in object_type.permission_paths:
                yield {
                    "ParentId": parent_id,
                    "SobjectType": object_type.name,
                    "Field": path,
                    "PermissionsRead": True,
                    "PermissionsEdit": True,
                }


def system_permissions(granted: frozenset[str]) -> Mapping[str, bool]:
    return {name: name in granted for name in SYSTEM_PERMISSIONS}
