"""`segment-sync explain`: why somebody is, or is not, in a segment."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from workers import wiring
from workers.cli.output import Json, Team, print_json, run
from workers.cli.status import moment
from workers.core.merge import latest_version
from workers.core.survivors import is_unasked, survivor_of
from workers.settings import load_settings

if TYPE_CHECKING:
    from schemas.documents import Member, Record
    from workers.console.explain import Explanation, RecordExplained
    from workers.core.explain import Condition, ListVerdict, RuleVerdict


def explain(
    team: Team,
    subject: Annotated[str, typer.Argument(help="A Salesforce record id, an e-mail address or a domain.")],
    json: Json = False,
) -> None:
    """Why a record, person or account is where it is: each rule's verdict, condition by condition."""
    explanation = run(wiring.explain(load_settings(), team, subject))
    if json:
        print_json(as_document(explanation))
    else:
        Console().print(as_tree(explanation))


def as_document(explanation: Explanation) -> dict[str, Any]:
    return {
        "team": explanation.team,
        "subject": explanation.subject,
        "rule_set_version": explanation.rule_set_version,
        "records": [_record_document(each) for each in explanation.records],
        "members": [member.model_dump(mode="json", exclude={"team", "rev"}) for member in explanation.members],
    }


def _record_document(explained: RecordExplained) -> dict[str, Any]:
    return {
        "record": explained.record.model_dump(mode="json", exclude={"team", "rev"}),
        "merged_here": list(explained.merged_here),
        "rules": [asdict(rule) for rule in explained.rules],
        "insight": explained.insight.model_dump(mode="json", exclude={"team", "rev"}) if explained.insight else None,
        "last_row": explained.last_row.model_dump(mode="json", exclude={"team", "rev"}) if explained.last_row else None,
    }


def as_tree(explanation: Explanation) -> Tree:
    tree = Tree(Text(f"{explanation.subject} (rules at version {explanation.rule_set_version})"))
    for explained in explanation.records:
        _add_record(tree, explained)
    for member in explanation.members:
        _add_member(tree, member)
    return tree


def _add_record(tree: Tree, explained: RecordExplained) -> None:
    record = explained.record
    branch = tree.add(Text(f"{record.entity} {record.record_id}: {fate(explained)}"))
    if (latest := latest_version(record)) is not None:
        read_ms = latest.commit_time_ms
        branch.add(Text(f"last change {moment(read_ms)}, evaluated under rules at version {record.rule_set_version}"))
    if explained.merged_here:
        losers = ", ".join(explained.merged_here)
        branch.add(Text(f"merged into it: {losers}; it takes their scores and what came to them by converted leads"))
    for rule in explained.rules:
        _add_rule(branch, rule, "accounts" if record.entity == "account" else "people")
    if explained.insight is not None:
        insight = explained.insight
        branch.add(Text(f"Salesforce has score {insight.score}, last engagement {insight.last_engagement_date}"))
    if explained.last_row is not None:
        row = explained.last_row
        branch.add(Text(f"last written back in run {row.run_id}: {row.outcome} {row.error or ''}".rstrip()))


def fate(explained: RecordExplained) -> str:
    record = explained.record
    if record.full_version is None:
        return "known by updates only: it counts once its full state has come"
    if not record.alive:
        return fate_of_deleted(record)
    if record.skip is not None:
        detail = f" ({record.skip.detail})" if record.skip.detail else ""
        if record.skip.reason == "converted":
            return f"not imported: its contact stands in its place{detail}"
        return f"not imported: {record.skip.reason.replace('_', ' ')}{detail}"
    return "imported" if record.imported else "not imported"


def fate_of_deleted(record: Record) -> str:
    if (survivor := survivor_of(record)) is not None:
        return f"merged into {survivor} in Salesforce"
    if is_unasked(record):
        return "deleted in Salesforce; whether it was merged into another record the org is still to be asked"
    return "deleted in Salesforce"


def _add_rule(tree: Tree, rule: RuleVerdict, imported: str) -> None:
    branch = tree.add(Text(told(rule, imported)))
    for each in rule.lists:
        _add_list(branch, each)


def told(rule: RuleVerdict, imported: str) -> str:
    """E.g. "+ rule contact-1 -> segment vips, not active, keeps whom it once held"."""
    where = f" -> segment {rule.segment_id}" if rule.segment_id else f" -> {imported} only"
    state = "" if rule.active else ", not active"
    why = ""
    if rule.carried_from:
        why = f", as it held lead {', '.join(rule.carried_from)}, which was converted"
    elif rule.holds and not (rule.active and any(each.holds for each in rule.lists)):
        why = ", keeps whom it once held"
    return f"{mark(rule.holds)} rule {rule.rule_id}{where}{state}{why}"


def _add_list(tree: Tree, verdict: ListVerdict) -> None:
    branch = tree.add(Text(f"{mark(verdict.holds)} list “{verdict.label}”"))
    for reason in verdict.only_the_org_can_tell:
        branch.add(Text(f"only the org can tell: {reason}"))
    _add_condition(branch, verdict.filter)


def _add_condition(tree: Tree, condition: Condition) -> None:
    value = "" if condition.parts or condition.text == "everything" else f"   [it is {shown(condition.value)}]"
    branch = tree.add(Text(f"{mark(condition.holds)} {condition.text}{value}"))
    for part in condition.parts:
        _add_condition(branch, part)


def shown(value: object) -> str:
    """A value as a filter of Salesforce would write it."""
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else repr(value)


def _add_member(tree: Tree, member: Member) -> None:
    segments = ", ".join(member.segments) or "no segment"
    branch = tree.add(Text(f"{member.key}: {segments if member.alive else 'gone'}"))
    for segment_id, by_hand in member.by_hand.items():
        branch.add(Text(f"in segment {segment_id} by hand, {by_hand.who} at {moment(by_hand.at_ms)}"))
    for record_id, contribution in sorted(member.contributions.items()):
        if not contribution.gone:
            fed = ", ".join(contribution.segments) or "no segment"
            branch.add(Text(f"from {contribution.entity} {record_id}: {fed}; fields {', '.join(contribution.fields)}"))


def mark(holds: bool | None) -> str:
    return "?" if holds is None else "+" if holds else "-"
