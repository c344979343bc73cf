"""The syntax tree of a formula: plain values, nothing resolved yet."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


class FormulaError(ValueError):
    """A formula that Salesforce does not save; the text is the one that the editor shows."""


@dataclass(frozen=True, slots=True)
class Constant:
    value: Decimal | str | bool | None


@dataclass(frozen=True, slots=True)
class Reference:
    """``Amount``, ``Account.Owner.Name``, ``$User.Id``."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator, by its name in capital letters: ``IF``, ``+``, ``AND``."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Constant | Reference | Call
