"""Fills a new org with the sample data and the generated records that its configuration asks for."""

from __future__ import annotations

from sandbox.org.generate import generate
from sandbox.org.store import Org


def seed(org: Org) -> None:
    """Load accounts first, so that contacts can point at them."""
    config = org.config
    data = generate(config.seed, config.contacts, config.leads, config.accounts)
    account_ids = org.load("Account", data.accounts)
    contacts = (
        row if index is None else row | {"AccountId": account_ids[index]}
        for row, index in zip(data.contacts, data.contact_accounts, strict=True)
    )
    org.load("Contact", contacts)
    org.load("Lead", data.leads)
