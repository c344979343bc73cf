"""What strikes a write-back: the rows F38 and F39 of the test plan."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.faults.writeback.rig import WritebackRig

INGEST = "/services/data/v62.0/jobs/ingest"
COLLECTIONS = "/services/data/v62.0/composite/sobjects"

Strike = Callable[[WritebackRig], Coroutine[Any, Any, None]]


def planned(kind: str, times: int = 1, where: dict[str, str] | None = None, **settings: Any) -> Strike:
    async def strike(rig: WritebackRig) -> None:
        await rig.org.fault(kind, rig.rng.randint(1, times), where, **settings)

    return strike


async def job_is_aborted(rig: WritebackRig) -> None:
    """By an administrator, in Setup, while it is worked on."""
    await rig.org.fault("slow-job", 20, seconds=0.15)
    await _on_first_job(rig, _abort)


async def job_is_deleted(rig: WritebackRig) -> None:
    """Results and all, as soon as it is complete."""
    await _on_first_job(rig, _delete)


async def _on_first_job(rig: WritebackRig, act: Callable[[WritebackRig, str], Awaitable[bool]]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(5.0):
            while True:
                for job in await _jobs(rig):
                    if await act(rig, job["id"]):
                        return
                await asyncio.sleep(0.02)


async def _jobs(rig: WritebackRig) -> list[dict[str, Any]]:
    client = rig.org.client
    with suppress(aiohttp.ClientError):  # a fault of the same run may strike us
        async with client.session.get(f"{client.data_url}/jobs/ingest", headers=client.headers) as reply:
            found: list[dict[str, Any]] = (await reply.json())["records"]
            return found
    return []


async def _abort(rig: WritebackRig, job_id: str) -> bool:
    client = rig.org.client
    url = f"{client.data_url}/jobs/ingest/{job_id}"
    async with client.session.patch(url, json={"state": "Aborted"}, headers=client.headers) as reply:
        return reply.status == 200


async def _delete(rig: WritebackRig, job_id: str) -> bool:
    client = rig.org.client
    async with client.session.delete(f"{client.data_url}/jobs/ingest/{job_id}", headers=client.headers) as reply:
        return reply.status == 204


STRIKES: dict[str, Strike] = {
    "job fails at its start": planned("failed-job"),
    "job fails at a batch": planned("failed-job", where={"batch": "2"}),
    "job fails for good": planned("failed-job", message="InvalidBatch : Field name not found : Nonsense"),
    "job is aborted": job_is_aborted,
    "job is deleted": job_is_deleted,
    "reply of create is lost": planned("lost-reply", 2, {"path_ends": "/jobs/ingest", "method": "POST"}),
    "reply of upload is lost": planned("lost-reply", 2, {"path": INGEST, "method": "PUT"}),
    "reply of complete is lost": planned("lost-reply", 2, {"path": INGEST, "method": "PATCH"}),
    "accepted rows are cut off": planned("truncated-reply", 2, {"path_ends": "/successfulResults"}),
    "accepted rows are cut off silently": planned("truncated-reply", 1, {"path_ends": "Results"}, silent=True),
    "rows are locked": planned("row-lock", 12),
    "pages instead of answers": planned("html-503", 4, {"path": INGEST}),
    "connections are reset": planned("reset", 4, {"path": INGEST}),
    "tokens expire": planned("unauthorized", 2, {"path": INGEST}),
    "reply of a call is lost": planned("lost-reply", 2, {"path": COLLECTIONS}),
    "calls are reset": planned("reset", 2, {"path": COLLECTIONS}),
    "job is slow": planned("slow-job", 3, seconds=0.3),
}
JOB_STRIKES = tuple(name for name in STRIKES if "call" not in name)
CALL_STRIKES = ("reply of a call is lost", "calls are reset", "rows are locked")


async def the_org_misbehaves(rig: WritebackRig) -> None:
    """F38: two or three faults a day, for three days."""
    jobs = rig.runners[0].orders.jobs
    rig.runners[0].start()
    for day in range(1, 4):
        names = rig.rng.sample(JOB_STRIKES, rig.rng.randint(2, 3)) if jobs else [rig.rng.choice(CALL_STRIKES)]
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                rig.note(f"day {day}: {name}")
                tasks.create_task(STRIKES[name](rig))
            tasks.create_task(_a_day(rig))


async def _a_day(rig: WritebackRig) -> None:
    await rig.ended()
    await rig.org.admin("faults/clear")
    await rig.rescore()
    await rig.next_day()


async def runners_are_killed(rig: WritebackRig) -> None:
    """F39: each dies at a step of its own choice again and again, beside another one."""
    for _ in range(3):
        for _ in range(rig.rng.randint(2, 4)):
            runner = rig.rng.choice(rig.runners)
            step, dies = rig.rng.randint(1, 12), rig.rng.choice(("before", "after"))
            rig.note(f"{rig.runners.index(runner)} dies {dies} step {step}")
            runner.kill()
            runner.start(step, dies)  # type: ignore[arg-type]
            await rig.pause(0.2, 1.0)
        await _two_at_once(rig)
        await rig.ended()
        await rig.rescore()
        days = rig.rng.choice((1, 1, 2))
        rig.note(f"{days} days pass")
        await rig.next_day(days)


async def _two_at_once(rig: WritebackRig) -> None:
    """None is to die any more; one freezes for longer than the others wait, and then goes on."""
    for runner in rig.runners:
        runner.kill()
        runner.start()
    frozen = rig.rng.choice(rig.runners)
    await rig.pause(0.0, 0.5)
    rig.note(f"{rig.runners.index(frozen)} freezes")
    frozen.freeze()
    await rig.pause(1.3, 2.0)
    frozen.thaw()


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    play: Strike
    runners: int


ROWS = (Row("F38", the_org_misbehaves, 1), Row("F39", runners_are_killed, 2))
