"""Two contacts become one, a lead becomes a contact, and that contact is merged into one that no list holds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.demo.environment import Surroundings, command
from sandbox.demo.expected import Rule, email_of
from sandbox.demo.scores import ENGAGED_AT_MS, TOPIC, Scored, publish_scores

SCORE_OF_THE_LOSER = 77.77


@dataclass(slots=True)
class Identity:
    """What is to be known of it when the end is judged."""

    stood: dict[str, set[Rule]] = field(default_factory=dict)
    """By lead that was converted: the rules that held it."""
    survivors: dict[str, str] = field(default_factory=dict)
    """By contact that was merged into another."""
    address: str = ""
    """Of the contact that the lead became."""


async def merge_and_convert(around: Surroundings, rules: Iterable[Rule]) -> Identity:
    org, told = around.org, Identity()
    master, loser = sorted(await org.list_members("Contact", "EMEA Contacts"))[:2]
    await org.merge("Contact", master, loser)
    lead_id = min(await org.list_members("Lead", "Open Leads"))
    told.stood[lead_id] = {
        rule for rule in rules if rule.entity == "Lead" and lead_id in await org.list_members("Lead", rule.list_label)
    }
    survivor = await _contact_in_no_list(around, rules)
    await org.convert(lead_id)
    contact_id = (await org.state("Lead"))[lead_id]["ConvertedContactId"]
    told.address = email_of((await org.state("Contact"))[contact_id]["Email"]) or ""
    await org.merge("Contact", survivor, contact_id)
    told.survivors |= {loser: master, contact_id: survivor}
    return told


async def _contact_in_no_list(around: Surroundings, rules: Iterable[Rule]) -> str:
    """Of an address of its own."""
    contacts = await around.org.state("Contact")
    addresses = Counter(email_of(row.get("Email")) for row in contacts.values())
    held = {
        record_id
        for rule in rules
        if rule.entity == "Contact"
        for record_id in await around.org.list_members("Contact", rule.list_label)
    }
    return min(
        record_id
        for record_id, row in contacts.items()
        if record_id not in held and (address := email_of(row.get("Email"))) and addresses[address] == 1
    )


async def score_of_the_survivor(
    around: Surroundings,
    database: Any,
    team: str,
    told: Identity,
    becomes: Callable[[Callable[[], Awaitable[list[str]]], str], Awaitable[None]],
) -> Any:
    """What the org shows for it, once the address of the loser has been scored and that was written back."""
    score = Scored("person", told.address, SCORE_OF_THE_LOSER, ENGAGED_AT_MS)
    servers, topic = around.endpoints.kafka_bootstrap_servers, around.topic(TOPIC)
    await publish_scores(servers, topic, team, [score], int(time.time() * 1000))
    wanted = {"team": team, "key": told.address, "score": SCORE_OF_THE_LOSER}

    async def kept() -> list[str]:
        return [] if await database.engagement.count_documents(wanted) else ["it is not kept yet"]

    await becomes(kept, "the score of the loser to be kept")
    await command(around, "writeback", "now", team)
    survivor = list(told.survivors.values())[-1]
    (row,) = await around.org.query(f"SELECT Engagement_Score__c FROM Contact WHERE Id = '{survivor}'")  # noqa: S608
    return row["Engagement_Score__c"]
