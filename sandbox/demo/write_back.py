"""The write-back in an org that hinders it: a rule rejects some rows for good, others are locked for a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.demo.environment import Surroundings, command, printed
from sandbox.demo.scores import verified_in_org

LOCKED = 5
"""Rows that somebody else holds when they are written first."""

REJECTED = 3

RULE = "Scores_Above_Limit_Need_Approval"


@dataclass(frozen=True, slots=True)
class Figures:
    """What the runs came to; the summary's `write_back`."""

    changed: int
    rejected_at_first: int
    """By the rule that an administrator has switched off since."""
    retried: int
    succeeded: int
    failed: int
    second_run: int
    """Rows that a run after all that still found."""
    verified_in_org: int


async def write_back(around: Surroundings, team: str, wanted: Mapping[str, tuple[float, str]]) -> tuple[Figures, str]:
    """Also the report of the first run, as it is printed."""
    await hinder(around, wanted, active=True)
    await around.org.plan_fault("row-lock", LOCKED, operation="update")
    (first,) = await command(around, "writeback", "now", team)
    told = await printed(around, "writeback", "report", team, first["run_id"])
    await hinder(around, wanted, active=False)
    (second,) = await command(around, "writeback", "now", team)
    (third,) = await command(around, "writeback", "now", team)
    return (
        Figures(
            changed=len(wanted),
            rejected_at_first=first["rejections"].get("FIELD_CUSTOM_VALIDATION_EXCEPTION", 0),
            retried=first["retried"],
            succeeded=first["accepted"] + second["accepted"],
            failed=second["rejected"] + first["unprocessed"] + second["unprocessed"],
            second_run=third["planned"],
            verified_in_org=await verified_in_org(around.org, dict(wanted)),
        ),
        told,
    )


async def hinder(around: Surroundings, wanted: Mapping[str, tuple[float, str]], *, active: bool) -> None:
    """Reject the highest scores of contacts."""
    limit = sorted(score for record_id, (score, _) in wanted.items() if record_id.startswith("003"))[-REJECTED:][0]
    message = f"scores of {limit} and more need an approval"
    await around.org.validate("Contact", RULE, f"Engagement_Score__c >= {limit}", message, active=active)
