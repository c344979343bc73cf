"""Which custom channels an org has; ``channels.py`` puts them to work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelMember:
    """One object on a custom channel: a SOQL condition its changes must meet, and fields added to its events."""

    entity: str
    filter_expression: str | None = None
    enriched_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomChannel:
    """``name`` ends in ``__chn``."""

    name: str
    members: tuple[ChannelMember, ...]

    @property
    def path(self) -> str:
        return f"/data/{self.name}"
