"""What routing counts; exposed on /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

MESSAGES = Counter("segment_sync_routing_messages_total", "Messages handled", ["topic"])
RECORDS_CHANGED = Counter("segment_sync_routing_records_changed_total", "Records written")
ECHOES = Counter(
    "segment_sync_routing_echoes_total", "Records that only our own write-back had changed: mirrored, not evaluated"
)
PARKED = Counter("segment_sync_routing_parked_total", "Messages parked")
BATCH_SECONDS = Histogram("segment_sync_routing_batch_seconds", "Time from a batch to its being written")
