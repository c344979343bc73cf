"""Random lists over random records: our predicates and the org's own query engine agree on every membership.

The records reach us as they would in production: as change events of the org's log, normalized and merged. The lists
reach us as `whereCondition`; the org renders the same condition as SOQL and runs it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sandbox.org.config import OrgConfig
from sandbox.org.lists.conditions import to_soql
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.soql.execute import run
from sandbox.org.soql.settings import SoqlSettings
from sandbox.org.store.org import Org
from sandbox.org.users.specs import UserSpec
from schemas.documents import Destination, ListDefinition, OrgCalendar, Record, Rule, RuleSet
from schemas.events import Change, Entity
from workers.core.evaluation import CompiledRuleSet, Outcome, Related, account_fields, compile_rule_set, evaluate
from workers.core.lists.days import Calendar
from workers.core.lists.predicates import ACCOUNT
from workers.core.merge import blank, merge
from workers.core.normalize import Malformed, Reread, normalize
from workers.ports import StreamEvent

NOW = datetime(2024, 5, 15, 20, 30, tzinfo=UTC)
ZONE = "America/Los_Angeles"
CHANNELS: dict[Entity, str] = {"account": "/data/AccountChangeEvent", "contact": "/data/ContactChangeEvent"}
CONTACTS, ACCOUNTS, CHANGES = 120, 8, 150

FIELDS: dict[str, dict[str, Any]] = {
    "Text__c": {"type": "Text", "length": 80},
    "Note__c": {"type": "TextArea"},
    "Mail__c": {"type": "Email"},
    "Call__c": {"type": "Phone"},
    "Site__c": {"type": "Url"},
    "Number__c": {"type": "Number", "precision": 8, "scale": 2},
    "Money__c": {"type": "Currency", "precision": 8, "scale": 2},
    "Share__c": {"type": "Percent", "precision": 5, "scale": 1},
    "Flag__c": {"type": "Checkbox", "defaultValue": False},
    "Day__c": {"type": "Date"},
    "Moment__c": {"type": "DateTime"},
    "Choice__c": {"type": "Picklist"},
    "Choices__c": {"type": "MultiselectPicklist", "length": 255},
}
STANDARD = {
    "Name": "Name",
    "FirstName": "Text",
    "LeadSource": "Picklist",
    "HasOptedOutOfEmail": "Checkbox",
    "Birthdate": "Date",
    "CreatedDate": "DateTime",
    "LastModifiedDate": "DateTime",
    "AccountId": "Id",
    "OwnerId": "Id",
}
"""Of contacts, as far as lists may test them and events tell of them."""
GIVEN = ("FirstName", "LeadSource", "HasOptedOutOfEmail", "Birthdate")
TEXTS = ["VP", "vp sales", "Zoë", "ZOË", "50%", "a_b", "axb", "O'Hara", "back\\slash", "Straße", "x" * 30]
MAILS = ["ada@acme.com", "Bob@Acme.COM", "c_d@x.example"]
NUMBERS = [-2.5, 0, 1, 1.5, 2, 100]
DAYS = [date(2024, 5, 15) + timedelta(days=n) for n in (-800, -366, -91, -40, -8, -2, -1, 0, 1, 2, 9, 35, 100, 400)]
MOMENTS = [NOW + timedelta(hours=n) for n in (-9000, -700, -45, -21, -14, -13, 0, 3, 4, 11, 27, 200, 800)]
CHOICES = ["Hot", "Warm", "Cold"]


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"


def values(random: Random, fields: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Each field empty now and then, as a client would send them."""
    return {
        f"{name}": None if random.random() < 0.25 and of["type"] != "Checkbox" else value(random, str(of["type"]))
        for name, of in fields.items()
    }


def value(random: Random, kind: str) -> object:
    match kind:
        case "Text" | "TextArea" | "Phone" | "Url":
            return random.choice(TEXTS)
        case "Email":
            return random.choice(MAILS)
        case "Number" | "Currency" | "Percent":
            return random.choice(NUMBERS)
        case "Checkbox":
            return random.random() < 0.5
        case "Date":
            return random.choice(DAYS).isoformat()
        case "DateTime":
            return moment(random.choice(MOMENTS))
        case "MultiselectPicklist":
            return ";".join(each for each in CHOICES if random.random() < 0.5) or None
        case _:
            return random.choice(CHOICES)


