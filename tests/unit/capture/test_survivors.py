"""The org is asked about deleted records together, and its answer is published as the deletion once more."""

from __future__ import annotations

from schemas.documents import LastKnown, Record
from schemas.events import Change, Version
from tests.support.waiting import until
from workers.core.merge import merge
from workers.core.survivors import NOT_MERGED
from workers.ports import Refused, Unavailable

from .capture_rig import Rig, record_id

JOE, ANN, BOB = record_id(1), record_id(2), record_id(3)
ACME, BETA = record_id(1, "001"), record_id(2, "001")


def deleted(of: str, at: int = 5) -> Record:
    return Record(
        team="acme",
        record_id=of,
        entity="account" if of.startswith("001") else "contact",
        full_version=Version(at, 1, 1),
        last_known=LastKnown(value="joe@acme.com", version=Version(1, 0, 0)),
    )


def merged_in_org(rig: Rig, loser: str, survivor: str) -> None:
    entity = deleted(loser).entity
    row = {"Id": loser, "IsDeleted": True, "MasterRecordId": survivor, "SystemModstamp": "2023-11-14T22:13:21.000Z"}
    rig.org.recycle_bin[entity][loser] = row


async def noticed(rig: Rig, *records: Record) -> None:
    assert not await rig.store.records.swap(records)


def answers(rig: Rig) -> dict[str, Change]:
    return {change.record_id: change for change in rig.published("delete") if change.survivor is not None}


def questions(rig: Rig) -> list[str]:
    return [soql for soql in rig.org.queries if soql.startswith("SELECT Id, MasterRecordId")]


async def test_one_call_asks_about_all_that_came_together() -> None:
    rig = Rig()
    merged_in_org(rig, JOE, ANN)
    merged_in_org(rig, ACME, BETA)
    await noticed(rig, deleted(JOE), deleted(BOB), deleted(ACME))
    await rig.connect()
    async with rig.running():
        await until(lambda: len(answers(rig)) == 3)
    assert {of: change.survivor for of, change in answers(rig).items()} == {JOE: ANN, BOB: NOT_MERGED, ACME: BETA}
    of_contacts, of_accounts = questions(rig)[:2]
    assert of_contacts.endswith(f"FROM Contact WHERE IsDeleted = true AND Id IN ('{JOE}','{BOB}')")
    assert of_accounts.endswith(f"FROM Account WHERE IsDeleted = true AND Id IN ('{ACME}')")


async def test_the_answer_is_about_the_deletion_that_counts() -> None:
    rig, record = Rig(), deleted(JOE, at=7)
    merged_in_org(rig, JOE, ANN)
    await noticed(rig, record)
    await rig.connect()
    async with rig.running():
        await until(lambda: bool(answers(rig)))
    told = merge(record, answers(rig)[JOE])
    assert (told.survivor, told.full_version) == (ANN, record.full_version)
    back = Change(
        team="acme", entity="contact", record_id=JOE, kind="undelete", version=Version(8, 1, 1), captured_at_ms=8
    )
    assert merge(merge(record, back), answers(rig)[JOE]).alive


async def test_nobody_is_asked_while_no_call_is_left() -> None:
    rig = Rig()
    merged_in_org(rig, JOE, ANN)
    rig.org.calls_left = 0
    await noticed(rig, deleted(JOE))
    await rig.connect()
    async with rig.running():
        looked = rig.looked(50)
        await until(looked)
        assert questions(rig) == []
        rig.org.calls_left = 1_000
        await until(lambda: bool(answers(rig)))


async def test_what_fails_is_asked_again() -> None:
    rig = Rig()
    merged_in_org(rig, JOE, ANN)
    rig.org.failures["query"] = [Unavailable("busy"), Refused("INVALID_FIELD: No such column 'MasterRecordId'")]
    await noticed(rig, deleted(JOE))
    await rig.connect()
    async with rig.running():
        await until(lambda: bool(answers(rig)))
    assert not rig.org.failures["query"]


async def test_an_entity_that_is_not_to_be_read_does_not_hold_up_the_others() -> None:
    rig = Rig()
    merged_in_org(rig, ACME, BETA)
    rig.org.unreadable.add("contact")
    await noticed(rig, deleted(JOE), deleted(ACME))
    await rig.connect()
    async with rig.running():
        await until(lambda: ACME in answers(rig))
    assert JOE not in answers(rig)
