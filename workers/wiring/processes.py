"""Each worker process: its adapters, its health page, its signals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from schemas.documents import WritebackRun
from schemas.topics import CHANGES
from workers.adapters.health_server import health_server
from workers.adapters.http_server import serving
from workers.adapters.kafka.changelog import open_change_log
from workers.adapters.kafka.processor import FaustProcessor
from workers.adapters.kafka.reader import open_reader
from workers.adapters.kafka.shards import KafkaShardOwnership
from workers.adapters.scores_api.server import application
from workers.capture.pace import Pace
from workers.capture.worker import Capture
from workers.console.run_reports import Reports
from workers.insights.worker import TOPICS as SCORE_TOPICS
from workers.insights.worker import Insights
from workers.intake.admission import Tokens
from workers.intake.worker import Intake
from workers.replay.worker import Replayed, replay
from workers.routing.worker import TOPICS as ROUTING_TOPICS
from workers.routing.worker import Routing
from workers.runtime.logs import configure_logs
from workers.runtime.process import SystemClock, collect_seldom, stop_on_signals
from workers.settings import Settings
from workers.wiring.resources import orgs, publisher, store

clock = SystemClock()


@asynccontextmanager
async def observed(settings: Settings, ready: Callable[[], bool]) -> AsyncIterator[None]:
    configure_logs(settings.log_level)
    async with health_server(settings.health_host, settings.health_port, ready):
        yield


async def run_capture(settings: Settings) -> None:
    collect_seldom()
    stop = stop_on_signals()
    servers, namespace = settings.kafka_bootstrap_servers, settings.kafka_namespace
    async with (
        store(settings) as opened,
        publisher(settings) as topics,
        orgs(settings, opened) as salesforce,
    ):
        capture = Capture(
            opened,
            salesforce,
            partial(open_change_log, servers, namespace=namespace),
            KafkaShardOwnership(servers, namespace, settings.capture_instance_id),
            clock,
            topics,
            Pace(
                headroom_hours=settings.capture_headroom_hours,
                list_interval_seconds=60 * settings.capture_list_minutes,
            ),
        )
        async with observed(settings, lambda: capture.ready):
            await capture.run(stop)


async def run_routing(settings: Settings) -> None:
    collect_seldom()
    stop = stop_on_signals()
    processor = FaustProcessor(
        settings.kafka_bootstrap_servers, "routing", ROUTING_TOPICS, namespace=settings.kafka_namespace
    )
    async with (
        observed(settings, lambda: processor.ready),
        store(settings) as opened,
        publisher(settings) as topics,
    ):
        await Routing(opened, topics, clock).run(processor, stop)


async def run_insights(settings: Settings) -> None:
    stop = stop_on_signals()
    processor = FaustProcessor(
        settings.kafka_bootstrap_servers, "insights", SCORE_TOPICS, namespace=settings.kafka_namespace
    )
    async with (
        observed(settings, lambda: processor.ready),
        store(settings) as opened,
        publisher(settings) as topics,
        orgs(settings, opened) as salesforce,
    ):
        insights = Insights(opened, salesforce, topics, clock, settings.insights_rows_kept_days)
        await insights.run(processor, stop, scheduled=settings.insights_scheduler == "process")


async def run_scores_api(settings: Settings) -> None:
    """Ready as soon as it serves: without Kafka or MongoDB it answers 503, and says so."""
    stop = stop_on_signals()
    async with store(settings) as opened, publisher(settings) as topics:
        app = application(Tokens(opened), Intake(topics, clock), Reports(opened))
        async with (
            serving(app, settings.scores_api_host, settings.scores_api_port, "SCORES_API"),
            observed(settings, lambda: True),
        ):
            await stop.wait()


async def write_back(settings: Settings, team: str | None, *, again: bool) -> list[WritebackRun]:
    configure_logs(settings.log_level)
    async with (
        store(settings) as opened,
        publisher(settings) as topics,
        orgs(settings, opened) as salesforce,
    ):
        return await Insights(opened, salesforce, topics, clock).write_back(team, again=again)


async def write_back_due(settings: Settings) -> list[WritebackRun]:
    configure_logs(settings.log_level)
    async with (
        store(settings) as opened,
        publisher(settings) as topics,
        orgs(settings, opened) as salesforce,
    ):
        return await Insights(opened, salesforce, topics, clock, settings.insights_rows_kept_days).write_back_due()


async def undo_write_back(settings: Settings, team: str, run_id: str) -> WritebackRun:
    configure_logs(settings.log_level)
    async with (
        store(settings) as opened,
        publisher(settings) as topics,
        orgs(settings, opened) as salesforce,
    ):
        return await Insights(opened, salesforce, topics, clock).undo(team, run_id)


async def run_replay(
    settings: Settings, since_ms: int | None, team: str | None, advance: Callable[[int, Replayed], None]
) -> Replayed:
    """`advance` is told the number of offsets in all, and what has been done so far."""
    collect_seldom()
    configure_logs(settings.log_level)
    async with (
        store(settings) as opened,
        publisher(settings) as topics,
        open_reader(
            settings.kafka_bootstrap_servers,
            list(CHANGES.values()),
            since_ms=since_ms,
            namespace=settings.kafka_namespace,
        ) as reader,
    ):
        total = await reader.total()
        return await replay(reader, opened, topics, clock, team=team, progress=lambda so_far: advance(total, so_far))
