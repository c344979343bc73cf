"""How long deleted records are kept, and what undeleting does."""

from __future__ import annotations

from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Operation
from sandbox.org.store.org import Actor, Org, Row, RowResult, Write

_DAY_SECONDS = 86_400


def write(org: Org, operation: Operation, record_id: str, name: str = "Account") -> RowResult:
    return org.commit([Write(operation, name, record_id, {})], Actor(org.admin_user_id, ""))[0]


def made(org: Org, object_name: str, **fields: object) -> str:
    (result,) = org.commit([Write("create", object_name, None, fields)], Actor(org.admin_user_id, ""))
    assert result.record_id is not None, result.errors
    return result.record_id


def deleted(org: Org, name: str = "Account") -> list[object]:
    return [row["Id"] for row in org.rows(name, deleted=True) if row.get("IsDeleted")]


def test_the_bin_forgets_after_fifteen_days() -> None:
    org = Org(OrgConfig())
    old, young = made(org, "Account", Name="Old"), made(org, "Account", Name="Young")
    write(org, "delete", old)
    org.clock.advance(10 * _DAY_SECONDS)
    write(org, "delete", young)
    org.clock.advance(6 * _DAY_SECONDS)

    assert deleted(org) == [young]
    assert write(org, "undelete", old).errors[0].status_code == "UNDELETE_FAILED"
    assert write(org, "undelete", young).success


def test_the_oldest_go_when_there_are_too_many() -> None:
    org = Org(OrgConfig(recycle_bin_max_records=2))
    ids = [made(org, "Lead", LastName="L", Company="C") for _ in range(2)] + [made(org, "Account", Name="A")]
    for record_id in ids:
        write(org, "delete", record_id, "Account" if record_id == ids[-1] else "Lead")
        org.clock.advance(100)

    assert (deleted(org, "Lead"), deleted(org)) == ([ids[1]], [ids[2]])


def test_undeleting_a_parent_brings_back_what_went_with_it_and_nothing_else() -> None:
    org = Org(OrgConfig())
    account = made(org, "Account", Name="A")
    before, with_it = (made(org, "Contact", LastName=name, AccountId=account) for name in ("Before", "With"))
    deal: Row = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2030-01-01", "AccountId": account}
    opportunity = made(org, "Opportunity", **deal)
    write(org, "delete", before, "Contact")
    org.clock.advance(10)
    write(org, "delete", account)
    assert write(org, "undelete", account).success

    assert org.get("Contact", with_it) is not None
    assert org.get("Opportunity", opportunity) is not None
    assert org.get("Contact", before) is None


def test_what_is_live_cannot_be_undeleted() -> None:
    org = Org(OrgConfig())
    assert write(org, "undelete", made(org, "Account", Name="A")).errors[0].status_code == "UNDELETE_FAILED"
