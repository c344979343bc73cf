"""What `--wait` waits for."""

from __future__ import annotations

import pytest

from schemas.documents import Job, ListDefinition
from workers.cli.waiting import told_progress
from workers.console.lists import ListStatus

BY_THE_ORG = ("the condition on Fax (includes) cannot be evaluated here",)


def listed(reasons: tuple[str, ...] = BY_THE_ORG, trouble: str = "", job: Job | None = None) -> ListStatus:
    definition = ListDefinition(
        list_id="l", entity="contact", label="L", scope="everything", where={}, fetched_at_ms=0, trouble=trouble
    )
    return ListStatus(definition, ("r1",), reasons, job)


def comparison(**known: object) -> Job:
    return Job.model_validate(
        {"team": "acme", "job_id": "list-l", "kind": "list", "state": "running", "updated_at_ms": 0, **known}
    )


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        pytest.param(listed(), True, id="never compared"),
        pytest.param(listed(job=comparison()), True, id="being compared"),
        pytest.param(listed(job=comparison(state="done", finished_at_ms=1)), False, id="compared"),
        pytest.param(listed(reasons=()), False, id="evaluated here"),
        pytest.param(listed(trouble="not shared"), False, id="waits for an administrator"),
    ],
)
def test_lists_that_only_salesforce_can_evaluate_are_waited_for(status: ListStatus, waits: bool) -> None:
    assert told_progress([status])[2] is not waits
