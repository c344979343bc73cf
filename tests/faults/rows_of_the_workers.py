"""Rows in which workers, the broker or the network between them fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from schemas.events import Position
from schemas.topics import CHANGES, POSITIONS
from tests.faults.broker import FORGET_SECONDS
from tests.faults.points import POINTS
from tests.faults.proxy import END_TXN, Fate, Weather
from tests.faults.runs import Row, Run
from tests.faults.worker import Worker
from tests.support.waiting import until
from workers.adapters.kafka.topics import admin, topic_name
from workers.core.capture.shards import shard_of

POSITION_UPDATES = 20_000
MANY_SMALL_SEGMENTS = {"segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "1000"}

TAKE_OVER_SECONDS = 90.0

POINT_SECONDS = 60.0
"""Until a worker has come to a point of a transaction."""

ZOMBIE_SECONDS = 11.0
"""Longer than the session timeout of the group (`child.SESSION_TIMEOUT_MS`), and than a transaction's."""

IN_TRANSACTION = POINTS[:3]
"""Where a frozen worker has something at hand that it will publish when it wakes up."""

ZOMBIES = ("", *IN_TRANSACTION, "before send", "before send")
"""At any moment, or there. While it has sent nothing its successor need not wait for the end of its transaction."""


async def a_worker_is_killed(run: Run) -> None:
    """F1: at a random moment, or at a point of a transaction."""
    async with run.editing(5.0):
        for _ in range(2):
            await run.pause(0.3, 1.5)
            worker = run.rng.choice(run.lane.workers)
            run.note(f"kill {run.lane.workers.index(worker)}")
            worker.kill()
            await run.pause(0.0, 0.5)
            worker.start()


async def a_worker_is_killed_in_a_transaction(run: Run) -> None:
    """F1, at the points that a transaction passes."""
    point, number = run.rng.choice(POINTS), run.rng.randint(2, 6)
    victims = run.lane.workers
    for worker in victims:
        worker.stop_at("kill", point, number)
    async with run.editing(4.0):
        await until(lambda: not all(worker.alive for worker in victims), POINT_SECONDS, pause=0.02)
        run.note(f"killed {point}, transaction {number}")
    for worker in victims:
        worker.obey_no_more()
        worker.start()


async def a_worker_comes_back_from_the_dead(run: Run) -> None:
    """F2: frozen until another has taken over; it wakes up with events that it has not read or not yet published."""
    owner = await _owner(run)
    (other,) = (worker for worker in run.lane.workers if worker is not owner)
    before = _subscribed(run, other)
    point, number = run.rng.choice(ZOMBIES), run.rng.randint(1, 4)
    async with run.editing(3.0):
        await _freeze(run, owner, point, number)
        await until(lambda: _subscribed(run, other) > before, TAKE_OVER_SECONDS, pause=0.05)
        await run.pause(0.3, 1.5)  # it wakes up before the broker has aborted its transaction
        run.note("thaw")
        owner.thaw()


async def _freeze(run: Run, worker: Worker, point: str, number: int) -> None:
    """At a random moment, or at a point of a transaction."""
    if point:
        worker.stop_at("freeze", point, number)
        await until(lambda: worker.frozen, POINT_SECONDS, pause=0.02)
    else:
        await run.pause(0.2, 1.0)
        worker.freeze()
    run.note(f"freeze {point}")


def _subscribed(run: Run, worker: Worker) -> int:
    return len(worker.lines('"subscribed"', f'"{run.team}"'))


async def two_workers_believe_to_own_a_shard(run: Run) -> None:
    """F3: they fence each other, until the group's word reaches them."""
    for worker in run.lane.workers:
        await asyncio.to_thread(worker.terminate)
    before = _fenced(run)
    for worker in run.lane.workers:
        worker.start(illusion_seconds=run.chance_seconds(3.0, 8.0))
    run.note("both own everything")
    await run.edit(8.0)
    run.note(f"{_fenced(run) - before} times fenced")


def _fenced(run: Run) -> int:
    return sum(one.log_text.count('"shard fenced"') for one in run.lane.workers)


