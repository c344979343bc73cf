"""The rules of an org, compiled: what they refuse, and what they set besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.org.automation.specs import Automation, Occasion, ValidationRule
from sandbox.org.formulas.compiler import Formula, Record, compile_formula
from sandbox.org.formulas.syntax import FormulaError
from sandbox.org.formulas.values import EvaluationError, to_field
from sandbox.org.metadata.objects import Catalogue, FieldType, ObjectType
from sandbox.org.rows.writes import Row, RowError


@dataclass(frozen=True, slots=True)
class _Rule:
    spec: ValidationRule
    condition: Formula
    field_name: str


@dataclass(frozen=True, slots=True)
class _Action:
    spec: Automation
    condition: Formula
    assignments: tuple[tuple[FieldType, Formula], ...]
    # The lookup field and what it points at; None: the record itself.
    parent: tuple[FieldType, ObjectType] | None

    def applies(self, occasion: Occasion, record: Record) -> bool:
        return occasion in self.spec.on and _holds(self.condition, record)

    def values(self, record: Record) -> Row:
        """EvaluationError when a formula has no value."""
        return {target.name: to_field(target, formula.value(record)) for target, formula in self.assignments}


@dataclass(slots=True)
class Rulebook:
    """Rules by object. An org without any pays a dictionary look-up for each row."""

    catalogue: Catalogue
    _rules: dict[str, dict[str, _Rule]] = field(default_factory=dict)
    _actions: dict[str, list[_Action]] = field(default_factory=dict)

    def add_rule(self, spec: ValidationRule) -> None:
        """Add a rule, or put it in place of the one of its name. FormulaError for a wrong formula, object or field."""
        object_type = self._object(spec.object_name)
        condition = compile_formula(spec.condition, object_type, self.catalogue.types, blanks_are_zero=False)
        place = _field(object_type, spec.field_name).name if spec.field_name else ""
        self._rules.setdefault(object_type.name, {})[spec.name] = _Rule(spec, condition, place)

    def add_automation(self, spec: Automation) -> None:
        """FormulaError for a wrong formula, object or field."""
        object_type = self._object(spec.object_name)
        types = self.catalogue.types
        condition = compile_formula(spec.condition, object_type, types, blanks_are_zero=False)
        parent = self._parent(object_type, spec.parent) if spec.parent else None
        target = parent[1] if parent else object_type
        assignments = tuple(
            (_field(target, name), compile_formula(text, object_type, types)) for name, text in spec.set_fields.items()
        )
        self._actions.setdefault(object_type.name, []).append(_Action(spec, condition, assignments, parent))

    def clear_automations(self) -> None:
        self._actions.clear()

    @property
    def rules(self) -> Iterator[ValidationRule]:
        return (rule.spec for rules in self._rules.values() for rule in rules.values())

    def own_fields(self, object_name: str, occasion: Occasion, record: Record) -> Row:
        """What automations set on the record itself, each seeing what the ones before it have set."""
        found: Row = {}
        for action in self._actions.get(object_name, ()):
            seen = record.with_fields(found)
            if action.parent is None and action.applies(occasion, seen):
                found |= action.values(seen)
        return found

    def parent_fields(
        self, object_name: str, occasion: Occasion, record: Record
    ) -> Iterator[tuple[ObjectType, str, Row]]:
        """What automations set on other records: type, id, fields."""
        for action in self._actions.get(object_name, ()):
            if action.parent is not None and action.applies(occasion, record):
                lookup, target = action.parent
                parent_id = record.row.get(lookup.name)
                if parent_id:
                    yield target, str(parent_id), action.values(record)

    def violations(self, object_name: str, record: Record) -> list[RowError]:
        """The rules that the record breaks, in the order in which they were added."""
        return [
            RowError(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.spec.message, (rule.field_name,) if rule.field_name else ()
            )
            for rule in self._rules.get(object_name, {}).values()
            if rule.spec.active and _holds(rule.condition, record)
        ]

    @property
    def active(self) -> bool:
        return bool(self._rules or self._actions)

    def concerns(self, object_name: str) -> bool:
        """Whether any rule or automation looks at the object."""
        return object_name in self._rules or object_name in self._actions

    def _object(self, name: str) -> ObjectType:
        found = self.catalogue.find(name)
        if found is None:
            raise FormulaError(f"no such object: {name}")
        return found

    def _parent(self, object_type: ObjectType, name: str) -> tuple[FieldType, ObjectType]:
        lookup = _field(object_type, name)
        types: Mapping[str, ObjectType] = self.catalogue.types
        target = next((types[one] for one in lookup.reference_to if one in types), None)
        if target is None:
            raise FormulaError(f"Field {name} is not a lookup")
        return lookup, target


def _field(object_type: ObjectType, name: str) -> FieldType:
    found = object_type.find(name)
    if found is None:
        raise FormulaError(f"Field {name} does not exist. Check spelling.")
    return found


def _holds(condition: Formula, record: Record) -> bool:
    """A condition without a value does not hold: what Salesforce does then is not documented."""
    try:
        return condition.value(record) is True
    except EvaluationError:
        return False
