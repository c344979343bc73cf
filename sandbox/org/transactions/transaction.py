"""One transaction: rows are checked and staged one by one, and become visible all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sandbox.org.automation.rollups import RollUp
from sandbox.org.metadata.objects import Catalogue, ObjectType
from sandbox.org.metadata.record_types import FIELD as RECORD_TYPE_FIELD
from sandbox.org.rows.tables import Table
from sandbox.org.rows.writes import GONE, Actor, Change, Operation, Row, RowError, RowResult, Write
from sandbox.org.transactions.rights import HIDDEN, Rights
from sandbox.org.transactions.saving import AutomationError, OrgRules, Saver, without_nulls
from sandbox.org.transactions.staging import Staging
from sandbox.org.transactions.validate import CANNOT_WRITE, FieldError, check_row, required_fields
from sandbox.org.users.setup_checks import DUPLICATE_USERNAME
from sandbox.org.values.ids import MalformedIdError, to_18

_DELETED_WITH_ITS_ACCOUNT = RowError("DELETE_FAILED", "The contact of a person account is deleted with its account.")
_COMES_BACK_WITH_ITS_ACCOUNT = RowError(
    "UNDELETE_FAILED", "The contact of a person account is restored with its account."
)


class Transaction:
    """Stages changes over the tables; nothing outside sees them before they are installed."""

    def __init__(
        self,
        catalogue: Catalogue,
        tables: Mapping[str, Table],
        new_id: Callable[[str], str],
        actor: Actor,
        now: str,
        rules: OrgRules,
        *,
        view: Rights | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._tables = tables
        self._new_id = new_id
        self.actor = actor
        self.now = now
        self._rules = rules
        # None: the platform itself writes, past all permissions.
        self._view = view
        self._staging = Staging(catalogue, tables)
        self._saver = Saver(catalogue, self._staging, rules, actor, now)
        # Records that the caller has written; automations may write them besides.
        self._written: set[str] = set()

    @property
    def changes(self) -> list[Change]:
        """The staged changes in the order in which the records were first touched."""
        return self._staging.changes

    def finish(self) -> None:
        """Bring the roll-up summaries of the parents up to date; they change in this transaction too."""
        self._saver.finish()

    def recalculated(self, roll_up: RollUp) -> Iterable[Change]:
        """What a roll-up summary of all parents changes to; not staged."""
        return list(self._saver.recalculated(roll_up))

    def apply(self, write: Write) -> RowResult:
        """Check and stage one row; a refused row changes nothing."""
        object_type = self._catalogue.find(write.object_name)
        if object_type is None:
            return _refused(write, RowError("INVALID_TYPE", f"sObject type '{write.object_name}' is not supported."))
        before = self._staging.savepoint() if self._rules.rulebook.active else None
        try:
            result = (
                self._create(object_type, write)
                if write.operation == "create"
                else self._on_existing(object_type, write)
            )
        except AutomationError as failure:
            result = _refused(write, failure.error)
        if before is not None and not result.success:
            self._staging.roll_back(before)
        return result

    def live(self, object_name: str, record_id: str) -> Row | None:
        """The row as this transaction sees it; None when it is deleted or was never there."""
        return self._staging.live(object_name, record_id)

    def children(self, parent_name: str, parent_id: str) -> list[tuple[ObjectType, str, str, Row]]:
        """Live records that go with their parent: type, the field that refers to it, id, row."""
        return self._staging.children(parent_name, parent_id, deleted=False)

    def delete_alone(self, object_type: ObjectType, record_id: str, fields: Row) -> None:
        """Delete a live row without its children; ``fields`` are what the recycle bin shows beside."""
        row = self.live(object_type.name, record_id)
        assert row is not None
        after = row | self._saver.audit(created=False) | {"IsDeleted": True} | fields
        self._saver.stage("delete", object_type, record_id, after, {})

    def _create(self, object_type: ObjectType, write: Write) -> RowResult:
        refusal = self._refusal(write, object_type, None)
        if refusal is not None:
            return _refused(write, refusal)
        person = self._is_person(object_type, write.fields)
        required = required_fields(object_type, person=person)
        seen = self._seen(object_type)
        clean, errors = check_row(seen, write.fields, self._exists, creating=True, required=required)
        errors += self._duplicates(object_type, clean, None)
        errors += [] if errors else self._value_errors(object_type, clean, {})
        errors += self._record_type_errors(object_type, clean)
        if errors:
            return _refused(write, *errors)
        row = dict(object_type.defaults)
        if "OwnerId" in object_type.by_name:
            row["OwnerId"] = self.actor.user_id
        row.update((name, value) for name, value in clean.items() if value is not None)
        row |= self._saver.audit(created=True)
        self._put_record_type(object_type, row, person=person)
        record_id = self._new_id(object_type.key_prefix)
        if person:
            self._saver.plan_person(object_type, row, self._new_id)
        errors = self._saver.save("create", object_type, record_id, row, row, None)
        if errors:
            return _refused(write, *errors)
        self._written.add(record_id)
        return RowResult(record_id, success=True, created=True)

    def _on_existing(self, object_type: ObjectType, write: Write) -> RowResult:
        try:
            record_id = to_18(write.record_id or "")
        except MalformedIdError:
            return _refused(write, RowError("MALFORMED_ID", f"malformed id {write.record_id}"))
        if record_id in self._written:
            return _refused(write, self._staged_error(record_id))
        row = self._find(object_type, write.operation, record_id)
        if row is None:
            return _refused(write, _absent(self._tables[object_type.name], write.operation, record_id))
        refusal = self._refusal(write, object_type, row)
        errors = self._change(object_type, record_id, row, write) if refusal is None else [refusal]
        if errors:
            return _refused(write, *errors)
        self._written.add(record_id)
        return RowResult(record_id, success=True, created=False)

    def _find(self, object_type: ObjectType, operation: Operation, record_id: str) -> Row | None:
        """The row, if it is where the operation looks for it."""
        deleted = self._tables[object_type.name].deleted.get(record_id)
        if operation == "undelete":
            return None if record_id in self._staging else deleted
        row = self._staging.live(object_type.name, record_id)
        return deleted if row is None and operation == "hard_delete" else row

    def _change(self, object_type: ObjectType, record_id: str, row: Row, write: Write) -> list[RowError]:
        match write.operation:
            case "update":
                return self._update(object_type, record_id, row, write)
            case "delete":
                return self._checked_delete(object_type, record_id, row)
            case "hard_delete":
                if _is_half_of_a_person(object_type, row):
                    return [_DELETED_WITH_ITS_ACCOUNT]
                self._hard_delete(object_type, record_id, row)
            case _:
                if _is_half_of_a_person(object_type, row):
                    return [_COMES_BACK_WITH_ITS_ACCOUNT]
                return self._undelete(object_type, record_id, row)
        return []

    def _refusal(self, write: Write, object_type: ObjectType, row: Row | None) -> RowError | None:
        return None if self._view is None else self._view.refusal(write, object_type, row)

    def _value_errors(self, object_type: ObjectType, clean: Row, before: Row) -> list[RowError]:
        return [] if self._view is None else self._view.value_errors(object_type.name, clean, before)

    def _seen(self, object_type: ObjectType) -> ObjectType:
        """The object with the fields that the writer may see."""
        return object_type if self._view is None else self._view.access.type_of(object_type) or object_type

    def _exists(self, object_names: tuple[str, ...], record_id: str) -> bool:
        """FieldError for a record that is there and hidden from the writer."""
        if not self._staging.exists(object_names, record_id):
            return False
        if self._view is not None and record_id not in self._staging and not self._view.sees(object_names, record_id):
            raise FieldError(HIDDEN.status_code, HIDDEN.message)
        return True

    def _staged_error(self, record_id: str) -> RowError:
        staged = self._staging.staged(record_id)
        if staged is None or staged.operation in GONE:
            return RowError("ENTITY_IS_DELETED", "entity is deleted")
        return RowError("DUPLICATE_VALUE", f"duplicate id specified: {record_id}")

    def _update(self, object_type: ObjectType, record_id: str, row: Row, write: Write) -> list[RowError]:
        required = required_fields(object_type, person=row.get("IsPersonAccount") is True)
        seen = self._seen(object_type)
        clean, errors = check_row(seen, write.fields, self._exists, creating=False, required=required)
        errors += self._duplicates(object_type, clean, record_id)
        errors += _leaves_its_account(object_type, row, clean)
        errors += [] if errors else self._value_errors(object_type, clean, row)
        errors += self._record_type_errors(object_type, clean)
        if errors:
            return errors
        try:
            besides = self._other_kind(object_type, record_id, row, clean)
        except FieldError as refusal:
            return [refusal.error]
        changed = {name: value for name, value in clean.items() if row.get(name) != value} | self._saver.stamp(row)
        return self._saver.save("update", object_type, record_id, without_nulls(row | besides | changed), changed, row)

    def _is_person(self, object_type: ObjectType, fields: Row) -> bool:
        """A record type says what an account is; without one a last name makes it a person."""
        if object_type.name != "Account" or "IsPersonAccount" not in object_type.by_name:
            return False
        given = {name.lower(): value for name, value in fields.items()}
        record_type = given.get("recordtypeid")
        if isinstance(record_type, str) and record_type:
            return self._rules.record_types.is_person(_full_id(record_type))
        return bool(given.get("lastname"))

    def _other_kind(self, object_type: ObjectType, account_id: str, row: Row, clean: Row) -> Row:
        """What a record type of the other kind, person or business, changes beside itself. FieldError."""
        record_type = clean.get(RECORD_TYPE_FIELD)
        if object_type.name != "Account" or record_type is None or "IsPersonAccount" not in object_type.by_name:
            return {}
        is_person = row.get("IsPersonAccount") is True
        if is_person == self._is_person(object_type, clean):
            return {}
        if is_person:
            return self._saver.part_person(row)
        children = self.children("Account", account_id)
        contacts = [child for child_type, _, _, child in children if child_type.name == "Contact"]
        if len(contacts) != 1 or row.get("ParentId"):
            message = "A business account needs exactly one contact, and no parent, to become a person account."
            raise FieldError("INVALID_FIELD_FOR_INSERT_UPDATE", message, RECORD_TYPE_FIELD)
        return self._saver.join_person(account_id, contacts[0])

    def _record_type_errors(self, object_type: ObjectType, clean: Row) -> list[RowError]:
        record_type = clean.get(RECORD_TYPE_FIELD)
        if record_type is None or self._rules.record_types.fits(object_type.name, record_type):
            return []
        message = f"Record Type ID: this ID value isn't valid for the user: {record_type}"
        return [RowError("INVALID_CROSS_REFERENCE_KEY", message, (RECORD_TYPE_FIELD,))]

    def _put_record_type(self, object_type: ObjectType, row: Row, *, person: bool) -> None:
        default = self._rules.record_types.default(object_type.name, person=person)
        if default is not None and RECORD_TYPE_FIELD in object_type.by_name:
            row.setdefault(RECORD_TYPE_FIELD, default)

    def _duplicates(self, object_type: ObjectType, clean: Row, own_id: str | None) -> list[RowError]:
        """Values of unique fields that another record has, one of this transaction included."""
        errors = []
        for unique in object_type.unique_fields:
            value = clean.get(unique.name)
            holder = self._staging.other_holder(object_type.name, unique.name, value, own_id)
            if holder is not None and object_type.name == "User":
                errors.append(DUPLICATE_USERNAME)
            elif holder is not None:
                message = f"duplicate value found: {unique.name} duplicates value on record with id: {holder[:15]}"
                errors.append(RowError("DUPLICATE_VALUE", message))
        return errors

    def _checked_delete(self, object_type: ObjectType, record_id: str, row: Row) -> list[RowError]:
        if _is_half_of_a_person(object_type, row):
            return [_DELETED_WITH_ITS_ACCOUNT]
        self._delete(object_type, record_id, row)
        if self._rules.rulebook.concerns(object_type.name):
            self._saver.save_parents("delete", object_type, self._saver.record(row, row))
        return []

    def _delete(self, object_type: ObjectType, record_id: str, row: Row) -> None:
        self._saver.stage(
            "delete", object_type, record_id, row | self._saver.audit(created=False) | {"IsDeleted": True}, {}
        )
        for child_type, _field, child_id, child in self._staging.children(object_type.name, record_id, deleted=False):
            if not self._is_gone(child_id):
                self._delete(child_type, child_id, child)

    def _is_gone(self, record_id: str) -> bool:
        staged = self._staging.staged(record_id)
        return staged is not None and staged.operation in GONE

    def _hard_delete(self, object_type: ObjectType, record_id: str, row: Row) -> None:
        """Emptying the recycle bin tells nobody; a live record may be told, and its children go with it."""
        is_live = record_id in self._tables[object_type.name].live
        announced = is_live and self._rules.hard_deletes_announced
        after = row | self._saver.audit(created=False) | {"IsDeleted": True}
        self._saver.stage("hard_delete", object_type, record_id, after, {}, announced=announced)
        children = self._staging.children(object_type.name, record_id, deleted=not is_live)
        for child_type, _field, child_id, child in children:
            if not self._is_gone(child_id):
                self._hard_delete(child_type, child_id, child)

    def _undelete(self, object_type: ObjectType, record_id: str, row: Row) -> list[RowError]:
        """The record and what was deleted with it; none of them when a unique value has found another holder."""
        returning = {record_id: (object_type, row)}
        self._add_returning(returning, object_type, record_id, row)
        errors = [error for key, (kind, one) in returning.items() for error in self._duplicates(kind, one, key)]
        if errors:
            return errors
        for key, (kind, one) in returning.items():
            after = one | self._saver.audit(created=False) | {"IsDeleted": False}
            self._saver.stage("undelete", kind, key, after, changed=after)
        return []

    def _add_returning(
        self, returning: dict[str, tuple[ObjectType, Row]], object_type: ObjectType, record_id: str, row: Row
    ) -> None:
        for child_type, _field, child_id, child in self._staging.children(object_type.name, record_id, deleted=True):
            # A cascade stamps parent and children alike; children deleted on their own stay deleted.
            known = child_id in returning or child_id in self._staging
            if not known and child["SystemModstamp"] == row["SystemModstamp"]:
                returning[child_id] = (child_type, child)
                self._add_returning(returning, child_type, child_id, child)

    def set_fields(
        self,
        object_type: ObjectType,
        record_id: str,
        fields: Row,
        *,
        announced: bool = True,
        tells_date: bool = True,
        told_later_ms: int = 0,
    ) -> None:
        """Change a live row past the checks, as the platform itself does."""
        self._saver.set_fields(
            object_type, record_id, fields, announced=announced, tells_date=tells_date, told_later_ms=told_later_ms
        )


def _is_half_of_a_person(object_type: ObjectType, row: Row) -> bool:
    return object_type.name == "Contact" and row.get("IsPersonAccount") is True


def _leaves_its_account(object_type: ObjectType, row: Row, clean: Row) -> list[RowError]:
    """The contact of a person account is one half of it."""
    if not _is_half_of_a_person(object_type, row) or clean.get("AccountId", row["AccountId"]) == row["AccountId"]:
        return []
    return [RowError("INVALID_FIELD_FOR_INSERT_UPDATE", CANNOT_WRITE.format("AccountId"), ("AccountId",))]


def _refused(write: Write, *errors: RowError) -> RowResult:
    return RowResult(write.record_id, success=False, created=False, errors=errors)


def _absent(table: Table, operation: Operation, record_id: str) -> RowError:
    if operation == "undelete":
        return RowError("UNDELETE_FAILED", "Entity is not in the recycle bin")
    if record_id in table.deleted or record_id in table.live:
        return RowError("ENTITY_IS_DELETED", "entity is deleted")
    return RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")


def _full_id(record_id: str) -> str:
    try:
        return to_18(record_id)
    except MalformedIdError:
        return record_id