async def the_end_of_a_transaction_is_uncertain(run: Run) -> None:
    """F4: its reply is lost, with the connection or not, or the request arrives when the worker has long gone on."""
    fate: Fate = run.rng.choice(("lose reply", "lose connection", "deliver late"))
    proxy, left = run.lane.to_kafka, [run.rng.randint(1, 2)]

    def decide(number: int) -> Fate:
        if number != END_TXN or not left[0]:
            return "pass"
        left[0] -= 1
        run.note(fate)
        return fate

    async with run.editing(4.0):
        await run.pause(0.2, 2.0)
        proxy.late_seconds = run.chance_seconds(0.2, 3.0)
        proxy.on_request = decide
        await until(lambda: not left[0], POINT_SECONDS, pause=0.02)


async def the_broker_refuses_a_record(run: Run) -> None:
    """F5: too large for a topic whose limit somebody has lowered; the others of its transaction are not."""
    topic = topic_name(run.lane.namespace, CHANGES["contact"])
    async with run.editing(5.0):
        await run.pause(0.2, 1.0)
        run.note("limit lowered")
        await _configure(run.lane.kafka, topic, CHANGES["contact"].config | {"max.message.bytes": "4000"})
        before = _lost_logs(run)
        async with run.org.turn:
            await run.update("Contact", "x" * 20_000)
            refused = max(one.commit_number for one in (await run.org.truth()).announced)
        await until(lambda: _lost_logs(run) > before or _passed(run, refused), POINT_SECONDS, pause=0.05)
        await run.pause(0.0, 2.0)
        run.note("limit raised")
        await _configure(run.lane.kafka, topic, CHANGES["contact"].config)


def _passed(run: Run, commit_number: int) -> bool:
    """Whether a later contact is published, as if nothing had been refused."""
    contacts = (change for change in run.changes if change.entity == "contact")
    return any(change.version.commit_number > commit_number for change in contacts)


async def _configure(kafka: str, topic: str, config: dict[str, str]) -> None:
    async with admin(kafka) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=config)])


async def a_stranger_holds_a_transaction_open(run: Run) -> None:
    """F7: on partitions of the changes and of the team's positions, while a worker takes the shard over."""
    async with _open_transaction(run):
        run.note("transaction left open")
        async with run.editing(4.0):
            await run.pause(0.1, 1.0)
            owner = await _owner(run)
            owner.kill()
            owner.start()


@asynccontextmanager
async def _open_transaction(run: Run) -> AsyncIterator[None]:
    lane = run.lane
    stranger = AIOKafkaProducer(
        bootstrap_servers=lane.kafka,
        transactional_id=f"{lane.namespace}stranger-{run.seed}",
        transaction_timeout_ms=round(1000 * run.chance_seconds(3.0, 8.0)),
    )
    await stranger.start()
    try:
        await stranger.begin_transaction()
        for topic in CHANGES.values():
            for number in range(topic.partitions):
                await stranger.send_and_wait(topic_name(lane.namespace, topic), b"never committed", partition=number)
        positions = topic_name(lane.namespace, POSITIONS)
        await stranger.send_and_wait(positions, b"{}", key=b"stranger", partition=shard_of(run.team))
        yield
    finally:
        with suppress(KafkaError, AssertionError):  # the broker has aborted it by then
            await stranger.stop()


async def positions_are_many(run: Run) -> None:
    """F8: the partition of the team's shard holds thousands of positions of others, in segments that are compacted."""
    lane, topic = run.lane, topic_name(run.lane.namespace, POSITIONS)
    await _configure(lane.kafka, topic, {"cleanup.policy": "compact", **MANY_SMALL_SEGMENTS})
    other = Position(team="other", entity="contact", commit_time_ms=1).model_dump_json().encode()
    async with AIOKafkaProducer(bootstrap_servers=lane.kafka) as producer:
        for number in range(POSITION_UPDATES):
            key = f"other:{number % 50}".encode()
            await producer.send(topic, other, key=key, partition=shard_of(run.team))
    run.note(f"{POSITION_UPDATES} positions")
    async with run.editing(3.0):
        await run.pause(0.1, 1.0)
        owner = await _owner(run)
        owner.kill()
        owner.start()


