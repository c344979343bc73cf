"""The only place that sees workers and adapters together.

Each name is loaded on first use: a command that lists rules does not wait for the Kafka libraries (0.3 s).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workers.wiring.processes import run_capture, run_insights, run_replay, run_routing, write_back
    from workers.wiring.setup import (
        JwtUser,
        add_rule,
        check_team,
        confirm_job,
        connect_team,
        connections,
        create_segment,
        deactivate_rule,
        job,
        jobs,
        load_rule_set,
        map_fields,
        request_backfill,
        segment_members,
        segments,
        status,
        visible_lists,
    )

__all__ = [
    "JwtUser",
    "add_rule",
    "check_team",
    "confirm_job",
    "connect_team",
    "connections",
    "create_segment",
    "deactivate_rule",
    "job",
    "jobs",
    "load_rule_set",
    "map_fields",
    "request_backfill",
    "run_capture",
    "run_insights",
    "run_replay",
    "run_routing",
    "segment_members",
    "segments",
    "status",
    "visible_lists",
    "write_back",
]

PROCESSES = frozenset({"run_capture", "run_insights", "run_replay", "run_routing", "write_back"})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'processes' if name in PROCESSES else 'setup'}"), name)
