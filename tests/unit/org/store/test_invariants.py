"""Whatever happens to records, sums agree with their children and both halves of a person with each other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Operation
from sandbox.org.store.merging import MergeError, merge
from sandbox.org.store.org import Actor, Org, Row, Write

_SUM = {
    "type": "Summary",
    "summaryForeignKey": "Opportunity.AccountId",
    "summarizedField": "Opportunity.Amount",
    "summaryOperation": "sum",
}
_CONFIG = OrgConfig(person_accounts=True, custom_fields=(("Account.Total__c", _SUM),))


@dataclass
class History:
    """An org, and records that were ever in it."""

    org: Org = field(default_factory=lambda: Org(_CONFIG))
    accounts: list[str] = field(default_factory=list)
    deals: list[str] = field(default_factory=list)

    @property
    def actor(self) -> Actor:
        return Actor(self.org.admin_user_id, "")

    def write(self, operation: Operation, name: str, record_id: str | None, **fields: object) -> str | None:
        (result,) = self.org.commit([Write(operation, name, record_id, fields)], self.actor)
        return result.record_id if result.success else None

    def step(self, kind: int, first: int, second: int) -> None:
        account, other = self.accounts[first % len(self.accounts)], self.accounts[second % len(self.accounts)]
        deal = self.deals[second % len(self.deals)] if self.deals else ""
        steps: list[Callable[[], object]] = [
            lambda: self.add_deal(account, float(second)),
            lambda: self.write("update", "Opportunity", deal, AccountId=account, Amount=float(first)),
            lambda: self.write("delete", "Opportunity", deal),
            lambda: self.write("undelete", "Opportunity", deal),
            lambda: self.write("hard_delete", "Opportunity", deal),
            lambda: self.write("delete", "Account", account),
            lambda: self.write("undelete", "Account", account),
            lambda: self.write("update", "Account", account, LastName=f"N{second}", PersonEmail=f"a{second}@b.example"),
            lambda: self.merge(account, other),
        ]
        steps[kind]()

    def add_deal(self, account: str, amount: float) -> None:
        deal: Row = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2030-01-01", "Amount": amount}
        made = self.write("create", "Opportunity", None, AccountId=account, **deal)
        self.deals += [made] if made else []

    def merge(self, winner: str, loser: str) -> None:
        """Persons merge with persons only, and gone records with nobody."""
        with suppress(MergeError):
            merge(self.org, "Account", winner, [loser], {}, self.actor)

    def check(self) -> None:
        totals: dict[object, float] = {}
        for deal in self.org.rows("Opportunity"):
            totals[deal.get("AccountId")] = totals.get(deal.get("AccountId"), 0.0) + float(str(deal.get("Amount") or 0))
        for account in self.org.rows("Account"):
            assert account.get("Total__c", 0.0) == totals.get(account["Id"], 0.0)
            if account.get("IsPersonAccount"):
                self.check_person(account)
        for contact in self.org.rows("Contact"):
            if contact.get("IsPersonAccount"):
                owner = self.org.get("Account", str(contact["AccountId"]))
                assert owner is not None
                assert owner["PersonContactId"] == contact["Id"]

    def check_person(self, account: Row) -> None:
        contact = self.org.get("Contact", str(account["PersonContactId"]))
        assert contact is not None
        assert (contact["Name"], contact.get("Email")) == (account["Name"], account.get("PersonEmail"))
        assert contact["AccountId"] == account["Id"]


@pytest.mark.timeout(120)
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_invariants_hold_after_any_history(steps: list[tuple[int, int, int]]) -> None:
    history = History()
    for fields in ({"Name": "A"}, {"Name": "B"}, {"LastName": "P"}, {"LastName": "Q"}):
        made = history.write("create", "Account", None, **fields)
        assert made is not None
        history.accounts.append(made)
    for step in steps:
        history.step(*step)
        history.check()
