"""Text to syntax tree."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from sandbox.org.formulas.syntax import Call, Constant, Expression, FormulaError, Reference

# Help, "Formula Field Limits": characters of a formula.
MAX_CHARACTERS = 3_900
_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse(text: str) -> Expression:
    """Raises FormulaError in the words of the formula editor."""
    if len(text) > MAX_CHARACTERS:
        raise FormulaError(f"Formula is too long ({len(text):,} characters). Maximum length is 3,900 characters")
    try:
        return _TreeToSyntax().transform(_grammar().parse(text))
    except UnexpectedInput as error:
        raise FormulaError(_complaint(text, error)) from None
    except RecursionError:
        raise FormulaError("Formula is too complex") from None


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    source = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(source, parser="lalr", maybe_placeholders=False)


def _complaint(text: str, error: UnexpectedInput) -> str:
    at_end = isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END")
    if at_end:
        return "Syntax error. Unexpected end of formula"
    offset = error.pos_in_stream or 0
    found = str(error.token) if isinstance(error, UnexpectedToken) else text[offset]
    return f"Syntax error. Extra {found}" if found in {")", ","} else f"Syntax error. Found '{found}'"


def _unquoted(token: Token) -> str:
    pieces: list[str] = []
    characters = iter(token[1:-1])
    for one in characters:
        escaped = next(characters) if one == "\\" else None
        pieces.append(one if escaped is None else _ESCAPES.get(escaped, escaped))
    return "".join(pieces)


class _TreeToSyntax(Transformer[Token, Expression]):
    """One method per rule of the grammar."""

    def start(self, children: list[Expression]) -> Expression:
        return children[-1]

    def any_of(self, children: list[Expression]) -> Expression:
        return Call("OR", tuple(children))

    def all_of(self, children: list[Expression]) -> Expression:
        return Call("AND", tuple(children))

    def compared(self, children: list[Any]) -> Expression:
        left, operator, right = children
        return Call({"==": "=", "!=": "<>"}.get(operator, str(operator)), (left, right))

    def added(self, children: list[Any]) -> Expression:
        left, operator, right = children
        return Call(str(operator), (left, right))

    multiplied = added

    def raised(self, children: list[Expression]) -> Expression:
        return Call("^", tuple(children))

    def negated(self, children: list[Any]) -> Expression:
        return Call("-", (Constant(Decimal(0)), children[-1]))

    def inverted(self, children: list[Expression]) -> Expression:
        return Call("NOT", tuple(children))

    def number(self, children: list[Token]) -> Expression:
        return Constant(Decimal(str(children[0])))

    def string(self, children: list[Token]) -> Expression:
        return Constant(_unquoted(children[0]))

    def reference(self, children: list[Token]) -> Expression:
        text = str(children[0])
        return Constant(_CONSTANTS[text.upper()]) if text.upper() in _CONSTANTS else Reference(tuple(text.split(".")))

    def call(self, children: list[Any]) -> Expression:
        name, *arguments = children
        return Call(name.upper(), tuple(arguments))
