"""What evaluation needs to know beyond the records themselves, as the store has it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from schemas.documents import Reason, Record
from workers.core.conversion import other_side, stands_for
from workers.core.evaluation import CompiledRuleSet, Related, account_fields
from workers.core.survivors import folded
from workers.ports import Store

Key = tuple[str, str]
"""(team, record id)."""

ALONE = Related()
"""Nearly every record."""


class Relations:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, records: Mapping[Key, Record], rules: Mapping[str, CompiledRuleSet]) -> dict[Key, Related]:
        """Two queries: which accounts are followed, and the records that others are evaluated with: accounts of
        contacts whose rules read them, the other side of a conversion, and what was merged into a contact. One more for
        the leads of these."""
        followed = await self._followed(records)
        accounts = {
            key: account
            for key, record in records.items()
            if rules[key[0]].account_fields and (account := account_of(record)) is not None
        }
        across = {
            key: [(key[0], each) for each in others]
            for key, record in records.items()
            if (others := other_side(record))
        }
        heirs = {key: record for key, record in records.items() if _takes_over(record)}
        merged = {key: [(key[0], each) for each in record.losers] for key, record in heirs.items()}
        near = await self._load({*accounts.values(), *_all(across), *_all(merged)})
        leads = {key: _leads(record, _known(near, merged[key])) for key, record in heirs.items()}
        near |= await self._load(set(_all(leads)) - near.keys())
        related = {
            key: Related(
                has_imported_contacts=key in followed,
                account=account_fields(near.get(accounts[key]), rules[key[0]]) if key in accounts else {},
                leads=tuple(lead_id for _, lead_id in leads.get(key, ())),
                carried=_carried(_known(near, leads.get(key, ()))),
                taken_over=any(stands_for(near.get(contact), records[key]) for contact in across.get(key, ())),
            )
            for key in followed | accounts.keys() | across.keys() | heirs.keys()
        }
        return dict.fromkeys(records, ALONE) | related

    async def _load(self, keys: Collection[Key]) -> dict[Key, Record]:
        return await self._store.records.load(keys) if keys else {}

    async def _followed(self, records: Mapping[Key, Record]) -> set[Key]:
        """The accounts among the records that imported contacts point at."""
        accounts = [key for key, record in records.items() if record.entity == "account" and record.alive]
        return await self._store.record_queries.with_imported_contacts(accounts) if accounts else set()

    async def missed(
        self,
        keys: Iterable[Key],
        records: Mapping[Key, Record],
        stored: Mapping[Key, Record],
        known: Mapping[Key, Related],
        rules: Mapping[str, CompiledRuleSet],
    ) -> set[Key]:
        """Of records just written, those whose neighbours changed before the write, when a command about it found no
        record yet: new accounts that contacts joined or left, contacts whose account changed while they joined it."""
        joined = {key: records[key] for key in keys if _joins(records[key], stored.get(key))}
        if not joined:
            return set()
        now = await self.of(joined, rules)
        return {key for key in joined if now[key] != known[key]}


def _all(keys: Mapping[Key, Iterable[Key]]) -> Iterator[Key]:
    return chain.from_iterable(keys.values())


def _known(near: Mapping[Key, Record], keys: Iterable[Key]) -> list[Record]:
    return [near[key] for key in keys if key in near]


def _takes_over(record: Record) -> bool:
    return record.entity == "contact" and record.alive and bool(record.leads or record.losers)


def _leads(record: Record, losers: Sequence[Record]) -> list[Key]:
    """Of a contact: its own, and those of the contacts that are merged into it."""
    converted = (other_side(record), *(loser.leads for loser in folded(record, losers)))
    return [(record.team, each) for each in dict.fromkeys(chain.from_iterable(converted))]


def _carried(leads: Iterable[Record]) -> tuple[Reason, ...]:
    return tuple(reason for lead in leads for reason in lead.held_at_conversion)


def _joins(record: Record, stored: Record | None) -> bool:
    return stored is None or (record.entity == "contact" and account_of(record) != account_of(stored))


def account_of(record: Record) -> Key | None:
    """The account of a contact."""
    account_id = record.fields.get("AccountId") if record.entity == "contact" else None
    return (record.team, account_id) if isinstance(account_id, str) else None
