from __future__ import annotations

import pytest

from workers.adapters.secrets import TokenCipher, generate_key
from workers.ports import Refused

KEY, OLD_KEY = generate_key(), generate_key()
SECRET = {"refresh_token": "5Aep-secret", "client_secret": "é"}


def test_what_was_sealed_opens_for_the_same_team() -> None:
    assert TokenCipher([KEY]).open("acme", TokenCipher([KEY]).seal("acme", SECRET)) == SECRET


def test_the_same_secret_never_looks_the_same() -> None:
    cipher = TokenCipher([KEY])
    assert cipher.seal("acme", SECRET) != cipher.seal("acme", SECRET)


def test_the_first_key_seals_and_all_open() -> None:
    old = TokenCipher([OLD_KEY]).seal("acme", SECRET)
    both = TokenCipher([KEY, OLD_KEY])
    assert both.open("acme", old) == SECRET
    assert TokenCipher([KEY]).open("acme", both.seal("acme", SECRET)) == SECRET


def test_a_ciphertext_of_another_team_does_not_open() -> None:
    cipher = TokenCipher([KEY])
    with pytest.raises(Refused, match=r"team other .*TOKEN_ENCRYPTION_KEYS"):
        cipher.open("other", cipher.seal("acme", SECRET))


def test_an_unknown_key_does_not_open_and_shows_nothing() -> None:
    with pytest.raises(Refused, match="TOKEN_ENCRYPTION_KEYS") as refused:
        TokenCipher([KEY]).open("acme", TokenCipher([OLD_KEY]).seal("acme", SECRET))
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("text", ["", "v1.", "v1.AAAA", "v2.AAAA", "v1.é", "plain text"])
def test_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="TOKEN_ENCRYPTION_KEYS"):
        TokenCipher([KEY]).open("acme", text)


def test_every_changed_character_is_noticed() -> None:
    cipher = TokenCipher([KEY])
    sealed = cipher.seal("acme", SECRET)
    for place in range(len("v1."), len(sealed) - 2):  # the last two may be padding
        changed = "A" if sealed[place] != "A" else "B"
        with pytest.raises(Refused):
            cipher.open("acme", sealed[:place] + changed + sealed[place + 1 :])


@pytest.mark.parametrize("keys", [[], [""], ["short"], [KEY, KEY[:-4]], ["ü" * 43 + "="]])
def test_unusable_keys_are_named_by_setting_and_place(keys: list[str]) -> None:
    with pytest.raises(Refused, match="TOKEN_ENCRYPTION_KEYS") as refused:
        TokenCipher(keys)
    assert KEY not in str(refused.value)


def test_no_key_in_the_repr() -> None:
    assert KEY not in repr(TokenCipher([KEY]))
