"""The only place that sees workers and adapters together.

Each name is loaded on first use: a command that lists rules does not wait for the Kafka libraries (0.3 s).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workers.wiring.lists import compare_list, list_statuses, show_list, visible_lists
    from workers.wiring.processes import (
        run_capture,
        run_insights,
        run_replay,
        run_routing,
        run_scores_api,
        undo_write_back,
        write_back,
        write_back_due,
    )
    from workers.wiring.rules import (
        Into,
        activate_rule,
        add_rule,
        audit_log,
        deactivate_rule,
        edit_rule,
        explain,
        load_rule_set,
        previewing,
        readable_fields,
        save,
        set_mappings,
        unset_mappings,
    )
    from workers.wiring.scores import create_score_token, revoke_score_token, score_tokens_of
    from workers.wiring.segments import (
        create_segment,
        delete_segment,
        put_members,
        rename_segment,
        segment_members,
        segment_names,
        segments,
        take_members,
    )
    from workers.wiring.setup import (
        JwtUser,
        check_team,
        confirm_job,
        connect_team,
        connections,
        job,
        jobs,
        request_backfill,
        status,
    )
    from workers.wiring.skips import export_skips, skip_counts, skips
    from workers.wiring.writeback import (
        change_writeback,
        create_insight_fields,
        export_writeback_rows,
        missing_insight_fields,
        name_writeback_fields,
        org_time_zone,
        switch_writeback,
        writeback_forecast,
        writeback_progress,
        writeback_report,
        writeback_reports,
        writeback_rows,
        writeback_settings,
    )

__all__ = [
    "Into",
    "JwtUser",
    "activate_rule",
    "add_rule",
    "audit_log",
    "change_writeback",
    "check_team",
    "compare_list",
    "confirm_job",
    "connect_team",
    "connections",
    "create_insight_fields",
    "create_score_token",
    "create_segment",
    "deactivate_rule",
    "delete_segment",
    "edit_rule",
    "explain",
    "export_skips",
    "export_writeback_rows",
    "job",
    "jobs",
    "list_statuses",
    "load_rule_set",
    "missing_insight_fields",
    "name_writeback_fields",
    "org_time_zone",
    "previewing",
    "put_members",
    "readable_fields",
    "rename_segment",
    "request_backfill",
    "revoke_score_token",
    "run_capture",
    "run_insights",
    "run_replay",
    "run_routing",
    "run_scores_api",
    "save",
    "score_tokens_of",
    "segment_members",
    "segment_names",
    "segments",
    "set_mappings",
    "show_list",
    "skip_counts",
    "skips",
    "status",
    "switch_writeback",
    "take_members",
    "undo_write_back",
    "unset_mappings",
    "visible_lists",
    "write_back",
    "write_back_due",
    "writeback_forecast",
    "writeback_progress",
    "writeback_report",
    "writeback_reports",
    "writeback_rows",
    "writeback_settings",
]

PROCESSES = frozenset(
    {
        "run_capture",
        "run_insights",
        "run_replay",
        "run_routing",
        "run_scores_api",
        "undo_write_back",
        "write_back",
        "write_back_due",
    }
)
RULES = frozenset(
    {
        "Into",
        "activate_rule",
        "add_rule",
        "audit_log",
        "deactivate_rule",
        "edit_rule",
        "explain",
        "load_rule_set",
        "previewing",
        "readable_fields",
        "save",
        "set_mappings",
        "unset_mappings",
    }
)
SCORES = frozenset({"create_score_token", "revoke_score_token", "score_tokens_of"})
SEGMENTS = frozenset(
    {
        "create_segment",
        "delete_segment",
        "put_members",
        "rename_segment",
        "segment_members",
        "segment_names",
        "segments",
        "take_members",
    }
)
SKIPS = frozenset({"export_skips", "skip_counts", "skips"})
WRITEBACK = frozenset(
    {
        "change_writeback",
        "create_insight_fields",
        "missing_insight_fields",
        "name_writeback_fields",
        "org_time_zone",
        "switch_writeback",
        "export_writeback_rows",
        "writeback_forecast",
        "writeback_progress",
        "writeback_rows",
        "writeback_report",
        "writeback_reports",
        "writeback_settings",
    }
)
LISTS = frozenset({"compare_list", "list_statuses", "show_list", "visible_lists"})
MODULES = {
    "lists": LISTS,
    "processes": PROCESSES,
    "rules": RULES,
    "scores": SCORES,
    "segments": SEGMENTS,
    "skips": SKIPS,
    "writeback": WRITEBACK,
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = next((module for module, names in MODULES.items() if name in names), "setup")
    return getattr(import_module(f"{__name__}.{module}"), name)
