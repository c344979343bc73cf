"""Every language may name segments."""

from __future__ import annotations

import re

import pytest

from workers.console.segments import slug
from workers.ports import Refused


@pytest.mark.parametrize("name", ["EMEA people", "Ärzte", "Клиенты", "東京", "مصر A", "Ⅷ", "straße", "x" * 200])
def test_ids_are_plain_letters_digits_and_dashes(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?", slug(name))


def test_names_that_differ_only_in_letters_of_another_script_have_ids_of_their_own() -> None:
    assert len({slug(name) for name in ("東京 A", "大阪 A", "A")}) == 3


@pytest.mark.parametrize("name", ["", "  ", "—!?"])
def test_a_name_needs_a_letter_or_a_digit(name: str) -> None:
    with pytest.raises(Refused, match="segment name"):
        slug(name)
