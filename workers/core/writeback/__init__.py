"""Which insight values go to which Salesforce records, and what became of them."""

from workers.core.writeback.fitness import unfit
from workers.core.writeback.jobs import jobs_of
from workers.core.writeback.order import PLACED_BY, first_place, last_place, place_of
from workers.core.writeback.remedies import REMEDIES, remedy
from workers.core.writeback.settings import fields_of, is_on, schedule_of
from workers.core.writeback.settling import Settled, settle
from workers.core.writeback.sources import is_converted, sources
from workers.core.writeback.undo import undone
from workers.core.writeback.values import LAST_DATE, NULL_CELL, Values, cells, differs, newest, storable, values_of

__all__ = [
    "LAST_DATE",
    "NULL_CELL",
    "PLACED_BY",
    "REMEDIES",
    "Settled",
    "Values",
    "cells",
    "differs",
    "fields_of",
    "first_place",
    "is_converted",
    "is_on",
    "jobs_of",
    "last_place",
    "newest",
    "place_of",
    "remedy",
    "schedule_of",
    "settle",
    "sources",
    "storable",
    "undone",
    "unfit",
    "values_of",
]
