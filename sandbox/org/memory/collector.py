"""The garbage collector of a process that has nothing to do but to serve orgs."""

from __future__ import annotations

import gc

# A commit makes dozens of containers and hardly a cycle. With the defaults (700, 10, 10) a quarter of the time of a
# commit goes into looking for cycles; with these one twentieth, and they are found still.
_THRESHOLDS = (10_000, 10, 10)


def collect_seldom() -> None:
    """For the whole process: libraries and tests that serve an org beside other work leave the collector alone."""
    gc.set_threshold(*_THRESHOLDS)
