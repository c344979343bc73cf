"""What an edit would do, before it is saved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from workers import wiring
from workers.cli.output import console, print_json, progress_bar, run

if TYPE_CHECKING:
    from workers.console.plans import Plan
    from workers.core.preview import Moves
    from workers.core.preview import Preview as Found
    from workers.ports import Store

    Previewing = Callable[[Store, Plan[Any]], Awaitable[Found]]

Preview = Annotated[bool, typer.Option("--preview", help="Only tell who would enter and leave; nothing is saved.")]


NOT_COUNTED = "whom it was not asked about yet is not counted"


def tell_preview(ask: Callable[[Previewing], Coroutine[Any, Any, Found]], as_json: bool) -> None:
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=None)
        found = run(ask(wiring.previewing(lambda done, total: bar.update(task, completed=done, total=total))))
    if as_json:
        print_json({**asdict(found), "sampled": found.sampled})
    else:
        console.print(as_table(found))


def as_table(found: Found) -> Table:
    """E.g. "people imported | +3 -1"."""
    sample = f", extrapolated from {found.looked_at:,} of {found.records:,} records" if found.sampled else ""
    table = Table("", "", title=f"What would change{sample}", show_header=False)
    for kind, moves in found.imported.items():
        table.add_row(f"{kind} imported", told(moves))
    for segment, moves in found.segments.items():
        if moves.enter or moves.leave:
            table.add_row(f"segment {segment}", told(moves))
    for reason, number in sorted(found.skipped.items()):
        table.add_row(f"not imported: {reason.replace('_', ' ')}", f"{number:,}")
    for name, number in sorted(found.fields.items()):
        table.add_row(f"field {name} filled differently", f"{number:,}")
    for label, reasons in found.needs_org.items():
        table.add_row(f"only the org can evaluate {label}", "; ".join((*reasons, NOT_COUNTED)))
    return table


def told(moves: Moves) -> str:
    return f"+{moves.enter:,} -{moves.leave:,}"
