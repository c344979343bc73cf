from __future__ import annotations

import pytest

from sandbox.demo.expected import Expected, Rule, domain_of, email_of, judge

from .orgs import FIRMS, LEADS, PEOPLE, judged


def test_an_empty_org_leaves_empty_segments() -> None:
    assert judged() == Expected(
        counts={"Contact": 0, "Lead": 0, "Account": 0},
        segments={"emea-people": set(), "technology-accounts": set()},
    )


def test_a_listed_contact_becomes_a_person_in_the_segment() -> None:
    found = judged({"c1": {"Email": " Ann@Firma.COM "}}, listed={PEOPLE: {"c1"}})
    assert found.people == {"ann@firma.com": {"c1"}}
    assert found.segments["emea-people"] == {"ann@firma.com"}
    assert found.accounts == {}
    assert not found.skipped


def test_a_rule_without_a_segment_makes_people_only() -> None:
    found = judged(leads={"l1": {"Email": "joe@gmail.com"}}, listed={LEADS: {"l1"}})
    assert found.people == {"joe@gmail.com": {"l1"}}
    assert found.segments == {"emea-people": set(), "technology-accounts": set()}


def test_a_contact_and_a_lead_of_one_address_are_one_person() -> None:
    found = judged(
        {"c1": {"Email": "ann@firma.com"}}, {"l1": {"Email": "ANN@firma.com"}}, listed={PEOPLE: {"c1"}, LEADS: {"l1"}}
    )
    assert found.people == {"ann@firma.com": {"c1", "l1"}}


@pytest.mark.parametrize(
    ("listed", "email", "reason"),
    [
        (False, "ann@firma.com", "not_in_any_list"),
        (False, None, "not_in_any_list"),
        (True, None, "no_email"),
        (True, "  ", "no_email"),
        (True, "ann at firma", "invalid_email"),
    ],
)
def test_why_a_contact_is_skipped(listed: bool, email: str | None, reason: str) -> None:
    found = judged({"c1": {"Email": email}}, listed={PEOPLE: {"c1"} if listed else set()})
    assert found.skipped == {reason: 1}
    assert found.people == {}
    assert found.segments["emea-people"] == set()


def test_an_account_follows_an_imported_contact() -> None:
    contacts = {"c1": {"Email": "ann@gmail.com", "AccountId": "a1"}}
    found = judged(contacts, accounts={"a1": {"Website": "http://www.acme.com/about"}}, listed={PEOPLE: {"c1"}})
    assert found.accounts == {"acme.com": {"a1"}}
    assert found.segments["technology-accounts"] == set()


@pytest.mark.parametrize("contact", [{"Email": None, "AccountId": "a1"}, {"Email": "ann@gmail.com", "AccountId": None}])
def test_an_account_does_not_follow_a_contact_that_is_skipped_or_elsewhere(contact: dict[str, str | None]) -> None:
    found = judged({"c1": contact}, accounts={"a1": {"Website": "acme.com"}}, listed={PEOPLE: {"c1"}})
    assert found.accounts == {}
    assert found.skipped["not_in_any_list"] == 1


def test_a_listed_account_is_in_the_segment() -> None:
    found = judged(
        accounts={"a1": {"Website": "acme.co.uk"}, "a2": {"Website": "ACME.co.uk/x"}}, listed={FIRMS: {"a1"}}
    )
    assert found.accounts == {"acme.co.uk": {"a1"}}
    assert found.segments["technology-accounts"] == {"acme.co.uk"}
    assert found.skipped == {"not_in_any_list": 1}


@pytest.mark.parametrize(
    ("website", "reason"), [(None, "no_website"), ("", "no_website"), ("intranet", "invalid_website")]
)
def test_why_a_listed_account_is_skipped(website: str | None, reason: str) -> None:
    assert judged(accounts={"a1": {"Website": website}}, listed={FIRMS: {"a1"}}).skipped == {reason: 1}


@pytest.mark.parametrize(
    ("lead", "domains"),
    [
        ({"Email": "joe@firma.de", "Website": "www.acme.com"}, {"acme.com"}),
        ({"Email": "joe@mail.firma.de", "Website": None}, {"firma.de"}),
        ({"Email": "joe@gmail.com", "Website": None}, set()),
        ({"Email": "joe@gmail.com", "Website": "gmail.com"}, {"gmail.com"}),
        ({"Email": None, "Website": "acme.com"}, set()),
    ],
)
def test_the_account_behind_a_lead_has_no_record(lead: dict[str, str | None], domains: set[str]) -> None:
    found = judged(leads={"l1": lead}, listed={LEADS: {"l1"}})
    assert found.accounts == {domain: set() for domain in domains}


def test_a_lead_and_an_account_record_of_one_domain_are_one_account() -> None:
    found = judged(
        leads={"l1": {"Email": "joe@acme.com"}},
        accounts={"a1": {"Website": "acme.com"}},
        listed={LEADS: {"l1"}, FIRMS: {"a1"}},
    )
    assert found.accounts == {"acme.com": {"a1"}}


def test_two_rules_put_a_person_in_two_segments_and_count_once() -> None:
    more = Rule("Contact", "All Contacts", "all")
    rows = {"Contact": {"c1": {"Email": "ann@firma.com"}}, "Lead": {}, "Account": {}}
    found = judge(rows, {PEOPLE: {"c1"}, more: {"c1"}})
    assert found.segments == {"emea-people": {"ann@firma.com"}, "all": {"ann@firma.com"}}
    assert found.people == {"ann@firma.com": {"c1"}}


@pytest.mark.parametrize(
    ("text", "key"),
    [("Zoë@firma.com", "zoë@firma.com"), ("a@b", None), ("x@firma.invalid", None), (None, None), (7, None)],
)
def test_email_of(text: object, key: str | None) -> None:
    assert email_of(text) == key


@pytest.mark.parametrize(
    ("website", "domain"),
    [
        ("https://user@www.müller.de:8080/x?y#z", "xn--mller-kva.de"),
        ("expressl&t.net", None),
        ("co.uk", None),
        ("127.0.0.1", None),
        (None, None),
    ],
)
def test_domain_of(website: object, domain: str | None) -> None:
    assert domain_of(website) == domain


def test_a_converted_lead_gives_way_to_the_contact_that_stands_where_it_stood() -> None:
    contacts = {"c1": {"Email": "ann@firma.com"}}
    found = judged(contacts, {"l1": {"Email": "ann@firma.com", "IsConverted": True}}, listed={LEADS: {"c1"}})
    assert found.people == {"ann@firma.com": {"c1"}}
    assert found.skipped == {"converted": 1}
