"""Encryption of what a team's connection keeps secret: AES-256-GCM with the team id as associated data.

The associated data binds a ciphertext to its team: copied into another team's document it does not open.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workers.ports import Refused

KEY_BYTES = 32
NONCE_BYTES = 12  # the size GCM is specified for (NIST SP 800-38D)
FORMAT = "v1."
SETTING = "TOKEN_ENCRYPTION_KEYS"


def generate_key() -> str:
    """A new random key in the form `TOKEN_ENCRYPTION_KEYS` takes."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


class TokenCipher:
    """Seals with the first key and opens with any, so that keys are rotated by putting a new one in front.

    Raises `Refused` for keys that are not 32 bytes in url-safe base64.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise Refused(f"{SETTING} is empty: it needs at least one key of {KEY_BYTES} bytes in url-safe base64")
        self._ciphers = [AESGCM(_decode_key(key, place)) for place, key in enumerate(keys, start=1)]

    def seal(self, team: str, plaintext: Mapping[str, Any]) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[0].encrypt(nonce, orjson.dumps(dict(plaintext)), team.encode())
        return FORMAT + base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, team: str, text: str) -> dict[str, Any]:
        """What was sealed for the team. Raises `Refused` for another team, an unknown key or damaged text."""
        box = _decode_text(team, text)
        for cipher in self._ciphers:
            try:
                opened: dict[str, Any] = orjson.loads(
                    cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], team.encode())
                )
            except InvalidTag:
                continue
            return opened
        raise _unopened(team)


def _decode_key(key: str, place: int) -> bytes:
    try:
        raw = base64.b64decode(key.strip(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise Refused(f"key {place} of {SETTING} is not {KEY_BYTES} bytes in url-safe base64")
    return raw


def _decode_text(team: str, text: str) -> bytes:
    try:
        box = base64.b64decode(text.removeprefix(FORMAT), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _unopened(team) from None
    if not text.startswith(FORMAT) or len(box) <= NONCE_BYTES:
        raise _unopened(team)
    return box


def _unopened(team: str) -> Refused:
    return Refused(
        f"the stored Salesforce secret of team {team} opens with no key of {SETTING}: add the key it was sealed with, "
        f"or reconnect the team: segment-sync connections connect {team}"
    )
