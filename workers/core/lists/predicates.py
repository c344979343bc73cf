r"""Salesforce list views as predicates over a record's fields.

Input is `whereCondition` of a list view's describe result: leaves `{field, operator, values}` with SOQL literals as
values, groups `{conjunction, conditions}`, negations `{condition}` (REST API Developer Guide, "List View Describe",
"SoqlWhereCondition"). What cannot be evaluated here is answered by the org itself, with the reason told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from schemas.documents import ListDefinition
from workers.core.lists.days import RelativeDays
from workers.core.lists.gates import Gate, gate_of
from workers.core.lists.literals import Amount, Literal, UnsupportedLiteral, parse_literal
from workers.core.lists.operators import OPERATORS, Operands, Reading, Test, WrongOperands

Predicate: TypeAlias = Callable[[Mapping[str, object]], bool]
"""Over a record's fields; those of its account stand under `Account.`."""

DEEPEST = 80
"""Salesforce's filter logic nests a handful of groups; beyond this a description is broken or hostile. A group takes
two of the 180 levels that MongoDB stores of a document."""
TOO_DEEP = f"its filter is nested deeper than {DEEPEST} levels"

FIELD = re.compile(r"(?:Account\.)?[A-Za-z][A-Za-z0-9_]*")

ACCOUNT = "Account."
"""The one related record that the mirror holds: the account of a contact."""

SILENT_FIELDS = frozenset(
    {
        *("Id", "SystemModstamp", "LastActivityDate", "LastViewedDate", "LastReferencedDate"),
        *("MasterRecordId", "PhotoUrl", "IsEmailBounced", "CleanStatus", "OperatingHoursId"),
    }
)
"""No change event carries them: the first ones by the Change Data Capture Developer Guide ("Change Event Message
Structure"), the others by the fields of the change event objects (Object Reference, "ContactChangeEvent")."""

CONVERTED = "IsConverted"
UNCONVERTED = re.compile(r"\bIsConverted\s*=\s*false\b", re.IGNORECASE)

NAME_PARTS = ("FirstName", "MiddleName", "LastName", "Suffix")

SCOPES = {
    "mine_and_my_groups": "it shows the records of the connected user and of his groups",
    "delegated": "it shows records delegated by the connected user",
    "my_territory": "it shows the territory of the connected user",
    "my_team_territory": "it shows the territories of the connected user's team",
    "team": "it shows the records of the connected user's team",
    "scopingRule": "what it shows depends on a scoping rule",
}


class UnsupportedCondition(ValueError):
    """A list that no rule can use; the message is meant for a Salesforce administrator."""


@dataclass(frozen=True, slots=True)
class CompiledList:
    """`predicate` None: only the org can tell who is in the list, for `reasons` that a person can read."""

    predicate: Predicate | None
    reasons: tuple[str, ...] = ()
    tested: frozenset[str] = frozenset()
    """Fields that the predicate reads."""
    relative: tuple[tuple[str, RelativeDays], ...] = ()
    """Fields compared with dates that move: a record may enter or leave without being changed."""
    gate: Gate | None = None
    """Who does not have one of these values is not in the list."""
    frozen: bool = False
    """Nobody can tell who is in the list: whom it held it holds."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What of the org a condition depends on."""

    several_currencies: bool = False
    labelled: tuple[str, ...] = ()
    calculated: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()

    @classmethod
    def of(cls, definition: ListDefinition) -> Habits:
        return cls(definition.several_currencies, definition.labelled, definition.calculated, definition.currencies)


PLAIN = Habits()

PATTERNS = ("like", "notLike")


