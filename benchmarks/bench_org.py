"""The simulated org on one core: commits with their events delivered, idle CometD sessions, loading, Bulk jobs.

python benchmarks/bench_org.py [--commits 40000] [--sessions 5000] [--contacts 1000000] [--only commits,idle] [--save]
"""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks import org_bulk, org_parts
from benchmarks.results import machine, save


def main() -> None:
    options = _options()
    parts = {
        "commits": lambda: org_parts.commits(options.commits),
        "idle": lambda: org_parts.idle(options.sessions),
        "loading": lambda: org_parts.loading(options.contacts),
        "bulk_query": lambda: org_bulk.bulk_query(options.contacts),
        "bulk_ingest": lambda: org_bulk.bulk_ingest(options.ingest),
    }
    where = machine(("aiohttp", "orjson"))
    print(f"on {where['cpu']}, load {where['load_before']}")
    result: dict[str, Any] = {}
    for name in options.only.split(",") if options.only else parts:
        result[name] = parts[name]()
        print(f"{name}: {result[name]}", flush=True)
    if options.save:
        print(f"kept in {save('org', {'environment': where, **result})}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=40_000)
    parser.add_argument("--sessions", type=int, default=5_000)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--ingest", type=int, default=100_000, help="rows of the Bulk ingest jobs")
    parts = "commits, idle, loading, bulk_query, bulk_ingest"
    parser.add_argument("--only", default="", help=f"some of the parts, with commas between: {parts}")
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results/org.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
