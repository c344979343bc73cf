from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.documents import Skip
from workers.core.identity import FREE_MAIL_DOMAINS, account_key, lead_account_key, person_key


@pytest.mark.parametrize(
    ("email", "key"),
    [
        ("joe@acme.com", "joe@acme.com"),
        (" \tJoe.DOE@Acme.COM\n", "joe.doe@acme.com"),
        ("joe+news@acme.com", "joe+news@acme.com"),
        ("jo\u0308rg@acme.com", "j\u00f6rg@acme.com"),
        ("joe@xn--mnchen-3ya.de", "joe@m\u00fcnchen.de"),
        ("JOE@M\u00dcNCHEN.de", "joe@m\u00fcnchen.de"),
    ],
)
def test_person_key(email: str, key: str) -> None:
    assert person_key(email) == key


@pytest.mark.parametrize(
    ("email", "reason"),
    [
        (None, "no_email"),
        ("", "no_email"),
        (" \t", "no_email"),
        ("joe", "invalid_email"),
        ("joe@acme", "invalid_email"),
        ("joe@@acme.com", "invalid_email"),
        ("joe@acme.com, ann@acme.com", "invalid_email"),
        ("Joe <joe@acme.com>", "invalid_email"),
        ("joe@[127.0.0.1]", "invalid_email"),
        ("joe@acme.com.invalid", "invalid_email"),  # what a sandbox does to every address
        ("joe@acme.test", "invalid_email"),
        (f"{'x' * 250}@acme.com", "invalid_email"),
        (5, "invalid_email"),
    ],
)
def test_no_person_key(email: object, reason: str) -> None:
    skip = person_key(email)
    assert isinstance(skip, Skip)
    assert skip.reason == reason


@pytest.mark.parametrize(
    ("website", "key"),
    [
        ("acme.com", "acme.com"),
        ("http://www.acme.com", "acme.com"),
        ("HTTPS://WWW.ACME.COM/About Us?x=1#top", "acme.com"),
        (" shop.eu.acme.co.uk ", "acme.co.uk"),
        ("acme.com.", "acme.com"),
        ("acme.com:8080/x", "acme.com"),
        ("acme.com.:80", "acme.com"),
        ("www\u3002acme\uff0ecom\uff61", "acme.com"),  # dots of Chinese and Japanese keyboards
        ("https://joe:secret@acme.com:443/", "acme.com"),
        ("//acme.com", "acme.com"),
        ("http:/acme.com", "acme.com"),
        ("http:\\\\acme.com", "acme.com"),
        ("acme.com, acme.de", "acme.com"),
        ("acme.com?utm=1", "acme.com"),
        ("my_shop.acme.com", "acme.com"),
        ("info@acme.com", "acme.com"),
        ("http://m\u00fcnchen.de/", "xn--mnchen-3ya.de"),
        ("XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de"),
        ("stra\u00dfe.de", "xn--strae-oqa.de"),  # IDNA 2008: not strasse.de
        ("\uff41\uff43\uff4d\uff45.com", "acme.com"),  # full-width letters
        ("acme\u3002com", "acme.com"),
        ("acme.github.io", "github.io"),  # private suffixes are companies, too
    ],
)
def test_account_key(website: str, key: str) -> None:
    assert account_key(website) == key


@pytest.mark.parametrize(
    ("website", "reason"),
    [
        (None, "no_website"),
        ("", "no_website"),
        ("  ", "no_website"),
        ("n/a", "invalid_website"),
        ("acme", "invalid_website"),
        ("localhost", "invalid_website"),
        ("http://", "invalid_website"),
        ("co.uk", "invalid_website"),
        ("192.168.0.1", "invalid_website"),
        ("http://[::1]/", "invalid_website"),
        ("acme.nosuchsuffix", "invalid_website"),
        ("acme..com", "invalid_website"),
        ("-acme.com", "invalid_website"),
        ("ac_me.com", "invalid_website"),
        ("xn--a.com", "invalid_website"),
        (f"{'x' * 64}.com", "invalid_website"),
        (5, "invalid_website"),
    ],
)
def test_no_account_key(website: object, reason: str) -> None:
    skip = account_key(website)
    assert isinstance(skip, Skip)
    assert skip.reason == reason


@pytest.mark.parametrize(
    ("website", "email", "key"),
    [
        ("www.acme.com", "joe@other.com", "acme.com"),
        (None, "joe@mail.acme.co.uk", "acme.co.uk"),
        ("n/a", "joe@acme.com", "acme.com"),
        (None, "joe@gmail.com", None),
        (None, "joe@yahoo.co.uk", None),
        (None, "joe@yahoo.com.mx", None),
        (None, "x7k@privaterelay.appleid.com", None),
        ("www.acme.com", "joe@gmail.com", "acme.com"),
        (None, None, None),
    ],
)
def test_lead_account_key(website: str | None, email: str | None, key: str | None) -> None:
    assert lead_account_key(website, email) == key


def test_free_mail_domains_are_registrable_domains_in_normal_form() -> None:
    """Anything else would never be met."""
    assert all(account_key(domain) == domain for domain in FREE_MAIL_DOMAINS)


@given(st.emails(), st.sampled_from(["", " ", "\t\n"]))
def test_a_person_key_is_its_own_key_whatever_the_case_and_padding(email: str, padding: str) -> None:
    key = person_key(email)
    if isinstance(key, str):
        assert person_key(key) == key
        assert person_key(f"{padding}{email.upper()}{padding}") == key


@given(st.text(max_size=60) | st.text(alphabet="ab.:/@-_?# \u00fc\u3002", max_size=30).map(lambda text: f"{text}.com"))
def test_any_text_gives_a_reason_or_a_key_that_is_its_own_key(website: str) -> None:
    key = account_key(website)
    if isinstance(key, str):
        assert key.isascii()
        assert key == key.lower()
        assert account_key(f"https://www.{key}/path") == key


LOCAL = st.one_of(
    st.from_regex(r"[a-z0-9_+.\-'!]{1,66}", fullmatch=True),
    st.from_regex(r"[A-Za-z]{1,9}(\.[a-z+]{1,9}){0,3}", fullmatch=True),
)
DOMAIN = st.one_of(
    st.sampled_from(
        ["acme.com", "xn--mnchen-3ya.de", "münchen.de", "acme.invalid", "localhost", "-a.com", "a--b.de", "127.0.0.1"]
    ),
    st.from_regex(r"([a-z0-9-]{1,40}\.){1,7}[a-z]{1,10}", fullmatch=True),
)


@given(LOCAL, DOMAIN)
@example("a" * 245, "acme.com")
@example("a" * 246, "acme.com")
@example("a", f"{'a.' * 124}com")
@example("a", f"{'a.' * 125}com")
def test_an_address_is_what_the_library_makes_of_it(local: str, domain: str) -> None:
    email = f"{local}@{domain}"
    try:
        expected: str | None = validate_email(email.lower(), check_deliverability=False).normalized
    except EmailNotValidError:
        expected = None
    key = person_key(email)
    assert (key if isinstance(key, str) else None) == expected