def compile_list(definition: ListDefinition, reading: Reading) -> CompiledList:
    """The list as it reads on a day. Raises UnsupportedCondition when no rule can use it."""
    if definition.trouble:
        return CompiledList(None, (definition.trouble,), frozen=True)
    if definition.scope == "mru":
        raise UnsupportedCondition(
            f"List “{definition.label}” cannot be imported: it shows what somebody viewed recently, which changes "
            "without any record being changed. Choose another list."
        )
    compiled = compile_where(definition.where, reading, Habits.of(definition))
    if TOO_DEEP in compiled.reasons:
        raise UnsupportedCondition(
            f"List “{definition.label}” cannot be imported: {TOO_DEEP}. "
            "Simplify it in Salesforce, or choose another list."
        )
    if _hides_converted(definition):
        compiled = _unconverted(compiled)
    if definition.distrust:
        return CompiledList(None, (*compiled.reasons, definition.distrust))
    if definition.scope == "mine" and definition.user_id:
        return _of_owner(compiled, definition.user_id)
    if definition.scope not in ("everything", ""):
        why = SCOPES.get(definition.scope, f"it is limited to the scope “{definition.scope}”")
        return CompiledList(None, (*compiled.reasons, why))
    return compiled


def compile_where(where: Mapping[str, Any], reading: Reading, habits: Habits = PLAIN) -> CompiledList:
    """The condition as a closure; no condition at all matches every record."""
    compiler = _Compiler(reading, habits)
    predicate = compiler.condition(where, depth=0) or _always
    if compiler.reasons:
        return CompiledList(None, tuple(dict.fromkeys(compiler.reasons)))
    return CompiledList(predicate, (), frozenset(compiler.tested), tuple(compiler.relative), gate_of(where))


def _of_owner(compiled: CompiledList, user_id: str) -> CompiledList:
    if compiled.predicate is None:
        return compiled
    owned = _on_field("OwnerId", lambda value: isinstance(value, str) and value[:15] == user_id[:15])
    return replace(compiled, predicate=_conjunction((owned, compiled.predicate)), tested=compiled.tested | {"OwnerId"})


def _hides_converted(definition: ListDefinition) -> bool:
    """Salesforce shows no converted lead in a list, be it the query alone or the filter too that says so."""
    if definition.entity != "lead" or CONVERTED in str(definition.where):
        return False
    return bool(UNCONVERTED.search(definition.query))


def _unconverted(compiled: CompiledList) -> CompiledList:
    if compiled.predicate is None:
        return compiled
    open_ = _on_field(CONVERTED, lambda value: value is not True)
    return replace(compiled, predicate=_conjunction((open_, compiled.predicate)), tested=compiled.tested | {CONVERTED})


def _always(_fields: Mapping[str, object]) -> bool:
    return True


