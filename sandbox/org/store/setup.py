"""An org's metadata beyond the standard: what its configuration declares, and what administrators add while it runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox.org.formulas.compiler import FindRow, Record, compile_formula
from sandbox.org.formulas.values import EvaluationError, to_field
from sandbox.org.metadata.fields import standard_catalogue
from sandbox.org.metadata.objects import Catalogue, FieldType, ObjectType
from sandbox.org.metadata.record_types import RecordTypeSpec, with_record_types
from sandbox.org.rows.writes import Row
from sandbox.org.store.custom_fields import CustomField, InvalidFieldError, converted
from sandbox.org.store.people import show_field
from sandbox.org.transactions.person_accounts import custom_field_of_account, with_persons

if TYPE_CHECKING:
    from sandbox.org.config import OrgConfig
    from sandbox.org.store.org import Org

_PERSON_RECORD_TYPE = RecordTypeSpec("Account", "PersonAccount", "Person Account", person=True)
_IS_PERSON_TYPE = FieldType(
    "IsPersonType", "boolean", "Is Person Type", createable=False, updateable=False, default=False
)


def record_types_of(config: OrgConfig) -> tuple[RecordTypeSpec, ...]:
    """Those of the configuration; an org with person accounts has at least one that makes them."""
    if not config.person_accounts or any(one.person for one in config.record_types):
        return config.record_types
    return (*config.record_types, _PERSON_RECORD_TYPE)


def catalogue_of(config: OrgConfig) -> Catalogue:
    """The standard objects, with person accounts and record types where the org has them."""
    types = dict(standard_catalogue().types)
    if config.person_accounts:
        types["Account"], types["Contact"] = with_persons(types["Account"], types["Contact"])
        types["Lead"] = _without_company(types["Lead"])
        record_type = types["RecordType"]
        types["RecordType"] = replace(record_type, fields=(*record_type.fields, _IS_PERSON_TYPE))
    for name in {spec.object_name for spec in record_types_of(config)}:
        types[name] = with_record_types(types[name])
    return Catalogue(types)


def _without_company(lead: ObjectType) -> ObjectType:
    """A lead without a company is a person."""
    fields = tuple(replace(one, required=False) if one.name == "Company" else one for one in lead.fields)
    return replace(lead, fields=fields)


def add_field(org: Org, full_name: object, metadata: object, *, visible: bool) -> CustomField:
    """Add a custom field to an org that has records, `visible` to everybody. Raises InvalidFieldError."""
    custom = declare_field(org, full_name, metadata)
    if visible:
        show_field(org, custom.object_type.name, custom.field)
        if _has_twin(org, custom):
            show_field(org, "Account", custom_field_of_account(custom.field))
    if custom.roll_up is not None:
        org.recalculate(custom.roll_up)
    return custom


def declare_field(org: Org, full_name: object, metadata: object) -> CustomField:
    """Add a custom field, with its ``__pc`` twin on accounts that are persons. Raises InvalidFieldError."""
    custom = CustomField.of(org.catalogue, full_name, metadata)
    if custom.field.formula:
        custom = replace(custom, field=_bound(org, custom.object_type, custom.field))
    org.catalogue.replace(custom.extended())
    if _has_twin(org, custom):
        account = org.catalogue.types["Account"]
        twin = custom_field_of_account(custom.field)
        org.catalogue.replace(replace(account, fields=(*account.fields, twin)))
    if custom.roll_up is not None:
        org.rules.roll_ups.add(custom.roll_up)
    return custom


def _has_twin(org: Org, custom: CustomField) -> bool:
    """Whether accounts that are persons show the field as well."""
    return org.config.person_accounts and custom.object_type.name == "Contact" and not custom.field.formula


def convert_field(org: Org, full_name: str, metadata: dict[str, object]) -> None:
    """Give a custom field another type, which loses its values: one event tells it of all records at once.

    Raises:
        InvalidFieldError: there is no such custom field, or no such type.
    """
    object_name, _, name = full_name.partition(".")
    object_type = org.catalogue.find(object_name)
    field = object_type.find(name) if object_type else None
    if object_type is None or field is None or not field.custom:
        raise InvalidFieldError(f"no such custom field: {full_name}")
    changed = converted(field, object_type, metadata)
    fields = tuple(changed if one.name == field.name else one for one in object_type.fields)
    extended = replace(object_type, fields=fields)
    org.catalogue.replace(extended)
    org.lose_values(extended, changed)


def _bound(org: Org, object_type: ObjectType, field: FieldType) -> FieldType:
    formula = compile_formula(field.formula, object_type, org.catalogue.types, blanks_are_zero=field.blanks_are_zero)
    find: FindRow = org.get

    def compute(row: Row) -> object:
        now = datetime.fromtimestamp(org.clock(), UTC)
        try:
            return to_field(field, formula.value(Record(row, find, now, org.admin_user_id, row)))
        except EvaluationError:
            return None

    return replace(field, compute=compute, in_events=org.config.formula_fields_in_events)


def load_setup(org: Org) -> None:
    """Record types, validation rules and automations of the configuration. FormulaError for one that is wrong."""
    for spec in record_types_of(org.config):
        (record_type_id,) = org.load("RecordType", [_record_type_row(org, spec)])
        row = org.get("RecordType", record_type_id)
        assert row is not None
        org.rules.record_types.add(row, default=spec.default)
    for rule in org.config.validation_rules:
        org.rules.rulebook.add_rule(rule)
    for automation in org.config.automations:
        org.rules.rulebook.add_automation(automation)


def _record_type_row(org: Org, spec: RecordTypeSpec) -> Row:
    row: Row = {
        "DeveloperName": spec.developer_name,
        "Name": spec.name or spec.developer_name.replace("_", " "),
        "SobjectType": spec.object_name,
        "IsActive": spec.active,
    }
    return row | ({"IsPersonType": spec.person} if org.config.person_accounts else {})