@dataclass
class World:
    """An org after a random history, and what its events made of our mirror."""

    org: Org
    records: dict[str, Record] = field(default_factory=dict)
    heard: dict[Entity, int] = field(default_factory=dict)
    """Replay ids."""
    ids: list[str] = field(default_factory=list)
    """Of the accounts, and of the users who own contacts."""

    @property
    def contacts(self) -> list[Record]:
        return [record for record in self.records.values() if record.entity == "contact" and record.alive]

    def of_org(self, where: Mapping[str, Any]) -> set[str]:
        condition = to_soql(dict(where))
        text = f"SELECT Id FROM Contact WHERE {condition}" if condition else "SELECT Id FROM Contact"  # noqa: S608
        return {str(row["Id"]) for row in run(self.org, text, self.org.admin_user_id).rows}

    def of_ours(self, where: Mapping[str, Any], calendar: Calendar) -> set[str]:
        rules = compile_rule_set(rule_set_of(where, calendar), int(NOW.timestamp() * 1000))
        (_, compiled), *_ = rules.by_entity["contact"].lists
        assert compiled.predicate is not None, compiled.reasons
        return {record.record_id for record in self.contacts if self._evaluated(record, rules).in_lists}

    def _evaluated(self, record: Record, rules: CompiledRuleSet) -> Outcome:
        account = self.records.get(str(record.fields.get("AccountId")))
        return evaluate(record, Related(account=account_fields(account, rules)), rules)


def rule_set_of(where: Mapping[str, Any], calendar: Calendar) -> RuleSet:
    """One rule with one list."""
    listed = ListDefinition(
        list_id="one", entity="contact", label="One", scope="everything", where=where, fetched_at_ms=0
    )
    rule = Rule(
        rule_id="rule", entity="contact", list_ids=("one",), destination=Destination(kind="only"), created_at_ms=0
    )
    return RuleSet(team="acme", lists={"one": listed}, rules=(rule,), calendar=OrgCalendar(**asdict(calendar)))


def history(seed: int, soql: SoqlSettings) -> World:
    """Creations, then changes and deletions, in transactions of a few records each."""
    random = Random(seed)
    names = [(object_name, name, of) for object_name in ("Contact", "Account") for name, of in FIELDS.items()]
    custom = tuple((f"{o}.{n}", {"label": n.removesuffix("__c"), **of, **picklist(of)}) for o, n, of in names)
    org = Org(OrgConfig(seed=seed, custom_fields=custom, soql=soql, users=(UserSpec("bea@x.example"),)), NOW.timestamp)
    world = World(org)
    accounts = [write(world, "create", "Account", Name=f"Firm {n}", **values(random, FIELDS)) for n in range(ACCOUNTS)]
    owners = sorted(str(row["Id"]) for row in org.rows("User"))
    world.ids = [*accounts, *owners[:2]]
    contacts = [
        write(world, "create", "Contact", LastName=f"Doe {n}", **person(random, accounts, owners))
        for n in range(CONTACTS)
    ]
    for _ in range(CHANGES):
        some = dict(random.sample(sorted(values(random, FIELDS).items()), 3))
        if random.random() < 0.2:
            write(world, "update", "Account", random.choice(accounts), **some)
        elif random.random() < 0.1 and len(contacts) > 20:
            write(world, "delete", "Contact", contacts.pop(random.randrange(len(contacts))))
        else:
            write(world, "update", "Contact", random.choice(contacts), **some)
    listen(world)
    return world


def picklist(of: Mapping[str, Any]) -> dict[str, Any]:
    if of["type"] not in ("Picklist", "MultiselectPicklist"):
        return {}
    definition = {"value": [{"fullName": each, "label": each, "default": False} for each in CHOICES], "sorted": False}
    return {"valueSet": {"restricted": False, "valueSetDefinition": definition}, "visibleLines": 3}


def person(random: Random, accounts: list[str], owners: list[str]) -> dict[str, Any]:
    given = {name: {"type": kind} for name, kind in STANDARD.items() if name in GIVEN}
    return {
        **values(random, FIELDS | given),
        "AccountId": random.choice([*accounts, None]),
        "OwnerId": random.choice(owners),
    }


def write(world: World, operation: Any, object_name: str, record_id: str | None = None, **fields: Any) -> str:
    actor = Actor(world.org.admin_user_id, "rest", None)
    (result,) = world.org.commit([Write(operation, object_name, record_id, fields)], actor)
    assert result.success, result.errors
    return str(result.record_id)


