"""`DISTANCE(BillingAddress, GEOLOCATION(37.8, -122.4), 'mi')` (SOQL and SOSL Reference, "Location-Based Queries")."""

from __future__ import annotations

import math
from typing import cast

from sandbox.org.metadata.objects import FieldType
from sandbox.org.soql.columns import Column, Row
from sandbox.org.soql.language.syntax import Call, Literal

# Mean radius of the earth.
_RADIUS = {"km": 6_371.0, "mi": 3_958.8}
_FIELD = FieldType("", "double", "", scale=15, createable=False, updateable=False)


def distance(call: Call, place: Column | None) -> Column | None:
    """The column of a distance; None when the arguments are not an address, a place and a unit."""
    if place is None or place.field.type != "address" or len(call.more) != 2:
        return None
    point, unit = _point(call.more[0]), _unit(call.more[1])
    if point is None or unit is None:
        return None

    def read(row: Row) -> object:
        address = place.read(row)
        here = cast("Row", address) if isinstance(address, dict) else {}
        latitude, longitude = here.get("latitude"), here.get("longitude")
        if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
            return None
        return _RADIUS[unit] * _angle((float(latitude), float(longitude)), point)

    return Column(("expr0",), _FIELD, read)


def _point(argument: object) -> tuple[float, float] | None:
    if not isinstance(argument, Call) or argument.function != "geolocation" or len(argument.more) != 2:
        return None
    numbers = [float(one.text) for one in argument.more if isinstance(one, Literal) and one.kind == "number"]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and abs(numbers[0]) <= 90 and abs(numbers[1]) <= 180 else None


def _unit(argument: object) -> str | None:
    return argument.text if isinstance(argument, Literal) and argument.text in _RADIUS else None


def _angle(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Along the great circle, by the haversine formula."""
    (north, east), (other_north, other_east) = (map(math.radians, one) for one in (here, there))
    half = math.sin((other_north - north) / 2) ** 2
    half += math.cos(north) * math.cos(other_north) * math.sin((other_east - east) / 2) ** 2
    return 2 * math.asin(min(1.0, math.sqrt(half)))
