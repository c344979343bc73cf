"""Kafka brokers of these tests' own, which wait shorter than one of production, or forget sooner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sandbox.stack.kafka import KafkaFiles, start_kafka
from sandbox.stack.process import Control
from sandbox.stack.running import default_cache_directory

QUICK = {
    # 6 s by default: half of a take-over is waiting for that.
    "group.min.session.timeout.ms": "1000",
    # Looks every 10 s by default.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}

FORGET_SECONDS = 8.0
"""Longer than any pause of a worker that is at work on a busy machine."""

FORGETFUL = QUICK | {
    # A week by default, and a day for what a partition knows of a producer.
    "transactional.id.expiration.ms": f"{FORGET_SECONDS * 1000:.0f}",
    "transaction.remove.expired.transaction.cleanup.interval.ms": "250",
    "producer.id.expiration.ms": f"{FORGET_SECONDS * 1000:.0f}",
    "producer.id.expiration.check.interval.ms": "250",
}


@contextmanager
def broker(directory: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Its bootstrap address."""
    cache = default_cache_directory()
    files = KafkaFiles(directory / "kafka", directory / "kafka.pid", directory / "kafka.log", cache)
    files.home.mkdir(parents=True)
    running, address = start_kafka(files, port=0, control=Control(), settings=settings)
    try:
        yield address
    finally:
        running.stop()
