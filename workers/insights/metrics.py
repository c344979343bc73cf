"""What runs of the write-back count; exposed on /metrics. A team's own figures are in its runs."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Mapping, Sequence

from prometheus_client import Counter, Gauge, Histogram

from schemas.documents import WritebackRun
from workers.ports import RUN_FIGURES, RunTotals

RUNS = Counter("segment_sync_writeback_runs_total", "Runs that ended", ["state"])
ROWS = Counter("segment_sync_writeback_rows_total", "Rows of ended runs", ["outcome"])
CALLS = Counter("segment_sync_writeback_calls_total", "API calls that ended runs took")
CALLS_SAVED = Counter("segment_sync_writeback_calls_saved_total", "API calls beyond those that jobs would have taken")
SECONDS = Histogram(
    "segment_sync_writeback_run_seconds",
    "From the beginning of a run to its end",
    buckets=(1, 5, 15, 60, 300, 1800, 7200),
)
DAY_RUNS = Gauge(
    "segment_sync_writeback_day_runs", "Runs that ended within the last 24 hours, in whatever process", ["state"]
)
DAY_ROWS = Gauge("segment_sync_writeback_day_rows", "Their rows", ["outcome"])
DAY_CALLS = Gauge("segment_sync_writeback_day_calls", "Their API calls, used and saved", ["kind"])
DAY_LONGEST_SECONDS = Gauge("segment_sync_writeback_day_longest_seconds", "The longest of them")
GOING_ON = Gauge("segment_sync_writeback_going_on", "Runs that have not ended, in whatever process")
OLDEST_SECONDS = Gauge("segment_sync_writeback_oldest_seconds", "Since the first of these began")
FORGOTTEN = Counter("segment_sync_writeback_rows_forgotten_total", "Rows deleted since they were too old")

STATES = ("done", "failed")
OUTCOMES = ("planned", "sent", "accepted", "rejected", "retried", "unprocessed", "disabled", "postponed", "kept")


def tell_run(run: WritebackRun) -> None:
    """To be called once for a run, by the process that brought it to its end."""
    RUNS.labels(run.state).inc()
    for outcome in OUTCOMES:
        ROWS.labels(outcome).inc(getattr(run, outcome))
    ROWS.labels("skipped").inc(sum(run.skipped.values()))
    CALLS.inc(run.calls_used)
    CALLS_SAVED.inc(run.calls_saved)
    if run.finished_at_ms is not None:
        SECONDS.observe(max(0, run.finished_at_ms - run.started_at_ms) / 1000)


def tell_day(totals: Mapping[str, RunTotals], going_on: Sequence[int], now_ms: int) -> None:
    """As the documents say: also of runs whose process has ended since. Every insights process tells the same."""
    figures: Counts[str] = Counts()
    for of in totals.values():
        figures.update(of.figures)
    for state in STATES:
        DAY_RUNS.labels(state).set(totals[state].runs if state in totals else 0)
    for name in RUN_FIGURES:
        if not name.startswith("calls"):
            DAY_ROWS.labels(name).set(figures[name])
    DAY_CALLS.labels("used").set(figures["calls_used"])
    DAY_CALLS.labels("saved").set(figures["calls_saved"])
    DAY_LONGEST_SECONDS.set(max((of.longest_ms for of in totals.values()), default=0) / 1000)
    OLDEST_SECONDS.set(max(0, now_ms - going_on[0]) / 1000 if going_on else 0)
    GOING_ON.set(len(going_on))
