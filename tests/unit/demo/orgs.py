"""Small orgs, written by hand, as `OrgClient.state` and `OrgClient.list_members` return them."""

from __future__ import annotations

from typing import Any

from sandbox.demo.expected import Expected, Rule, judge

PEOPLE = Rule("Contact", "EMEA Contacts", "emea-people")
LEADS = Rule("Lead", "Open Leads")
FIRMS = Rule("Account", "Technology Customers", "technology-accounts")

Row = dict[str, Any]


def judged(
    contacts: dict[str, Row] | None = None,
    leads: dict[str, Row] | None = None,
    accounts: dict[str, Row] | None = None,
    listed: dict[Rule, set[str]] | None = None,
) -> Expected:
    """Rules without a listed set have empty lists."""
    rows = {"Contact": contacts or {}, "Lead": leads or {}, "Account": accounts or {}}
    return judge(rows, {PEOPLE: set(), LEADS: set(), FIRMS: set()} | (listed or {}))
