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
class SelectItem:
    path: Path | None  # None only for COUNT()
    function: str | None = None  # lower case: "tolabel", "format", "count", "fields"
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    path: Path
    operator: Operator
    values: tuple[Literal, ...]
    function: str | None = None  # lower case; "tolabel" compares the label instead of the API value


@dataclass(frozen=True, slots=True)
class Group:
    conjunction: OneOf["and", "or"]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    condition: Condition


Condition = Comparison | Group | Negation


@dataclass(frozen=True, slots=True)
class SortKey:
    path: Path
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    select: tuple[SelectItem, ...]
    object_name: str
    object_offset: int
    alias: str | None = None
    scope: str = "everything"
    where: Condition | None = None
    order: tuple[SortKey, ...] = ()
    limit: int | None = None
    offset: int = 0

    @property
    def counts_only(self) -> bool:
        """`SELECT COUNT() FROM ...`: the answer is totalSize, without records."""
        return len(self.select) == 1 and self.select[0].function == "count" and self.select[0].path is None
