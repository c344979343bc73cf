"""Progress bars for what the workers do in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from workers import wiring
from workers.cli.output import progress_bar
from workers.settings import Settings

if TYPE_CHECKING:
    from workers.console.progress import TeamStatus

LOOK_SECONDS = 0.5


async def await_import(settings: Settings, team: str) -> None:
    """Until the first import is done; it is counted by capture, so capture must be running."""
    await follow(settings, team, "first import", import_progress)


async def await_applied(settings: Settings, team: str) -> None:
    """Until every record has been evaluated under the current rules; routing must be running."""
    await follow(settings, team, "applying the rules", applied_progress)


def import_progress(status: TeamStatus) -> tuple[int, int | None, bool]:
    job = next((job for job in status.jobs if job.kind == "import"), None)
    return (0, None, False) if job is None else (job.done, job.total, job.state == "done")


def applied_progress(status: TeamStatus) -> tuple[int, int | None, bool]:
    total = sum(status.records.values())
    return total - status.unevaluated, total, status.unevaluated == 0


async def follow(
    settings: Settings, team: str, what: str, measure: Callable[[TeamStatus], tuple[int, int | None, bool]]
) -> None:
    """`measure` tells how much is done, of how much, and whether that is all."""
    with progress_bar() as bar:
        task = bar.add_task(what, total=None)
        while True:
            done, total, finished = measure(await wiring.status(settings, team))
            bar.update(task, completed=done, total=total)
            if finished:
                return
            await asyncio.sleep(LOOK_SECONDS)
