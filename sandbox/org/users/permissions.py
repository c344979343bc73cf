"""What each user may do, worked out from the profiles, permission sets and assignments that the org holds as records.

Rights only ever add up: a user has what the profile or any of the assigned permission sets grants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.rows.writes import Row
from sandbox.org.users.hierarchy import descendants, users_below
from sandbox.org.users.specs import SETUP_OBJECTS, SYSTEM_PERMISSIONS

#: Records that decide about access: writing one makes everything that is known stale.
ACCESS_OBJECTS = frozenset({
    "FieldPermissions", "Group", "GroupMember", "ObjectPermissions", "PermissionSet", "PermissionSetAssignment",
    "Profile", "User", "UserRole",
})  # fmt: skip

#: The live rows of an object.
RowsOf = Callable[[str], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class ObjectAccess:
    """Rights on one object."""

    create: bool = False
    read: bool = False
    edit: bool = False
    delete: bool = False
    view_all: bool = False
    modify_all: bool = False

    @classmethod
    def of(cls, row: Row) -> ObjectAccess:
        """From a row of ObjectPermissions."""
        names = ("Create", "Read", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")
        return cls(*(bool(row.get(f"Permissions{name}")) for name in names))

    def __or__(self, other: ObjectAccess) -> ObjectAccess:
        return ObjectAccess(
            self.create or other.create,
            self.read or other.read,
            self.edit or other.edit,
            self.delete or other.delete,
            self.view_all or other.view_all,
            self.modify_all or other.modify_all,
        )


EVERYTHING = ObjectAccess(*(True,) * 6)
_READ_ALL = ObjectAccess(read=True, view_all=True)


@dataclass(frozen=True, slots=True)
class UserAccess:
    """What one user may do."""

    user_id: str
    #: System permissions by the names of the fields of a permission set.
    system: frozenset[str]
    #: The user, and the groups and queues that the user is a member of.
    identities: frozenset[str]
    #: Users in roles below the user's, whose records are as good as the user's own.
    subordinates: frozenset[str]
    _objects: Mapping[str, ObjectAccess]
    #: `Contact.Email` -> whether it may be written too.
    _fields: Mapping[str, bool]
    # Object types as the user sees them, by name, with the type each was made from.
    _types: dict[str, tuple[ObjectType, ObjectType | None]] = field(default_factory=dict, repr=False)

    @property
    def manages_users(self) -> bool:
        return "PermissionsManageUsers" in self.system

    def on(self, object_name: str) -> ObjectAccess:
        """The rights on an object."""
        if object_name in SETUP_OBJECTS:
            return EVERYTHING if self.manages_users else _READ_ALL
        if "PermissionsModifyAllData" in self.system:
            return EVERYTHING
        granted = self._objects.get(object_name, ObjectAccess())
        return granted | _READ_ALL if "PermissionsViewAllData" in self.system else granted

    def may_view_all(self, object_name: str) -> bool:
        """Whether change events of the object are for this user: sharing does not matter to them."""
        if object_name == "User":
            return "PermissionsViewAllUsers" in self.system
        return self.on(object_name).view_all

    def type_of(self, object_type: ObjectType) -> ObjectType | None:
        """The type without what the user may not see; None when the user may not see the object at all."""
        known = self._types.get(object_type.name)
        if known is None or known[0] is not object_type:
            known = self._types[object_type.name] = (object_type, self._restricted(object_type))
        return known[1]

    def hidden_fields(self, object_type: ObjectType) -> frozenset[str]:
        """Names of the fields that the user may not see."""
        seen = self.type_of(object_type)
        return frozenset(object_type.by_name) - frozenset(seen.by_name if seen else ())

    def _restricted(self, object_type: ObjectType) -> ObjectType | None:
        rights = self.on(object_type.name)
        if not rights.read:
            return None
        controlled = frozenset(object_type.permissionable) if object_type.name not in SETUP_OBJECTS else frozenset()
        fields = tuple(
            seen for one in object_type.fields if (seen := self._field(object_type.name, one, controlled)) is not None
        )
        restricted = replace(
            object_type,
            fields=fields,
            createable=object_type.createable and rights.create,
            updateable=object_type.updateable and rights.edit,
            deletable=object_type.deletable and rights.delete,
        )
        return object_type if restricted == object_type else restricted

    def _field(self, object_name: str, one: FieldType, controlled: frozenset[str]) -> FieldType | None:
        if one.permission_name not in controlled:
            return one
        may_edit = self._fields.get(f"{object_name}.{one.permission_name}")
        if may_edit is None:
            return None
        return one if may_edit or not one.createable else replace(one, createable=False, updateable=False)


@dataclass(slots=True)
class _Grants:
    """What one permission set grants."""

    system: frozenset[str] = frozenset()
    objects: dict[str, ObjectAccess] = field(default_factory=dict)
    fields: dict[str, bool] = field(default_factory=dict)


class AccessTable:
    """The access of every user, worked out when it is first asked for."""

    def __init__(self, rows: RowsOf) -> None:
        self._rows = rows
        self._users: dict[str, UserAccess] = {}
        self._grants: dict[str, _Grants] = {}

    def forget(self) -> None:
        """Something about users or permissions changed."""
        self._users.clear()
        self._grants.clear()

    def of(self, user_id: str) -> UserAccess:
        """The access of a user; a stranger has none."""
        known = self._users.get(user_id)
        if known is None:
            known = self._users[user_id] = self._work_out(user_id)
        return known

    def _work_out(self, user_id: str) -> UserAccess:
        if not self._grants:
            self._collect()
        grants = [self._grants[one] for one in self._permission_sets(user_id) if one in self._grants]
        objects: dict[str, ObjectAccess] = {}
        fields: dict[str, bool] = {}
        for grant in grants:
            for name, rights in grant.objects.items():
                objects[name] = objects.get(name, ObjectAccess()) | rights
            for name, editable in grant.fields.items():
                fields[name] = fields.get(name, False) or editable
        system = frozenset[str]().union(*(one.system for one in grants))
        below = frozenset(users_below(user_id, self._rows("User"), self._rows("UserRole")))
        return UserAccess(user_id, system, self._identities(user_id), below, objects, fields)

    def _collect(self) -> None:
        for row in self._rows("PermissionSet"):
            system = frozenset(name for name in SYSTEM_PERMISSIONS if row.get(name))
            self._grants[str(row["Id"])] = _Grants(system)
        for row in self._rows("ObjectPermissions"):
            parent = self._grants.setdefault(str(row["ParentId"]), _Grants())
            parent.objects[str(row["SobjectType"])] = ObjectAccess.of(row)
        for row in self._rows("FieldPermissions"):
            if row.get("PermissionsRead") or row.get("PermissionsEdit"):
                parent = self._grants.setdefault(str(row["ParentId"]), _Grants())
                parent.fields[str(row["Field"])] = bool(row.get("PermissionsEdit"))

    def _permission_sets(self, user_id: str) -> list[str]:
        profile_id = next((row.get("ProfileId") for row in self._rows("User") if row["Id"] == user_id), None)
        of_profile = [
            str(row["Id"])
            for row in self._rows("PermissionSet")
            if profile_id is not None and row.get("ProfileId") == profile_id
        ]
        assigned = (row for row in self._rows("PermissionSetAssignment") if row.get("AssigneeId") == user_id)
        return [*of_profile, *(str(row["PermissionSetId"]) for row in assigned)]

    def _identities(self, user_id: str) -> frozenset[str]:
        """The user, groups of everybody and of the user's role, and the groups that these are members of."""
        own = {user_id, *self._groups_without_members(user_id)}
        memberships = [(str(row["GroupId"]), str(row["UserOrGroupId"])) for row in self._rows("GroupMember")]
        return frozenset(own | descendants(own, memberships))

    def _groups_without_members(self, user_id: str) -> list[str]:
        """Object Reference, Group: all internal users, the users of a role, those and the users of the roles below."""
        role_id = next((row.get("UserRoleId") for row in self._rows("User") if row["Id"] == user_id), None)
        parents = {str(row["Id"]): row.get("ParentRoleId") for row in self._rows("UserRole")}
        chain: list[object] = []
        while role_id and role_id not in chain:
            chain.append(role_id)
            role_id = parents.get(str(role_id))
        covered = {"Organization": lambda _role: True, "Role": chain[:1].__contains__}
        covered["RoleAndSubordinates"] = chain.__contains__
        rows = ((row, covered.get(str(row.get("Type")))) for row in self._rows("Group"))
        return [str(row["Id"]) for row, covers in rows if covers is not None and covers(row.get("RelatedId"))]