async def a_worker_is_frozen_in_a_transaction(run: Run) -> None:
    """F6: readers wait for the open transaction until the broker aborts it."""
    point, number = run.rng.choice(IN_TRANSACTION), run.rng.randint(2, 4)
    for worker in run.lane.workers:
        worker.stop_at("freeze", point, number)
    async with run.editing(4.0):
        await until(lambda: any(worker.frozen for worker in run.lane.workers), POINT_SECONDS, pause=0.02)
        await run.pause(ZOMBIE_SECONDS, ZOMBIE_SECONDS + 2)
        run.note(f"thaw after {point}, transaction {number}")
        for worker in run.lane.workers:
            worker.obey_no_more()
            worker.thaw()


async def the_broker_forgets_who_writes(run: Run) -> None:
    """F9: what it knows of producers that are idle for a week, here for seconds."""
    before = _lost_logs(run)
    for _ in range(2):
        await run.pause(FORGET_SECONDS + 0.8, FORGET_SECONDS + 2)
        await run.edit(run.chance_seconds(0.2, 1.0))
        await run.caught_up()
    run.note(f"{_lost_logs(run) - before} change logs opened again")
    if _lost_logs(run) == before:
        run.violations.append("the broker has forgotten nothing")


def _lost_logs(run: Run) -> int:
    shard = f'"shard": {shard_of(run.team)},'
    return sum(len(worker.lines('"change log lost"', shard)) for worker in run.lane.workers)


async def the_broker_is_cut_off(run: Run) -> None:
    """F14: in one direction or both, for seconds."""
    proxy = run.lane.to_kafka
    async with run.editing(5.0):
        await run.pause(0.2, 2.0)
        directions = run.rng.choice(((True, True), (True, False), (False, True)))
        run.note(f"partition to server {directions[0]}, to client {directions[1]}")
        proxy.partition(to_server=directions[0], to_client=directions[1])
        await run.pause(1.0, 9.0)
        run.note("heal")
        proxy.heal()
        if run.rng.random() < 0.5:
            proxy.reset()


async def the_network_is_slow(run: Run) -> None:
    """F15."""
    weather = run.rng.choice(
        (
            Weather(delay_seconds=(0.1, 0.3)),
            Weather(slice_bytes=211, delay_seconds=(0.0, 0.002)),
            Weather(bytes_per_second=32_000, slice_bytes=1_400),
        )
    )
    run.note(str(weather))
    run.lane.to_kafka.weather = weather
    await run.edit(5.0, per_second=8.0)
    run.lane.to_kafka.heal()


async def connections_are_reset(run: Run) -> None:
    """F16: those to the broker and those to the org, again and again."""
    async with run.editing(6.0):
        for _ in range(8):
            await run.pause(0.1, 1.4)
            proxy = run.rng.choice((run.lane.to_kafka, run.lane.to_orgs))
            run.note("reset " + ("broker" if proxy is run.lane.to_kafka else "org"))
            proxy.reset()


async def _owner(run: Run) -> Worker:
    """The worker whose log was the last to say that it has subscribed for the team."""

    def subscribed_at() -> list[tuple[str, Worker]]:
        told = [(one.lines('"subscribed"', f'"{run.team}"'), one) for one in run.lane.workers if one.alive]
        return [(str(json.loads(lines[-1])["timestamp"]), worker) for lines, worker in told if lines]

    await until(lambda: bool(subscribed_at()), pause=0.05)
    return max(subscribed_at(), key=lambda found: found[0])[1]


ROWS = (
    Row("F1", "worker killed", a_worker_is_killed, alone=True),
    Row("F1p", "killed in a transaction", a_worker_is_killed_in_a_transaction, alone=True),
    Row("F2", "zombie", a_worker_comes_back_from_the_dead, alone=True),
    Row("F3", "duel", two_workers_believe_to_own_a_shard, alone=True),
    Row("F4", "ambiguous EndTxn", the_end_of_a_transaction_is_uncertain, alone=True),
    Row("F5", "record refused", the_broker_refuses_a_record, alone=True),
    Row("F7", "hanging transaction", a_stranger_holds_a_transaction_open, alone=True),
    Row("F8", "many positions", positions_are_many, alone=True),
    Row("F6", "frozen in a transaction", a_worker_is_frozen_in_a_transaction, alone=True),
    Row("F9", "idle producers", the_broker_forgets_who_writes, broker="forgetful"),
    Row("F14", "broker cut off", the_broker_is_cut_off, alone=True),
    Row("F15", "slow network", the_network_is_slow, alone=True),
    Row("F16", "resets", connections_are_reset, alone=True),
)
