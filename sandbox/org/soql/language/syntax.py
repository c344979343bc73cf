"""The syntax tree of a query: plain values, nothing resolved yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

LiteralKind = OneOf["string", "number", "boolean", "null", "date", "datetime", "relative_date", "currency"]
Operator = OneOf["=", "!=", "<", "<=", ">", ">=", "like", "in", "not in", "includes", "excludes"]


@dataclass(frozen=True, slots=True)
class Path:
    """`Name`, `Account.Name` or `Contact.Account.Name`; `offset` is where it stands in the text."""

    parts: tuple[str, ...]
    offset: int

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written; strings keep their escapes (LIKE reads them differently), without the quotes."""

    kind: LiteralKind
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """`COUNT(Id)`, `toLabel(Status)`, `FORMAT(MIN(Amount))`; only `COUNT()` has no argument."""

    function: str  # lower case
    argument: Path | Call | None
    offset: int
    # `DISTANCE` and `ROLLUP` take further ones, `GEOLOCATION` numbers.
    more: tuple[Path | Call | Literal, ...] = ()

    @property
    def text(self) -> str:
        arguments = (*((self.argument,) if self.argument else ()), *self.more)
        return f"{self.function}({', '.join(one.text for one in arguments)})"


Expression = Path | Call


@dataclass(frozen=True, slots=True)
class SelectItem:
    expression: Expression
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class TypeOf:
    """`TYPEOF Owner WHEN User THEN Email ELSE Name END`: fields by the type of a polymorphic parent."""

    path: Path
    cases: tuple[tuple[str, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class ChildQuery:
    """`(SELECT Id FROM Contacts)` in a field list; its FROM names a child relationship."""

    query: Query


@dataclass(frozen=True, slots=True)
class Comparison:
    operand: Expression
    operator: Operator
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """`AccountId IN (SELECT Id FROM Account ...)`; an anti-join is `NOT IN`."""

    operand: Expression
    query: Query
    anti: bool


@dataclass(frozen=True, slots=True)
class Group:
    conjunction: OneOf["and", "or"]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    condition: Condition


Condition = Comparison | Join | Group | Negation


@dataclass(frozen=True, slots=True)
class SortKey:
    operand: Expression
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    select: tuple[SelectItem | ChildQuery | TypeOf, ...]
    object_name: str
    object_offset: int
    alias: str | None = None
    scope: str = "everything"
    where: Condition | None = None
    group: tuple[Expression, ...] = ()
    # Subtotals beside the groups.
    subtotals: OneOf["none", "rollup", "cube"] = "none"
    having: Condition | None = None
    order: tuple[SortKey, ...] = ()
    limit: int | None = None
    offset: int = 0
    # What the records are fetched for: view, reference, update.
    purposes: frozenset[str] = frozenset()

    @property
    def counts_only(self) -> bool:
        """`SELECT COUNT() FROM ...`: the answer is totalSize, without records."""
        if len(self.select) != 1 or not isinstance(self.select[0], SelectItem):
            return False
        expression = self.select[0].expression
        return isinstance(expression, Call) and expression.function == "count" and expression.argument is None
