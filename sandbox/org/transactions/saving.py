"""Saving a row and what follows from it: automations, the other half of a person, roll-up summaries of the parents.

Apex guide, "Triggers and Order of Execution".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sandbox.org.automation.rollups import RollUp, RollUps
from sandbox.org.automation.rulebook import Rulebook
from sandbox.org.automation.specs import Occasion
from sandbox.org.formulas.compiler import Record
from sandbox.org.formulas.values import EvaluationError
from sandbox.org.metadata.objects import Catalogue, ObjectType, record_name
from sandbox.org.metadata.record_types import RecordTypes
from sandbox.org.rows.writes import Actor, Change, Operation, Row, RowError
from sandbox.org.transactions.derived import derived
from sandbox.org.transactions.person_accounts import BOTH_KINDS, account_values, contact_values
from sandbox.org.transactions.staging import Staging
from sandbox.org.values.timestamps import parse_datetime

# Apex: triggers may set off each other sixteen levels deep.
_MAX_DEPTH = 16
_TOO_DEEP = "maximum trigger depth exceeded"


@dataclass(frozen=True, slots=True)
class OrgRules:
    """What an org does besides writing what it is told."""

    rulebook: Rulebook
    roll_ups: RollUps = field(default_factory=RollUps)
    record_types: RecordTypes = field(default_factory=RecordTypes)
    hard_deletes_announced: bool = True


class AutomationError(Exception):
    """A trigger or flow that failed: the row that set it off is refused."""

    def __init__(self, error: RowError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Saver:
    """Stages rows for one transaction."""

    catalogue: Catalogue
    staging: Staging
    rules: OrgRules
    actor: Actor
    now: str

    def finish(self) -> None:
        """Bring the roll-up summaries of the parents up to date; they change in this transaction too."""
        roll_ups = self.rules.roll_ups
        for _level in range(_MAX_DEPTH if roll_ups else 0):
            stale = False
            for roll_up, parent_ids in roll_ups.touched(self.staging.changes).items():
                for parent_id in parent_ids:
                    children = self.staging.referring(roll_up.child_name, roll_up.lookup, parent_id)
                    value = roll_up.value(self.record(child, child) for child in children)
                    stale |= self._summarize(roll_up.parent_name, parent_id, {roll_up.field_name: value})
            if not stale:
                return

    def recalculated(self, roll_up: RollUp) -> Iterator[Change]:
        """The parents with the value that they should have; nobody is told."""
        for parent in self.staging.all(roll_up.parent_name):
            parent_id = str(parent["Id"])
            children = self.staging.referring(roll_up.child_name, roll_up.lookup, parent_id)
            value = roll_up.value(self.record(child, child) for child in children)
            if parent.get(roll_up.field_name) != value:
                after = without_nulls(parent | {roll_up.field_name: value})
                yield Change("update", roll_up.parent_name, parent_id, {}, after, parent, announced=False)

    def _summarize(self, parent_name: str, parent_id: str, fields: Row) -> bool:
        parent = self.staging.live(parent_name, parent_id)
        if parent is None or all(parent.get(name) == value for name, value in fields.items()):
            return False
        self.set_fields(self.catalogue.types[parent_name], parent_id, fields)
        return True

    def save(
        self,
        occasion: Occasion,
        object_type: ObjectType,
        record_id: str,
        after: Row,
        changed: Row,
        before: Row | None,
        depth: int = 0,
    ) -> list[RowError]:
        """Stage a row with what automations make of it, unless a validation rule refuses it."""
        rulebook = self.rules.rulebook
        if not rulebook.concerns(object_type.name):
            self.stage("update" if before is not None else "create", object_type, record_id, after, changed, before)
            return []
        after["Id"] = record_id
        record = self.record(after | derived(object_type.name, after), before)
        try:
            further = rulebook.own_fields(object_type.name, occasion, record)
        except EvaluationError as error:
            raise AutomationError(_automation_error(error)) from error
        changed |= {name: value for name, value in further.items() if after.get(name) != value}
        after = without_nulls(after | further)
        if before is None:
            changed = after
        errors = rulebook.violations(object_type.name, self.record(after | derived(object_type.name, after), before))
        if not errors:
            self.stage("update" if before is not None else "create", object_type, record_id, after, changed, before)
            self.save_parents(occasion, object_type, self.record(after, before), depth)
        return errors

    def save_parents(self, occasion: Occasion, object_type: ObjectType, record: Record, depth: int = 0) -> None:
        """What automations set on other records, which sets off the automations of those."""
        if depth >= _MAX_DEPTH:
            raise AutomationError(RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", _TOO_DEEP))
        try:
            parents = list(self.rules.rulebook.parent_fields(object_type.name, occasion, record))
        except EvaluationError as error:
            raise AutomationError(_automation_error(error)) from error
        for parent_type, parent_id, fields in parents:
            row = self.staging.live(parent_type.name, parent_id)
            if row is not None:
                changed = {name: value for name, value in fields.items() if row.get(name) != value} | self.stamp(row)
                after = without_nulls(row | changed)
                errors = self.save("update", parent_type, parent_id, after, changed, row, depth + 1)
                if errors:
                    raise AutomationError(errors[0])

    def record(self, row: Row, before: Row | None) -> Record:
        return Record(row, self.staging.live, parse_datetime(self.now), self.actor.user_id, before)

    def join_person(self, account_id: str, contact: Row) -> Row:
        """Make a business account and its one contact a person: what the account shows from then on."""
        account_type, contact_type = self.catalogue.types["Account"], self.catalogue.types["Contact"]
        self._put_contact(contact | {"IsPersonAccount": True, "AccountId": account_id})
        shown = account_values(account_type, contact_type, contact)
        return shown | {"IsPersonAccount": True, "PersonContactId": contact["Id"]}

    def part_person(self, account: Row) -> Row:
        """Make a person a business account of the same name with a contact: what the account shows no more."""
        account_type, contact_type = self.catalogue.types["Account"], self.catalogue.types["Contact"]
        contact = self.staging.live("Contact", str(account["PersonContactId"]))
        if contact is not None:
            self._put_contact(contact | {"IsPersonAccount": False})
        shown = account_values(account_type, contact_type, dict.fromkeys(contact_type.by_name))
        kept = {name: account[name] for name in BOTH_KINDS if name in account}
        return shown | kept | {"IsPersonAccount": False, "PersonContactId": None}

    def _put_contact(self, after: Row) -> None:
        """No event tells of it: that of the account has the new record type (CDC guide, person accounts)."""
        contact_id = str(after["Id"])
        before = self.staging.live("Contact", contact_id)
        self._put("update", self.catalogue.types["Contact"], contact_id, after, {}, before, announced=False)

    def _mirror(self, change: Change) -> None:
        """The other half of a person account changes with the one that was written."""
        account_type, contact_type = self.catalogue.types["Account"], self.catalogue.types["Contact"]
        if change.object_name == "Account":
            contact_id = str(change.after["PersonContactId"])
            values = contact_values(account_type, contact_type, change.changed)
            self._mirror_to(contact_type, contact_id, change, values | {"AccountId": change.record_id})
        else:
            values = account_values(account_type, contact_type, change.changed)
            self._mirror_to(account_type, str(change.after["AccountId"]), change, values)

    def _mirror_to(self, object_type: ObjectType, record_id: str, change: Change, values: Row) -> None:
        row = self.staging.live(object_type.name, record_id)
        if row is None:
            after = object_type.defaults | without_nulls(values) | self.audit(created=True) | {"IsPersonAccount": True}
            self._put("create", object_type, record_id, after, after)
        else:
            changed = {name: value for name, value in values.items() if row.get(name) != value} | self.stamp(row)
            after = without_nulls(row | changed)
            self._put("update", object_type, record_id, after, changed, row, announced=change.announced)

    def stamp(self, row: Row) -> Row:
        """The audit fields of an update; the modifier counts as changed only when it is another one."""
        stamp = self.audit(created=False)
        if row.get("LastModifiedById") == self.actor.user_id:
            del stamp["LastModifiedById"]
        return stamp

    def audit(self, *, created: bool) -> Row:
        audit: Row = {
            "LastModifiedDate": self.now,
            "LastModifiedById": self.actor.user_id,
            "SystemModstamp": self.now,
        }
        return audit | {"CreatedDate": self.now, "CreatedById": self.actor.user_id} if created else audit

    def stage(
        self,
        operation: Operation,
        object_type: ObjectType,
        record_id: str,
        after: Row,
        changed: Row,
        before: Row | None = None,
        *,
        announced: bool = True,
        told_later_ms: int = 0,
    ) -> None:
        change = self._put(
            operation, object_type, record_id, after, changed, before, announced=announced, told_later_ms=told_later_ms
        )
        was_person = before is None or before.get("IsPersonAccount") is True
        if operation in {"create", "update"} and was_person and after.get("IsPersonAccount") is True:
            self._mirror(change)

    def _put(
        self,
        operation: Operation,
        object_type: ObjectType,
        record_id: str,
        after: Row,
        changed: Row,
        before: Row | None = None,
        *,
        announced: bool = True,
        told_later_ms: int = 0,
    ) -> Change:
        after["Id"] = record_id
        if object_type.has_person_name or object_type.name == "User":
            after["Name"] = record_name(after)
        after |= derived(object_type.name, after)
        change = Change(operation, object_type.name, record_id, changed, after, before, announced, told_later_ms)
        self.staging.put(change)
        return change

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
        row = self.staging.live(object_type.name, record_id)
        assert row is not None
        changed = {name: value for name, value in fields.items() if row.get(name) != value} | self.stamp(row)
        after = without_nulls(row | changed)
        if not tells_date:
            del changed["LastModifiedDate"]
        self.stage(
            "update", object_type, record_id, after, changed, row, announced=announced, told_later_ms=told_later_ms
        )

    def plan_person(self, account_type: ObjectType, account: Row, new_id: Callable[[str], str]) -> None:
        """Give a new person account what it has from its contact, and plan that contact."""
        contact_type = self.catalogue.types["Contact"]
        contact_id = new_id(contact_type.key_prefix)
        account |= account_values(account_type, contact_type, contact_type.defaults) | without_nulls(account)
        account |= {"IsPersonAccount": True, "PersonContactId": contact_id}


def _automation_error(error: EvaluationError) -> RowError:
    """Salesforce's words, as far as they are not about the flow's own name and id."""
    message = f"We can't save this record because a process failed. Give your Salesforce admin these details. {error}"
    return RowError("CANNOT_EXECUTE_FLOW_TRIGGER", message)


def without_nulls(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}
