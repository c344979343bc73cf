"""Every setting of every process, read from the environment (or a file named by SEGMENT_SYNC_ENV_FILE)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from workers.ports import Refused


class Settings(BaseSettings):
    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    kafka_bootstrap_servers: str = Field(description="Kafka brokers, host:port, comma-separated")
    kafka_replication_factor: int = Field(3, ge=1, description="Replicas of the topics that are created")
    kafka_namespace: str = Field("", description="Prefix of topics, groups and transactional ids")
    mongodb_uri: SecretStr = Field(description="MongoDB connection string of a replica set")
    mongodb_database: str = "segment_sync"
    mongodb_driver: Literal["pymongo", "motor"] = "pymongo"
    token_encryption_keys: SecretStr = Field(
        description="AES-256 keys, url-safe base64, comma-separated; the first encrypts, all decrypt"
    )
    salesforce_allow_loopback: bool = Field(
        False, description="Accept an org on plain http on the loopback interface (the sandbox)"
    )
    salesforce_api_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of an org's daily API requests that imports, polling and comparisons may take",
    )
    salesforce_api_reserve: float = Field(
        0.1, ge=0, lt=1, description="Share of an org's daily API requests that those leave to everybody else"
    )
    capture_headroom_hours: float = Field(
        12.0,
        ge=0,
        lt=72,
        description="Read by queries what changed once unread change events expire within so many hours",
    )
    capture_instance_id: str = Field(
        "",
        max_length=249,
        pattern=r"^[A-Za-z0-9._-]*$",
        description="Name that this capture process alone has, also after a restart: it keeps its shards; unset: none",
    )
    capture_list_minutes: float = Field(
        60.0, ge=1, le=1440, description="Compare each list that a rule uses with the org once in so many minutes"
    )
    insights_scheduler: Literal["process", "cron"] = Field(
        "process", description="Who begins the daily runs: the insights process, or a job that runs `insights --due`"
    )
    insights_rows_kept_days: int = Field(90, ge=1, le=3650, description="Keep rows of write-back runs for so many days")
    health_host: str = "0.0.0.0"  # noqa: S104 - probes come from the node
    health_port: int | None = Field(
        None, ge=0, le=65535, description="Port of /livez, /readyz and /metrics; unset: none"
    )
    scores_api_host: str = "0.0.0.0"  # noqa: S104 - platforms come from outside
    scores_api_port: int = Field(8081, ge=0, le=65535, description="Port on which scores are handed in over HTTP")
    log_level: Literal["debug", "info", "warning", "error"] = "info"


def load_settings() -> Settings:
    """Raises Refused naming each setting that is missing or wrong."""
    file = os.environ.get("SEGMENT_SYNC_ENV_FILE") or None
    if file is not None and not Path(file).is_file():  # the library would pass over it in silence
        raise Refused(f"SEGMENT_SYNC_ENV_FILE names {file}, which is no file")
    try:
        return Settings(_env_file=file)
    except ValidationError as error:
        problems = "; ".join(f"{str(e['loc'][0]).upper()}: {e['msg'].lower()}" for e in error.errors())
        raise Refused(
            f"{problems}. Set it in the environment or in the file that SEGMENT_SYNC_ENV_FILE names."
        ) from None
