"""What must be in MongoDB, said by the org: its rows and its own answers to its own lists.

Written against the promises (help page, design P6), not against the workers: it shares no code with them, only the
two libraries that define what an e-mail address and a registrable domain are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import idna
from email_validator import EmailNotValidError, validate_email
from tldextract import TLDExtract

from sandbox.demo.org_client import OrgClient

FREE_MAIL = {"gmail.com", "yahoo.com", "hotmail.com", "outlook.com"}
"""The free-mail domains that the generated data uses."""

registrable = TLDExtract(suffix_list_urls=(), cache_dir=None)
Rows = dict[str, dict[str, Any]]
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Rule:
    entity: str
    list_label: str
    segment_id: str | None = None


@dataclass(slots=True)
class Expected:
    counts: dict[str, int] = field(default_factory=dict)
    people: dict[str, set[str]] = field(default_factory=dict)
    """Contact and lead ids by e-mail."""
    first_names: dict[str, Any] = field(default_factory=dict)
    """The mapped field of people behind whom one record stands; of several, the latest change decides."""
    accounts: dict[str, set[str]] = field(default_factory=dict)
    """Account record ids by domain; empty where only leads stand behind it."""
    segments: dict[str, set[str]] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)


async def expected_state(
    org: OrgClient,
    rules: list[Rule],
    emptied: tuple[str, ...] = (),
    stood: Mapping[str, set[Rule]] = NOTHING,
    survivors: Mapping[str, str] = NOTHING,
) -> Expected:
    """`emptied`: segments that no rule feeds any more. `stood`: by lead that was converted since, the rules that held
    it; its contact takes its place, or the one that this was merged into (`survivors`)."""
    rows = {entity: await org.state(entity) for entity in ("Contact", "Lead", "Account")}
    members = {rule: await org.list_members(rule.entity, rule.list_label) for rule in rules}
    for lead_id, held_by in stood.items():
        contact_id = rows["Lead"][lead_id]["ConvertedContactId"]
        for rule in held_by:
            members[rule].add(survivors.get(contact_id, contact_id))
    wanted = judge(rows, members)
    wanted.segments |= {segment_id: set() for segment_id in emptied}
    return wanted


def judge(rows: dict[str, Rows], members: dict[Rule, set[str]]) -> Expected:
    wanted = Expected(counts={entity: len(found) for entity, found in rows.items()})
    wanted.segments = {rule.segment_id: set() for rule in members if rule.segment_id}
    followed: set[str] = set()
    for entity in ("Contact", "Lead"):
        for record_id, row in rows[entity].items():
            email = judge_person(wanted, entity, record_id, row, members)
            if email and entity == "Contact" and row.get("AccountId"):
                followed.add(row["AccountId"])
            if email and entity == "Lead" and (domain := lead_domain(row, email)):
                wanted.accounts.setdefault(domain, set())
    wanted.first_names = {key: name for key, name in wanted.first_names.items() if len(wanted.people[key]) == 1}
    for record_id, row in rows["Account"].items():
        judge_account(wanted, record_id, row, members, record_id in followed)
    return wanted


def judge_person(
    wanted: Expected, entity: str, record_id: str, row: dict[str, Any], members: dict[Rule, set[str]]
) -> str | None:
    """The person's key, when the record is imported."""
    by = [rule for rule, ids in members.items() if rule.entity != "Account" and record_id in ids]
    if not by:
        wanted.skipped["converted" if row.get("IsConverted") else "not_in_any_list"] += 1
        return None
    email = email_of(row.get("Email"))
    if email is None:
        wanted.skipped["invalid_email" if str(row.get("Email") or "").strip() else "no_email"] += 1
        return None
    wanted.people.setdefault(email, set()).add(record_id)
    wanted.first_names[email] = row.get("FirstName")
    for rule in by:
        if rule.segment_id:
            wanted.segments[rule.segment_id].add(email)
    return email


def judge_account(
    wanted: Expected, record_id: str, row: dict[str, Any], members: dict[Rule, set[str]], followed: bool
) -> None:
    by = [rule for rule, ids in members.items() if rule.entity == "Account" and record_id in ids]
    if not by and not followed:
        wanted.skipped["not_in_any_list"] += 1
        return
    domain = domain_of(row.get("Website"))
    if domain is None:
        wanted.skipped["invalid_website" if str(row.get("Website") or "").strip() else "no_website"] += 1
        return
    wanted.accounts.setdefault(domain, set()).add(record_id)
    for rule in by:
        if rule.segment_id:
            wanted.segments[rule.segment_id].add(domain)


def email_of(text: Any) -> str | None:
    try:
        return validate_email(str(text or "").strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


def domain_of(website: Any) -> str | None:
    """In the form the DNS knows; a name that the DNS cannot hold (the sample data has “expressl&t.net”) is none."""
    domain = registrable(str(website or "").strip()).top_domain_under_public_suffix
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode() if domain else ""
    except idna.IDNAError:
        return None
    return ascii_domain if re.fullmatch(r"[a-z0-9.-]+", ascii_domain) else None


def lead_domain(row: dict[str, Any], email: str) -> str | None:
    domain = domain_of(row.get("Website")) or domain_of(email.rpartition("@")[2])
    return None if domain in FREE_MAIL and not domain_of(row.get("Website")) else domain
