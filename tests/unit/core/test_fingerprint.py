"""Two evaluations that tell a member the same have the same fingerprint, any others not."""

from __future__ import annotations

from itertools import combinations

from schemas.documents import Contribution, Reason
from schemas.events import Version
from workers.core.fingerprint import fingerprint

TOLD = Contribution(
    rev=1,
    entity="contact",
    version=Version(1, 1, 1),
    fields={"title": "VP", "lone": "\ud800", "size": 2**70, "address": {"city": "Oslo"}},
    precedence={"title": 1},
    segments={"north": (Reason(rule_id="r", list_id="l"),)},
)


def told(**changes: object) -> tuple[str, Contribution]:
    return "joe@acme.com", TOLD.model_copy(update=changes)


def test_revision_and_version_are_not_the_rules() -> None:
    assert fingerprint(told(), None) == fingerprint(told(rev=2, version=Version(2, 1, 1)), None)


def test_whatever_else_a_member_is_told_counts() -> None:
    different = [
        (told(), None),
        (None, told()),
        (told(), told()),
        (None, None),
        (("ann@acme.com", TOLD), None),
        (told(fields={**TOLD.fields, "title": "CEO"}), None),
        (told(fields={**TOLD.fields, "address": {"city": "Rome"}}), None),
        (told(precedence={}), None),
        (told(segments={}), None),
        (told(segments={"south": TOLD.segments["north"]}), None),
        (told(segments={"north": (Reason(rule_id="r", list_id="other"),)}), None),
    ]
    assert all(fingerprint(*one) != fingerprint(*other) for one, other in combinations(different, 2))