@dataclass(slots=True)
class _Compiler:
    """One condition; `reasons` collects what cannot be evaluated here, the other two what the predicate depends on."""

    reading: Reading
    habits: Habits
    reasons: list[str] = field(default_factory=list)
    tested: set[str] = field(default_factory=set)
    relative: list[tuple[str, RelativeDays]] = field(default_factory=list)

    def condition(self, where: object, depth: int) -> Predicate | None:
        """None: an empty condition, which its group ignores, or one that cannot be evaluated."""
        if not isinstance(where, Mapping):
            self._unreadable(where)
            return None
        if depth > DEEPEST:
            self.reasons.append(TOO_DEEP)
            return None
        if not where:
            return None
        if "conditions" in where:
            return self._group(where, depth)
        if "condition" in where:
            inner = self.condition(where["condition"], depth + 1)
            return None if inner is None else _negation(inner)
        return self._leaf(where)

    def _group(self, where: Mapping[str, Any], depth: int) -> Predicate | None:
        conditions, conjunction = where["conditions"], str(where.get("conjunction", "")).lower()
        if not isinstance(conditions, Sequence) or isinstance(conditions, str):
            self._unreadable(where)
            return None
        parts = tuple(part for each in conditions if (part := self.condition(each, depth + 1)) is not None)
        if len(parts) < 2:
            return parts[0] if parts else None
        if conjunction not in ("and", "or"):
            self._unreadable(where)
            return None
        return _conjunction(parts) if conjunction == "and" else _disjunction(parts)

    def _leaf(self, where: Mapping[str, Any]) -> Predicate | None:
        name, operator, values = where.get("field"), where.get("operator"), where.get("values")
        if not isinstance(name, str) or not isinstance(operator, str):
            self._unreadable(where)
            return None
        try:
            test = self._test(name, operator, values)
        except (UnsupportedLiteral, WrongOperands) as error:
            self.reasons.append(f"the condition on {name} ({operator}) cannot be evaluated here: {error}")
            return None
        return self._on(name, test)

    def _test(self, name: str, operator: str, values: object) -> Test:
        _check_field(name)
        if operator not in OPERATORS:
            raise WrongOperands("this operator is not known here")
        if name in self.habits.calculated:
            raise WrongOperands("Salesforce computes it (a formula or a roll-up), and sends no change event about that")
        if operator in PATTERNS and name in self.habits.labelled:
            raise WrongOperands(
                "Salesforce looks for the pattern in the picklist's labels, which differ from its values"
            )
        if not isinstance(values, Sequence) or isinstance(values, str) or not all(isinstance(v, str) for v in values):
            raise WrongOperands("its values are not in a form that is understood")
        literals = tuple(parse_literal(value.strip()) for value in values)
        for literal in literals:
            self._note(name, literal)
        return OPERATORS[operator](Operands(name, literals, self.reading))

    def _note(self, name: str, literal: Literal) -> None:
        if isinstance(literal, RelativeDays):
            self.relative.append((name, literal))
        in_any = isinstance(literal, Amount) or (literal is not None and name in self.habits.currencies)
        if in_any and self.habits.several_currencies:
            raise WrongOperands("amounts in several currencies are converted by the org")

    def _on(self, name: str, test: Test) -> Predicate:
        if name != "Name":
            self.tested.add(name)
            return _on_field(name, test)
        self.tested |= {"Name", *NAME_PARTS}
        return _on_name(test)

    def _unreadable(self, part: object) -> None:
        shown = ", ".join(sorted(map(str, part))) if isinstance(part, Mapping) else type(part).__name__
        self.reasons.append(f"a part of its filter is not in a form that is understood ({shown})")


def tested_fields(where: Mapping[str, Any]) -> Iterator[str]:
    """The fields that a filter names, whether or not it can be evaluated here."""
    if isinstance(name := where.get("field"), str):
        yield name
    for inner in where.get("conditions") or ():
        yield from tested_fields(inner)
    if isinstance(negated := where.get("condition"), Mapping):
        yield from tested_fields(negated)


def _check_field(name: str) -> None:
    if name in SILENT_FIELDS:
        raise WrongOperands("Salesforce sends no change event about this field")
    if "." in name and not name.startswith(ACCOUNT):
        raise WrongOperands("of related records, only the account of a contact is known here")
    if not FIELD.fullmatch(name):
        raise WrongOperands("this is not a field of the record or of its account")


def _negation(inner: Predicate) -> Predicate:
    return lambda fields: not inner(fields)


def _conjunction(parts: tuple[Predicate, ...]) -> Predicate:
    def every(fields: Mapping[str, object]) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the conditions
            if not part(fields):
                return False
        return True

    return every


def _disjunction(parts: tuple[Predicate, ...]) -> Predicate:
    def some(fields: Mapping[str, object]) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the conditions
            if part(fields):
                return True
        return False

    return some


def _on_field(name: str, test: Test) -> Predicate:
    return lambda fields: test(fields.get(name))


def _on_name(test: Test) -> Predicate:
    return lambda fields: test(name_of(fields))


def name_of(fields: Mapping[str, object]) -> object:
    """A person's Name is no field of its own: events carry its parts. An account has a Name and no LastName."""
    if not fields.get("LastName"):
        return fields.get("Name")
    parts = (fields.get(part) for part in NAME_PARTS)
    return " ".join(str(part) for part in parts if part)
