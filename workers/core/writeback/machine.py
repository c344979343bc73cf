"""What to do next about an ingest job, from what was recorded and what the org says: the same for a worker that goes on
and for one that takes over after a kill.
"""

from __future__ import annotations

from typing import Literal

from schemas.documents import PartStep

Seen = Literal["unknown", "none", "Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted", "gone"]
"""The state of the job. `none`: there is certainly none; `unknown`: one may have been created whose id never came;
`gone`: the org does not know it any more, since somebody deleted it or after seven days."""

Do = Literal["sweep", "create", "upload", "complete", "wait", "settle", "give_up", "compare"]
"""`sweep`: find and abort what a lost reply left behind. `give_up`: this job writes none of its rows, now or
later; begin with a new one. `compare`: ask the records themselves."""

RUNNING: dict[Seen, Do] = {"UploadComplete": "wait", "InProgress": "wait"}
ENDED: dict[Seen, Do] = {"JobComplete": "settle", "Failed": "settle", "Aborted": "settle", "gone": "compare"}
USELESS: dict[Seen, Do] = dict.fromkeys(("Open", "Failed", "Aborted", "gone"), "give_up")

NEXT: dict[PartStep, dict[Seen, Do]] = {
    "creating": {"unknown": "sweep", "none": "create"},
    # It holds none of our rows, whatever somebody else has done to it.
    "created": {**dict.fromkeys((*RUNNING, *ENDED), "give_up"), "Open": "upload"},
    # An Open job may or may not hold its rows, and takes no second upload.
    "uploading": {**RUNNING, **ENDED, **USELESS},
    # Aborted before it was completed; see `next_step` for one that has begun.
    "completing": {**RUNNING, **ENDED, "Open": "complete", "Aborted": "give_up"},
    "processing": {**RUNNING, **ENDED, "Open": "complete"},
    "settling": {**ENDED},
}


def next_step(step: PartStep, seen: Seen, processed: int = 0) -> Do:
    """`processed`: rows that the org has worked on. Raises KeyError for what cannot be, such as an unfinished job whose
    results are being read."""
    if step == "completing" and seen == "Aborted" and processed > 0:
        return "settle"
    return NEXT[step][seen]
