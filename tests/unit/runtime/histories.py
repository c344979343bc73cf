"""Random histories: what a few people in a CRM do, as it reaches routing out of order and more than once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from random import Random
from typing import Any

from hypothesis import strategies as st

from schemas.documents import Rule
from schemas.events import Change, Entity

from .crm import ACME, ANN, BETA, JOE, JOES_LEAD, RULES, Kind, change, rule, written_back

RULE_SETS: tuple[tuple[Rule, ...], ...] = (
    RULES,
    (rule("contact", "Oslo", "north"), rule("lead", "Bergen", None)),
    (rule("contact", "Rome", "south"), rule("lead", "Oslo", "north"), rule("account", "Rome", "firms")),
    (rule("contact", "at-Rome", "south"), rule("contact", "Oslo", "north")),
)

CITIES = st.sampled_from(["Oslo", "Bergen", "Rome"])
EMAILS = st.sampled_from(["joe@acme.com", "ann@beta.com", None])
TITLES = st.sampled_from(["VP", "CEO"])
PERSON: dict[str, st.SearchStrategy[Any]] = {"City": CITIES, "Email": EMAILS, "Title": TITLES}
FIELDS: dict[Entity, dict[str, st.SearchStrategy[Any]]] = {
    "contact": PERSON | {"AccountId": st.sampled_from([ACME, BETA, None])},
    "lead": PERSON,
    "account": {"City": CITIES, "Website": st.sampled_from(["acme.com", "beta.com", None])},
}
RECORDS: tuple[tuple[str, Entity], ...] = (
    (JOE, "contact"),
    (ANN, "contact"),
    (JOES_LEAD, "lead"),
    (ACME, "account"),
    (BETA, "account"),
)
KINDS: st.SearchStrategy[Kind] = st.sampled_from(
    ["create", "update", "update", "update", "delete", "undelete", "snapshot"]
)


@st.composite
def changes(draw: st.DrawFn, at: int) -> Change:
    of, entity = draw(st.sampled_from(RECORDS))
    if draw(st.integers(0, 4)) == 0:
        by_a_trigger = draw(st.fixed_dictionaries({}, optional=FIELDS[entity])) if draw(st.booleans()) else {}
        return written_back(of, at, score=draw(st.integers(0, 3)), **by_a_trigger)
    kind: Kind = draw(KINDS)
    return change(of, kind, at, **draw(states(entity, kind)))


def states(entity: Entity, kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    if kind == "delete":
        return st.just({})
    fields = FIELDS[entity]
    return st.fixed_dictionaries({}, optional=fields) if kind == "update" else st.fixed_dictionaries(fields)


@st.composite
def pasts(draw: st.DrawFn, longest: int = 14) -> list[Change]:
    """Everything is created first, so that updates mean something; then whatever happens, in order."""
    created = [change(of, "create", 0, **draw(states(entity, "create"))) for of, entity in RECORDS]
    length = draw(st.integers(1, longest))
    return created + [draw(changes(at)) for at in range(1, length + 1)]


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Change]]:
    """A past in batches, each topic in order."""
    return in_batches(draw(pasts()), draw(st.randoms(use_true_random=False)))


def in_batches(past: Sequence[Change], random: Random) -> list[list[Change]]:
    """Topics are interleaved at random; a batch is of one topic."""
    topics = [[each for each in past if each.entity == entity] for entity in FIELDS]
    arrived: list[Change] = []
    while topics := [topic for topic in topics if topic]:
        arrived.append(random.choice(topics).pop(0))
    batches: list[list[Change]] = []
    for _, run in groupby(arrived, key=lambda each: each.entity):
        rest = list(run)
        while rest:
            size = random.randint(1, 3)
            batches.append(rest[:size])
            del rest[:size]
    return batches


def jumbled(past: Sequence[Change], random: Random) -> list[list[Change]]:
    """In any order at all, some of it twice."""
    arrived = [*past, *random.choices(past, k=len(past) // 2)]
    random.shuffle(arrived)
    return in_batches(arrived, random)
