"""Which of several failures of one task group decides what happens next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NoReturn

from workers.ports import Fenced, Refused, StreamEnded, Unavailable

EXPECTED: tuple[type[Exception], ...] = (Fenced, Refused, StreamEnded, Unavailable)
"""In the order in which they decide."""


def raise_decisive(group: BaseExceptionGroup[BaseException]) -> NoReturn:
    """Raise the failure that decides, or CancelledError when the task was cancelled as well.

    Before Python 3.13 a TaskGroup that fails while its task is cancelled forgets the cancellation (gh-116720): the
    task would live on, in a group that waits for it for ever.
    """
    failure = decisive(group)
    task = asyncio.current_task()
    if isinstance(failure, EXPECTED) and task is not None and task.cancelling():
        raise asyncio.CancelledError from group
    raise failure from group


def decisive(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """A failure that nobody expects if there is one, else the one that leaves the least to be done."""
    leaves = list(_leaves(group))
    unexpected = [leaf for leaf in leaves if not isinstance(leaf, EXPECTED)]
    return unexpected[0] if unexpected else min(leaves, key=_rank)


def _rank(failure: BaseException) -> int:
    return next(rank for rank, kind in enumerate(EXPECTED) if isinstance(failure, kind))


def _leaves(failure: BaseException) -> Iterator[BaseException]:
    if isinstance(failure, BaseExceptionGroup):
        for inner in failure.exceptions:
            yield from _leaves(inner)
    else:
        yield failure
