"""Text to syntax tree. Everything the grammar does not know is MALFORMED_QUERY with a position."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from sandbox.org.soql.errors import SoqlError, malformed
from sandbox.org.soql.syntax import (
    Comparison,
    Condition,
    Group,
    Literal,
    LiteralKind,
    Negation,
    Operator,
    Path,
    Query,
    SelectItem,
    SortKey,
)

# SOQL and SOSL Reference, "SOQL limits": statement length and OFFSET.
MAX_QUERY_CHARACTERS = 100_000
MAX_OFFSET = 2_000
TOO_COMPLICATED = "Query is either selecting too many fields or the filter conditions are too complicated"
_CURRENCY = re.compile(r"[A-Z]{3}[0-9]+(\.[0-9]+)?")


def parse(text: str) -> Query:
    """Parse one query.

    Raises:
        SoqlError: MALFORMED_QUERY with row and column, or NUMBER_OUTSIDE_VALID_RANGE for a large OFFSET.
    """
    if len(text) > MAX_QUERY_CHARACTERS:
        raise SoqlError("MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_QUERY_CHARACTERS} characters.")
    try:
        clauses = _TreeToSyntax().transform(_grammar().parse(text))
    except UnexpectedInput as error:
        raise _malformed(text, error) from None
    except RecursionError:
        raise SoqlError("QUERY_TOO_COMPLICATED", TOO_COMPLICATED) from None
    query = _assemble(text, clauses)
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
    select = tuple(clause for clause in clauses if isinstance(clause, SelectItem))
    named: dict[str, Any] = dict(clause for clause in clauses if isinstance(clause, tuple))
    name, alias = named.pop("object")
    named.pop("for", None)
    return Query(
        text=text, select=select, object_name=str(name), object_offset=name.start_pos or 0, alias=alias, **named
    )


class _TreeToSyntax(Transformer[Token, list[Any]]):
    """One method per rule of the grammar; `start` returns select items and (clause, value) pairs."""

    def start(self, children: list[Any]) -> list[Any]:
        return children

    def plain_item(self, children: list[Token]) -> SelectItem:
        return SelectItem(_path(children[0]))

    def aliased_item(self, children: list[Token]) -> SelectItem:
        return SelectItem(_path(children[0]), alias=str(children[1]))

    def function_item(self, children: list[Token | None]) -> SelectItem:
        name, *rest = [child for child in children if child is not None]
        path = _path(rest[0]) if rest else None
        return SelectItem(path, function=name.lower(), alias=str(rest[1]) if len(rest) > 1 else None)

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
        return _comparison(operand, cast("Operator", "!=" if operator == "<>" else str(operator)), [value])

    def like(self, children: list[Any]) -> Comparison:
        return _comparison(children[0], "like", children[1:])

    def in_set(self, children: list[Any]) -> Comparison:
        return _comparison(children[0], "in", children[1:])

    def not_in_set(self, children: list[Any]) -> Comparison:
        return _comparison(children[0], "not in", children[1:])

    def includes(self, children: list[Any]) -> Comparison:
        return _comparison(children[0], "includes", children[1:])

    def excludes(self, children: list[Any]) -> Comparison:
        return _comparison(children[0], "excludes", children[1:])

    def plain_operand(self, children: list[Token]) -> tuple[str | None, Path]:
        return None, _path(children[0])

    def function_operand(self, children: list[Token]) -> tuple[str | None, Path]:
        return children[0].lower(), _path(children[1])

    def literal(self, children: list[Token]) -> Literal:
        return _literal(children[0])

    def order(self, children: list[SortKey]) -> tuple[str, Any]:
        return "order", tuple(children)

    def sort_key(self, children: list[Token | None]) -> SortKey:
        path, direction, nulls = children
        assert path is not None
        descending = direction is not None and direction.lower() == "desc"
        return SortKey(_path(path), descending, nulls is not None and nulls.lower() == "last")

    def limit(self, children: list[Token]) -> tuple[str, Any]:
        return "limit", int(children[0])

    def offset(self, children: list[Token]) -> tuple[str, Any]:
        return "offset", int(children[0])

    def for_clause(self, children: list[Token]) -> tuple[str, Any]:
        return "for", children


def _path(token: Token) -> Path:
    return Path(tuple(token.split(".")), token.start_pos or 0)


def _comparison(operand: tuple[str | None, Path], operator: Operator, values: list[Literal]) -> Comparison:
    function, path = operand
    return Comparison(path, operator, tuple(values), function)


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
