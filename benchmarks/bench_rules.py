"""What evaluating a record costs under 10 and under 1,000 active rules; in one process, without servers.

python benchmarks/bench_rules.py [--records 2000] [--rounds 5] [--save]
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.results import machine, save
from benchmarks.routing_load import TEAM, change, contact
from schemas.documents import Destination, ListDefinition, Record, Rule, RuleSet
from workers.core.evaluation import CompiledRuleSet, Related, compile_rule_set, decided, evaluate
from workers.core.merge import blank, merge

FEW, MANY = 10, 1000
NOW_MS = 1_790_000_000_000
EQUALITY = (
    ("MailingCountry", "'Country {n}'", "'Land {n}'"),
    ("Title", "'VP {n}'", "'Head {n}'"),
    ("OwnerId", "'005{n:012d}AAA'"),
    ("LeadSource", "'Campaign {n}'"),
    ("MailingPostalCode", "'{n:05d}'", "'9{n:04d}'"),
    ("Department", "'Department {n}'"),
)
"""The lists of an org's users: the own region, owner, campaign."""
HOLDING = ("MailingCountry", "'Germany'")
"""The first list, which holds a quarter of the contacts: what grows is the number of rules, not what a person is in."""
OTHERS = (
    ("LastName", "like", "'%-{n}'"),
    ("CreatedDate", "greaterThan", "2027-01-01T00:00:{s:02d}Z"),
    ("Email", "notLike", "'%@%'"),
)


def rule_set(rules: int, other_every: int | None) -> RuleSet:
    """Every `other_every`th list tests no field for equality."""
    lists = {str(n): definition(n, other=other_every is not None and n % other_every == 5) for n in range(rules)}
    return RuleSet(team=TEAM, version=1, lists=lists, rules=tuple(rule(list_id) for list_id in lists))


def definition(n: int, *, other: bool) -> ListDefinition:
    if other:
        name, operator, *values = OTHERS[n % len(OTHERS)]
    else:
        name, *values = EQUALITY[n % len(EQUALITY)] if n else HOLDING
        operator = "equals"
    condition = {"field": name, "operator": operator, "values": [value.format(n=n, s=n % 60) for value in values]}
    has_mail = {"field": "Email", "operator": "notEquals", "values": ["null"]}
    where: dict[str, Any] = {"conjunction": "and", "conditions": [has_mail, condition]}
    return ListDefinition(
        list_id=str(n), entity="contact", label=str(n), scope="everything", where=where, fetched_at_ms=0
    )


def rule(list_id: str) -> Rule:
    segment = Destination(kind="segment", segment_id=f"segment-{int(list_id) % 10}")
    return Rule(rule_id=list_id, entity="contact", list_ids=(list_id,), destination=segment, created_at_ms=0)


def contacts(number: int) -> list[Record]:
    rng = random.Random(7)
    created = (change("create", each, each, contact(each, rng)) for each in range(number))
    return [merge(blank(each), each) for each in created]


def evaluating_us(records: Sequence[Record], rules: CompiledRuleSet) -> float:
    since = time.process_time()
    for record in records:
        decided(record, evaluate(record, Related(), rules), rules.version)
    return (time.process_time() - since) / len(records) * 1e6


def measure(records: Sequence[Record], rounds: int) -> dict[str, float]:
    sides = {
        "10 rules": rule_set(FEW, None),
        "1,000 rules": rule_set(MANY, None),
        "1,000 rules, one in 20 without equality": rule_set(MANY, 20),
    }
    compiled = {name: compile_rule_set(rules, NOW_MS) for name, rules in sides.items()}
    for rules in compiled.values():  # addresses are checked once, and remembered
        evaluating_us(records, rules)
    runs = [{name: evaluating_us(records, rules) for name, rules in compiled.items()} for _ in range(rounds)]
    return {name: round(median(run[name] for run in runs), 1) for name in sides}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results/rules.json")
    options = parser.parse_args()
    where = machine(("pydantic",))
    result = measure(contacts(options.records), options.rounds)
    for name, us in result.items():
        print(f"{name:42} {us:7.1f} us of CPU a record")
    if options.save:
        print(f"kept in {save('rules', {'environment': where, 'records': options.records, 'cpu_us': result})}")


if __name__ == "__main__":
    main()
