"""Fills a new org with the sample data and the generated records that its configuration asks for."""

from __future__ import annotations

from sandbox.org.generate import Generation
from sandbox.org.store import Org


def seed(org: Org) -> None:
    """Load accounts first, so that contacts can point at them."""
    config = org.config
    generation = Generation(config.seed)
    account_ids = org.load("Account", generation.accounts(config.accounts))
    contacts = (
        row if index is None else row | {"AccountId": account_ids[index]}
        for row, index in generation.contacts(config.contacts)
    )
    org.load("Contact", contacts)
    org.load("Lead", generation.leads(config.leads))
