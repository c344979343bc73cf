"""The ad platform's part: engagement scores for some people and accounts, and what Salesforce must show afterwards."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from sandbox.demo.expected import Expected
from sandbox.demo.org_client import OrgClient

TOPIC = "engagement.scores"
SCORED_ROWS = "SELECT Id, Engagement_Score__c, Last_Engagement_Date__c FROM {} WHERE Engagement_Score__c != null"
ENGAGED_AT_MS = 1_735_689_600_000
"""2025-01-01. Any past time will do, as long as it is the same for the same seed."""


@dataclass(frozen=True, slots=True)
class Scored:
    subject: str
    key: str
    score: float
    engaged_at_ms: int

    @property
    def date(self) -> str:
        return datetime.fromtimestamp(self.engaged_at_ms / 1000, UTC).date().isoformat()


def draw_scores(state: Expected, rng: random.Random, share: float = 0.4) -> list[Scored]:
    """Scores for a share of the people and accounts, and one for somebody whom nobody knows yet."""
    keys = [("person", key) for key in sorted(state.people)] + [("account", key) for key in sorted(state.accounts)]
    chosen = rng.sample(keys, k=int(len(keys) * share))
    scores = [
        Scored(subject, key, round(rng.uniform(0, 100), 2), ENGAGED_AT_MS - rng.randrange(90) * 86_400_000)
        for subject, key in chosen
    ]
    return [*scores, Scored("person", "nobody.yet@unknown.example.com", 1.0, ENGAGED_AT_MS)]


async def publish_scores(
    bootstrap_servers: str, topic: str, team: str, scores: list[Scored], scored_at_ms: int
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        sent = [
            await producer.send(
                topic,
                key=f"{team}:{each.subject}:{each.key}".encode(),
                value=json.dumps(
                    {
                        "team": team,
                        "subject": each.subject,
                        "key": each.key,
                        "score": each.score,
                        "last_engagement_at_ms": each.engaged_at_ms,
                        "scored_at_ms": scored_at_ms,
                    }
                ).encode(),
            )
            for each in scores
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def wanted_in_org(scores: list[Scored], state: Expected) -> dict[str, tuple[float, str]]:
    """Record id -> score and date: every contact and lead behind a person, every account record behind an account."""
    wanted: dict[str, tuple[float, str]] = {}
    for each in scores:
        members = state.people if each.subject == "person" else state.accounts
        for record_id in members.get(each.key, ()):
            wanted[record_id] = (each.score, each.date)
    return wanted


async def verified_in_org(org: OrgClient, wanted: dict[str, tuple[float, str]]) -> int:
    """How many of the records show the right values, and no other record shows any; -1 when another one does."""
    right = 0
    for entity in ("Contact", "Lead", "Account"):
        rows = await org.query(SCORED_ROWS.format(entity))
        for row in rows:
            if row["Id"] not in wanted:
                return -1
            right += wanted[row["Id"]] == shown(row)
    return right


def shown(row: dict[str, Any]) -> tuple[float, str]:
    return float(row["Engagement_Score__c"]), str(row["Last_Engagement_Date__c"])
