"""Random lists over random records: our predicates and the org's own query engine agree on every membership.

The records reach us as they would in production: as change events of the org's log, normalized and merged. The lists
reach us as `whereCondition`; the org renders the same condition as SOQL and runs it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
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
from schemas.documents import Record, RuleSet
from schemas.events import Change, Entity
from workers.core.evaluation import Related, account_fields, compile_rule_set, reads
from workers.core.lists.days import Calendar
from workers.core.lists.operators import Reading
from workers.core.lists.predicates import ACCOUNT, compile_where
from workers.core.merge import blank, merge
from workers.core.normalize import Malformed, Reread, normalize
from workers.ports import StreamEvent

NOW = datetime(2024, 5, 15, 20, 30, tzinfo=UTC)
ZONE = "America/Los_Angeles"
CHANNELS: dict[Entity, str] = {"account": "/data/AccountChangeEvent", "contact": "/data/ContactChangeEvent"}
CONTACTS, ACCOUNTS, CHANGES = 120, 8, 150

FIELDS: dict[str, dict[str, Any]] = {
    "Text__c": {"type": "Text", "length": 80},
    "Number__c": {"type": "Number", "precision": 8, "scale": 2},
    "Money__c": {"type": "Currency", "precision": 8, "scale": 2},
    "Share__c": {"type": "Percent", "precision": 5, "scale": 1},
    "Flag__c": {"type": "Checkbox", "defaultValue": False},
    "Day__c": {"type": "Date"},
    "Moment__c": {"type": "DateTime"},
    "Choice__c": {"type": "Picklist"},
    "Choices__c": {"type": "MultiselectPicklist", "length": 255},
}
TEXTS = ["VP", "vp sales", "Zoë", "ZOË", "50%", "a_b", "axb", "O'Hara", "back\\slash", "Straße", "x" * 30]
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
        case "Text":
            return random.choice(TEXTS)
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

    @property
    def contacts(self) -> list[Record]:
        return [record for record in self.records.values() if record.entity == "contact" and record.alive]

    def of_org(self, where: Mapping[str, Any]) -> set[str]:
        condition = to_soql(dict(where))
        text = f"SELECT Id FROM Contact WHERE {condition}" if condition else "SELECT Id FROM Contact"  # noqa: S608
        return {str(row["Id"]) for row in run(self.org, text, self.org.admin_user_id).rows}

    def of_ours(self, where: Mapping[str, Any], reading: Reading) -> set[str]:
        compiled = compile_where(where, reading)
        assert compiled.predicate is not None, compiled.reasons
        wanted = frozenset(name.removeprefix(ACCOUNT) for name in compiled.tested if name.startswith(ACCOUNT))
        rules = replace(compile_rule_set(RuleSet(team="acme"), 0), account_fields=wanted)
        held = set()
        for record in self.contacts:
            account = self.records.get(str(record.fields.get("AccountId")))
            if compiled.predicate(reads(record, Related(account=account_fields(account, rules)))):
                held.add(record.record_id)
        return held


def history(seed: int, soql: SoqlSettings) -> World:
    """Creations, then changes and deletions, in transactions of a few records each."""
    random = Random(seed)
    names = [(object_name, name, of) for object_name in ("Contact", "Account") for name, of in FIELDS.items()]
    custom = tuple((f"{o}.{n}", {"label": n.removesuffix("__c"), **of, **picklist(of)}) for o, n, of in names)
    org = Org(OrgConfig(seed=seed, custom_fields=custom, soql=soql), NOW.timestamp)
    world = World(org)
    accounts = [write(world, "create", "Account", Name=f"Firm {n}", **values(random, FIELDS)) for n in range(ACCOUNTS)]
    contacts = [
        write(world, "create", "Contact", LastName=f"Doe {n}", **person(random, accounts)) for n in range(CONTACTS)
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


def person(random: Random, accounts: list[str]) -> dict[str, Any]:
    return {**values(random, FIELDS), "AccountId": random.choice([*accounts, None]), "FirstName": random.choice(TEXTS)}


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


UNITS = ["DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR"]
RELATIVE = st.one_of(
    st.sampled_from(["TODAY", "YESTERDAY", "TOMORROW", "LAST_90_DAYS", "NEXT_90_DAYS"]),
    st.builds("{}_{}".format, st.sampled_from(["LAST", "THIS", "NEXT"]), st.sampled_from(UNITS[1:])),
    st.builds("{}_N_{}S:{}".format, st.sampled_from(["LAST", "NEXT"]), st.sampled_from(UNITS), st.integers(1, 40)),
    st.builds("N_{}S_AGO:{}".format, st.sampled_from(UNITS), st.integers(1, 40)),
)
COMPARED = ["equals", "notEquals", "lessThan", "lessThanOrEqualTo", "greaterThan", "greaterThanOrEqualTo"]
CHOSEN = st.lists(st.sampled_from(CHOICES), min_size=1, max_size=2, unique=True).map(
    lambda some: quoted(";".join(some))
)
LITERALS: dict[str, st.SearchStrategy[str]] = {
    "Text": st.sampled_from([*TEXTS, "", "nobody"]).map(quoted),
    "Number": st.sampled_from([*NUMBERS, 3]).map(str),
    "Date": st.one_of(st.sampled_from(DAYS).map(str), RELATIVE),
    "DateTime": st.one_of(st.sampled_from(MOMENTS).map(moment), RELATIVE),
    "Picklist": st.sampled_from([*CHOICES, "hot", "None"]).map(quoted),
    "MultiselectPicklist": CHOSEN,
}
LITERALS |= {"Currency": LITERALS["Number"], "Percent": LITERALS["Number"]}
LIKE = st.builds(
    "'{}{}{}'".format,
    st.sampled_from(["%", "", "_"]),
    st.sampled_from(TEXTS).map(pattern),
    st.sampled_from(["%", "", "_%"]),
)


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    prefix = draw(st.sampled_from(["", "", ACCOUNT]))
    name = draw(st.sampled_from(sorted(FIELDS)))
    kind = str(FIELDS[name]["type"])
    operator, literals = draw(operations(kind))
    return {"field": prefix + name, "operator": operator, "values": literals}


@st.composite
def operations(draw: st.DrawFn, kind: str) -> tuple[str, list[str]]:
    if kind == "Checkbox":
        return draw(st.sampled_from(["equals", "notEquals"])), [draw(st.sampled_from(["true", "false"]))]
    if kind == "MultiselectPicklist" and draw(st.booleans()):
        some = draw(st.lists(CHOSEN, min_size=1, max_size=3))
        return draw(st.sampled_from(["includes", "excludes"])), some
    if kind in ("Text", "Picklist") and draw(st.booleans()):
        return draw(st.sampled_from(["like", "notLike"])), draw(st.lists(LIKE, min_size=1, max_size=2))
    if draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(["equals", "notEquals"])), ["null"]
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(["in", "notIn"])), draw(st.lists(absolute(kind), min_size=1, max_size=3))
    ordered = COMPARED if kind != "MultiselectPicklist" else COMPARED[:2]
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
BUILT: dict[str, World] = {}


@pytest.mark.parametrize("name", WORLDS)
@settings(max_examples=300, deadline=None)
@example(where={"field": "Text__c", "operator": "greaterThan", "values": ["''"]})
@given(where=CONDITIONS)
def test_we_and_the_org_agree(name: str, where: dict[str, Any]) -> None:
    soql, calendar = WORLDS[name]
    if name not in BUILT:
        BUILT[name] = history(7, soql)
    world = BUILT[name]
    reading = Reading(calendar.today(int(NOW.timestamp() * 1000)), calendar)
    assert world.of_ours(where, reading) == world.of_org(where), to_soql(where)


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
