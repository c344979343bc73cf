"""JWTs that nobody signed."""

from __future__ import annotations

import base64
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.org.logins.assertions import Assertion, public_key
from sandbox.org.logins.grants import GrantError

CLAIMS: dict[str, object] = {"iss": "app", "sub": "user", "aud": "https://login.salesforce.com", "exp": 1000}
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)).rstrip(b"=").decode()


def jwt(claims: object = CLAIMS, algorithm: object = "RS256") -> str:
    return f"{part({'alg': algorithm})}.{part(claims)}.c2ln"


def test_the_claims_are_read() -> None:
    assertion = Assertion.parse(jwt())
    assert (assertion.issuer, assertion.subject, assertion.expires_at) == ("app", "user", 1000)
    with pytest.raises(GrantError, match="invalid assertion"):
        assertion.check_signature(None)


@pytest.mark.parametrize("algorithm", ["none", "HS256", None])
def test_no_other_algorithm(algorithm: object) -> None:
    with pytest.raises(GrantError, match="invalid assertion"):
        Assertion.parse(jwt(algorithm=algorithm))


@pytest.mark.parametrize("claim", list(CLAIMS))
def test_every_claim_is_needed(claim: str) -> None:
    with pytest.raises(GrantError, match="invalid assertion"):
        Assertion.parse(jwt({name: value for name, value in CLAIMS.items() if name != claim}))


@pytest.mark.parametrize(("now", "fits"), [(999.9, True), (1000, False), (820.5, True), (819.5, True), (818.9, False)])
def test_the_window_is_three_minutes_in_whole_seconds(now: float, fits: bool) -> None:
    assertion = Assertion.parse(jwt())
    audiences = ["https://login.salesforce.com/"]
    if fits:
        assertion.check_claims(now, 180, audiences, "Audience validation failed")
    else:
        with pytest.raises(GrantError, match="expired authorization code"):
            assertion.check_claims(now, 180, audiences, "Audience validation failed")


@given(st.text() | st.tuples(_JSON, _JSON).map(lambda parts: f"{part(parts[0])}.{part(parts[1])}.x"))
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(GrantError):
        Assertion.parse(token)


@given(_JSON, st.sampled_from(sorted(CLAIMS)))
def test_a_claim_of_any_kind_is_read_or_refused(value: object, claim: str) -> None:
    with suppress(GrantError):
        assertion = Assertion.parse(jwt(CLAIMS | {claim: value}))
        assertion.check_claims(900, 180, ["https://login.salesforce.com"], "Audience validation failed")


def test_keys_that_are_too_short_are_told() -> None:
    assert public_key("") is None
    with pytest.raises(ValueError, match=r"(?i)pem"):
        public_key("nonsense")
