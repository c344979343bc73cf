"""Formulas bound to an object: names resolved, arguments counted, ready to be worked out for records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from sandbox.org.formulas import values
from sandbox.org.formulas.functions import FUNCTIONS, Function
from sandbox.org.formulas.parser import parse
from sandbox.org.formulas.syntax import Call, Constant, Expression, FormulaError, Reference
from sandbox.org.formulas.values import EvaluationError, Value, from_field, is_blank, truth
from sandbox.org.metadata.objects import FieldType, ObjectType, record_name
from sandbox.org.rows.writes import Row

#: The live row of an object and an id, as the transaction sees it.
FindRow = Callable[[str, str], Row | None]


@dataclass(frozen=True, slots=True)
class Record:
    """What a formula is worked out for."""

    row: Row
    find: FindRow
    now: datetime
    user_id: str = ""
    # The record before it was saved; None while it is created.
    before: Row | None = None

    def with_fields(self, fields: Row) -> Record:
        """The record with further fields set."""
        return replace(self, row=self.row | fields) if fields else self


Evaluate = Callable[[Record], Value]


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that is known to be right for its object."""

    text: str
    _evaluate: Evaluate = field(repr=False, compare=False)

    def value(self, record: Record) -> Value:
        """EvaluationError when there is none: division by zero, a number that is none."""
        try:
            return self._evaluate(record)
        except (ArithmeticError, OSError, ValueError) as error:
            raise EvaluationError(str(error)) from error


def compile_formula(
    text: str, object_type: ObjectType, types: Mapping[str, ObjectType], *, blanks_are_zero: bool = True
) -> Formula:
    """Bind a formula to an object. FormulaError in the words of the formula editor."""
    compiler = _Compiler(object_type, types, blanks_are_zero, frozenset())
    return Formula(text, compiler.expression(parse(text)))


# Global merge field -> the relationships that lead to it from the user.
_USER_LINKS: Mapping[str, tuple[str, ...]] = {"$User": (), "$Profile": ("Profile",), "$UserRole": ("UserRole",)}


@dataclass(frozen=True, slots=True)
class _Compiler:
    object_type: ObjectType
    types: Mapping[str, ObjectType]
    blanks_are_zero: bool
    # Formula fields whose formulas are being compiled.
    within: frozenset[str]

    def expression(self, expression: Expression) -> Evaluate:
        if isinstance(expression, Constant):
            constant = expression.value
            return lambda record: constant
        if isinstance(expression, Reference):
            return self._reference(expression)
        special = _SPECIAL.get(expression.function)
        if special is not None:
            least, most, build = special
            _check_count(expression, least, most)
            return build(self, expression.arguments)
        return self._call(expression)

    def _call(self, call: Call) -> Evaluate:
        function = FUNCTIONS.get(call.function)
        if function is None:
            raise FormulaError(f"Unknown function {call.function}. Check spelling.")
        _check_count(call, function.least, function.most)
        arguments = [self.expression(one) for one in call.arguments]
        if function.numeric:
            return self.arithmetic(function.call, arguments)
        return _calling(function, arguments)

    def arithmetic(self, function: Callable[..., Value], arguments: list[Evaluate]) -> Evaluate:
        zero = Decimal(0) if self.blanks_are_zero else None

        def evaluate(record: Record) -> Value:
            numbers = [zero if (value := one(record)) is None else value for one in arguments]
            if any(number is None for number in numbers):
                return None
            return function(*numbers)

        return evaluate

    def _reference(self, reference: Reference) -> Evaluate:
        first, *rest = reference.parts
        if first.startswith("$"):
            return self._global(first, rest, reference)
        return self._path(self.object_type, reference.parts, reference)

    def _global(self, name: str, rest: list[str], reference: Reference) -> Evaluate:
        """``$User.Id``, ``$Profile.Name``: fields of who saves, and of the profile."""
        user_type, by_link = self.types.get("User"), _USER_LINKS.get(name)
        if by_link is None or user_type is None or not rest:
            raise FormulaError(f"Field {reference.text} does not exist. Check spelling.")
        read = self._path(user_type, (*by_link, *rest), reference)

        def evaluate(record: Record) -> Value:
            user = record.find("User", record.user_id)
            return None if user is None else read(replace(record, row=user))

        return evaluate

    def _path(self, object_type: ObjectType, parts: tuple[str, ...], reference: Reference) -> Evaluate:
        name, *rest = parts
        if not rest:
            return self._field(object_type, name, reference)
        link = relationship(object_type, name)
        known = [self.types[one] for one in link.reference_to if one in self.types] if link else []
        if link is None or not known:
            raise FormulaError(f"Field {reference.text} does not exist. Check spelling.")
        reads = {
            one.name: self._path(one, tuple(rest), reference) for one in known if len(rest) > 1 or one.find(rest[0])
        }
        if not reads:
            raise FormulaError(f"Field {reference.text} does not exist. Check spelling.")
        return _through(link.name, reads)

    def _field(self, object_type: ObjectType, name: str, reference: Reference) -> Evaluate:
        found = object_type.find(name)
        if found is None or found.type == "address":
            raise FormulaError(f"Field {reference.text} does not exist. Check spelling.")
        if found.formula:
            return self._formula_field(object_type, found)
        if found.name == "Name" and object_type.has_person_name:
            return lambda record: _text(record_name(record.row))
        return lambda record: from_field(found, record.row.get(found.name))

    def _formula_field(self, object_type: ObjectType, found: FieldType) -> Evaluate:
        name = f"{object_type.name}.{found.name}"
        if name in self.within:
            raise FormulaError(f"Formula contains a circular reference: {found.name}")
        inner = _Compiler(object_type, self.types, found.blanks_are_zero, self.within | {name})
        return inner.expression(parse(found.formula))