def listen(world: World) -> None:
    """Everything that the org announced, into our mirror."""
    for change in listened(world):
        known = world.records.get(change.record_id) or blank(change)
        world.records[change.record_id] = merge(known, change)


def listened(world: World) -> list[Change]:
    """What the org has announced since the last call, channel by channel."""
    changes: list[Change] = []
    for entity, channel in CHANNELS.items():
        for logged in world.org.events.after(channel, world.heard.get(entity, -1), 100_000):
            payload = json.loads(logged.data)["payload"]
            read = normalize("acme", StreamEvent(entity, str(logged.replay_id), payload, 0))
            assert not isinstance(read, Malformed | Reread), read
            changes += read.changes
            world.heard[entity] = logged.replay_id
    return changes


# --- lists -----------------------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def pattern(text: str) -> str:
    """A text in `like` finds itself: its own wildcards are escaped."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("%", "\\%").replace("_", "\\_")


def shifted(at: datetime) -> str:
    """The same moment as people in California write it."""
    return at.astimezone(timezone(timedelta(hours=-7))).isoformat()


UNITS = ["DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR"]
NAMED = ["TODAY", "YESTERDAY", "TOMORROW", "LAST_90_DAYS", "NEXT_90_DAYS"]
NAMED += [f"{which}_{unit}" for which in ("LAST", "THIS", "NEXT") for unit in UNITS[1:]]
COUNTED = [form.format(unit) for unit in UNITS for form in ("LAST_N_{}S:2", "NEXT_N_{}S:2", "N_{}S_AGO:2")]
RELATIVE = st.one_of(
    st.sampled_from(NAMED),
    st.builds("{}_N_{}S:{}".format, st.sampled_from(["LAST", "NEXT"]), st.sampled_from(UNITS), st.integers(1, 40)),
    st.builds("N_{}S_AGO:{}".format, st.sampled_from(UNITS), st.integers(1, 40)),
)
PLAIN_TEXTS = ("Text", "TextArea", "Email", "Phone", "Url")
COMPARED = ["equals", "notEquals", "lessThan", "lessThanOrEqualTo", "greaterThan", "greaterThanOrEqualTo"]
CHOSEN = st.lists(st.sampled_from(CHOICES), min_size=1, max_size=2, unique=True).map(
    lambda some: quoted(";".join(some))
)
LITERALS: dict[str, st.SearchStrategy[str]] = {
    "Text": st.sampled_from([*TEXTS, "", "nobody"]).map(quoted) | st.just("'\\u0056p'"),
    "Number": st.sampled_from([*map(str, NUMBERS), "3", "1.50", "-0", "1e2"]),
    "Date": st.one_of(st.sampled_from(DAYS).map(str), RELATIVE, RELATIVE.map(str.lower)),
    "DateTime": st.one_of(st.sampled_from(MOMENTS).map(moment), st.sampled_from(MOMENTS).map(shifted), RELATIVE),
    "Picklist": st.sampled_from([*CHOICES, "hot", "None"]).map(quoted),
    "MultiselectPicklist": CHOSEN,
}
LITERALS |= {"Currency": LITERALS["Number"], "Percent": LITERALS["Number"]}
LITERALS |= dict.fromkeys(["TextArea", "Phone", "Url"], LITERALS["Text"])
LITERALS |= {"Name": st.sampled_from(["Doe 7", "vp doe 8", "M"]).map(quoted)}
LITERALS |= {"Email": st.sampled_from([*MAILS, "ADA@acme.com"]).map(quoted)}
LITERALS |= {"Id": st.builds("'ID{}/{}'".format, st.integers(0, ACCOUNTS + 1), st.sampled_from([15, 18]))}
PLACEHOLDER = re.compile(r"ID(\d+)/(\d+)")


def with_ids(where: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    """Ids are known once the org is."""
    told = PLACEHOLDER.sub(lambda found: ids[int(found[1])][: int(found[2])], json.dumps(where))
    return dict(json.loads(told))


LIKE = st.builds(
    "'{}{}{}'".format,
    st.sampled_from(["%", "", "_"]),
    st.sampled_from(TEXTS).map(pattern),
    st.sampled_from(["%", "", "_%"]),
)


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted({*FIELDS, *STANDARD})))
    prefix = draw(st.sampled_from(["", "", ACCOUNT])) if name in FIELDS else ""
    kind = str(FIELDS[name]["type"]) if name in FIELDS else STANDARD[name]
    operator, literals = draw(operations(kind))
    return {"field": prefix + name, "operator": operator, "values": literals}


@st.composite
def operations(draw: st.DrawFn, kind: str) -> tuple[str, list[str]]:
    if kind == "Checkbox":
        return draw(st.sampled_from(["equals", "notEquals"])), [draw(st.sampled_from(["true", "false"]))]
    if kind == "MultiselectPicklist" and draw(st.booleans()):
        some = draw(st.lists(CHOSEN, min_size=1, max_size=3))
        return draw(st.sampled_from(["includes", "excludes"])), some
    if kind == "Name" and draw(st.booleans()):
        return draw(st.sampled_from(["like", "notLike"])), [draw(st.sampled_from(["'doe%'", "'V_ Doe%'", "'%e 1_'"]))]
    if kind in (*PLAIN_TEXTS, "Picklist") and draw(st.booleans()):
        return draw(st.sampled_from(["like", "notLike"])), draw(st.lists(LIKE, min_size=1, max_size=2))
    if draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(["equals", "notEquals"])), ["null"]
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(["in", "notIn"])), draw(st.lists(absolute(kind), min_size=1, max_size=3))
    ordered = COMPARED if kind not in ("MultiselectPicklist", "Id") else COMPARED[:2]
    return draw(st.sampled_from(ordered)), [draw(LITERALS[kind])]


def absolute(kind: str) -> st.SearchStrategy[str]:
    if kind == "Date":
        return st.sampled_from(DAYS).map(str)
    return st.sampled_from(MOMENTS).map(moment) if kind == "DateTime" else LITERALS[kind]


def groups(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    together = st.fixed_dictionaries(
        {"conjunction": st.sampled_from(["and", "or"]), "conditions": st.lists(inner, max_size=3)}
    )
    return together | st.fixed_dictionaries({"condition": inner})


CONDITIONS = st.recursive(leaves(), groups, max_leaves=6)

# --- the law ---------------------------------------------------------------------------------------------------------

WORLDS: dict[str, tuple[SoqlSettings, Calendar]] = {
    "a US org": (SoqlSettings(), Calendar()),
    "days of the user": (SoqlSettings(day_zone=ZONE), Calendar(time_zone=ZONE)),
    "Monday, fiscal April": (SoqlSettings(week_start=0, fiscal_year_start_month=4), Calendar("UTC", 0, 4)),
}
BUILT: dict[tuple[str, int], World] = {}


def world_of(name: str, seed: int, soql: SoqlSettings) -> World:
    """Each is built once: only asked, never changed."""
    if (name, seed) not in BUILT:
        BUILT[name, seed] = history(seed, soql)
    return BUILT[name, seed]


@pytest.mark.parametrize("name", WORLDS)
@settings(max_examples=500, deadline=None)
@example(where={"field": "Text__c", "operator": "greaterThan", "values": ["''"]}, seed=7)
@given(where=CONDITIONS, seed=st.integers(7, 9))
def test_we_and_the_org_agree(name: str, where: dict[str, Any], seed: int) -> None:
    soql, calendar = WORLDS[name]
    world = world_of(name, seed, soql)
    where = with_ids(where, world.ids)
    assert world.of_ours(where, calendar) == world.of_org(where), to_soql(where)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("field_name", ["Day__c", "Moment__c"])
def test_every_relative_date_under_every_operator(name: str, field_name: str) -> None:
    soql, calendar = WORLDS[name]
    world = world_of(name, 7, soql)
    for literal, operator in product([*NAMED, *COUNTED], COMPARED):
        where: dict[str, object] = {"field": field_name, "operator": operator, "values": [literal]}
        assert world.of_ours(where, calendar) == world.of_org(where), to_soql(where)


@pytest.mark.parametrize("seed", range(3))
def test_the_mirror_is_what_the_org_has(seed: int) -> None:
    """Otherwise the law above would compare different records."""
    world = history(seed, SoqlSettings())
    rows = {str(row["Id"]): row for row in world.org.rows("Contact")}
    assert {record.record_id for record in world.contacts} == set(rows)
    for record in world.contacts:
        ours = {name: record.fields.get(name) for name in ("Text__c", "Number__c", "Flag__c", "Day__c", "AccountId")}
        theirs = {name: rows[record.record_id].get(name) for name in ours}
        assert ours == theirs
