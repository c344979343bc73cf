"""Scores written back to Salesforce: how long a plan takes, and a whole run beside simple-salesforce's Bulk API 2.0.

python benchmarks/bench_writeback.py [--plan 1000000] [--rows 100000] [--save]

`--plan`: scores of which 1 % changed since they were accepted. `--rows`: changed scores over three objects, written by
a run of ours (plan, rows and outcomes kept in MongoDB) and then, with other values, by simple-salesforce to the same
simulated org, which has a core for itself. The org counts the API calls of both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.cache import give_cache
from benchmarks.org_client import OrgProcess, client, org_process
from benchmarks.results import environment, save
from benchmarks.writeback_load import Scored, fill, made_up, score_of
from sandbox.stack import Endpoints, start_stack
from schemas.events import Entity

CHANGED_EVERY = 100
OBJECTS: dict[str, tuple[Entity, float]] = {
    "Contact": ("contact", 0.5),
    "Lead": ("lead", 0.3),
    "Account": ("account", 0.2),
}
WAITS_SECONDS = (1, 5)
"""Of simple-salesforce between two looks at a job: the least that its documented whole seconds allow, its default."""

SCORE_FIELD, DATE_FIELD = "Engagement_Score__c", "Last_Engagement_Date__c"


def side(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.writeback_sides", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def planning(endpoints: Endpoints, scores: int) -> dict[str, Any]:
    fill(endpoints.mongodb_uri, "plan", made_up(scores), changed_every=CHANGED_EVERY)
    return {"scores": scores, **side("plan", endpoints.mongodb_uri, "plan")}


def writing(endpoints: Endpoints, rows: int) -> dict[str, Any]:
    sizes = {f"{entity}s": round(rows * share) for entity, share in OBJECTS.values()}
    with org_process(**sizes) as org:
        records = asyncio.run(ids(org))
        scored = [(OBJECTS[name][0], record_id) for name, found in records.items() for record_id in found]
        fill(endpoints.mongodb_uri, "write", iter(scored), changed_every=1)
        ours = asyncio.run(counted(org, "ours", endpoints.mongodb_uri, "write", *org.login))
        wrong = asyncio.run(differing(org, scored))
        simple = {wait: asyncio.run(simple_side(org, records, wait)) for wait in WAITS_SECONDS}
    return {
        "rows": len(scored),
        "values_that_differ": wrong,
        "ours": ours,
        "simple_salesforce": simple,
        "ratios": {wait: round(found["seconds"] / ours["seconds"], 2) for wait, found in simple.items()},
    }


async def simple_side(org: OrgProcess, records: dict[str, list[str]], wait_seconds: int) -> dict[str, Any]:
    """Other values for the same records."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        wanted = {
            name: [
                {"Id": one, SCORE_FIELD: f"{place % 97}.{wait_seconds}", DATE_FIELD: "2026-01-01"}
                for place, one in enumerate(found)
            ]
            for name, found in records.items()
        }
        json.dump(wanted, file)
        file.flush()
        return await counted(org, "simple", org.base_url, org.access_token, file.name, str(wait_seconds))


async def counted(org: OrgProcess, *arguments: str) -> dict[str, Any]:
    async with client(org) as session:
        before = await _api_requests(session)
        found = await asyncio.to_thread(side, *arguments)
        return {**found, "api_calls": await _api_requests(session) - before}


async def _api_requests(session: Any) -> int:
    async with session.get("/__admin__/stats") as reply:
        return int((await reply.json())["apiRequests"])


async def ids(org: OrgProcess) -> dict[str, list[str]]:
    return {name: [row["Id"] for row in await query(org, f"SELECT Id FROM {name}")] for name in OBJECTS}  # noqa: S608


async def differing(org: OrgProcess, scored: list[Scored]) -> int:
    """Records that have another score than they should."""
    asked = [f"SELECT Id, {SCORE_FIELD} FROM {name}" for name in OBJECTS]  # noqa: S608
    found = {row["Id"]: row[SCORE_FIELD] for soql in asked for row in await query(org, soql)}
    return sum(found.get(record_id) != score_of(number) for number, (_, record_id) in enumerate(scored))


async def query(org: OrgProcess, soql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    path, parameters = "/services/data/v62.0/query", {"q": soql}
    async with client(org) as session:
        while path:
            async with session.get(path, params=parameters) as reply:
                page = await reply.json()
            rows += page["records"]
            path, parameters = page.get("nextRecordsUrl", ""), {}
    return rows


def lines(result: dict[str, Any]) -> Iterator[str]:
    if found := result.get("planning"):
        yield f"plan: {found}"
    if found := result.get("writing"):
        yield f"ours: {found['ours']}"
        for wait, simple in found["simple_salesforce"].items():
            yield f"simple-salesforce, wait={wait}: {simple}, {found['ratios'][wait]} times"
        yield f"{found['values_that_differ']} of {found['rows']} values are not as expected"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=int, default=1_000_000, help="scores to plan over; 0: leave it out")
    parser.add_argument("--rows", type=int, default=100_000, help="rows to write; 0: leave it out")
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results/writeback.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, start_stack(Path(directory)) as stack:
        give_cache(stack.endpoints.mongodb_uri)
        result: dict[str, Any] = {"environment": environment(stack.endpoints)}
        if options.plan:
            result["planning"] = planning(stack.endpoints, options.plan)
        if options.rows:
            result["writing"] = writing(stack.endpoints, options.rows)
    print("\n".join([f"{result['environment']['cpu']}, load {result['environment']['load_before']}", *lines(result)]))
    if options.save:
        print(f"kept in {save('writeback', result)}")


if __name__ == "__main__":
    main()
