"""Record ids: the checksum, and what is not an id."""

from __future__ import annotations

import random

import pytest

from sandbox.org.values.ids import IdSequence, MalformedIdError, to_18


# Ids of recorded change events and documentation samples.
@pytest.mark.parametrize(
    "full", ["003Rj00000Buj14IAB", "005Rj000005UEfQIAW", "00Q5f000005bwLFEAY", "000000000000000AAA"]
)
def test_the_checksum_is_salesforces(full: str) -> None:
    assert to_18(full[:15]) == full
    assert to_18(full) == full


@pytest.mark.parametrize("text", ["", "abc", "003Rj00000Buj14I", "003Rj00000Buj14AAA", "003Rj00000Buj1-"])
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(MalformedIdError):
        to_18(text)


def test_a_sequence_gives_distinct_ids_of_the_prefix_and_repeats_for_a_seed() -> None:
    ids = [IdSequence(random.Random(5)).take("003") for _ in range(2)]
    assert ids[0] == ids[1]
    sequence = IdSequence(random.Random(5))
    many = [sequence.take("003") for _ in range(1000)]
    assert len(set(many)) == 1000
    assert all(one.startswith("003") and to_18(one) == one for one in many)
    assert many == sorted(many)
