"""What the org is measured in: commits with their events delivered, idle subscribers, and loading."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import aiohttp
import orjson

from benchmarks.org_client import API_VERSION, OrgProcess, Subscriber, client, org_process

CHANNEL = "/data/ContactChangeEvent"
ROWS_PER_CALL = (200, 1)
"""The most that one call of sObject Collections takes, and transactions of a single record."""

WRITERS = 4
STUCK_SECONDS = 300
# Polls of 110 s are shrunk so that they turn over within the measurement.
IDLE_POLL_SECONDS = 5
TURNS = 2
# A connect as browsers of the stream do it: not all at once.
JOINING_AT_ONCE = 50


def commits(records: int) -> dict[str, Any]:
    """Half of the records are created, then each is changed: from the first call to the last event's arrival."""
    found = {}
    for rows in ROWS_PER_CALL:
        with org_process(contacts=0) as org:
            found[f"{rows}_per_call"] = asyncio.run(_commits(org, records, rows))
    return found


async def _commits(org: OrgProcess, records: int, rows: int) -> dict[str, Any]:
    async with asyncio.timeout(STUCK_SECONDS), client(org) as session:
        subscriber = Subscriber(session, CHANNEL)
        await subscriber.join()
        listening = asyncio.create_task(subscriber.listen())
        created = await _phase(org, session, subscriber, "POST", _chunks(_contacts(records // 2), rows))
        edits = ({**_of_contact(), "Id": one, "Phone": f"+49 40 {number}"} for number, one in enumerate(created["ids"]))
        updated = await _phase(org, session, subscriber, "PATCH", _chunks(edits, rows))
        listening.cancel()
    return {"created": _without_ids(created), "updated": _without_ids(updated), "rss_mb": round(org.rss_mb())}


def _without_ids(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "ids"}


async def _phase(
    org: OrgProcess,
    session: aiohttp.ClientSession,
    subscriber: Subscriber,
    method: str,
    calls: Iterator[list[dict[str, Any]]],
) -> dict[str, Any]:
    before, since, cpu_since = subscriber.events, time.perf_counter(), org.cpu_seconds()
    written = await asyncio.gather(*(_write(session, method, calls) for _ in range(WRITERS)))
    ids = [one for part in written for one in part]
    await subscriber.wait_for(events=before + len(ids))
    seconds, cpu_seconds = time.perf_counter() - since, org.cpu_seconds() - cpu_since
    return {
        "ids": ids,
        "commits": len(ids),
        "commits_per_second": round(len(ids) / seconds),
        "cpu_us_per_commit": round(cpu_seconds / len(ids) * 1e6),
    }


async def _write(session: aiohttp.ClientSession, method: str, calls: Iterator[list[dict[str, Any]]]) -> list[str]:
    ids: list[str] = []
    for records in calls:
        url, body = f"/services/data/v{API_VERSION}/composite/sobjects", orjson.dumps({"records": records})
        async with session.request(method, url, data=body) as response:
            results = orjson.loads(await response.read())
        if not all(one["success"] for one in results):
            raise RuntimeError(f"refused: {results[0]}")
        ids += [one["id"] for one in results]
    return ids


def _chunks(records: Iterator[dict[str, Any]], rows: int) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(records, rows)):
        yield chunk


def _of_contact() -> dict[str, Any]:
    return {"attributes": {"type": "Contact"}}


def _contacts(count: int) -> Iterator[dict[str, Any]]:
    """Every one differs, so that every one gets an event of its own."""
    for number in range(count):
        yield {
            **_of_contact(),
            "FirstName": "Zoë",
            "LastName": f"O'Neill-{number}",
            "Email": f"person.{number}@firma-{number % 997}.com",
            "Title": "VP, Marketing",
            "MailingStreet": f"{number} Main Street",
            "MailingCity": "Ōsaka",
            "MailingCountry": "Japan",
            "LeadSource": "Web",
        }


def idle(sessions: int) -> dict[str, Any]:
    """Subscribers that get nothing: what one costs, and whether all are there when at last something happens."""
    with org_process(contacts=0, connect_timeout_seconds=IDLE_POLL_SECONDS) as org:
        return asyncio.run(_idle(org, sessions))


async def _idle(org: OrgProcess, sessions: int) -> dict[str, Any]:
    async with asyncio.timeout(STUCK_SECONDS), client(org) as session:
        subscribers = [Subscriber(session, CHANNEL) for _ in range(sessions)]
        rss_before_mb, since = org.rss_mb(), time.perf_counter()
        polling = await _join(subscribers)
        joined_seconds = time.perf_counter() - since
        # A session that was lost would have been noticed by now.
        await asyncio.gather(*(one.wait_for(polls=TURNS) for one in subscribers))
        cpu_since, idle_since = org.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(IDLE_POLL_SECONDS)
        cpu_share = (org.cpu_seconds() - cpu_since) / (time.perf_counter() - idle_since)
        rss_mb, since = org.rss_mb(), time.perf_counter()
        await _write(session, "POST", iter([list(_contacts(1))]))
        await asyncio.gather(*(one.wait_for(events=1) for one in subscribers))
        told_seconds = time.perf_counter() - since
        for task in polling:
            task.cancel()
    return {
        "sessions": sessions,
        "alive": sum(one.events == 1 for one in subscribers),
        "joined_seconds": round(joined_seconds, 1),
        "told_seconds": round(told_seconds, 2),
        "kb_per_session": round((rss_mb - rss_before_mb) * 1024 / sessions, 1),
        "cpu_share_idle": round(cpu_share, 2),
        "poll_seconds": IDLE_POLL_SECONDS,
    }


async def _join(subscribers: list[Subscriber]) -> list[asyncio.Task[None]]:
    waiting = iter(subscribers)
    polling: list[asyncio.Task[None]] = []

    async def join_some() -> None:
        for one in waiting:
            await one.join()
            polling.append(asyncio.create_task(one.listen()))

    await asyncio.gather(*(join_some() for _ in range(JOINING_AT_ONCE)))
    return polling


def loading(contacts: int) -> dict[str, Any]:
    """Until an org with so many contacts answers, and the most memory it had."""
    with org_process(contacts=contacts) as org:
        return {
            "contacts": contacts,
            "seconds": org.load_seconds,
            "cpu_seconds": round(org.cpu_seconds(), 1),
            "peak_rss_mb": org.peak_rss_mb,
            "bytes_per_contact": round(org.rss_mb() * 2**20 / contacts),
        }
