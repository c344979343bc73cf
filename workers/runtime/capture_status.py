"""The document in which a team's capture tells how it is doing: written by its worker, its checks by anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from schemas.documents import CaptureStatus, ChannelState
from workers.core.capture.channel_status import ChannelStatus
from workers.core.preflight import Finding
from workers.ports import Store, Unavailable
from workers.runtime.preflight import as_result

SWAP_ATTEMPTS = 5
"""Two may write at once: the worker and somebody who runs the checks."""


async def keep_checks(store: Store, team: str, found: Sequence[Finding], now_ms: int) -> None:
    """Raises Unavailable."""
    results = tuple(as_result(finding) for finding in found)
    await _edit(store, team, lambda status: status.model_copy(update={"checks": results, "checked_at_ms": now_ms}))


async def keep_channels(store: Store, team: str, channels: Iterable[ChannelStatus], now_ms: int) -> None:
    """Raises Unavailable."""
    states = {channel.entity: as_state(channel) for channel in channels}
    await _edit(store, team, lambda status: status.model_copy(update={"channels": states, "updated_at_ms": now_ms}))


async def _edit(store: Store, team: str, edit: Callable[[CaptureStatus], CaptureStatus]) -> None:
    for _ in range(SWAP_ATTEMPTS):
        stored = (await store.capture_status.load([(team, team)])).get((team, team)) or CaptureStatus(team=team)
        if not await store.capture_status.swap([edit(stored)]):
            return
    raise Unavailable(f"the status of team {team} is being written by too many at once")


def as_state(channel: ChannelStatus) -> ChannelState:
    return ChannelState(
        state=channel.state,
        since_ms=channel.since_ms,
        reason=channel.reason,
        polling=channel.polling,
        confirmed_ms=channel.confirmed_ms,
        lag_ms=channel.lag_ms,
        waiting=channel.waiting,
        parked=channel.parked,
        reconnects=channel.reconnects,
    )
