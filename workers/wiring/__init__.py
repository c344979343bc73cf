"""The only place that sees workers and adapters together."""

from workers.wiring.processes import (
    run_capture,
    run_insights,
    run_replay,
    run_routing,
    write_back,
)
from workers.wiring.resources import store
from workers.wiring.setup import (
    add_rule,
    connect_team,
    connections,
    create_segment,
    deactivate_rule,
    load_rule_set,
    map_fields,
    segment_members,
    status,
    visible_lists,
)

__all__ = [
    "add_rule",
    "connect_team",
    "connections",
    "create_segment",
    "deactivate_rule",
    "load_rule_set",
    "map_fields",
    "run_capture",
    "run_insights",
    "run_replay",
    "run_routing",
    "segment_members",
    "status",
    "store",
    "visible_lists",
    "write_back",
]
