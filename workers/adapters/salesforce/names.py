"""What Salesforce calls things: the API version, objects, change channels, and our own client name."""

from __future__ import annotations

from schemas.events import ENTITIES, Entity
from workers.core.origin import CLIENT_NAME

API_VERSION = "62.0"

CALL_OPTIONS = {"Sforce-Call-Options": f"client={CLIENT_NAME}"}

OBJECT_NAME: dict[Entity, str] = {"contact": "Contact", "lead": "Lead", "account": "Account"}
CHANNEL: dict[Entity, str] = {entity: f"/data/{OBJECT_NAME[entity]}ChangeEvent" for entity in ENTITIES}
ENTITY_OF_CHANNEL: dict[str, Entity] = {channel: entity for entity, channel in CHANNEL.items()}

DATA_PATH = f"/services/data/v{API_VERSION}"
COMETD_PATH = f"/cometd/{API_VERSION}"


def reconnect(team: str) -> str:
    """The remedy that every dead authorisation shares."""
    return f"reconnect the team: segment-sync connections connect {team}"
