"""What the scores API counts; exposed on /metrics."""

from __future__ import annotations

from prometheus_client import Counter

ROWS = Counter("segment_sync_intake_rows_total", "Rows handed in over HTTP", ["outcome"])
