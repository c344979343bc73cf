"""What capture counts. No team labels: teams are many, and their names are not for everybody."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CHANGES = Counter("capture_changes_published_total", "Changes committed to the change topics", ["entity", "kind"])
PARKED = Counter("capture_parked_total", "Events and rows set aside as malformed")
TRANSACTIONS = Counter("capture_transactions_total", "Kafka transactions committed")
COMMIT_SECONDS = Histogram("capture_commit_seconds", "From the first submission taken to the transaction committed")
RECONNECTS = Counter("capture_reconnects_total", "Sessions that ended and began again", ["reason"])
REREADS = Counter("capture_rereads_total", "Records read again because an event did not tell how they changed")
POLLED = Counter("capture_polled_total", "Changed records found by polling", ["entity"])
SNAPSHOTS = Counter("capture_snapshots_started_total", "Bulk queries started", ["entity"])
FENCED = Counter("capture_fenced_total", "Shards lost to another worker")
JOBS_WAITING = Counter("capture_jobs_interrupted_total", "Attempts at a job that must be repeated", ["kind"])
LIST_ANSWERS = Counter("capture_list_answers_total", "Answers of orgs about records in lists that only they can tell")
STORE_ERRORS = Counter("capture_store_unavailable_total", "Looks at the connections that MongoDB did not answer")
SHARDS = Gauge("capture_shards", "Shards owned")
SESSIONS = Gauge("capture_sessions", "Sessions by state", ["state"])
