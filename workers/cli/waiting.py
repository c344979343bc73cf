"""Progress bars for what the workers do in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from workers import wiring
from workers.cli.output import progress_bar
from workers.settings import Settings

if TYPE_CHECKING:
    from workers.console.lists import ListStatus
    from workers.console.progress import TeamStatus

LOOK_SECONDS = 0.5


Measured: TypeAlias = tuple[int, int | None, bool]
"""How much is done, of how much, and whether that is all."""


async def await_import(settings: Settings, team: str) -> None:
    """Until the first import is done; it is counted by capture, so capture must be running."""

    async def measure() -> Measured:
        return import_progress(await wiring.status(settings, team))

    await follow("first import", measure)


async def await_applied(settings: Settings, team: str) -> None:
    """Until every record has been evaluated under the current rules, and Salesforce has told whom those lists hold that
    only it can evaluate; routing must be running, for such lists capture too."""

    async def measure() -> Measured:
        return applied_progress(await wiring.status(settings, team))

    async def measure_lists() -> Measured:
        return told_progress(await wiring.list_statuses(settings, team))

    await follow("applying the rules", measure)
    if not told_progress(await wiring.list_statuses(settings, team))[2]:
        await follow("asking Salesforce (capture must be running)", measure_lists)


def import_progress(status: TeamStatus) -> Measured:
    job = next((job for job in status.jobs if job.kind == "import"), None)
    return (0, None, False) if job is None else (job.done, job.total, job.state == "done")


def applied_progress(status: TeamStatus) -> Measured:
    total = sum(status.records.values())
    return total - status.unevaluated, total, status.unevaluated == 0


def told_progress(lists: Sequence[ListStatus]) -> Measured:
    """A list whose first comparison failed is told of by its rule; it waits for an administrator."""
    asked = [each for each in lists if each.only_the_org_can_tell and not each.definition.trouble]
    told = [each for each in asked if each.comparison is not None and each.comparison.finished_at_ms is not None]
    return len(told), len(asked), len(told) == len(asked)


async def follow(what: str, measure: Callable[[], Awaitable[Measured]]) -> None:
    with progress_bar() as bar:
        task = bar.add_task(what, total=None)
        while True:
            done, total, finished = await measure()
            bar.update(task, completed=done, total=total)
            if finished:
                return
            await asyncio.sleep(LOOK_SECONDS)
