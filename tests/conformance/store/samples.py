"""Documents to write, with only what a test is about left to say."""

from __future__ import annotations

from typing import Any

from schemas.documents import (
    ApiUsage,
    AuditEntry,
    CaptureStatus,
    ChannelState,
    CheckResult,
    Connection,
    Contribution,
    Engagement,
    FieldMapping,
    Insight,
    Job,
    ListDefinition,
    Member,
    Reason,
    Record,
    RowState,
    RuleSet,
    ScoreToken,
    Segment,
    Skip,
    Switch,
    Targets,
    WritebackPack,
    WritebackRun,
    WritebackSettings,
)
from schemas.events import Version


def record_id(number: int, prefix: str = "003") -> str:
    return f"{prefix}{number:012d}AAA"


def record(team: str, number: int = 1, **given: Any) -> Record:
    return Record(**{"team": team, "record_id": record_id(number), "entity": "contact", "alive": True, **given})


def skipped(team: str, number: int, reason: str, **given: Any) -> Record:
    return record(team, number, skip=Skip.model_validate({"reason": reason}), **given)


def member(team: str, key: str = "ada@example.com", **given: Any) -> Member:
    return Member(**{"team": team, "key": key, "alive": True, **given})


def rule_set(team: str, **given: Any) -> RuleSet:
    return RuleSet(team=team, **given)


def connection(team: str, **given: Any) -> Connection:
    return Connection(
        team=team,
        org_id="00D000000000001AAA",
        instance_url="https://example.my.salesforce.com",
        login_url="https://login.salesforce.com",
        client_id="client",
        grant="client_credentials",
        secret="ciphertext",
        connected_at_ms=1_700_000_000_000,
        **given,
    )


def one_of_each(team: str) -> dict[str, Any]:
    """A document of every collection, with every kind of nested value that its model has."""
    contact = record_id(1)
    version = Version(1_700_000_000_123, 2**53 + 1, 7)
    contribution = Contribution(
        rev=3,
        entity="contact",
        version=version,
        fields={"email": "ada@example.com"},
        segments={"seg-1": (Reason(rule_id="r1", list_id="00B000000000001AAA"),)},
    )
    definition = ListDefinition(
        list_id="00B000000000001AAA",
        entity="contact",
        label="Ada's",
        scope="everything",
        where={"conjunction": "and", "conditions": [{"field": "Name", "operator": "like", "values": ["'A%'"]}]},
        fetched_at_ms=1,
    )
    everything = contribution.model_dump()
    return {
        "connections": connection(team, detail="é", state="needs_reconnect"),
        "rule_sets": rule_set(
            team,
            version=2,
            lists={definition.list_id: definition},
            mappings={
                "contact": (FieldMapping(source="Title", target="title"),),
                "lead": (FieldMapping(target="age", fallbacks=("Age__c",), constant=5, type="number"),),
                "account": (FieldMapping(target="vip", constant=True, prefer="keep_first"),),
            },
        ),
        "segments": Segment(team=team, segment_id="seg-1", name="VIP", kind="people", created_at_ms=1),
        "records": record(
            team,
            full_version=version,
            field_versions={"Email": version},
            targets=Targets(people=("ada@example.com",)),
            skip=Skip(reason="invalid_email", detail="no @"),
            accounts_due=(record_id(9, "001"),),
        ),
        "people": member(team, contributions={contact: everything}, segments=("seg-1",), fields={"a": 1}),
        "accounts": member(team, "example.com", contributions={contact: everything}, announced=("seg-2",)),
        "engagement": Engagement(
            team=team, subject="person", key="ada@example.com", score=1.5, last_engagement_at_ms=None, scored_at_ms=2
        ),
        "insights": Insight(
            team=team, record_id=contact, entity="contact", score=0.1, last_engagement_date="2026-02-28"
        ),
        **_of_work(team, contact),
    }


def _of_work(team: str, contact: str) -> dict[str, Any]:
    """What tells of work that was done or is to be done."""
    return {
        "writeback_runs": WritebackRun(team=team, run_id="2026-02-28", started_at_ms=1, jobs={"contact": "750"}),
        "writeback_packs": WritebackPack(
            team=team,
            run_id="2026-02-28",
            sheet=3,
            place="contact/000007",
            entity="contact",
            record_ids=(contact, record_id(2)),
            scores=(2.0, None),
            last_engagement_dates=(None, "2026-02-28"),
            before_scores=(None, 7.0),
            before_dates=("2026-02-27", None),
            insight_revs=(0, 3),
            state=RowState(outcome="accepted"),
            others={"1": RowState(outcome="rejected", error="X:y:--", code="X", round=2)},
        ),
        "jobs": Job(team=team, job_id="import", kind="import", state="running", updated_at_ms=1),
        "capture_status": CaptureStatus(
            team=team,
            channels={"contact": ChannelState(state="streaming", since_ms=1, confirmed_ms=2)},
            checks=(CheckResult(check="api", outcome="ok", says="the API answers"),),
        ),
        "writeback_settings": WritebackSettings(
            team=team, switches={"lead": Switch(on=False, changed_at_ms=1)}, blackouts=(("22:00", "06:00"),)
        ),
        "audit": AuditEntry(team=team, entry_id="rules-00000001", at_ms=1, who="ann", what="rule lead-1 added"),
        "api_usage": ApiUsage(team=team, day="2026-02-28", calls={"rest": 2}, allowed=15_000, remaining=14_000),
        "score_tokens": ScoreToken(team=team, token_id="0a1b2c3d", name="platform", digest="0" * 64, created_at_ms=1),
    }


IDS = {
    "connections": "{team}",
    "rule_sets": "{team}",
    "segments": "seg-1",
    "records": record_id(1),
    "people": "ada@example.com",
    "accounts": "example.com",
    "engagement": "person:ada@example.com",
    "insights": record_id(1),
    "writeback_runs": "2026-02-28",
    "writeback_packs": "2026-02-28:3:contact/000007",
    "jobs": "import",
    "capture_status": "{team}",
    "writeback_settings": "{team}",
    "audit": "rules-00000001",
    "api_usage": "2026-02-28",
    "score_tokens": "0a1b2c3d",
}
"""What the document of `one_of_each` is found by."""
