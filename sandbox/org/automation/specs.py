"""Rules as an administrator declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Occasion = Literal["create", "update", "delete", "undelete"]


@dataclass(frozen=True, slots=True)
class ValidationRule:
    """A record for which ``condition`` is true is refused, with ``message`` at ``field_name`` or at the whole page."""

    object_name: str
    name: str
    condition: str
    message: str
    field_name: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Automation:
    """A trigger or flow: when a record that meets ``condition`` is saved, further fields get the values of formulas.

    They are fields of the record itself, which makes one change of both, or with ``parent`` (a lookup field) of the
    record it points at, which changes in the same transaction. Without fields the parent is only touched.
    """

    object_name: str
    set_fields: Mapping[str, str] = field(default_factory=dict)
    condition: str = "TRUE"
    on: tuple[Occasion, ...] = ("create", "update")
    parent: str = ""
