"""Fields that the platform works out from others whenever a record is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sandbox.org.rows.writes import Row

# Stage -> probability, forecast category, its label; as a new org has them.
_STAGES: dict[str, tuple[float, str, str]] = {
    "Prospecting": (10.0, "Pipeline", "Pipeline"),
    "Qualification": (10.0, "Pipeline", "Pipeline"),
    "Needs Analysis": (20.0, "Pipeline", "Pipeline"),
    "Value Proposition": (50.0, "Pipeline", "Pipeline"),
    "Id. Decision Makers": (60.0, "Pipeline", "Pipeline"),
    "Perception Analysis": (70.0, "Pipeline", "Pipeline"),
    "Proposal/Price Quote": (75.0, "Pipeline", "Pipeline"),
    "Negotiation/Review": (90.0, "Pipeline", "Pipeline"),
    "Closed Won": (100.0, "Closed", "Closed"),
    "Closed Lost": (0.0, "Omitted", "Omitted"),
}


def derived(object_name: str, row: Row) -> Row:
    """The derived fields of `row`; empty for most objects."""
    derive = _DERIVED.get(object_name)
    return derive(row) if derive else {}


def _opportunity(row: Row) -> Row:
    """A probability that was given stays; one that nobody gave comes from the stage."""
    stage = str(row.get("StageName"))
    probability, category, category_name = _STAGES.get(stage, (0.0, "Pipeline", "Pipeline"))
    fields: Row = {
        "IsClosed": stage.startswith("Closed"),
        "IsWon": stage == "Closed Won",
        "Probability": row.get("Probability", probability),
        "ForecastCategory": category,
        "ForecastCategoryName": category_name,
    }
    amount, close = row.get("Amount"), row.get("CloseDate")
    if isinstance(amount, int | float):
        fields["ExpectedRevenue"] = amount * float(str(fields["Probability"])) / 100
    if isinstance(close, str):
        fields |= _fiscal(date.fromisoformat(close))
    return fields


def _fiscal(day: date) -> Row:
    quarter = (day.month + 2) // 3
    return {"FiscalYear": day.year, "FiscalQuarter": quarter, "Fiscal": f"{day.year} {quarter}"}


def _campaign_member(row: Row) -> Row:
    return {
        "HasResponded": row.get("Status") == "Responded",
        "LeadOrContactId": row.get("ContactId") or row.get("LeadId"),
    }


_DERIVED: dict[str, Callable[[Row], Row]] = {"Opportunity": _opportunity, "CampaignMember": _campaign_member}
