"""Notices a stream that is connected and silent while the org counts deliveries: a subscription that leads nowhere.

Known of CometD (Salesforce article 005321562): after a burst a subscription may deliver nothing for hours. The org's
counter is of all its subscribers, so a silent team beside a busy one looks the same: hence a new session, which costs
little, and longer pauses when it was in vain.
"""

from __future__ import annotations

import asyncio
from typing import NoReturn

from workers.capture.pace import Pace
from workers.capture.stream.vitals import FIRST_LOOK_SECONDS, Vitals
from workers.ports import Refused, SalesforceOrg, StreamEnded, Unavailable

DELIVERED = "DailyDeliveredPlatformEvents"
"""Change events too; updated within some minutes (REST API guide, "Limits")."""

LONGEST_LOOK_SECONDS = 6 * 60 * 60.0


async def watch_progress(team: str, org: SalesforceOrg, vitals: Vitals, pace: Pace) -> NoReturn:
    """Raises StreamEnded when the stream is stuck, and nothing else that is expected."""
    known: int | None = None  # asked for only once a session has lasted and been silent
    while True:
        arrived = vitals.arrived
        await asyncio.sleep(pace.scale * vitals.look_seconds)
        if vitals.arrived > arrived:
            vitals.look_seconds = FIRST_LOOK_SECONDS
            known = None
            continue
        now = await _delivered(org)
        if known is not None and now is not None and now > known:
            vitals.look_seconds = min(2 * vitals.look_seconds, LONGEST_LOOK_SECONDS)
            reason = f"the org of team {team} counts {now - known} delivered events, of which none arrived"
            raise StreamEnded(reason, "stuck")
        known = now


async def _delivered(org: SalesforceOrg) -> int | None:
    """None: not to be had now, or not by this user."""
    try:
        allowances = await org.allowances()
    except (Unavailable, Refused):
        return None
    found = (allowances or {}).get(DELIVERED)
    return None if found is None else found.used
