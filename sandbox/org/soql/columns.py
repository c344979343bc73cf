"""A path or function of a query, resolved: what it is, and how to read it from a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.org.metadata.objects import FieldType

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Column:
    """A path resolved: canonical names, the field's metadata, and how to read it from a row of the FROM object."""

    names: tuple[str, ...]
    field: FieldType
    read: Callable[[Row], object]

    @property
    def text(self) -> str:
        return ".".join(self.names)
