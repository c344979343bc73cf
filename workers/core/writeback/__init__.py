"""Which insight values go to which Salesforce records, and what became of them."""

from workers.core.writeback.comparing import Target, compared, has_values
from workers.core.writeback.figures import Figures, figures_of
from workers.core.writeback.fitness import unfit
from workers.core.writeback.machine import Do, Seen, next_step
from workers.core.writeback.order import PLACED_BY, Planned, first_place, last_place, parent_of
from workers.core.writeback.parts import batches_of, by_calls, call_rows, calls_of, calls_saved, rows_together
from workers.core.writeback.polling import expected_pause
from workers.core.writeback.remedies import REMEDIES, remedy
from workers.core.writeback.settings import fields_of, is_on, schedule_of
from workers.core.writeback.settling import Results, is_waiting, judged, results_of, settle
from workers.core.writeback.sources import PREFIXES, is_converted, sources
from workers.core.writeback.undo import undone
from workers.core.writeback.values import (
    LAST_DATE,
    NULL_CELL,
    Values,
    cell_values,
    cells,
    differs,
    newest,
    storable,
    values_of,
)
from workers.core.writeback.verdicts import code_of, job_may_fare_better, verdict_of_row

__all__ = [
    "LAST_DATE",
    "NULL_CELL",
    "PLACED_BY",
    "PREFIXES",
    "REMEDIES",
    "Do",
    "Figures",
    "Planned",
    "Results",
    "Seen",
    "Target",
    "Values",
    "batches_of",
    "by_calls",
    "call_rows",
    "calls_of",
    "calls_saved",
    "cell_values",
    "cells",
    "code_of",
    "compared",
    "differs",
    "expected_pause",
    "fields_of",
    "figures_of",
    "first_place",
    "has_values",
    "is_converted",
    "is_on",
    "is_waiting",
    "job_may_fare_better",
    "judged",
    "last_place",
    "newest",
    "next_step",
    "parent_of",
    "remedy",
    "results_of",
    "rows_together",
    "schedule_of",
    "settle",
    "sources",
    "storable",
    "undone",
    "unfit",
    "values_of",
    "verdict_of_row",
]
