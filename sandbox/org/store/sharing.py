"""Which records a user sees and may change: ownership, queues and the org-wide default of each object.

A view of the org for one user. Queries, describes and REST read through it, so that what the user must not see is not
there for any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from sandbox.org.config import Sharing
from sandbox.org.metadata.objects import ObjectType
from sandbox.org.rows.tables import Snapshot
from sandbox.org.rows.writes import Operation, Row, RowError, Write
from sandbox.org.transactions.rights import HIDDEN
from sandbox.org.users.permissions import UserAccess
from sandbox.org.users.recent import RECENTLY_VIEWED
from sandbox.org.users.setup_checks import value_errors

if TYPE_CHECKING:
    from sandbox.org.store.org import Org

#: What a new org has; contacts go with their accounts.
DEFAULT_SHARING: Mapping[str, Sharing] = {"Contact": "controlled by parent", "CampaignMember": "controlled by parent"}
# Whose access decides when a record is controlled by its parent, the first that is set.
_PARENTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Contact": (("Account", "AccountId"),),
    "Opportunity": (("Account", "AccountId"),),
    "CampaignMember": (("Campaign", "CampaignId"),),
}

_NO_ACCESS = RowError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
# Of the own User record: what only administrators set.
_NOT_PERSONAL = frozenset({"federationidentifier", "isactive", "managerid", "profileid", "username", "userroleid"})
_VERBS: Mapping[Operation, str] = {
    "create": "inserted", "update": "updated", "delete": "deleted", "undelete": "undeleted", "hard_delete": "deleted",
}  # fmt: skip


class UserView:
    """The org as one user sees it; a source of records for queries."""

    def __init__(self, org: Org, access: UserAccess) -> None:
        self._org = org
        self.access = access
        self.clock: Callable[[], float] = org.clock
        self.config = org.config
        self._defaults: dict[str, Sharing] = {}
        # Accounts that come into sight with one of their children.
        self._implied: frozenset[str] | None = None

    def objects(self) -> Mapping[str, ObjectType]:
        seen = ((name, self.access.type_of(one)) for name, one in self._org.objects().items())
        return {name: one for name, one in seen if one is not None}

    def find_object(self, name: str) -> ObjectType | None:
        """The object type of that name in any letter case, with the fields that the user may see."""
        object_type = self._org.find_object(name)
        return None if object_type is None else self.access.type_of(object_type)

    def get(self, object_name: str, record_id: str, *, deleted: bool = False) -> Row | None:
        """The row of an 18-character id when the user may see it."""
        row = self._org.get(object_name, record_id, deleted=deleted)
        if row is None or not (self._sees_all(object_name) or self.may_read(object_name, row)):
            return None
        return row

    def sees(self, object_names: Iterable[str], record_id: str) -> bool:
        """Whether the user may see the record, which is one of these objects."""
        known = [name for name in object_names if name in self._org.objects()]
        return all(map(self._sees_all, known)) or any(self.get(name, record_id) is not None for name in known)

    def rows(self, object_name: str, *, deleted: bool = False) -> Snapshot:
        """The rows that the user may see."""
        if object_name == RECENTLY_VIEWED:
            return Snapshot.of(self.recently_viewed())
        rows = self._org.rows(object_name, deleted=deleted)
        return rows if self._sees_all(object_name) else rows.where(lambda row: self.may_read(object_name, row))

    def recently_viewed(self, object_name: str | None = None) -> Iterator[Row]:
        """What the user viewed and may still see, newest first, as rows of RecentlyViewed; of one object or of all."""
        for name, record_id, _text in self._org.recent.newest(self.access.user_id):
            row = self.get(name, record_id) if object_name in {None, name} else None
            if row is not None:
                known = self._org.objects()[RECENTLY_VIEWED].by_name
                yield {field: value for field, value in row.items() if field in known} | {"Type": name}

    def rows_with(self, object_name: str, field_name: str, value: object) -> list[Row]:
        """The live rows with a value, in any letter case, that the user may see."""
        rows = self._org.rows_with(object_name, field_name, value)
        return rows if self._sees_all(object_name) else [row for row in rows if self.may_read(object_name, row)]

    def viewed_at(self, object_name: str, record_id: str) -> str | None:
        """When the user last viewed the record."""
        return self._org.recent.viewed_at(self.access.user_id, object_name, record_id)

    def may_read(self, object_name: str, row: Row) -> bool:
        """Whether the user may see the record."""
        audience = self._org.audiences.get(str(row["Id"])) if object_name == "ListView" else None
        if audience is not None:
            return audience(self.access.identities)
        return self.access.on(object_name).view_all or self._allows(object_name, row, "read")

    def may_edit(self, object_name: str, row: Row) -> bool:
        """Whether the user may change the record, permission on the object given."""
        return self.access.on(object_name).modify_all or self._allows(object_name, row, "edit")

    def may_delete(self, object_name: str, row: Row) -> bool:
        """Deleting takes more than the org-wide default: the record must be the user's own, or its parent editable."""
        if self.access.on(object_name).modify_all or self._owns(row) or "OwnerId" not in row:
            return True
        by_parent = self._default(object_name) == "controlled by parent"
        return by_parent and self._parent_allows(object_name, row, "edit")

    def _sees_all(self, object_name: str) -> bool:
        if object_name == "ListView":
            return False
        return self.access.on(object_name).view_all or self._default(object_name) in {"read", "edit"}

    def _default(self, object_name: str) -> Sharing:
        known = self._defaults.get(object_name)
        if known is None:
            known = self._defaults[object_name] = self._org_wide_default(object_name)
        return known

    def _org_wide_default(self, object_name: str) -> Sharing:
        return dict(self._org.config.sharing).get(object_name) or DEFAULT_SHARING.get(object_name, "edit")

    def _owns(self, row: Row) -> bool:
        owner = row.get("OwnerId")
        return owner in self.access.identities or owner in self.access.subordinates

    def _is_shared(self, object_name: str, row: Row, right: Literal["read", "edit"]) -> bool:
        """Whether a record of AccountShare, LeadShare ... gives the right to the user or a group of the user's."""
        share_name = f"{object_name}Share"
        if self._org.find_object(share_name) is None or not self._org.count(share_name):
            return False
        shares = self._org.rows_with(share_name, f"{object_name}Id", row["Id"])
        mine = (one for one in shares if one.get("UserOrGroupId") in self.access.identities)
        return any(right == "read" or one.get(f"{object_name}AccessLevel") in {"Edit", "All"} for one in mine)

    def _allows(self, object_name: str, row: Row, right: Literal["read", "edit"]) -> bool:
        default = self._default(object_name)
        if default == "edit" or default == right or self._owns(row) or self._is_shared(object_name, row, right):
            return True
        if default == "controlled by parent":
            return self._parent_allows(object_name, row, right)
        return right == "read" and object_name == "Account" and row["Id"] in self._implied_accounts()

    def _parent_allows(self, object_name: str, row: Row, right: Literal["read", "edit"]) -> bool:
        for parent_name, reference in _PARENTS.get(object_name, ()):
            parent = self._org.get(parent_name, str(row.get(reference) or ""))
            if parent is not None:
                rights = self.access.on(parent_name)
                everything = rights.view_all if right == "read" else rights.modify_all
                return everything or self._allows(parent_name, parent, right)
        # Contacts without an account are their owner's.
        return False

    def _implied_accounts(self) -> frozenset[str]:
        """Who owns a contact or an opportunity of an account may read the account."""
        if self._implied is None:
            children = (row for name in ("Contact", "Opportunity") for row in self._org.rows(name))
            owned = (row for row in children if self._owns(row))
            self._implied = frozenset(str(row["AccountId"]) for row in owned if "AccountId" in row)
        return self._implied

    def value_errors(self, object_name: str, given: Row, before: Row) -> list[RowError]:
        """Why values cannot be saved that their fields alone would take."""
        return value_errors(self._org, object_name, given, before)

    def refusal(self, write: Write, object_type: ObjectType, row: Row | None) -> RowError | None:
        """Why the user may not make this write to this row, if that is so; `row` is None for a creation."""
        seen = self.access.type_of(object_type)
        rights = {"create": object_type.createable, "update": object_type.updateable}
        if seen is None or not rights.get(write.operation, object_type.deletable):
            message = f"entity type cannot be {_VERBS[write.operation]}: {object_type.label}"
            return RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
        return self._refused_creation(seen) if row is None else self._refused_change(write, seen, row)

    def _is_own_profile(self, write: Write, row: Row) -> bool:
        """Users may change what is personal about themselves."""
        personal = _NOT_PERSONAL.isdisjoint(map(str.lower, write.fields))
        return personal and row["Id"] == self.access.user_id

    def _refused_creation(self, seen: ObjectType) -> RowError | None:
        message = f"entity type cannot be inserted: {seen.label}"
        return None if seen.createable else RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)

    def _refused_change(self, write: Write, seen: ObjectType, row: Row) -> RowError | None:
        if not self.may_read(seen.name, row):
            return HIDDEN
        if write.operation == "update":
            allowed = (seen.updateable and self.may_edit(seen.name, row)) or self._is_own_profile(write, row)
        else:
            allowed = seen.deletable and self.may_delete(seen.name, row)
        return None if allowed else _NO_ACCESS
