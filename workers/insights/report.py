"""What a run tells of itself at its end."""

from __future__ import annotations

import asyncio

from schemas.documents import WritebackRun
from workers.core.writeback import calls_saved, figures_of
from workers.insights.claim import Claim
from workers.ports import Store


async def finish(
    store: Store, claim: Claim, now_ms: int, problem: str | None = None, calls_used: int | None = None
) -> WritebackRun:
    """Count what became of every planned row; with a problem, now or in one of its parts, the run has failed."""
    run = claim.run
    questions = store.writeback_pack_queries
    tally, retried = await asyncio.gather(questions.tally(run), questions.sent_again(run))
    figures = figures_of(tally)
    outcomes = figures.outcomes
    detail = problem or run.detail
    return await claim.update(
        state="failed" if detail else "done",
        detail=detail,
        finished_at_ms=now_ms,
        planned=figures.planned,
        sent=sum(part.rows for part in run.parts.values() if part.round == 0),
        accepted=outcomes["accepted"],
        rejected=outcomes["rejected"],
        retried=retried,
        unprocessed=outcomes["unprocessed"] + figures.waiting,
        disabled=outcomes["disabled"],
        postponed=outcomes["postponed"],
        kept=outcomes["kept"],
        skipped=run.skipped | ({"same": outcomes["same"]} if outcomes["same"] else {}),
        rejections=dict(figures.rejections),
        calls_used=run.calls_used if calls_used is None else calls_used,
        calls_saved=calls_saved(run, tally),
    )
