"""The simulated org: records in memory, one transaction at a time, every commit announced and recorded."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sandbox.org.automation.rollups import RollUp
from sandbox.org.automation.rulebook import Rulebook
from sandbox.org.config import OrgConfig
from sandbox.org.events.change_events import Commit, EventRules, change_events, wildcard_event
from sandbox.org.events.channels import FilterSource, members_by_entity
from sandbox.org.events.log import EventLog
from sandbox.org.faults.bayeux_errors import completed
from sandbox.org.faults.plan import FaultPlan, FaultSpec, PlannedFault
from sandbox.org.ledger.ledger import Ledger, LedgerEntry
from sandbox.org.metadata.objects import Catalogue, FieldType, ObjectType, record_name
from sandbox.org.metadata.record_types import RecordTypes
from sandbox.org.rows.tables import Snapshot, Table
from sandbox.org.rows.writes import Actor, Change, Row, RowError, RowResult, Write
from sandbox.org.store import people
from sandbox.org.store.clock import OrgClock
from sandbox.org.store.publication import Publication, Publisher
from sandbox.org.store.setup import catalogue_of, declare_field, load_setup
from sandbox.org.store.sharing import UserView
from sandbox.org.transactions.recycle_bin import RecycleBin
from sandbox.org.transactions.saving import OrgRules
from sandbox.org.transactions.transaction import Transaction
from sandbox.org.transactions.unit_of_work import UnitOfWork
from sandbox.org.users.permissions import ACCESS_OBJECTS, AccessTable
from sandbox.org.users.recent import RecentlyViewed
from sandbox.org.values.ids import IdSequence, to_18
from sandbox.org.values.timestamps import rest_datetime

__all__ = ["Actor", "Org", "Row", "RowError", "RowResult", "Write"]

# More than the window in which JWT assertions are taken (three minutes), so that it is noticed.
_DEFAULT_SKEW_SECONDS = 600.0
_ROLLED_BACK = RowError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)


class Org:
    """Records, event log and ledger of one org.

    Rows are sparse: a field that is null is absent.
    """

    def __init__(self, config: OrgConfig, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self.clock = OrgClock(clock)
        self._rng = random.Random(config.seed)
        self.ids = IdSequence(self._rng)
        self.catalogue: Catalogue = catalogue_of(config)
        self._tables = {name: Table() for name in self.catalogue.types}
        self.recycle_bin = RecycleBin(self._tables, self.clock, config.recycle_bin_days, config.recycle_bin_max_records)
        self.rules = OrgRules(
            Rulebook(self.catalogue),
            record_types=RecordTypes(lambda: self.rows("RecordType")),
            hard_deletes_announced=config.hard_delete_announces,
        )
        self.access = AccessTable(self.rows)
        self.recent = RecentlyViewed(self.clock)
        #: Records that are not for everybody: by id, whether somebody who is one of these users and groups sees it.
        self.audiences: dict[str, Callable[[frozenset[str]], bool]] = {}
        self._unit: UnitOfWork | None = None
        for full_name, metadata in config.custom_fields:
            declare_field(self, full_name, metadata)
        self.events = EventLog(
            config.cdc_entities, config.retention_seconds, self._rng, self.clock, config.events_in_memory
        )
        self.ledger = Ledger(config.ledger_entries_in_memory)
        self.faults = FaultPlan(config.seed, self._record_fault)
        for fault in config.faults:
            self.plan(fault)
        self._rules = _event_rules(config)
        self.publisher = self._publisher()
        #: Called after every commit that published events, with the channels that have new ones.
        self.on_events: list[Callable[[frozenset[str]], None]] = []
        #: Called after the org moved to another instance.
        self.on_migrated: list[Callable[[], object]] = []
        #: Calls back after so many seconds; events that faults hold back for a time need it.
        self.call_later: Callable[[float, Callable[[], object]], object] | None = None
        self._commit_number = 0
        self._commit_numbers_from = 0
        self._second = 0
        self.organization_id = self.ids.take("00D")
        self.admin_user_id = self.ids.take("005")
        people.load(self)
        load_setup(self)

    def view(self, user_id: str) -> UserView:
        """The org as that user sees it now."""
        return UserView(self, self.access.of(user_id))

    def objects(self) -> Mapping[str, ObjectType]:
        return self.catalogue.types

    def find_object(self, name: str) -> ObjectType | None:
        """The object type of that name in any letter case."""
        return self.catalogue.find(name)

    def get(self, object_name: str, record_id: str, *, deleted: bool = False) -> Row | None:
        """The row of an 18-character id; with ``deleted`` also when it lies in the recycle bin."""
        table = self._tables[object_name]
        row = table.live.get(record_id)
        if row is not None or not deleted:
            return row
        self.recycle_bin.sweep()
        return table.deleted.get(record_id)

    def rows(self, object_name: str, *, deleted: bool = False) -> Snapshot:
        """A snapshot of the live rows, followed by those of the recycle bin if asked."""
        table = self._tables[object_name]
        live = table.live.snapshot()
        if not deleted:
            return live
        self.recycle_bin.sweep()
        return live + table.deleted.snapshot()

    def rows_with(self, object_name: str, field_name: str, value: object) -> list[Row]:
        """The live rows with a value, in any letter case; by an index, which the first question makes."""
        live = self._tables[object_name].live
        return [live[record_id] for record_id in live.ids_with(field_name, value)]

    def viewed_at(self, _object_name: str, _record_id: str) -> str | None:
        """The org itself views nothing."""
        return None

    def count(self, object_name: str, *, deleted: bool = False) -> int:
        """How many rows are live, or how many lie in the recycle bin."""
        table = self._tables[object_name]
        return len(table.deleted if deleted else table.live)

    def commit(
        self, writes: Sequence[Write | RowResult], actor: Actor, *, all_or_none: bool = False
    ) -> list[RowResult]:
        """Write the rows in one transaction; refused rows are left out, or with ``all_or_none`` undo the others.

        A result in the place of a write is that of a row which was refused before it came here.
        """
        transaction = self.begin(actor)
        results = [one if isinstance(one, RowResult) else self._locked(one) or transaction.apply(one) for one in writes]
        if all_or_none and not all(result.success for result in results):
            return [_rolled_back(result) if result.success else result for result in results]
        self.install(transaction)
        return results

    def begin(self, actor: Actor) -> Transaction:
        """A transaction of this second; nobody sees it before ``install``."""
        if not self.faults.idle:
            self._disturb(actor)
        self._tick()
        self.recycle_bin.sweep()
        return Transaction(
            self.catalogue,
            self._tables,
            self.ids.take,
            actor,
            rest_datetime(self._second),
            rules=self.rules,
            # What is done in Salesforce's own pages has no API name; here it is done by the platform.
            view=self.view(actor.user_id) if actor.api else None,
        )

    def install(self, transaction: Transaction) -> None:
        """Make the changes visible, publish their events and record them; a transaction without changes is nothing."""
        transaction.finish()
        if transaction.changes:
            self._install(transaction.changes, transaction.actor)

    def _locked(self, write: Write) -> RowResult | None:
        """The refusal of a row that somebody else has locked, as a planned fault has it."""
        if self.faults.idle or write.record_id is None:
            return None
        occasion = {"object": write.object_name, "operation": write.operation, "record_id": write.record_id}
        if self.faults.take("row-lock", **occasion) is None:
            return None
        message = f"unable to obtain exclusive access to this record or 1 records: {write.record_id}"
        error = RowError("UNABLE_TO_LOCK_ROW", message)
        return RowResult(write.record_id, success=False, created=False, errors=(error,))

    def _disturb(self, actor: Actor) -> None:
        """Faults that a transaction meets before it begins."""
        skew = self.faults.take("clock-skew", user=actor.user_id, api=actor.api)
        if skew is not None:
            self.clock.advance(skew.seconds(_DEFAULT_SKEW_SECONDS))
        if self.faults.take("org-migration", user=actor.user_id, api=actor.api) is not None:
            self.migrate()

    def plan(self, fault: FaultSpec) -> PlannedFault:
        """Plan a fault. ValueError when its settings make no sense."""
        return self.faults.add(completed(fault) if fault.kind == "bayeux-error" else fault)

    def migrate(self) -> None:
        """Move to another instance: retained events are gone, replay ids and commit numbers start again."""
        self.events.restart()
        self._commit_numbers_from = int(self.clock() * 1e9) - self._rng.randint(10**12, 10**13)
        self._commit_number = 0
        for tell in self.on_migrated:
            tell()

    def release_events(self) -> int:
        """Publish the events that faults hold back; how many there were."""
        released = self.publisher.release()
        self._announce()
        return released

    def release_due(self) -> None:
        """Publish the events that were held back until now, and come back for the next ones."""
        self.publisher.release_due()
        self._announce()
        self._schedule_release()

    def _schedule_release(self) -> None:
        due_seconds = self.publisher.next_due_seconds
        if due_seconds is not None and self.call_later is not None and self.clock.rate > 0:
            self.call_later(max(due_seconds - self.clock(), 0.0) / self.clock.rate, self.release_due)

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        """Commits inside the block count as one transaction, which is announced at its end or undone if it failed."""
        unit = self._unit = UnitOfWork(self._tables)
        try:
            yield unit
        except BaseException:
            unit.fail()
            raise
        finally:
            self._unit = None
            if unit.failed:
                unit.undo()
                self.access.forget()
        if unit.changes and unit.actor is not None and not unit.failed:
            self._install(unit.changes, unit.actor)

    def load(self, object_name: str, rows: Iterable[Row], *, told_to_ledger: bool = True) -> list[str]:
        """Put rows in without checks, events or triggers, as an org has them before anybody connects.

        A row may bring its own ``Id`` and audit fields. ValueError for a field that the object does not have.
        """
        self._tick()
        object_type = self.catalogue.types[object_name]
        commit = self._new_commit(self.admin_user_id, origin="")
        defaults = self._defaults(object_type)
        ids = [self._load_row(object_type, defaults, row) for row in rows]
        if object_name in ACCESS_OBJECTS:
            self.access.forget()
        if told_to_ledger:
            self.ledger.append_seeds(object_name, commit, self._tables[object_name].live.snapshot(ids))
        return ids

    def _load_row(self, object_type: ObjectType, defaults: Row, given: Row) -> str:
        unknown = given.keys() - object_type.by_name.keys()
        if unknown:
            raise ValueError(f"{object_type.name} has no field {', '.join(sorted(unknown))}")
        record_id = to_18(str(given["Id"])) if "Id" in given else self.ids.take(object_type.key_prefix)
        row = defaults | {name: value for name, value in given.items() if value is not None}
        row["Id"] = record_id
        if object_type.has_person_name or object_type.name == "User":
            row["Name"] = record_name(row)
        self._tables[object_type.name].live[record_id] = row
        return record_id

    def recalculate(self, roll_up: RollUp) -> None:
        """Bring a roll-up summary of all parents up to date, without events, as a mass recalculation does."""
        transaction = self.begin(Actor(self.admin_user_id, ""))
        for change in transaction.recalculated(roll_up):
            self._put(change)

    def lose_values(self, object_type: ObjectType, field: FieldType) -> None:
        """Clear a field of all records; one event with a wildcard for ids tells it (CDC guide, ``recordIds``)."""
        for table in (self._tables[object_type.name].live, self._tables[object_type.name].deleted):
            for record_id in table.ids_having(field.name):
                table[record_id] = {name: value for name, value in table[record_id].items() if name != field.name}
        self._tick()
        commit = self._new_commit(self.admin_user_id, origin="")
        if object_type.name in self._rules.entities:
            self.publisher.publish(wildcard_event(commit, object_type, field, self._rng), [])
            self._announce()

    def _defaults(self, object_type: ObjectType) -> Row:
        now = rest_datetime(self._second)
        values: Row = {
            **object_type.defaults,
            "OwnerId": self.admin_user_id,
            "CreatedDate": now,
            "CreatedById": self.admin_user_id,
            "LastModifiedDate": now,
            "LastModifiedById": self.admin_user_id,
            "SystemModstamp": now,
        }
        return {name: value for name, value in values.items() if name in object_type.by_name}

    def _install(self, changes: Sequence[Change], actor: Actor) -> None:
        if self._unit is not None:
            self._unit.stage(changes, actor)
        for change in changes:
            self._put(change)
        if self._unit is not None:
            return
        commit = self._new_commit(actor.user_id, actor.change_origin)
        published = self._publish(commit, changes)
        for change in changes:
            self._record(change, commit, actor, published.get(change.record_id) or published.get(change.object_name))
        self._announce()
        if self.publisher.held:
            self._schedule_release()

    def _announce(self) -> None:
        channels = self.publisher.drain_touched()
        if channels:
            for notify in self.on_events:
                notify(channels)

    def _put(self, change: Change) -> None:
        if change.object_name in ACCESS_OBJECTS:
            self.access.forget()
        table = self._tables[change.object_name]
        lives = change.operation not in {"delete", "hard_delete"}
        kept, gone = (table.live, table.deleted) if lives else (table.deleted, table.live)
        gone.pop(change.record_id, None)
        if change.operation == "hard_delete":
            kept.pop(change.record_id, None)
        else:
            kept[change.record_id] = change.after

    def _publish(self, commit: Commit, changes: Sequence[Change]) -> dict[str, Publication]:
        """What was published, by record id; an overflow, which names no record, by object."""
        after = {change.record_id: change.after for change in changes}
        published: dict[str, Publication] = {}
        for event in change_events(commit, changes, self.catalogue, self._rules, self._rng):
            rows = [after[record_id] for record_id in event.record_ids]
            publication = self.publisher.publish(event, rows)
            if publication is not None:
                published.update(dict.fromkeys(event.record_ids or (event.entity,), publication))
        return published

    def _record(self, change: Change, commit: Commit, actor: Actor, told: Publication | None) -> None:
        self.ledger.append(
            LedgerEntry(
                number=len(self.ledger) + 1,
                kind="commit",
                commit_number=commit.number,
                commit_timestamp_ms=commit.timestamp_ms,
                committed_at_ms=commit.committed_at_ms,
                transaction_key=commit.transaction_key,
                operation=change.operation,
                object_name=change.object_name,
                record_id=change.record_id,
                changed=change.changed,
                after=change.after,
                actor=actor,
                replay_id=None if told is None else told.replay_id,
                channels=() if told is None else told.channels,
                change_type=None if told is None else told.event.change_type,
            )
        )

    def _record_fault(self, fault: str, detail: Mapping[str, object]) -> None:
        self.ledger.append_fault(fault, round(self.clock() * 1000, 3), detail)

    def _publisher(self) -> Publisher:
        channels = self.config.custom_channels
        self.events.add_channels(channel.path for channel in channels)
        members = members_by_entity(channels, FilterSource(self.catalogue.types, self.clock, self.config))
        return Publisher(self.events, members, self.faults, self.ledger, self.clock)

    def _tick(self) -> None:
        """Stamps never go back, even when the clock does."""
        self._second = max(self._second, math.floor(self.clock()))

    def _new_commit(self, user_id: str, origin: str) -> Commit:
        return Commit(
            number=self._next_commit_number(),
            timestamp_ms=self._second * 1000,
            committed_at_ms=round(self.clock() * 1000, 3),
            transaction_key=self._transaction_key(),
            user_id=user_id,
            origin=origin,
        )

    def _next_commit_number(self) -> int:
        """Captured commit numbers have 19 digits and run with the clock in nanoseconds."""
        by_clock = int(self.clock() * 1e9) - self._commit_numbers_from
        self._commit_number = max(self._commit_number + self._rng.randint(1, 9), by_clock)
        return self._commit_number

    def _transaction_key(self) -> str:
        text = f"{self._rng.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _event_rules(config: OrgConfig) -> EventRules:
    """Membership in a custom channel selects an object, as it does in Salesforce."""
    members = (member.entity for channel in config.custom_channels for member in channel.members)
    return EventRules(
        entities=tuple(dict.fromkeys([*config.cdc_entities, *members])),
        max_bytes=config.event_max_bytes,
        overflow_changes=config.overflow_changes,
        long_text_as_diff=config.long_text_as_diff,
        merge_deletes=config.merge_deletes_share_event,
    )


def _rolled_back(result: RowResult) -> RowResult:
    # `created` stays as it would have been (jsforce's tests against a real org).
    return replace(result, record_id=None, success=False, errors=(_ROLLED_BACK,))
