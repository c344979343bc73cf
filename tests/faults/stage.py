"""Many runs beside each other: most of a run is waiting, so lanes with warm workers take one after the other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from itertools import chain

from tests.faults.lane import Site, open_lane
from tests.faults.runs import CONVERGE_SECONDS, Outcome, Row, Run, outcome_of, play

LANES = 6
"""Two workers each; more would have the processor wait for itself, which is a fault that nobody ordered."""

TOGETHER = 8
"""Runs in the lane of those that harm nobody else."""

Queue = deque[tuple[Row, int]]


def _say_nothing(_: str) -> None:
    pass


async def play_all(
    site: Site,
    label: str,
    runs: Sequence[tuple[Row, int]],
    *,
    bugs: tuple[str, ...] = (),
    lanes: int = LANES,
    patience_seconds: float = CONVERGE_SECONDS,
    tell: Callable[[str], None] = _say_nothing,
) -> list[Outcome]:
    """What came of each run, and of each lane as a whole. `label` keeps the topics of callers apart."""
    queues: dict[tuple[str, bool], Queue] = defaultdict(deque)
    for row, seed in runs:
        queues[row.broker, row.alone].append((row, seed))
    progress = _Progress(runs, tell)
    async with asyncio.TaskGroup() as tasks:
        playing = [
            tasks.create_task(_in_a_lane(site, f"{label}-{broker[0]}{number}", queue, bugs, patience_seconds, progress))
            for (broker, alone), queue in queues.items()
            for number in range(min(lanes, len(queue)) if alone and broker == "quick" else 1)
        ]
    return list(chain.from_iterable(task.result() for task in playing))


async def _in_a_lane(
    site: Site, label: str, queue: Queue, bugs: tuple[str, ...], patience_seconds: float, progress: _Progress
) -> list[Outcome]:
    """Until the queue is empty."""
    rng = random.Random(label)
    alone = queue[0][0].alone
    kafka = site.kafka if queue[0][0].broker == "quick" else site.forgetful_kafka
    namespace = f"{label}{'' if alone else 't'}-{random.SystemRandom().getrandbits(32):08x}-"
    played: list[Run] = []

    async def take_turns() -> None:
        while queue:
            row, seed = queue.popleft()
            played.append(await play(lane, row, seed, patience_seconds))
            progress.note(played[-1])

    async with open_lane(site, kafka, namespace, rng, bugs=bugs, debug=not alone) as lane:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(1 if alone else TOGETHER):
                tasks.create_task(take_turns())
        await lane.stop_workers()
        found = lane.deaths() + [f"O10: {leak}" for leak in await lane.leaks()]
        whole = Outcome("lanes", 0, tuple(found), 0, 0, None, lane.peak_rss_mb, ())
        return [*map(outcome_of, played), whole]


class _Progress:
    def __init__(self, runs: Sequence[tuple[Row, int]], tell: Callable[[str], None]) -> None:
        self._left = Counter(row.name for row, _ in runs)
        self._bad: Counter[str] = Counter()
        self._tell = tell

    def note(self, run: Run) -> None:
        name = run.row.name
        self._left[name] -= 1
        self._bad[name] += bool(run.violations)
        if not self._left[name]:
            bad = self._bad[name]
            self._tell(f"{name} is played" + (f", {bad} times with a violation" if bad else ""))
