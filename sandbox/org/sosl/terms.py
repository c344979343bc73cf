"""The words of a search, and whether a text has them: ``jo* AND "smith jr" AND NOT x OR y``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sandbox.org.sosl.parser import SearchError

#: Whether texts, as lower-case words, have what is looked for.
Matcher = Callable[[Sequence[Sequence[str]]], bool]
_WORDS = re.compile(r"\w+")
_PIECE = re.compile(r'"(?P<phrase>(?:\\.|[^"\\])*)"|(?P<operator>AND\s+NOT|AND|OR)\b|(?P<word>[^\s"]+)', re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PATTERN = re.compile(r"[\w*?]+")


def words_of(text: str) -> list[str]:
    return _WORDS.findall(text.lower())


def matcher(term: str) -> Matcher:
    """Words beside each other must all be there. SearchError for a term of less than two characters."""
    if len(term.strip().replace("*", "")) < 2:
        raise SearchError(f"search term must be longer than one character: {term}")
    any_of: list[list[tuple[bool, Matcher]]] = [[]]
    wanted = True
    for piece in _PIECE.finditer(term):
        operator = " ".join((piece["operator"] or "").upper().split())
        if operator == "OR":
            any_of.append([])
        elif operator:
            wanted = operator == "AND"
        else:
            text = piece["word"] if piece["phrase"] is None else piece["phrase"]
            any_of[-1].append((wanted, _phrase(_ESCAPED.sub(r"\1", text))))
            wanted = True
    alternatives = [one for one in any_of if one]
    if not alternatives:
        raise SearchError(f"search term must be longer than one character: {term}")
    return lambda texts: any(all(test(texts) is must for must, test in one) for one in alternatives)


def _phrase(text: str) -> Matcher:
    """Words in a row within one text; `*` stands for any characters of a word, `?` for one."""
    parts = [_word(one) for one in _PATTERN.findall(text.lower())]
    return lambda texts: any(_occurs(parts, words) for words in texts)


def _word(pattern: str) -> re.Pattern[str]:
    # Runs of stars are one star, so that no pattern takes long.
    pieces = (re.escape(one).replace(r"\?", ".") for one in re.split(r"\*+", pattern))
    return re.compile(".*?".join(pieces), re.DOTALL)


def _occurs(parts: Sequence[re.Pattern[str]], words: Sequence[str]) -> bool:
    starts = range(len(words) - len(parts) + 1) if parts else ()
    return any(all(part.fullmatch(words[start + at]) for at, part in enumerate(parts)) for start in starts)
