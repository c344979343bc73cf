"""The day on which weeks begin, by territory: Unicode CLDR 45, supplemental `weekData`, `firstDay`."""

from __future__ import annotations

MONDAY, SATURDAY, SUNDAY = 0, 5, 6

SUNDAY_FIRST = """
AG AS BD BR BS BT BW BZ CA CO DM DO ET GT GU HK HN ID IL IN JM JP KE KH KR LA MH MM MO MT MX MZ NI NP PA PE PH PK PR PT
PY SA SG SV TH TT TW UM US VE VI WS YE ZA ZW
"""
SATURDAY_FIRST = "AE AF BH DJ DZ EG IQ IR JO KW LY OM QA SD SY"


def first_weekday(locale: str) -> int:
    """Of a Salesforce locale such as `en_US` or `fr_CA_EURO`, as `date.weekday` counts; without a territory, Sunday,
    which is what Salesforce's own default (`en_US`) has."""
    territories = [part for part in locale.replace("-", "_").split("_")[1:] if len(part) == 2]
    territory = territories[0] if territories else "US"
    if territory in SUNDAY_FIRST.split():
        return SUNDAY
    return SATURDAY if territory in SATURDAY_FIRST.split() else MONDAY
