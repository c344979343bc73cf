"""Fills a new org with the sample data and the generated records that its configuration asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sandbox.org.seeding.generate import Generation
from sandbox.org.store.org import Org, Row

#: Told now and then which object is loaded, and how many of its records are.
Progress = Callable[[str, int], None]
_TOLD_EVERY_ROWS = 1_000


def seed(org: Org, progress: Progress | None = None) -> None:
    """Load accounts first, so that contacts can point at them."""
    config = org.config
    generation = Generation(config.seed)
    account_ids = _load(org, "Account", generation.accounts(config.accounts), progress)
    contacts = (
        row if index is None else row | {"AccountId": account_ids[index]}
        for row, index in generation.contacts(config.contacts)
    )
    _load(org, "Contact", contacts, progress)
    _load(org, "Lead", generation.leads(config.leads), progress)
    for roll_up in org.rules.roll_ups:
        org.recalculate(roll_up)


def _load(org: Org, object_name: str, rows: Iterable[Row], progress: Progress | None) -> list[str]:
    ids = org.load(object_name, rows if progress is None else _told(object_name, rows, progress))
    if progress is not None:
        progress(object_name, len(ids))
    return ids


def _told(object_name: str, rows: Iterable[Row], progress: Progress) -> Iterator[Row]:
    for loaded, row in enumerate(rows):
        if loaded % _TOLD_EVERY_ROWS == 0:
            progress(object_name, loaded)
        yield row
