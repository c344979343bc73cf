"""The form of the tokens of the scores API: `sst.<token id>.<secret>`."""

from __future__ import annotations

import hashlib
import hmac
import re

from schemas.documents import ScoreToken

SECRET_BYTES = 32

_FORM = re.compile(r"sst\.([0-9a-f]{8})\.([A-Za-z0-9_-]{43})")
"""The prefix lets scanners of source code find a token that was checked in."""


def text_of(token_id: str, secret: str) -> str:
    return f"sst.{token_id}.{secret}"


def parts_of(text: str) -> tuple[str, str] | None:
    """Token id and secret; None for what is no token."""
    found = _FORM.fullmatch(text)
    return (found[1], found[2]) if found else None


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def admits(token: ScoreToken, secret: str) -> bool:
    return token.revoked_at_ms is None and hmac.compare_digest(token.digest, digest_of(secret))
