"""Long text in change events: a unified diff instead of the value.

CDC guide, "Change Events for Text Fields": fields of 1,000 characters and more may come as a diff when that is shorter.
"""

from __future__ import annotations

import difflib
import hashlib

DIFF_FROM_CHARACTERS = 1_000
_LARGEST_LENGTH_CHANGE = 0.5
_LARGEST_LINE_CHANGE = 0.25


def diff_of(before: str, after: str) -> str | None:
    """The diff that an event carries, headed by the SHA-256 of the new value; None when it carries the value."""
    if len(after) < DIFF_FROM_CHARACTERS or abs(len(after) - len(before)) > _LARGEST_LENGTH_CHANGE * len(before):
        return None
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    hunks = list(difflib.unified_diff(old, new, n=3))[2:]
    changed = max(sum(line.startswith(sign) for line in hunks) for sign in "+-")
    if changed > _LARGEST_LINE_CHANGE * max(len(old), len(new)):
        return None
    text = "".join([f"--- \n+++ {hashlib.sha256(after.encode()).hexdigest()}\n", *hunks])
    return text if len(text) <= len(after) else None