def relationship(object_type: ObjectType, name: str) -> FieldType | None:
    """The reference field behind ``Account`` or ``Parent__r``."""
    lowered = name.lower()
    return next((one for one in object_type.references if (one.relationship_name or "").lower() == lowered), None)


def _text(value: object) -> Value:
    return None if value is None else str(value)


def _calling(function: Function, arguments: list[Evaluate]) -> Evaluate:
    return lambda record: function.call(*(one(record) for one in arguments))


def _through(reference: str, reads: Mapping[str, Evaluate]) -> Evaluate:
    def evaluate(record: Record) -> Value:
        parent_id = str(record.row.get(reference) or "")
        for name, read in reads.items():
            parent = record.find(name, parent_id) if parent_id else None
            if parent is not None:
                return read(replace(record, row=parent))
        return None

    return evaluate


def _check_count(call: Call, least: int, most: int) -> None:
    given = len(call.arguments)
    if not least <= given <= most:
        expected = least if given < least else most
        raise FormulaError(
            f"Incorrect number of parameters for function '{call.function}()'. Expected {expected}, received {given}"
        )


_Arguments = tuple[Expression, ...]
_Build = Callable[[_Compiler, _Arguments], Evaluate]


def _if(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
    test, yes, no = (compiler.expression(one) for one in arguments)
    return lambda record: yes(record) if truth(test(record)) else no(record)


def _and(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
    tests = [compiler.expression(one) for one in arguments]
    return lambda record: all(truth(test(record)) for test in tests)


def _or(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
    tests = [compiler.expression(one) for one in arguments]
    return lambda record: any(truth(test(record)) for test in tests)


def _not(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
    test = compiler.expression(arguments[0])
    return lambda record: not truth(test(record))


def _case(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
    """``CASE(expression, value1, result1, ..., else)``."""
    if len(arguments) % 2:
        raise FormulaError("Incorrect number of parameters for function 'CASE()'. Expected an even number")
    subject, *rest, otherwise = (compiler.expression(one) for one in arguments)
    pairs = list(zip(rest[::2], rest[1::2], strict=True))

    def evaluate(record: Record) -> Value:
        value = subject(record)
        chosen = next((result for case, result in pairs if _equal(value, case(record))), otherwise)
        return chosen(record)

    return evaluate


def _is_blank(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
    read = compiler.expression(arguments[0])
    return lambda record: is_blank(read(record))


def _blank_value(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
    read, otherwise = (compiler.expression(one) for one in arguments)
    return lambda record: otherwise(record) if is_blank(value := read(record)) else value


def _is_changed(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
    """False while a record is created (Help: ISCHANGED)."""
    read = compiler.expression(_named_field(arguments[0], "ISCHANGED"))

    def evaluate(record: Record) -> Value:
        return record.before is not None and read(record) != read(replace(record, row=record.before))

    return evaluate


def _prior_value(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
    """The current value while a record is created (Help: PRIORVALUE)."""
    read = compiler.expression(_named_field(arguments[0], "PRIORVALUE"))
    return lambda record: read(record if record.before is None else replace(record, row=record.before))


def _named_field(argument: Expression, function: str) -> Reference:
    if isinstance(argument, Reference) and len(argument.parts) == 1:
        return argument
    raise FormulaError(f"Incorrect parameter type for function '{function}()'. Expected Field, received Expression")


def _is_new(_compiler: _Compiler, _arguments: _Arguments) -> Evaluate:
    return lambda record: record.before is None


def _today(_compiler: _Compiler, _arguments: _Arguments) -> Evaluate:
    return lambda record: record.now.date()


def _now(_compiler: _Compiler, _arguments: _Arguments) -> Evaluate:
    return lambda record: record.now


def _sum(operator: Callable[[Value, Value], Value]) -> _Build:
    def build(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
        left, right = (compiler.expression(one) for one in arguments)

        def evaluate(record: Record) -> Value:
            first, second = left(record), right(record)
            if not (isinstance(first, str) or isinstance(second, str)):
                zero = Decimal(0) if compiler.blanks_are_zero else None
                # A missing date has no sum; a missing number may count as nothing.
                first, second = _filled(first, second, zero), _filled(second, first, zero)
                if first is None or second is None:
                    return None
            return operator(first, second)

        return evaluate

    return build


def _filled(value: Value, other: Value, zero: Decimal | None) -> Value:
    return zero if value is None and (other is None or isinstance(other, Decimal)) else value


def _power(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
    return compiler.arithmetic(values.power, [compiler.expression(one) for one in arguments])


def _equal(left: Value, right: Value) -> bool:
    if is_blank(left) or is_blank(right):
        return is_blank(left) and is_blank(right)
    return left == right


def _comparison(test: Callable[[Value, Value], bool], *, orders: bool) -> _Build:
    def build(compiler: _Compiler, arguments: _Arguments) -> Evaluate:
        left, right = (compiler.expression(one) for one in arguments)

        def evaluate(record: Record) -> Value:
            first, second = left(record), right(record)
            if compiler.blanks_are_zero:
                first, second = _filled_number(first, second), _filled_number(second, first)
            if orders and (first is None or second is None):
                return False
            return test(*_alike(first, second))

        return evaluate

    return build


def _filled_number(value: Value, other: Value) -> Value:
    return Decimal(0) if value is None and isinstance(other, Decimal) else value


def _alike(left: Value, right: Value) -> tuple[Value, Value]:
    """A date beside a date-time counts from its midnight."""
    if isinstance(left, datetime) != isinstance(right, datetime) and values.both_dates(left, right):
        return values.moment_of(left), values.moment_of(right)
    if left is not None and right is not None and type(left) is not type(right):
        raise EvaluationError(f"cannot compare {left!r} with {right!r}")
    return left, right


_SPECIAL: Mapping[str, tuple[int, int, _Build]] = {
    "IF": (3, 3, _if),
    "AND": (1, 10_000, _and),
    "OR": (1, 10_000, _or),
    "NOT": (1, 1, _not),
    "CASE": (4, 10_000, _case),
    "ISBLANK": (1, 1, _is_blank),
    "ISNULL": (1, 1, _is_blank),
    "BLANKVALUE": (2, 2, _blank_value),
    "NULLVALUE": (2, 2, _blank_value),
    "ISCHANGED": (1, 1, _is_changed),
    "PRIORVALUE": (1, 1, _prior_value),
    "ISNEW": (0, 0, _is_new),
    "TODAY": (0, 0, _today),
    "NOW": (0, 0, _now),
    "+": (2, 2, _sum(values.add)),
    "-": (2, 2, _sum(values.subtract)),
    "^": (2, 2, _power),
    "=": (2, 2, _comparison(_equal, orders=False)),
    "<>": (2, 2, _comparison(lambda left, right: not _equal(left, right), orders=False)),
    "<": (2, 2, _comparison(lambda left, right: left < right, orders=True)),  # type: ignore[operator]  # alike by now
    "<=": (2, 2, _comparison(lambda left, right: left <= right, orders=True)),  # type: ignore[operator]
    ">": (2, 2, _comparison(lambda left, right: left > right, orders=True)),  # type: ignore[operator]
    ">=": (2, 2, _comparison(lambda left, right: left >= right, orders=True)),  # type: ignore[operator]
}
