"""How long until a preview tells who would enter and leave: a rule over so many mirrored contacts, on a real mongod.

python benchmarks/bench_preview.py [--records 50000] [--save]

Up to 50,000 records are judged one by one; of more, 20,000 drawn at random (`workers.console.plans`).
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bench_apply import NOW_MS, SECOND, holding, mirror
from benchmarks.results import environment, save
from benchmarks.routing_load import RULES, TEAM
from sandbox.stack import Endpoints, start_stack
from workers.adapters.mongo import open_store
from workers.console.plans import Plan, preview
from workers.console.rules import adding_rule
from workers.runtime.edits import By


async def measure(endpoints: Endpoints, records: int) -> dict[str, Any]:
    async with open_store(endpoints.mongodb_uri, "bench") as store:
        await mirror(store, records)
        await store.rule_sets.swap([RULES])
        by = By("ann", NOW_MS)
        plan = Plan(TEAM, "contact", adding_rule("contact", [holding(0.5)], SECOND.destination, by))
        before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        since, cpu_since = time.perf_counter(), time.process_time()
        found = await preview(store, plan, by, lambda _done, _of: None)
        seconds, cpu_seconds = time.perf_counter() - since, time.process_time() - cpu_since
    return {
        "records": found.records,
        "looked_at": found.looked_at,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "would_enter": found.segments["some"].enter,
        "grown_by_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results/preview.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, start_stack(Path(directory)) as stack:
        where = environment(stack.endpoints)
        result = asyncio.run(measure(stack.endpoints, options.records))
    print(f"{where['cpu']}, load {where['load_before']}: {result}")
    if options.save:
        print(f"kept in {save('preview', {'environment': where, **result})}")


if __name__ == "__main__":
    main()
