from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from workers.adapters.salesforce.oauth import authorize_url, new_pkce, s256
from workers.ports import Refused


def test_the_challenge_of_rfc_7636_appendix_b() -> None:
    assert s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_verifier_is_new_each_time_and_of_the_allowed_length() -> None:
    first, second = new_pkce(), new_pkce()
    assert first.verifier != second.verifier
    assert 43 <= len(first.verifier) <= 128
    assert first.challenge == s256(first.verifier)
    assert first.verifier not in repr(first)


def test_the_authorize_url() -> None:
    url = authorize_url(
        "https://login.salesforce.com/",
        client_id="3MVG9",
        redirect_uri="http://localhost:1717/cb",
        challenge="c",
        state="s",
    )
    parts = urlsplit(url)
    assert url.startswith("https://login.salesforce.com/services/oauth2/authorize?")
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["3MVG9"],
        "redirect_uri": ["http://localhost:1717/cb"],
        "scope": ["api refresh_token"],
        "state": ["s"],
        "code_challenge": ["c"],
        "code_challenge_method": ["S256"],
    }


def test_the_browser_is_sent_to_salesforce_only() -> None:
    with pytest.raises(Refused):
        authorize_url("https://login.evil.example", client_id="", redirect_uri="", challenge="", state="")
