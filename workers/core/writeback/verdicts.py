"""What an error of a row or a job means: never again as it is, once more now, or the next day."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["rejected", "retry", "postponed"]

PASSING = frozenset(
    {
        "API_CURRENTLY_DISABLED",  # "because of a system problem, API functionality is temporarily unavailable"
        "QUERY_TIMEOUT",
        "REQUEST_RUNNING_TOO_LONG",
        "SERVER_UNAVAILABLE",  # "a server ... is unavailable; wait a few minutes and then resubmit"
        "TOO_MANY_APEX_REQUESTS",  # "this error is transient; resubmit"
        "TXN_SECURITY_METERING_ERROR",  # "temporarily, the transaction security engine cannot answer"
        "UNABLE_TO_LOCK_ROW",  # "another transaction holds the record": the lock is waited for 10 s
        "UNKNOWN_EXCEPTION",  # Airflow, Census and jsforce retry it; it is often a timeout inside
    }
)
"""Codes of rows that pass by themselves (SOAP API Developer Guide, "StatusCode")."""

OVERTAXED = ("System.LimitException", "Apex CPU time limit exceeded", "Too many SOQL queries", "Too many DML")
"""In the text of a row's error: the org's automation took too much for the records that were written together, so that
fewer of them may fit (Apex Developer Guide, "Execution Governors and Limits")."""

NEXT_DAY = frozenset({"REQUEST_LIMIT_EXCEEDED", "LIMIT_EXCEEDED"})
"""Allowances of the org that are used up."""

PASSING_OF_JOBS = ("InternalServerError", "Timeout", "TooManyLockFailure", "Unknown")
"""How the message of a job begins that failed on the way and may fare better in parts (Bulk API errors; "the batch was
retried more than 20 times: use a smaller upload file"). All others say that the job was wrong."""


def code_of(error: str) -> str:
    """Of `CODE:message:fields --`."""
    return error.partition(":")[0].strip()


def verdict_of_row(error: str) -> Verdict:
    code = code_of(error)
    if code in NEXT_DAY:
        return "postponed"
    return "retry" if code in PASSING or any(text in error for text in OVERTAXED) else "rejected"


def job_may_fare_better(message: str | None) -> bool:
    return bool(message) and str(message).lstrip().startswith(PASSING_OF_JOBS)
