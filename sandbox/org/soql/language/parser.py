"""Text to syntax tree. Everything the grammar does not know is MALFORMED_QUERY with a position."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from sandbox.org.soql.language.errors import SoqlError, malformed
from sandbox.org.soql.language.syntax import (
    Call,
    ChildQuery,
    Comparison,
    Condition,
    Expression,
    Group,
    Join,
    Literal,
    LiteralKind,
    Negation,
    Operator,
    Path,
    Query,
    SelectItem,
    SortKey,
    TypeOf,
)

# SOQL and SOSL Reference, "SOQL limits": statement length and OFFSET.
MAX_QUERY_CHARACTERS = 100_000
MAX_OFFSET = 2_000
TOO_COMPLICATED = "Query is either selecting too many fields or the filter conditions are too complicated"
# FOR VIEW and FOR REFERENCE mark the records as viewed; FOR UPDATE locks them, which nobody here would notice.
_PURPOSES = frozenset({"view", "reference", "update"})
_CURRENCY = re.compile(r"[A-Z]{3}[0-9]+(\.[0-9]+)?")


def parse(text: str) -> Query:
    """Parse one query.

    Raises:
        SoqlError: MALFORMED_QUERY with row and column, or NUMBER_OUTSIDE_VALID_RANGE for a large OFFSET.
    """
    if len(text) > MAX_QUERY_CHARACTERS:
        raise SoqlError("MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_QUERY_CHARACTERS} characters.")
    try:
        query = _TreeToSyntax(text).transform(_grammar().parse(text))
    except UnexpectedInput as error:
        raise _malformed(text, error) from None
    except RecursionError:
        raise SoqlError("QUERY_TOO_COMPLICATED", TOO_COMPLICATED) from None
    if query.offset > MAX_OFFSET:
        raise SoqlError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
    return query


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    source = FilePath(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(source, parser="lalr", maybe_placeholders=True)


def _malformed(text: str, error: UnexpectedInput) -> SoqlError:
    if isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END"):
        return malformed(text, len(text), "unexpected token: '<EOF>'")
    offset = error.pos_in_stream or 0
    if isinstance(error, UnexpectedCharacters):
        word = re.match(r"\w+|.", text[offset:], re.DOTALL)
        return malformed(text, offset, f"unexpected token: '{word[0] if word else ''}'")
    token = cast("UnexpectedToken", error).token
    return malformed(text, offset, f"unexpected token: '{token}'")


def _assemble(text: str, clauses: list[Any]) -> Query:
    select = tuple(clause for clause in clauses if isinstance(clause, SelectItem | ChildQuery | TypeOf))
    named: dict[str, Any] = dict(clause for clause in clauses if isinstance(clause, tuple))
    name, alias = named.pop("object")
    named |= _subtotals(named.get("group", ()))
    return Query(
        text=text, select=select, object_name=str(name), object_offset=name.start_pos or 0, alias=alias, **named
    )


def _subtotals(group: tuple[Expression, ...]) -> dict[str, Any]:
    """`GROUP BY ROLLUP(a, b)` and `GROUP BY CUBE(a, b)`; neither goes together with other groups."""
    only = group[0] if len(group) == 1 else None
    if not isinstance(only, Call) or only.function not in {"rollup", "cube"} or only.argument is None:
        return {}
    keys = (only.argument, *(one for one in only.more if not isinstance(one, Literal)))
    return {"group": keys, "subtotals": only.function}


class _TreeToSyntax(Transformer[Token, Query]):
    """One method per rule of the grammar; a query's children are select items and (clause, value) pairs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def start(self, children: list[Query]) -> Query:
        return children[0]

    def query(self, children: list[Any]) -> Query:
        return _assemble(self._text, children)

    def plain_item(self, children: list[Expression]) -> SelectItem:
        return SelectItem(children[0])

    def aliased_item(self, children: list[Any]) -> SelectItem:
        return SelectItem(children[0], alias=str(children[1]))

    def child_query(self, children: list[Query]) -> ChildQuery:
        return ChildQuery(children[0])

    def path(self, children: list[Token]) -> Path:
        return Path(tuple(children[0].split(".")), children[0].start_pos or 0)

    def call(self, children: list[Any]) -> Call:
        name, first, *more = [*children, None] if len(children) == 1 else children
        # A constant may not come first: no function takes it there but GEOLOCATION.
        more = [first, *more] if isinstance(first, Literal) else more
        argument = None if isinstance(first, Literal) else first
        return Call(name.lower(), argument, name.start_pos or 0, tuple(more))

    def constant(self, children: list[Token]) -> Literal:
        return _literal(children[0])

    def typeof(self, children: list[Any]) -> TypeOf:
        path, *cases, otherwise = children
        return TypeOf(Path(tuple(path.split(".")), path.start_pos or 0), tuple(cases), otherwise or ())

    def type_case(self, children: list[Any]) -> tuple[str, tuple[Path, ...]]:
        return str(children[0]), children[1]

    def type_fields(self, children: list[Path]) -> tuple[Path, ...]:
        return tuple(children)

    def object_name(self, children: list[Token]) -> tuple[str, Any]:
        return "object", (children[0], str(children[1]) if len(children) > 1 else None)

    def scope(self, children: list[Token]) -> tuple[str, Any]:
        return "scope", children[0].lower()

    def where(self, children: list[Condition]) -> tuple[str, Any]:
        return "where", children[0]

    def all_of(self, children: list[Condition]) -> Group:
        return Group("and", tuple(children))

    def any_of(self, children: list[Condition]) -> Group:
        return Group("or", tuple(children))

    def negation(self, children: list[Condition]) -> Negation:
        return Negation(children[0])

    def comparison(self, children: list[Any]) -> Comparison:
        operand, operator, value = children
        return Comparison(operand, cast("Operator", "!=" if operator == "<>" else str(operator)), (value,))

    def like(self, children: list[Any]) -> Comparison:
        return Comparison(children[0], "like", tuple(children[1:]))

    def in_set(self, children: list[Any]) -> Comparison:
        return Comparison(children[0], "in", tuple(children[1:]))

    def not_in_set(self, children: list[Any]) -> Comparison:
        return Comparison(children[0], "not in", tuple(children[1:]))

    def includes(self, children: list[Any]) -> Comparison:
        return Comparison(children[0], "includes", tuple(children[1:]))

    def excludes(self, children: list[Any]) -> Comparison:
        return Comparison(children[0], "excludes", tuple(children[1:]))

    def semi_join(self, children: list[Any]) -> Join:
        return Join(children[0], children[1], anti=False)

    def anti_join(self, children: list[Any]) -> Join:
        return Join(children[0], children[1], anti=True)

    def group(self, children: list[Expression]) -> tuple[str, Any]:
        return "group", tuple(children)

    def having(self, children: list[Condition]) -> tuple[str, Any]:
        return "having", children[0]

    def literal(self, children: list[Token]) -> Literal:
        return _literal(children[0])

    def order(self, children: list[SortKey]) -> tuple[str, Any]:
        return "order", tuple(children)

    def sort_key(self, children: list[Any]) -> SortKey:
        operand, direction, nulls = children
        descending = direction is not None and direction.lower() == "desc"
        return SortKey(operand, descending, nulls is not None and nulls.lower() == "last")

    def limit(self, children: list[Token]) -> tuple[str, Any]:
        return "limit", int(children[0])

    def offset(self, children: list[Token]) -> tuple[str, Any]:
        return "offset", int(children[0])

    def for_clause(self, children: list[Token]) -> tuple[str, Any]:
        for token in children:
            if token.lower() not in _PURPOSES:
                raise malformed(self._text, token.start_pos or 0, f"unexpected token: '{token}'")
        return "purposes", frozenset(token.lower() for token in children)


def _literal(token: Token) -> Literal:
    offset = token.start_pos or 0
    if token.type == "STRING":
        return Literal("string", token[1:-1], offset)
    if token.type == "WORD":
        return Literal(_word_kind(str(token)), str(token), offset)
    kinds: dict[str, LiteralKind] = {"NUMBER": "number", "DATE": "date", "DATETIME": "datetime"}
    return Literal(kinds[token.type], str(token), offset)


def _word_kind(word: str) -> LiteralKind:
    lowered = word.lower()
    if lowered in {"true", "false"}:
        return "boolean"
    if lowered == "null":
        return "null"
    return "currency" if _CURRENCY.fullmatch(word) else "relative_date"
