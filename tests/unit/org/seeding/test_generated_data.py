"""The seeded data: totals, determinism, and that the promised dirt is there."""

from __future__ import annotations

from collections import Counter

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.seeding import samples
from sandbox.org.seeding.fill import seed
from sandbox.org.seeding.generate import Dataset, generate
from sandbox.org.store.org import Org


@pytest.fixture(scope="module")
def data() -> Dataset:
    return generate(7, contacts=2000, leads=500, accounts=300)


def test_totals_include_the_samples(data: Dataset) -> None:
    assert (len(data.contacts), len(data.leads), len(data.accounts)) == (2000, 500, 300)
    assert data.accounts[:13] == samples.accounts()
    assert data.leads[:22] == samples.leads()


@pytest.mark.parametrize(("asked", "got"), [(0, (0, 0, 0)), (1, (20, 22, 13))])
def test_small_totals(asked: int, got: tuple[int, int, int]) -> None:
    small = generate(1, asked, asked, asked)
    assert (len(small.contacts), len(small.leads), len(small.accounts)) == got


def test_the_seed_decides(data: Dataset) -> None:
    assert generate(7, contacts=2000, leads=500, accounts=300) == data
    assert generate(8, contacts=2000, leads=500, accounts=300) != data


def test_dirt(data: Dataset) -> None:
    contact_emails = [str(row["Email"]) for row in data.contacts if "Email" in row]
    lead_emails = {str(row["Email"]).lower() for row in data.leads if "Email" in row}
    websites = [str(row["Website"]) for row in data.accounts if "Website" in row]
    assert 0.02 < 1 - len(contact_emails) / 2000 < 0.08
    assert 0.02 < 1 - len(websites) / 300 < 0.12
    assert any(email.isupper() for email in contact_emails)
    assert len({email.lower() for email in contact_emails}) < len(contact_emails)
    assert lead_emails & {email.lower() for email in contact_emails}
    for part in ("http://www.", "/en/about", "HTTPS://", "  https://", ":8080"):
        assert any(part in website for website in websites), part
    assert max(Counter(index for index in data.contact_accounts if index is not None).values()) > 5
    assert None in data.contact_accounts
    assert any(not str(row["LastName"]).isascii() for row in data.contacts)
    titles = {str(row.get("Title")) for row in data.contacts}
    assert {"$100 off", "$$ROOT", "a.b.c"} <= titles
    assert any("\n" in str(row.get("Description")) for row in data.contacts)
    assert any(row["Company"] in {"[not provided]", "-"} for row in data.leads)


@pytest.mark.parametrize("object_name", ["Account", "Contact", "Lead"])
def test_every_row_could_have_been_written_through_the_api(object_name: str) -> None:
    source = Org(OrgConfig(contacts=300, leads=300, accounts=300, seed=5))
    seed(source)
    org = Org(OrgConfig())
    system = {"Id", "OwnerId", "IsDeleted", "Name", "AccountId", "CreatedDate", "CreatedById", "IsEmailBounced"}
    system |= {"LastModifiedDate", "LastModifiedById", "SystemModstamp"}
    writes: list[Write] = []
    for row in source.rows(object_name):
        fields = {
            key: value for key, value in row.items() if key not in system or (key, object_name) == ("Name", "Account")
        }
        writes.append(Write("create", object_name, None, fields))
    results = org.commit(writes, Actor(org.admin_user_id, "rest"))
    assert [error for result in results for error in result.errors] == []
    stored = list(org.rows(object_name))
    wrong = [
        (name, value, row.get(name))
        for row, write in zip(stored, writes, strict=True)
        for name, value in write.fields.items()
        if row.get(name) != value
    ]
    assert wrong == []
