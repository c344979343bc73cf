"""Misbehaviour on demand: what is planned, when it strikes, and the entry that each strike leaves in the ledger."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Surface = Literal["http", "records", "events", "cometd", "jobs"]

#: Every kind of fault: the surface it strikes, and what it does (settings in brackets).
KINDS: dict[str, tuple[Surface, str]] = {
    "delay": ("http", "the reply comes late [seconds]"),
    "html-503": ("http", "an error page instead of an answer [status]"),
    "reset": ("http", "the connection is reset before the request is handled"),
    "half-open": ("http", "the connection stays open and nothing is ever answered [seconds: not for ever]"),
    "lost-reply": ("http", "the request is carried out, then the connection is reset instead of a reply"),
    "truncated-reply": ("http", "only part of the body comes [silent: with a length that fits it]"),
    "unauthorized": ("http", "401 INVALID_SESSION_ID although the token is good"),
    "quota-exhausted": ("http", "403 REQUEST_LIMIT_EXCEEDED"),
    "duplicate-request": ("http", "the request is carried out twice, as by a proxy that tries again"),
    "row-lock": ("records", "a row is refused with UNABLE_TO_LOCK_ROW"),
    "clock-skew": ("records", "the org's clock jumps before a transaction [seconds]"),
    "org-migration": ("records", "the org moves to another instance before a transaction: replay ids start again"),
    "slow-job": ("jobs", "a Bulk job, or a batch of an ingest job, takes long [seconds]"),
    "failed-job": ("jobs", "a Bulk job fails at its start, or at a batch; the rest is unprocessed [message]"),
    "drop-event": ("events", "an event is never published"),
    "duplicate-event": ("events", "an event is published twice, with two replay ids"),
    "reorder-event": ("events", "an event is published after the next one"),
    "late-event": ("events", "an event is held back [seconds: until it is released]"),
    "gap-event": ("events", "a GAP_ event takes the place of the change event"),
    "bayeux-error": ("cometd", "a Bayeux message is refused [name or error, failure_reason, advice, status]"),
    "server-disconnect": ("cometd", "the server sends /meta/disconnect and drops the session"),
    "expired-replay-id": ("cometd", "a subscription from a stored replay id is refused"),
    "lost-delivery": ("cometd", "the events of a reply never reach the client, and do not come again"),
    "repeated-delivery": ("cometd", "the events of a reply come twice, with the same replay ids"),
    "shuffled-delivery": ("cometd", "the events of a reply come in the wrong order"),
}


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A fault to plan: how often, on which share of its occasions, and where.

    ``where`` compares with the occasion: ``path`` by its beginning, ``path_ends`` by its end, everything else
    (``method``, ``object``, ``operation``, ``entity``, ``channel``, ``client``, ``job_type``, ``batch``) for equality.
    """

    kind: str
    times: int | None = 1
    share: float = 1.0
    where: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {', '.join(KINDS)}")
        if not 0 < self.share <= 1:
            raise ValueError(f"the share of a fault is above 0 and at most 1, not {self.share}")
        if self.times is not None and self.times < 1:
            raise ValueError(f"a fault strikes at least once, not {self.times} times")

    def fits(self, occasion: Mapping[str, str]) -> bool:
        return all(_fits(occasion, key, value) for key, value in self.where.items())

    def seconds(self, default: float) -> float:
        value = self.settings.get("seconds", default)
        return float(value) if isinstance(value, int | float) else default


def _fits(occasion: Mapping[str, str], key: str, value: str) -> bool:
    path = occasion.get("path", "")
    if key == "path":
        return path.startswith(value)
    if key == "path_ends":
        return path.endswith(value)
    return occasion.get(key) == value


@dataclass(slots=True)
class PlannedFault:
    """A fault that may still strike; ``remaining`` is None when it never ends."""

    number: int
    spec: FaultSpec
    remaining: int | None
    rng: random.Random = field(repr=False)
    taken: int = 0

    def strikes(self) -> bool:
        return self.spec.share >= 1 or self.rng.random() < self.spec.share

    def as_json(self) -> dict[str, object]:
        spec = self.spec
        return {
            "number": self.number,
            "kind": spec.kind,
            "surface": KINDS[spec.kind][0],
            "remaining": self.remaining,
            "taken": self.taken,
            "share": spec.share,
            "where": dict(spec.where),
            "settings": dict(spec.settings),
        }


#: Told about every fault that strikes: its kind, and on what.
FaultRecord = Callable[[str, Mapping[str, object]], None]


class FaultPlan:
    """The faults of one org. Shares are drawn with the org's seed, so a run can be repeated."""

    def __init__(self, seed: int, record: FaultRecord) -> None:
        self._seed = seed
        self._record = record
        self._planned: list[PlannedFault] = []
        self._numbered = 0

    def add(self, spec: FaultSpec) -> PlannedFault:
        self._numbered += 1
        # Each draws from its own: how often one strikes does not depend on what others had occasion to.
        rng = random.Random(f"{self._seed}:{self._numbered}")
        planned = PlannedFault(self._numbered, spec, spec.times, rng)
        self._planned.append(planned)
        return planned

    def remove(self, number: int | None = None) -> int:
        """Forget one planned fault, or all; how many were forgotten."""
        kept = [one for one in self._planned if number is not None and one.number != number]
        removed = len(self._planned) - len(kept)
        self._planned = kept
        return removed

    @property
    def planned(self) -> list[PlannedFault]:
        return list(self._planned)

    @property
    def idle(self) -> bool:
        """Nothing is planned: busy paths need not describe the occasion."""
        return not self._planned

    def take(self, *kinds: str, **occasion: str) -> FaultSpec | None:
        """The first planned fault of these kinds that strikes now; it is counted down and recorded."""
        for planned in self._planned:
            spec = planned.spec
            if spec.kind in kinds and spec.fits(occasion) and planned.strikes():
                self._use(planned)
                self._record(spec.kind, {**occasion, **spec.settings})
                return spec
        return None

    def note(self, kind: str, detail: Mapping[str, object]) -> None:
        """Record misbehaviour that a switch asked for."""
        self._record(kind, detail)

    def _use(self, planned: PlannedFault) -> None:
        planned.taken += 1
        if planned.remaining is None:
            return
        planned.remaining -= 1
        if not planned.remaining:
            self._planned.remove(planned)


#: What a client that keeps to the documentation survives without losing anything, with settings that end.
_SURVIVABLE: Mapping[str, Mapping[str, object]] = {
    "delay": {"seconds": 0.2},
    "html-503": {},
    "reset": {},
    "half-open": {"seconds": 5},
    "lost-reply": {},
    "truncated-reply": {},
    "unauthorized": {},
    "row-lock": {},
    "slow-job": {"seconds": 1},
    "duplicate-event": {},
    "reorder-event": {},
    "late-event": {"seconds": 2},
    "gap-event": {},
    "bayeux-error": {"name": "unknown-client"},
    "server-disconnect": {},
    "repeated-delivery": {},
}


def random_faults(rate: float, *surfaces: Surface) -> tuple[FaultSpec, ...]:
    """Faults for the whole life of an org: each kind of these surfaces (all, unless named) strikes with that rate.

    When they strike follows from the org's seed. Only kinds after which a good client still ends up right; what
    loses events for good (``drop-event``, ``lost-delivery``, ``org-migration``) is planned by name.
    """
    return tuple(
        FaultSpec(kind, times=None, share=rate, settings=settings)
        for kind, settings in _SURVIVABLE.items()
        if not surfaces or KINDS[kind][0] in surfaces
    )
