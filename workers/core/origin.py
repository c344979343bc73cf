"""Who caused a change: Salesforce names the client, and ours only writes insights back."""

from __future__ import annotations

from schemas.events import Change

CLIENT_NAME = "SegmentSync"
"""Under which we call Salesforce (`Sforce-Call-Options`); the changes that we cause come back with it."""


def by_us(change: Change) -> bool:
    """We create and delete nothing, whatever somebody says who calls himself as we do."""
    return change.kind == "update" and change.origin.client == CLIENT_NAME
