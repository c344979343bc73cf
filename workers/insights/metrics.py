"""What runs of the write-back count; exposed on /metrics. A team's own figures are in its runs."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from schemas.documents import WritebackRun

RUNS = Counter("segment_sync_writeback_runs_total", "Runs that ended", ["state"])
ROWS = Counter("segment_sync_writeback_rows_total", "Rows of ended runs", ["outcome"])
CALLS = Counter("segment_sync_writeback_calls_total", "API calls that ended runs took")
CALLS_SAVED = Counter("segment_sync_writeback_calls_saved_total", "API calls beyond those that jobs would have taken")
SECONDS = Histogram(
    "segment_sync_writeback_run_seconds",
    "From the beginning of a run to its end",
    buckets=(1, 5, 15, 60, 300, 1800, 7200),
)
FORGOTTEN = Counter("segment_sync_writeback_rows_forgotten_total", "Rows deleted since they were too old")

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
