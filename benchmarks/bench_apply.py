"""A rule set is edited over so many mirrored contacts: how long until every one is evaluated under it.

python benchmarks/bench_apply.py [--records 1000000] [--share 0.5] [--save]

One routing process, as in production, beside Kafka and mongod. A share of the contacts, half, enters a second segment.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import resource
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.cache import give_cache
from benchmarks.results import environment, save
from benchmarks.routing_load import COUNTRIES, RULES, TEAM, changes
from benchmarks.servers import server_cpu_seconds
from sandbox.stack import Endpoints, start_stack
from schemas.documents import Contribution, Destination, ListDefinition, Record, Rule, RuleSet
from schemas.topics import ALL
from workers.adapters.kafka.processor import FaustProcessor
from workers.adapters.kafka.publisher import KafkaPublisher
from workers.adapters.kafka.topics import ensure_topics
from workers.adapters.mongo import open_store
from workers.core.evaluation import Related, compile_rule_set, contributions, decided, evaluate
from workers.core.members import blank_member, fold
from workers.core.merge import blank, merge
from workers.ports import Store
from workers.routing.worker import TOPICS, Routing
from workers.runtime.process import SystemClock, collect_seldom

NOW_MS = 1_790_000_000_000
PAGE = 2000
LOOK_SECONDS = 1.0

SECOND = Rule(
    rule_id="r2",
    entity="contact",
    list_ids=("some",),
    destination=Destination(kind="segment", segment_id="some"),
    created_at_ms=0,
)


def holding(share: float) -> ListDefinition:
    """A list that holds this share of the contacts, in quarters."""
    values = [f"'{country}'" for country in COUNTRIES[: round(share * len(COUNTRIES))]] or ["'Atlantis'"]
    return ListDefinition(
        list_id="some",
        entity="contact",
        label="Some of them",
        scope="everything",
        where={"field": "MailingCountry", "operator": "in", "values": values},
        fetched_at_ms=0,
    )


def edited(share: float) -> RuleSet:
    """With a second rule, which concerns this share of the contacts."""
    lists = {**RULES.lists, "some": holding(share)}
    return RULES.model_copy(update={"version": 2, "rev": 1, "rules": (*RULES.rules, SECOND), "lists": lists})


async def mirror(store: Store, records: int) -> None:
    """As routing leaves it after the contacts were created under the first rule set."""
    rules = compile_rule_set(RULES, NOW_MS)
    created = itertools.islice(changes(2 * records), records)
    while page := [merge(blank(each), each) for each in itertools.islice(created, PAGE)]:
        outcomes = [evaluate(record, Related(), rules) for record in page]
        await store.records.swap([decided(r, o, 1) for r, o in zip(page, outcomes, strict=True)])
        written = (r.model_copy(update={"rev": 1}) for r in page)
        people = (contributions(r, o)[0].items() for r, o in zip(written, outcomes, strict=True))
        await store.people.swap([person(r, *next(iter(each))) for r, each in zip(page, people, strict=True)])


def person(record: Record, key: str, contribution: Contribution) -> Any:
    folded = fold(blank_member(TEAM, key), record.record_id, contribution)
    return folded.model_copy(update={"announced": folded.segments})


async def applied(store: Store) -> None:
    while await store.rule_set_queries.unapplied(1):  # noqa: ASYNC110 - another process may apply it
        await asyncio.sleep(LOOK_SECONDS)


async def measure(endpoints: Endpoints, records: int, share: float) -> dict[str, Any]:
    collect_seldom()
    servers = endpoints.kafka_bootstrap_servers
    await ensure_topics(servers, "bench", replication_factor=1, topics=ALL)
    publisher, stop = KafkaPublisher(servers, "bench"), asyncio.Event()
    await publisher.start()
    async with open_store(endpoints.mongodb_uri, "bench") as store, AsyncExitStack() as closing:
        closing.push_async_callback(publisher.stop)
        await mirror(store, records)
        await store.rule_sets.swap([RULES])
        processor = FaustProcessor(servers, "bench", TOPICS, "bench")
        routing = asyncio.create_task(Routing(store, publisher, SystemClock()).run(processor, stop))
        while not processor.ready:  # noqa: ASYNC110 - the processor sets no event
            await asyncio.sleep(0.1)
        since, cpu_since, servers_since = time.perf_counter(), time.process_time(), server_cpu_seconds()
        await store.rule_sets.swap([edited(share)])
        await applied(store)
        seconds, cpu_seconds = time.perf_counter() - since, time.process_time() - cpu_since
        servers_seconds = {name: until - servers_since[name] for name, until in server_cpu_seconds().items()}
        stop.set()
        await routing
        sizes = await store.people_queries.segment_sizes(TEAM)
    return {
        "records": records,
        "share": share,
        "seconds": round(seconds, 1),
        "records_per_second": round(records / seconds),
        "cpu_us_per_record": round(cpu_seconds / records * 1e6),
        "servers_cpu_us_per_record": {name: round(each / records * 1e6) for name, each in servers_seconds.items()},
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "segment_sizes": sizes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--share", type=float, default=0.5, help="of the contacts that the edit concerns: 0, 0.25 to 1")
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results/apply.json")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a new topic has no leader yet: tried again, and told
    with tempfile.TemporaryDirectory() as directory, start_stack(Path(directory)) as stack:
        give_cache(stack.endpoints.mongodb_uri)
        where = environment(stack.endpoints)
        result = asyncio.run(measure(stack.endpoints, options.records, options.share))
    print(f"{where['cpu']}, load {where['load_before']}: {result}")
    if options.save:
        print(f"kept in {save('apply', {'environment': where, **result})}")


if __name__ == "__main__":
    main()
