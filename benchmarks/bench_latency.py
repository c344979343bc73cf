"""From the org's commit of an edit to its document's being readable in MongoDB, in a demo played at a steady rate.

python benchmarks/bench_latency.py [--edits 1500] [--rate 50] [--save]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.results import environment, save
from sandbox.demo.environment import Sizes
from sandbox.demo.story import Demo, Options, Story, problems
from sandbox.demo.watch import percentile
from sandbox.stack import Endpoints, start_stack

SHARES = (0.5, 0.95, 0.99)


def play(directory: Path, endpoints: Endpoints, edits: int, rate: float) -> Story:
    """The whole demo, so that the figures come from a run that was judged right; on a stack whose version is known."""
    os.environ["KAFKA_BOOTSTRAP_SERVERS"] = endpoints.kafka_bootstrap_servers
    os.environ["MONGODB_URI"] = endpoints.mongodb_uri
    options = Options(Sizes(), edits=edits, edits_per_second=rate, directory=directory)
    story = asyncio.run(Demo(options, Console(stderr=True)).play())
    if wrong := problems(story):
        raise SystemExit(f"the run is worth nothing, since it went wrong: {'; '.join(wrong)}")
    if not story.latencies_ms:
        raise SystemExit("no edit was made: --edits must be at least 1")
    return story


def figures(story: Story, edits: int, rate: float) -> dict[str, Any]:
    found = story.latencies_ms
    return {
        "edits": edits,
        "edits_per_second": rate,
        "changes_seen": len(found),
        "changes_expected": story.changes["expected"],
        "latency_ms": {f"p{round(share * 100)}": percentile(found, share) for share in SHARES},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=1500)
    parser.add_argument("--rate", type=float, default=50.0, help="edits per second")
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results/latency.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, start_stack(Path(directory) / "stack") as stack:
        where = environment(stack.endpoints)
        result = figures(
            play(Path(directory), stack.endpoints, options.edits, options.rate), options.edits, options.rate
        )
    latency = "  ".join(f"{name} {value:.1f}" for name, value in result["latency_ms"].items())
    print(f"{options.edits} edits at {options.rate:g}/s on {where['cpu']}, load {where['load_before']}: {latency} ms")
    if options.save:
        print(f"kept in {save('latency', {'environment': where, **result})}")


if __name__ == "__main__":
    main()
