"""Who takes what was scored for merged records: read once, so that a whole plan sees one state of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from workers.core.survivors import end_of, key_of
from workers.core.writeback import PREFIXES
from workers.ports import Merged


class Survivors:
    """Of all merges of a team, some 300 bytes each."""

    def __init__(self, merged: Sequence[Merged]) -> None:
        self._into: dict[str, str | None] = {each.record_id: each.survivor for each in merged}
        self._of_scores: dict[str, set[str]] = defaultdict(set)
        self._all: set[str] = set()
        for each in merged:
            survivor, score_id = self.end(each.record_id), _score_id(each)
            if survivor is not None and score_id is not None:
                self._of_scores[score_id].add(survivor)
                self._all.add(survivor)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, record_id: str) -> bool:
        """Whether it may have to choose between scores."""
        return record_id in self._all

    def of(self, score_id: str) -> Collection[str]:
        """Those that records were merged into which had this score's address or domain."""
        return self._of_scores.get(score_id, ())

    def end(self, record_id: str) -> str | None:
        """The record that stands for it: itself, unless it was merged."""
        return end_of(self._into, record_id)


def _score_id(merged: Merged) -> str | None:
    entity = PREFIXES[merged.record_id[:3]]
    key = key_of(entity, merged.last_value)
    return None if key is None else f"{'account' if entity == 'account' else 'person'}:{key}"
