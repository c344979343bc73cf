"""What all documents have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

_assign = object.__setattr__


class Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def __eq__(self, other: object) -> bool:
        """As pydantic's, at a fifth of its cost."""
        return self is other or (type(self) is type(other) and self.__dict__ == other.__dict__)

    @classmethod
    def trusted(cls, values: dict[str, Any]) -> Self:
        """Of values for every field that were checked before: a fifth of the cost of checking them again."""
        made = object.__new__(cls)
        _assign(made, "__dict__", values)
        _assign(made, "__pydantic_fields_set__", set(values))
        _assign(made, "__pydantic_extra__", None)
        _assign(made, "__pydantic_private__", None)
        return made

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, at a quarter of its cost: a document has no private attributes and takes no extra fields, and
        which of its fields were set nobody asks. Routing copies each one half a dozen times."""
        if deep:
            return super().model_copy(update=update, deep=True)
        copied = object.__new__(type(self))
        _assign(copied, "__dict__", {**self.__dict__, **(update or {})})
        _assign(copied, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        _assign(copied, "__pydantic_extra__", None)
        _assign(copied, "__pydantic_private__", None)
        return copied
