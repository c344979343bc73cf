"""What a record contributes, in sixteen characters: tells whether another evaluation of it says anything new."""

from __future__ import annotations

from hashlib import blake2b
from typing import TypeAlias

from schemas.documents import Contribution

Live: TypeAlias = tuple[str, Contribution] | None
"""The key of a member and what it is told."""

BYTES = 8
"""Compared with the one fingerprint before it: by chance, of a million records none agrees with it."""


def fingerprint(person: Live, account: Live) -> str:
    """Differs when one of them is told something else, or somebody else is.

    Without revision and version, which are the record's and not the rules'. By `repr`, since no JSON holds every value
    that a field may have.
    """
    return blake2b(repr((_said(person), _said(account))).encode(), digest_size=BYTES).hexdigest()


def _said(live: Live) -> tuple[object, ...] | None:
    if live is None:
        return None
    key, told = live
    segments = [(segment, [(r.rule_id, r.list_id) for r in reasons]) for segment, reasons in told.segments.items()]
    return key, told.fields, told.precedence, segments
