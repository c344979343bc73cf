"""Numbers and moments as Java's `toString` writes them: in Bulk files and in list-view results."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal


def java_double(value: float) -> str:
    """`Double.toString`: plain from 10^-3 to below 10^7, else scientific (`9.12260031E8`)."""
    shortest = Decimal(repr(float(value)))
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return format(shortest, "f")
    sign, digits, _ = shortest.normalize().as_tuple()
    first, *rest = (str(digit) for digit in digits)
    return f"{'-' * sign}{first}.{''.join(rest) or '0'}E{shortest.adjusted()}"


def java_date(iso: str) -> str:
    """`Thu Jun 21 17:39:11 GMT 2018` from a stored date-time."""
    moment = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{moment:%a %b %d %H:%M:%S} GMT {moment:%Y}"
