"""One transaction: rows are checked and staged one by one, and become visible all at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sandbox.org.derived import derived
from sandbox.org.ids import MalformedIdError, to_18
from sandbox.org.objects import Catalogue, FieldType, ObjectType, full_name
from sandbox.org.tables import Table
from sandbox.org.validate import check_row
from sandbox.org.writes import Actor, Change, Operation, Row, RowError, RowResult, Write

if TYPE_CHECKING:
    from sandbox.org.unique import UniqueIndex


class Transaction:
    """Stages changes over the tables; nothing outside sees them before they are installed."""

    def __init__(
        self,
        catalogue: Catalogue,
        tables: Mapping[str, Table],
        new_id: Callable[[str], str],
        actor: Actor,
        now: str,
        unique: UniqueIndex,
        *,
        hard_deletes_announced: bool = True,
    ) -> None:
        self._catalogue = catalogue
        self._tables = tables
        self._new_id = new_id
        self.actor = actor
        self.now = now
        self._hard_deletes_announced = hard_deletes_announced
        self._unique = unique
        self._staged: dict[str, Change] = {}

    @property
    def changes(self) -> list[Change]:
        """The staged changes in the order in which they were made."""
        return list(self._staged.values())

    def apply(self, write: Write) -> RowResult:
        """Check and stage one row; a refused row changes nothing."""
        object_type = self._catalogue.find(write.object_name)
        if object_type is None:
            return _refused(write, RowError("INVALID_TYPE", f"sObject type '{write.object_name}' is not supported."))
        if not object_type.writable:
            message = f"entity type cannot be {write.operation}d: {object_type.label}"
            return _refused(write, RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message))
        if write.operation == "create":
            return self._create(object_type, write)
        return self._on_existing(object_type, write)

    def live(self, object_name: str, record_id: str) -> Row | None:
        """The row as this transaction sees it; None when it is deleted or was never there."""
        staged = self._staged.get(record_id)
        if staged is None:
            return self._tables[object_name].live.get(record_id)
        return None if staged.operation in {"delete", "hard_delete"} else staged.after

    def children(self, parent_name: str, parent_id: str) -> list[tuple[ObjectType, str, str, Row]]:
        """Live records that go with their parent: type, the field that refers to it, id, row."""
        return self._children(parent_name, parent_id, deleted=False)

    def set_fields(
        self,
        object_type: ObjectType,
        record_id: str,
        fields: Row,
        *,
        announced: bool = True,
        tells_date: bool = True,
    ) -> None:
        """Change a live row past the checks, as the platform itself does."""
        row = self.live(object_type.name, record_id)
        assert row is not None
        changed = {name: value for name, value in fields.items() if row.get(name) != value} | self._stamp(row)
        after = _without_nulls(row | changed)
        if not tells_date:
            del changed["LastModifiedDate"]
        self._stage("update", object_type, record_id, after, changed, row, announced=announced)

    def delete_alone(self, object_type: ObjectType, record_id: str, fields: Row) -> None:
        """Delete a live row without its children; ``fields`` are what the recycle bin shows beside."""
        row = self.live(object_type.name, record_id)
        assert row is not None
        after = row | self._audit(created=False) | {"IsDeleted": True} | fields
        self._stage("delete", object_type, record_id, after, {})

    def _create(self, object_type: ObjectType, write: Write) -> RowResult:
        clean, errors = check_row(object_type, write.fields, self._exists, creating=True)
        errors += self._duplicates(object_type, clean, None)
        if errors:
            return _refused(write, *errors)
        row = dict(object_type.defaults)
        if "OwnerId" in object_type.by_name:
            row["OwnerId"] = self.actor.user_id
        row.update((name, value) for name, value in clean.items() if value is not None)
        row |= self._audit(created=True)
        record_id = self._new_id(object_type.key_prefix)
        self._stage("create", object_type, record_id, row, changed=row)
        return RowResult(record_id, success=True, created=True)

    def _on_existing(self, object_type: ObjectType, write: Write) -> RowResult:
        try:
            record_id = to_18(write.record_id or "")
        except MalformedIdError:
            return _refused(write, RowError("MALFORMED_ID", f"malformed id {write.record_id}"))
        if record_id in self._staged:
            return _refused(write, self._staged_error(record_id))
        table = self._tables[object_type.name]
        row = _find(table, write.operation, record_id)
        if row is None:
            return _refused(write, _absent(table, record_id))
        match write.operation:
            case "update":
                return self._update(object_type, record_id, row, write)
            case "delete":
                self._delete(object_type, record_id, row)
            case "hard_delete":
                self._hard_delete(object_type, record_id, row)
            case _:
                self._undelete(object_type, record_id, row)
        return RowResult(record_id, success=True, created=False)

    def _staged_error(self, record_id: str) -> RowError:
        if self._staged[record_id].operation in {"delete", "hard_delete"}:
            return RowError("ENTITY_IS_DELETED", "entity is deleted")
        return RowError("DUPLICATE_VALUE", f"duplicate id specified: {record_id}")

    def _update(self, object_type: ObjectType, record_id: str, row: Row, write: Write) -> RowResult:
        clean, errors = check_row(object_type, write.fields, self._exists, creating=False)
        errors += self._duplicates(object_type, clean, record_id)
        if errors:
            return _refused(write, *errors)
        changed = {name: value for name, value in clean.items() if row.get(name) != value} | self._stamp(row)
        self._stage("update", object_type, record_id, _without_nulls(row | changed), changed, row)
        return RowResult(record_id, success=True, created=False)

    def _stamp(self, row: Row) -> Row:
        """The audit fields of an update; the modifier counts as changed only when it is another one."""
        stamp = self._audit(created=False)
        if row.get("LastModifiedById") == self.actor.user_id:
            del stamp["LastModifiedById"]
        return stamp

    def _duplicates(self, object_type: ObjectType, clean: Row, own_id: str | None) -> list[RowError]:
        """Values of unique fields that another record has, one of this transaction included."""
        errors = []
        for field in object_type.unique_fields:
            value = clean.get(field.name)
            holder = None if value is None else self._holder(object_type, field, value, own_id)
            if holder is not None:
                message = f"duplicate value found: {field.name} duplicates value on record with id: {holder[:15]}"
                errors.append(RowError("DUPLICATE_VALUE", message))
        return errors

    def _holder(self, object_type: ObjectType, field: FieldType, value: object, own_id: str | None) -> str | None:
        for record_id, change in self._staged.items():
            same = str(change.after.get(field.name)).lower() == str(value).lower()
            if same and change.object_name == object_type.name and change.operation not in {"delete", "hard_delete"}:
                return record_id
        holder = self._unique.holder(object_type, field, value)
        return None if holder == own_id or holder in self._staged else holder

    def _delete(self, object_type: ObjectType, record_id: str, row: Row) -> None:
        self._stage("delete", object_type, record_id, row | self._audit(created=False) | {"IsDeleted": True}, {})
        for child_type, _field, child_id, child in self._children(object_type.name, record_id, deleted=False):
            if child_id not in self._staged:
                self._delete(child_type, child_id, child)

    def _hard_delete(self, object_type: ObjectType, record_id: str, row: Row) -> None:
        """Emptying the recycle bin tells nobody; a live record may be told, and its children go with it."""
        is_live = record_id in self._tables[object_type.name].live
        announced = is_live and self._hard_deletes_announced
        after = row | self._audit(created=False) | {"IsDeleted": True}
        self._stage("hard_delete", object_type, record_id, after, {}, announced=announced)
        for child_type, _field, child_id, child in self._children(object_type.name, record_id, deleted=not is_live):
            if child_id not in self._staged:
                self._hard_delete(child_type, child_id, child)

    def _undelete(self, object_type: ObjectType, record_id: str, row: Row) -> None:
        after = row | self._audit(created=False) | {"IsDeleted": False}
        self._stage("undelete", object_type, record_id, after, changed=after)
        for child_type, _field, child_id, child in self._children(object_type.name, record_id, deleted=True):
            # A cascade stamps parent and children alike; children deleted on their own stay deleted.
            if child_id not in self._staged and child["SystemModstamp"] == row["SystemModstamp"]:
                self._undelete(child_type, child_id, child)

    def _children(self, parent_name: str, parent_id: str, *, deleted: bool) -> list[tuple[ObjectType, str, str, Row]]:
        found: list[tuple[ObjectType, str, str, Row]] = []
        for child_type in self._catalogue.types.values():
            for parent, field_name in child_type.cascade_from:
                if parent == parent_name:
                    table = self._tables[child_type.name]
                    rows = table.deleted if deleted else table.live
                    found += [(child_type, field_name, key, rows[key]) for key in rows.ids_with(field_name, parent_id)]
        return found

    def _audit(self, *, created: bool) -> Row:
        audit: Row = {
            "LastModifiedDate": self.now,
            "LastModifiedById": self.actor.user_id,
            "SystemModstamp": self.now,
        }
        return audit | {"CreatedDate": self.now, "CreatedById": self.actor.user_id} if created else audit

    def _stage(
        self,
        operation: Operation,
        object_type: ObjectType,
        record_id: str,
        after: Row,
        changed: Row,
        before: Row | None = None,
        *,
        announced: bool = True,
    ) -> None:
        after["Id"] = record_id
        if object_type.has_person_name or object_type.name == "User":
            after["Name"] = full_name(after)
        after |= derived(object_type.name, after)
        self._staged[record_id] = Change(operation, object_type.name, record_id, changed, after, before, announced)

    def _exists(self, object_names: tuple[str, ...], record_id: str) -> bool:
        staged = self._staged.get(record_id)
        if staged is not None:
            return staged.object_name in object_names and staged.operation not in {"delete", "hard_delete"}
        return any(record_id in self._tables[name].live for name in object_names if name in self._tables)


def _refused(write: Write, *errors: RowError) -> RowResult:
    return RowResult(write.record_id, success=False, created=False, errors=errors)


def _absent(table: Table, record_id: str) -> RowError:
    if record_id in table.deleted:
        return RowError("ENTITY_IS_DELETED", "entity is deleted")
    return RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")


def _find(table: Table, operation: Operation, record_id: str) -> Row | None:
    """The row, if it is where the operation looks for it."""
    if operation == "hard_delete":
        return table.live.get(record_id) or table.deleted.get(record_id)
    return (table.deleted if operation == "undelete" else table.live).get(record_id)


def _without_nulls(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}
