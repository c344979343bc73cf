"""Rules, lists, mappings and segments: one function per command, from settings to result."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from schemas.documents import AuditEntry, Destination, FieldMapping, Rule, RuleSet, Segment
from schemas.events import Entity
from workers.console import audit, lists, mappings, plans, rules
from workers.console import explain as explanations
from workers.console import segments as console_segments
from workers.console.explain import Explanation
from workers.console.mappings import Wanted
from workers.console.plans import Advance, Plan
from workers.core.preview import Preview
from workers.ports import FieldInfo, Store
from workers.runtime.edits import By, rule_set_of
from workers.runtime.process import SystemClock
from workers.settings import Settings
from workers.wiring.resources import team_org, team_store

clock = SystemClock()

T = TypeVar("T")
R = TypeVar("R")
Do: TypeAlias = Callable[[Store, Plan[T]], Awaitable[R]]
"""What to do with an edit once it is known to be sound: `save` or `previewing`."""

Mappings: TypeAlias = tuple[FieldMapping, ...]


@dataclass(frozen=True, slots=True)
class Into:
    """Where a rule's lists go: one of the three."""

    only: bool = False
    new_segment: str | None = None
    existing_segment: str | None = None


def by() -> By:
    """Whoever runs the command."""
    return By(f"cli:{getpass.getuser()}", clock.now_ms())


async def save(opened: Store, plan: Plan[T]) -> T:
    return await plans.save(opened, plan, by())


def previewing(advance: Advance) -> Do[T, Preview]:
    """Instead of `save`: only tell what saving would do."""

    async def preview(opened: Store, plan: Plan[T]) -> Preview:
        return await plans.preview(opened, plan, by(), advance)

    return preview


async def add_rule(
    settings: Settings,
    team: str,
    entity: Entity,
    names: Sequence[str],
    into: Into,
    on_leave: Literal["remove", "keep"],
    do: Do[Rule, R],
) -> R:
    async with team_org(settings, team) as (opened, org):
        definitions = [await lists.define_list(org, entity, name, clock.now_ms()) for name in names]
        destination, segment = await _destination(opened, team, entity, into)
        calendar = await lists.read_calendar(org)
        edit = rules.adding_rule(
            entity,
            definitions,
            destination or Destination(kind="only"),
            by(),
            on_leave=on_leave,
            calendar=calendar,
        )
        return await do(opened, Plan(team, entity, edit, segment))


async def edit_rule(
    settings: Settings,
    team: str,
    rule_id: str,
    *,
    add: Sequence[str],
    remove: Sequence[str],
    into: Into,
    on_leave: Literal["remove", "keep"] | None,
    do: Do[Rule, R],
) -> R:
    async with team_org(settings, team) as (opened, org):
        entity = rules.rule_in(await rule_set_of(opened, team), rule_id).entity
        destination, segment = await _destination(opened, team, entity, into)
        change = rules.RuleChange(
            add=[await lists.define_list(org, entity, name, clock.now_ms()) for name in add],
            remove=remove,
            destination=destination,
            on_leave=on_leave,
        )
        return await do(opened, Plan(team, entity, rules.editing_rule(rule_id, change, by()), segment))


async def _destination(
    opened: Store, team: str, entity: Entity, into: Into
) -> tuple[Destination | None, Segment | None]:
    """Nothing, when nothing was said; with the segment that has to be made."""
    if into.only:
        return Destination(kind="only"), None
    if into.existing_segment is not None:
        segment = await console_segments.existing_segment(opened, team, into.existing_segment, entity)
        return Destination(kind="segment", segment_id=segment.segment_id), None
    if into.new_segment is not None:
        segment = console_segments.planned_segment(team, into.new_segment, entity, clock.now_ms())
        return Destination(kind="segment", segment_id=segment.segment_id), segment
    return None, None


async def deactivate_rule(settings: Settings, team: str, rule_id: str, *, remove: bool, do: Do[Rule, R]) -> R:
    async with team_store(settings, team) as opened:
        entity = rules.rule_in(await rule_set_of(opened, team), rule_id).entity
        return await do(opened, Plan(team, entity, rules.deactivating_rule(rule_id, by(), remove=remove)))


async def activate_rule(settings: Settings, team: str, rule_id: str, *, do: Do[Rule, R]) -> R:
    async with team_store(settings, team) as opened:
        rule = rules.rule_in(await rule_set_of(opened, team), rule_id)
        await console_segments.check_destination(opened, team, rule)
        return await do(opened, Plan(team, rule.entity, rules.activating_rule(rule_id, by())))


async def explain(settings: Settings, team: str, subject: str) -> Explanation:
    async with team_store(settings, team) as opened:
        return await explanations.explain(opened, team, subject, clock.now_ms())


async def audit_log(settings: Settings, team: str) -> list[AuditEntry]:
    async with team_store(settings, team) as opened:
        return await audit.entries(opened, team)


async def load_rule_set(settings: Settings, team: str) -> RuleSet:
    async with team_store(settings, team) as opened:
        return await rule_set_of(opened, team)


async def readable_fields(settings: Settings, team: str, entity: Entity) -> dict[str, FieldInfo]:
    async with team_org(settings, team) as (_, org):
        return await mappings.readable_fields(org, entity)


async def set_mappings(
    settings: Settings, team: str, entity: Entity, wanted: Sequence[Wanted], *, do: Do[Mappings, R]
) -> R:
    async with team_org(settings, team) as (opened, org):
        edit = mappings.mapping_fields(entity, wanted, await mappings.readable_fields(org, entity))
        return await do(opened, Plan(team, entity, edit))


async def unset_mappings(
    settings: Settings, team: str, entity: Entity, targets: Sequence[str], *, do: Do[Mappings, R]
) -> R:
    async with team_store(settings, team) as opened:
        return await do(opened, Plan(team, entity, mappings.unmapping_fields(entity, targets)))
