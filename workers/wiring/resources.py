"""Adapters, opened from the settings and closed again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workers.adapters.kafka.publisher import KafkaPublisher
from workers.adapters.kafka.topics import ensure_topics
from workers.adapters.mongo import open_store
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher
from workers.core.budget import Shares
from workers.ports import SalesforceOrg, Store
from workers.runtime.connections import connection_of
from workers.runtime.process import SystemClock
from workers.settings import Settings


@asynccontextmanager
async def store(settings: Settings) -> AsyncIterator[Store]:
    uri = settings.mongodb_uri.get_secret_value()
    async with open_store(uri, settings.mongodb_database, settings.mongodb_driver) as opened:
        yield opened


def cipher(settings: Settings) -> TokenCipher:
    return TokenCipher(settings.token_encryption_keys.get_secret_value().split(","))


@asynccontextmanager
async def orgs(settings: Settings, opened: Store) -> AsyncIterator[Orgs]:
    salesforce = Orgs(
        opened.connections,
        cipher(settings),
        SystemClock(),
        allow_insecure_loopback=settings.salesforce_allow_loopback,
        shares=Shares(settings.salesforce_api_share, settings.salesforce_api_reserve),
    )
    try:
        yield salesforce
    finally:
        await salesforce.close()


@asynccontextmanager
async def team_store(settings: Settings, team: str) -> AsyncIterator[Store]:
    """The store, for a connected team; raises Refused when the team is not connected."""
    async with store(settings) as opened:
        await connection_of(opened, team)
        yield opened


@asynccontextmanager
async def team_org(settings: Settings, team: str) -> AsyncIterator[tuple[Store, SalesforceOrg]]:
    """The store, and the org of a connected team; raises Refused when the team is not connected."""
    async with store(settings) as opened, orgs(settings, opened) as salesforce:
        yield opened, salesforce.org(await connection_of(opened, team))


@asynccontextmanager
async def publisher(settings: Settings) -> AsyncIterator[KafkaPublisher]:
    """Also makes sure that the topics exist: the first process to start creates them."""
    await ensure_topics(
        settings.kafka_bootstrap_servers,
        namespace=settings.kafka_namespace,
        replication_factor=settings.kafka_replication_factor,
    )
    opened = KafkaPublisher(settings.kafka_bootstrap_servers, settings.kafka_namespace)
    await opened.start()
    try:
        yield opened
    finally:
        await opened.stop()
