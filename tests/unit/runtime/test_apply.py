"""What changes and commands do to people, accounts and segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from schemas.documents import Member, Record
from schemas.events import Change
from tests.support.clock import SetClock
from workers.adapters.memory.publisher import MemoryPublisher
from workers.ports import Documents, Unavailable
from workers.runtime.apply import ROUNDS, Applier

from .crm import ACME, ANN, BETA, JOE, JOES_LEAD, change, command, rule
from .routed import Routed, assert_nothing_is_owed, documents, heard, memberships, routed


async def member(members: Documents[Member], key: str) -> Member:
    return (await members.load([("acme", key)]))["acme", key]


# --- people ----------------------------------------------------------------------------------------------------------


async def test_a_contact_in_a_list_becomes_a_person_in_its_segment() -> None:
    acme = await routed()
    applied = await acme.apply(change(JOE, "create", 1, Email="Joe@Acme.com", City="Oslo", Title="VP", Phone="1"))
    person = await member(acme.store.people, "joe@acme.com")
    assert (person.fields, person.segments) == ({"email": "joe@acme.com", "title": "VP"}, ("north",))
    assert (applied.read, applied.records_changed, applied.people_changed, applied.memberships) == (1, 1, 1, 1)
    assert acme.told() == [("entered", "north", "joe@acme.com")]
    assert_nothing_is_owed(acme.store)


async def test_a_contact_in_no_list_is_kept_and_not_imported() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Rome"))
    joe = await acme.record(JOE)
    assert (joe.imported, joe.skip and joe.skip.reason, acme.people()) == (False, "not_in_any_list", {})


async def test_a_team_without_rules_imports_nothing() -> None:
    acme = Routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    assert (acme.people(), (await acme.record(JOE)).rule_set_version) == ({}, 0)


@pytest.mark.parametrize("email", [None, "not an address"])
async def test_a_contact_whose_email_is_taken_away_leaves(email: str | None) -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await acme.apply(change(JOE, "update", 2, Email=email))
    assert acme.people() == {}
    assert acme.told() == [("entered", "north", "joe@acme.com"), ("left", "north", "joe@acme.com")]


async def test_a_contact_that_leaves_one_list_for_another_changes_segments() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await acme.apply(change(JOE, "update", 2, City="Bergen"))
    assert acme.people() == {"joe@acme.com": ("west",)}
    assert acme.told()[1:] == [("entered", "west", "joe@acme.com"), ("left", "north", "joe@acme.com")]


async def test_a_contact_that_leaves_its_only_list_is_withdrawn() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await acme.apply(change(JOE, "update", 2, City="Rome"))
    person = await member(acme.store.people, "joe@acme.com")
    assert (person.alive, person.fields, person.segments) == (False, {}, ())
    assert person.contributions[JOE].gone


async def test_what_is_not_about_the_lists_is_not_announced() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    applied = await acme.apply(change(JOE, "update", 2, Title="CEO"))
    assert (await member(acme.store.people, "joe@acme.com")).fields["title"] == "CEO"
    assert (applied.people_changed, applied.memberships) == (1, 0)


async def test_a_new_email_moves_the_person() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await acme.apply(change(JOE, "update", 2, Email="joe@beta.com"))
    assert acme.people() == {"joe@beta.com": ("north",)}
    assert heard(acme.publisher.published_memberships) == {("acme", "north", "joe@beta.com")}


async def test_an_email_that_comes_back_brings_the_person_back() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await acme.apply(change(JOE, "update", 2, Email="joe@beta.com"))
    await acme.apply(change(JOE, "update", 3, Email="joe@acme.com"))
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_a_person_stays_until_the_last_record_has_gone() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Bergen"))
    await acme.apply(change(JOES_LEAD, "create", 2, Email="JOE@acme.com", City="Oslo"))
    assert acme.people() == {"joe@acme.com": ("north", "west")}
    await acme.apply(change(JOE, "delete", 3))
    assert acme.people() == {"joe@acme.com": ("north",)}
    await acme.apply(change(JOES_LEAD, "delete", 4))
    assert acme.people() == {}


async def test_the_source_that_changed_last_wins() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo", Title="VP"))
    await acme.apply(change(JOES_LEAD, "create", 3, Email="joe@acme.com", City="Oslo", Title="CEO"))
    await acme.apply(change(JOE, "update", 2, Title="CTO"))
    assert (await member(acme.store.people, "joe@acme.com")).fields["title"] == "CEO"


async def test_a_deleted_contact_leaves_and_an_undeleted_one_comes_back() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await acme.apply(change(JOE, "delete", 2))
    assert acme.people() == {}
    await acme.apply(change(JOE, "undelete", 3, Email="joe@acme.com", City="Oslo"))
    assert acme.people() == {"joe@acme.com": ("north",)}
    assert [kind for kind, *_ in acme.told()] == ["entered", "left", "entered"]


async def test_a_late_update_does_not_bring_a_deleted_contact_back() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "delete", 5))
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    assert acme.people() == {}


async def test_changes_of_one_record_in_a_batch_are_one_write() -> None:
    acme = await routed()
    applied = await acme.apply(
        change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"),
        change(JOE, "update", 2, City="Bergen"),
        change(JOE, "update", 3, Title="VP"),
    )
    assert ((await acme.record(JOE)).rev, applied.records_changed) == (1, 1)
    assert acme.told() == [("entered", "west", "joe@acme.com")]


async def test_two_people_of_one_batch_who_share_an_address_are_one() -> None:
    acme = await routed()
    applied = await acme.apply(
        change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"),
        change(ANN, "create", 2, Email="joe@acme.com", City="Bergen"),
    )
    assert (acme.people(), applied.people_changed) == ({"joe@acme.com": ("north", "west")}, 1)


async def test_the_same_batch_again_changes_nothing() -> None:
    acme = await routed()
    batch = (
        change(JOE, "create", 1, Email="joe@acme.com", City="Oslo", AccountId=ACME),
        change(ACME, "create", 1, Website="acme.com", City="Oslo"),
        change(JOES_LEAD, "create", 1, Email="joe@acme.com", City="Rome"),
    )
    await acme.apply(*batch)
    await acme.settle()
    before = [*documents(acme.store.records).all(), *documents(acme.store.people).all()]
    again = await acme.apply(*batch)
    assert (again.records_changed, again.people_changed, again.accounts_changed, again.memberships) == (0, 0, 0, 0)
    assert [*documents(acme.store.records).all(), *documents(acme.store.people).all()] == before
    assert acme.commands() == []


async def test_an_empty_batch_does_nothing() -> None:
    assert (await (await routed()).apply()).read == 0


# --- accounts --------------------------------------------------------------------------------------------------------


async def test_an_account_in_a_list_is_imported() -> None:
    acme = await routed()
    await acme.apply(change(ACME, "create", 1, Name="Acme", Website="https://www.acme.com/x", City="Oslo"))
    account = await member(acme.store.accounts, "acme.com")
    assert (account.fields, account.segments) == ({"domain": "acme.com", "name": "Acme"}, ("firms",))
    assert acme.told() == [("entered", "firms", "acme.com")]


async def test_an_account_follows_its_contact() -> None:
    acme = await routed()
    await acme.apply(change(ACME, "create", 1, Website="acme.com", City="Rome"))
    assert acme.accounts() == {}
    await acme.apply(change(JOE, "create", 2, Email="joe@acme.com", City="Oslo", AccountId=ACME))
    assert [(c.record_id, c.entity, c.reason) for c in acme.publisher.published_reevaluations] == [
        (ACME, "account", "account")
    ]
    assert (await acme.record(JOE)).accounts_due == ()
    await acme.settle()
    assert acme.accounts() == {"acme.com": ()}


async def test_an_account_whose_contact_came_first_is_imported_when_it_comes() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 2, Email="joe@acme.com", City="Oslo", AccountId=ACME))
    await acme.settle()
    await acme.apply(change(ACME, "create", 1, Website="acme.com", City="Rome"))
    assert acme.accounts() == {"acme.com": ()}


@pytest.mark.parametrize(
    "ending",
    [
        change(JOE, "delete", 3),
        change(JOE, "update", 3, City="Rome"),
        change(JOE, "update", 3, Email=None),
        change(JOE, "update", 3, AccountId=None),
        change(JOE, "update", 3, AccountId=BETA),
    ],
    ids=["deleted", "out of its list", "without e-mail", "without account", "with another account"],
)
async def test_an_account_is_left_by_its_contact(ending: Change) -> None:
    acme = await routed()
    await acme.apply(change(ACME, "create", 1, Website="acme.com", City="Rome"))
    await acme.apply(change(JOE, "create", 2, Email="joe@acme.com", City="Oslo", AccountId=ACME))
    await acme.settle()
    await acme.apply(ending)
    await acme.settle()
    assert acme.accounts() == {}


async def test_an_account_stays_with_its_second_contact() -> None:
    acme = await routed()
    await acme.apply(
        change(ACME, "create", 1, Website="acme.com", City="Rome"),
        change(JOE, "create", 2, Email="joe@acme.com", City="Oslo", AccountId=ACME),
        change(ANN, "create", 2, Email="ann@acme.com", City="Oslo", AccountId=ACME),
    )
    await acme.settle()
    await acme.apply(change(JOE, "delete", 3))
    await acme.settle()
    assert acme.accounts() == {"acme.com": ()}


@pytest.mark.parametrize("joined", [True, False], ids=["joined", "left"])
async def test_a_command_that_comes_before_the_first_write_of_its_account_is_not_missed(joined: bool) -> None:
    """As in a first import: the account was evaluated, the contact came, its command found no account, now it comes."""
    acme = await routed()
    joe = change(JOE, "create", 1, Email="joe@acme.com", City="Oslo", AccountId=ACME)
    before, meanwhile = ([], joe) if joined else ([joe], change(JOE, "delete", 2))
    await acme.apply(*before)
    left = [meanwhile]

    class CommandedBeforeWritten:
        load, scan, note_unchanged = acme.store.records.load, acme.store.records.scan, acme.store.records.note_unchanged

        async def swap(self, records: Sequence[Record]) -> list[Record]:
            if left:
                await acme.apply(left.pop())
                await acme.settle()
            return await acme.store.records.swap(records)

    store = replace(acme.store, records=CommandedBeforeWritten())
    await Applier(store, acme.publisher, acme.clock).apply([change(ACME, "create", 1, Website="acme.com", City="Rome")])
    assert acme.accounts() == ({"acme.com": ()} if joined else {})


async def test_a_contact_that_only_changes_its_title_commands_nothing() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo", AccountId=ACME))
    acme.commands()
    await acme.apply(change(JOE, "update", 2, Title="VP"))
    assert acme.commands() == []


async def test_a_new_website_moves_the_account() -> None:
    acme = await routed()
    await acme.apply(change(ACME, "create", 1, Website="acme.com", City="Oslo"))
    await acme.apply(change(ACME, "update", 2, Website="acme.org"))
    assert acme.accounts() == {"acme.org": ("firms",)}
    await acme.apply(change(ACME, "update", 3, Website=None))
    skip = await acme.skip(ACME)
    assert (acme.accounts(), skip and skip.reason) == ({}, "no_website")


async def test_a_lead_brings_the_account_of_its_domain() -> None:
    acme = await routed()
    await acme.apply(change(JOES_LEAD, "create", 1, Email="joe@acme.com", City="Oslo"))
    assert acme.accounts() == {"acme.com": ()}
    await acme.apply(change(JOES_LEAD, "update", 2, City="Rome"))
    assert acme.accounts() == {}


# --- rules -----------------------------------------------------------------------------------------------------------


async def test_a_rule_that_is_added_counts_from_the_next_change() -> None:
    acme = await routed(rule("contact", "Oslo", "north"))
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await acme.rules(rule("contact", "Oslo", "north"), rule("contact", "Oslo", "all"))
    await acme.apply(change(JOE, "update", 2, Title="VP"))
    assert acme.people() == {"joe@acme.com": ("all", "north")}
    assert (await acme.record(JOE)).rule_set_version == 2


async def test_a_command_evaluates_what_is_stored() -> None:
    acme = await routed()
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    await acme.rules(rule("contact", "Oslo", "renamed"))
    await acme.apply(command(JOE))
    assert acme.people() == {"joe@acme.com": ("renamed",)}


async def test_a_command_about_an_unknown_record_is_ignored() -> None:
    acme = await routed()
    applied = await acme.apply(command(JOE), command(ACME))
    assert (applied.read, applied.records_changed, list(documents(acme.store.records).all())) == (2, 0, [])


async def test_a_commanded_account_is_written_even_when_nothing_changes() -> None:
    """So that an evaluation which asked for its contacts before the command loses its swap."""
    acme = await routed()
    await acme.apply(change(ACME, "create", 1, Website="acme.com", City="Oslo"))
    await acme.apply(command(ACME))
    assert (await acme.record(ACME)).rev == 2


async def test_a_rule_set_that_is_edited_during_a_batch_has_the_last_word() -> None:
    acme = await routed()
    edits = [(rule("contact", "Oslo", "second"),), (rule("contact", "Oslo", "third"),)]

    class EditedWhileWriting:
        """Two edits come, each after the rules of a round were read and before its records are written."""

        async def swap(self, records: Sequence[Record]) -> list[Record]:
            if edits:
                await acme.rules(*edits.pop(0))
            return await acme.store.records.swap(records)

        load, scan, note_unchanged = acme.store.records.load, acme.store.records.scan, acme.store.records.note_unchanged

    store = replace(acme.store, records=EditedWhileWriting())
    await Applier(store, acme.publisher, acme.clock).apply(
        [change(JOE, "create", 1, Email="joe@acme.com", City="Oslo")]
    )
    assert acme.people() == {"joe@acme.com": ("third",)}
    assert (await acme.record(JOE)).rule_set_version == 3
    assert heard(acme.publisher.published_memberships) == memberships(acme.store)


# --- teams -----------------------------------------------------------------------------------------------------------


async def test_two_teams_with_the_same_record_ids_share_nothing() -> None:
    both = await routed()
    await both.rules(rule("contact", "Rome", "south"), team="beta")
    await both.apply(
        change(JOE, "create", 1, Email="joe@acme.com", City="Oslo", AccountId=ACME, Title="VP"),
        change(JOE, "create", 1, "beta", Email="joe@acme.com", City="Rome", AccountId=ACME, Title="CEO"),
        change(ACME, "create", 1, Website="acme.com", City="Rome"),
        change(ACME, "create", 1, "beta", Website="acme.com", City="Rome"),
    )
    await both.settle()
    await both.apply(change(JOE, "delete", 2, "beta"))
    await both.settle()
    assert (both.people(), both.people("beta")) == ({"joe@acme.com": ("north",)}, {})
    assert (both.accounts(), both.accounts("beta")) == ({"acme.com": ()}, {})
    assert (await member(both.store.people, "joe@acme.com")).fields["title"] == "VP"
    assert heard(both.publisher.published_memberships) == {("acme", "north", "joe@acme.com")}


# --- losing ----------------------------------------------------------------------------------------------------------


async def test_a_batch_that_keeps_losing_is_given_up_for_now() -> None:
    acme = await routed()
    attempts = []

    class AlwaysLost:
        load, scan, note_unchanged = acme.store.records.load, acme.store.records.scan, acme.store.records.note_unchanged

        async def swap(self, records: Sequence[Record]) -> list[Record]:
            attempts.append(records)
            return list(records)

    store = replace(acme.store, records=AlwaysLost())
    with pytest.raises(Unavailable, match=JOE):
        await Applier(store, MemoryPublisher(), SetClock(0)).apply([change(JOE, "create", 1)])
    assert len(attempts) == ROUNDS


async def test_an_announcement_that_a_crash_left_unnoted_is_undone_when_its_reason_ends() -> None:
    """The crash came between publishing and noting it, and the next delivery brings the end together with the start."""
    acme = await routed()
    joe = change(JOE, "create", 1, Email="joe@acme.com", City="Oslo")
    await acme.apply(joe)
    noted = await member(acme.store.people, "joe@acme.com")
    await acme.store.people.swap([noted.model_copy(update={"announced": ()})])
    await acme.apply(joe, change(JOE, "update", 2, City="Rome"))
    assert acme.told() == [("entered", "north", "joe@acme.com"), ("left", "north", "joe@acme.com")]
    assert_nothing_is_owed(acme.store)
