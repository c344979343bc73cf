"""What Salesforce's documentation leaves open or an org decides, as switches of a query."""

from __future__ import annotations

from dataclasses import dataclass

SUNDAY, MONDAY = 6, 0  # date.weekday()


@dataclass(frozen=True, slots=True)
class SoqlSettings:
    """Defaults are the recommended readings."""

    # Whether null matches !=, NOT IN, NOT (...) and EXCLUDES; the documentation is silent and observers disagree.
    null_matches_negation: bool = True
    # Where days of date literals begin: an IANA name, or "user" for the zone of the user who asks.
    day_zone: str = "UTC"
    # US locales begin the week on Sunday, most others on Monday.
    week_start: int = SUNDAY
    fiscal_year_start_month: int = 1
