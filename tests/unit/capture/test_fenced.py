"""How a fenced producer is recognised, whichever call fails first."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiokafka.errors import IllegalOperation, KafkaError, OutOfOrderSequenceNumber, ProducerFenced
from aiokafka.producer.transaction_manager import TransactionManager

from workers.adapters.kafka.changelog import _is_fenced


@pytest.mark.parametrize(
    ("reason", "error", "fenced"),
    [
        (ProducerFenced(), IllegalOperation("Can't send messages while not in transaction"), True),
        (ProducerFenced(), AssertionError("Invalid state transition"), True),
        (None, ProducerFenced(), True),
        (OutOfOrderSequenceNumber(), IllegalOperation(""), False),
        (None, KafkaError(), False),
    ],
)
async def test_what_counts_as_fenced(reason: Exception | None, error: Exception, fenced: bool) -> None:
    manager = TransactionManager("capture-1", 1000)
    manager.set_pid_and_epoch(1, 1)
    manager.begin_transaction()
    if reason is not None:
        manager.fatal_error(reason)
        manager.wait_for_transaction_end().exception()

    assert _is_fenced(SimpleNamespace(_txn_manager=manager), error) is fenced
