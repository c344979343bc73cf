"""Salesforce record ids: 15 case-sensitive characters, or 18 with a case checksum."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
# "1" for an upper-case letter, "0" for anything else; of five of them the first is the lowest bit.
_CASES = str.maketrans({letter: "1" if letter.isupper() else "0" for letter in ALPHABET})
_BY_CASES = {f"{number:05b}"[::-1]: letter for number, letter in enumerate(_CHECKSUM)}
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?")
_COUNTER_DIGITS = 9


class MalformedIdError(ValueError):
    """The text is neither a 15- nor an 18-character id, or its checksum is wrong."""


def to_18(record_id: str) -> str:
    """The 18-character form of a 15- or 18-character id; MalformedIdError when it is not an id."""
    if not _ID.fullmatch(record_id):
        raise MalformedIdError(record_id)
    full = record_id[:15] + _checksum(record_id[:15])
    if len(record_id) == 18 and record_id != full:
        raise MalformedIdError(record_id)
    return full


def _checksum(id_15: str) -> str:
    """One character per group of five: bit i is set when the i-th character is an upper-case letter."""
    cases = id_15.translate(_CASES)
    return _BY_CASES[cases[:5]] + _BY_CASES[cases[5:10]] + _BY_CASES[cases[10:]]


def base62(number: int, digits: int) -> str:
    """``number`` in the digits of an id, padded with zeros."""
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = ALPHABET[digit] + text
    return text.rjust(digits, "0")


class IdSequence:
    """Ids of one org: a pod code that differs per org, counters per prefix with holes as in a real org."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.pod = "".join(rng.choice(ALPHABET) for _ in range(2))
        self._next: dict[str, int] = {}

    def take(self, prefix: str) -> str:
        """A new 18-character id."""
        number = self._next.get(prefix) or self._rng.randrange(62**4, 62**5)
        self._next[prefix] = number + self._rng.randint(1, 3)
        id_15 = f"{prefix}{self.pod}0{base62(number, _COUNTER_DIGITS)}"
        return id_15 + _checksum(id_15)

    def stream(self, prefix: str) -> Iterator[str]:
        """Endless ids of one prefix."""
        while True:
            yield self.take(prefix)
