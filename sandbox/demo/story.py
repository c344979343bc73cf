"""The demo, act by act: connect, rules, first import, edits, scores, write-back, replay, and the judgement."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sandbox.demo.actual import CHANGE_TOPICS, actual_state, behind, differences, mirror_differences, published_changes
from sandbox.demo.edits import make_edits, plan_edits
from sandbox.demo.environment import Sizes, Surroundings, command, surroundings
from sandbox.demo.expected import Expected, Rule, expected_state
from sandbox.demo.identity import SCORE_OF_THE_LOSER, Identity, merge_and_convert, score_of_the_survivor
from sandbox.demo.processes import child_process
from sandbox.demo.scores import TOPIC as SCORES_TOPIC
from sandbox.demo.scores import draw_scores, publish_scores, wanted_in_org
from sandbox.demo.watch import Watch, connect, latencies_ms, percentile
from sandbox.demo.write_back import write_back

TEAM = "demo"
RULES = [
    Rule("Contact", "EMEA Contacts", "emea-people"),
    Rule("Lead", "Open Leads"),
    Rule("Account", "Technology Customers", "technology-accounts"),
]
TECHNOLOGY = "Contacts of technology firms"
RULES_AFTER_EDITS = [
    RULES[0],
    Rule("Lead", "Open Leads", "fresh-leads"),
    Rule("Contact", TECHNOLOGY, "emea-people"),
    Rule("Lead", "Today's Leads", "fresh-leads"),
]
"""A list on a field of the account and one on a relative date have been added, leads feed a segment now, and the rule
of accounts is not active."""

SETTLE_SECONDS = 120
"""Longest wait for what must become true; a killed worker alone takes the 10 s of its group session, and the org is
asked about deletions once in 30 s."""


@dataclass(slots=True)
class Options:
    sizes: Sizes = field(default_factory=Sizes)
    edits: int = 1000
    edits_per_second: float = 50.0
    chaos: bool = False
    directory: Path = Path("var/demo")


@dataclass(slots=True)
class Story:
    """What happened; the summary is made from it."""

    seconds: dict[str, float] = field(default_factory=dict)
    wanted: Expected = field(default_factory=Expected)
    found: Expected = field(default_factory=Expected)
    wrong: list[str] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    changes: dict[str, int] = field(default_factory=dict)
    write_back: dict[str, int] = field(default_factory=dict)
    survivor_score: float | None = None
    """Of the survivor of the last merge, as the org shows it."""
    replay: dict[str, int] = field(default_factory=dict)
    kills: int = 0

    @asynccontextmanager
    async def timed(self, act: str) -> AsyncIterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[act] = round(self.seconds.get(act, 0.0) + time.monotonic() - start, 1)


class Demo:
    def __init__(self, options: Options, console: Console) -> None:
        self.options = options
        self.story = Story()
        self.console = console
        self.rules = RULES
        self.emptied: tuple[str, ...] = ()
        """Segments that no rule feeds any more."""
        self.identity = Identity()
        self.rng = random.Random(options.sizes.seed)
        self.progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console,
        )  # fmt: skip

    async def play(self) -> Story:
        story = self.story
        with self.progress:
            async with story.timed("total"), self._surroundings() as around:
                database = connect(around.environment["MONGODB_URI"])
                try:
                    await self._acts(around, database[around.environment["MONGODB_DATABASE"]])
                finally:
                    await database.close()
        return story

    @asynccontextmanager
    async def _surroundings(self) -> AsyncIterator[Surroundings]:
        start = time.monotonic()
        async with AsyncExitStack() as open_until_the_end:
            with self._step("Kafka, MongoDB and a Salesforce org"):
                around = await open_until_the_end.enter_async_context(
                    surroundings(self.options.directory, self.options.sizes)
                )
            self.story.seconds["stack"] = round(time.monotonic() - start, 1)
            yield around

    async def _acts(self, around: Surroundings, database: Any) -> None:
        story = self.story
        async with story.timed("import"):
            around.fleet.start()
            await self._connect(around, database)
            await self._rules(around, database)
        before_edits = await around.org.ledger_length()
        watch = Watch(database)
        async with watch.watching():
            async with story.timed("edits"), self._chaos(around):
                await self._edit(around)
            await self._settled(around, database, before_edits)
        story.latencies_ms = await latencies_ms(watch, around.org, before_edits)
        async with story.timed("write_back"), self._chaos(around):
            await self._write_back(around, database)
        await self._settled(around, database, before_edits)
        async with story.timed("rules"):
            await self._change_rules(around)
            with self._step("Two contacts merged, a lead converted, and its contact merged as well"):
                self.identity = await merge_and_convert(around, self.rules)
            await self._settled(around, database, before_edits)
        async with story.timed("replay"):
            await self._replay(around)
        async with story.timed("survivor"):
            await self._score_the_survivor(around, database)
        await self._judge(around, database, before_edits)

    def _step(self, text: str, total: int | None = None) -> Step:
        return Step(self.progress, text, total)

    @asynccontextmanager
    async def _chaos(self, around: Surroundings) -> AsyncIterator[None]:
        """With --chaos: workers are killed at random moments while the act is played."""
        if not self.options.chaos:
            yield
            around.fleet.check()
            return
        killing = asyncio.create_task(around.fleet.chaos(self.rng))
        try:
            yield
        finally:
            killing.cancel()
            with suppress(asyncio.CancelledError):
                await killing
            around.fleet.start()
            self.story.kills = around.fleet.kills

    async def _connect(self, around: Surroundings, database: Any) -> None:
        with self._step("Connect the team in the browser"):
            await connect_team(around)
        wanted = await expected_state(around.org, RULES)
        with self._step("First import", sum(wanted.counts.values())) as step:

            async def imported() -> list[str]:
                around.fleet.check()
                found = await actual_state(database, TEAM)
                step.show(sum(found.counts.values()))
                return [] if found.counts == wanted.counts else [f"imported {found.counts} of {wanted.counts}"]

            await becomes(imported, "the first import to be complete")

    async def _rules(self, around: Surroundings, database: Any) -> None:
        with self._step("Field mapping"):
            for entity in ("contact", "lead"):
                await command(around, "mappings", "set", TEAM, entity, "first_name=FirstName")
        with self._step("Three rules", 3) as step:
            await command(around, "segments", "create", TEAM, "Technology accounts", "--accounts")
            for rule in (
                ("contact", "--list", "EMEA Contacts", "--new-segment", "EMEA people"),
                ("lead", "--list", "Open Leads", "--only"),
                ("account", "--list", "Technology Customers", "--existing-segment", "technology-accounts"),
            ):
                await command(around, "rules", "add", TEAM, *rule)
                step.advance()
        wanted = await expected_state(around.org, RULES)
        with self._step("People and accounts by the rules", len(wanted.people) + len(wanted.accounts)) as step:

            async def applied() -> list[str]:
                around.fleet.check()
                found = await actual_state(database, TEAM)
                step.show(len(found.people) + len(found.accounts))
                return differences(wanted, found)

            await becomes(applied, "the rules to be applied")

    async def _edit(self, around: Surroundings) -> None:
        state = {entity: await around.org.state(entity) for entity in ("Contact", "Lead", "Account")}
        edits = plan_edits(state, self.options.edits, self.rng)
        with self._step("Edits in Salesforce", len(edits)) as step:
            await make_edits(around.org, edits, self.options.edits_per_second, step.advance)

    async def _change_rules(self, around: Surroundings) -> None:
        with self._step("Rules edited, one de-activated", 3) as step:
            where = {"field": "Account.Industry", "operator": "equals", "values": ["'Technology'"]}
            await around.org.define_list("Contact", TECHNOLOGY, where)
            for change in (
                ("edit", TEAM, "contact-1", "--add-list", TECHNOLOGY),
                ("edit", TEAM, "lead-2", "--add-list", "Today's Leads", "--new-segment", "Fresh leads"),
                ("deactivate", TEAM, "account-3", "--remove-members"),
            ):
                await command(around, "rules", *change)
                step.advance()
        self.rules, self.emptied = RULES_AFTER_EDITS, ("technology-accounts",)

    async def _settled(self, around: Surroundings, database: Any, before_edits: int) -> None:
        """Wait until MongoDB shows what the org says; what still differs in the end is told, not raised."""
        story = self.story
        told = self.identity
        story.wanted = await expected_state(around.org, self.rules, self.emptied, told.stood, told.survivors)
        with self._step("MongoDB equals the org"):

            async def equal() -> list[str]:
                around.fleet.start() if self.options.chaos else around.fleet.check()
                story.wrong = await behind(database, TEAM, around.org, before_edits)
                if not story.wrong:
                    story.found = await actual_state(database, TEAM)
                    story.wrong = differences(story.wanted, story.found)
                return story.wrong

            with suppress(TimeoutError):
                await becomes(equal, "MongoDB to equal the org")

    async def _write_back(self, around: Surroundings, database: Any) -> None:
        story = self.story
        scores = draw_scores(story.wanted, self.rng)
        wanted = wanted_in_org(scores, story.wanted)
        with self._step("Engagement scores", len(scores)) as step:
            servers, now_ms = around.endpoints.kafka_bootstrap_servers, int(time.time() * 1000)
            await publish_scores(servers, around.topic(SCORES_TOPIC), TEAM, scores, now_ms)

            async def kept() -> list[str]:
                found = await database.engagement.count_documents({"team": TEAM})
                step.show(found)
                return [] if found == len(scores) else [f"{found} of {len(scores)}"]

            await becomes(kept, "the scores to be kept")
        with self._step("Write-back, some rows rejected and some locked at first"):
            figures, report = await write_back(around, TEAM, wanted)
        story.write_back = asdict(figures)
        self.progress.console.print(report, markup=False, highlight=False)

    async def _replay(self, around: Surroundings) -> None:
        with self._step("Replay of the change topics"):
            result = await command(around, "replay", "--from", "earliest")
        self.story.replay = {name: result[name] for name in ("read", "changed", "records", "people", "accounts")}

    async def _score_the_survivor(self, around: Surroundings, database: Any) -> None:
        with self._step("A score under the address of the one merged last, written back"):
            found = await score_of_the_survivor(around, database, TEAM, self.identity, becomes)
            self.story.survivor_score = found

    async def _judge(self, around: Surroundings, database: Any, before_edits: int) -> None:
        """Once more at the very end: neither the write-back's echo nor the replay may have changed anything."""
        with self._step("The org's ledger against the topics and MongoDB"):
            await self._settled(around, database, before_edits)
            self.story.wrong += await mirror_differences(database, TEAM, around.org)
            topics = [around.topic(name) for name in CHANGE_TOPICS]
            changes = await published_changes(
                around.endpoints.kafka_bootstrap_servers, topics, around.org, before_edits
            )
            self.story.changes = {
                "expected": changes.expected,
                "published": changes.published,
                "lost": changes.lost,
                "duplicated": changes.duplicated,
            }
            self.story.wrong += [f"lost change: {example}" for example in changes.examples[:5]]


class Step:
    """One line of the story: a spinner, then a tick; with a total, a bar."""

    def __init__(self, progress: Progress, text: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(text, total=total)
        self._total = total

    def __enter__(self) -> Step:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            total = self._total or 1
            self._progress.update(self._task, total=total, completed=total)
        self._progress.stop_task(self._task)

    def advance(self) -> None:
        self._progress.advance(self._task)

    def show(self, completed: int) -> None:
        self._progress.update(self._task, completed=completed)


async def becomes(still_wrong: Callable[[], Awaitable[list[str]]], what: str) -> None:
    """Poll until nothing is wrong; raises TimeoutError naming what was waited for and what is still wrong."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while wrong := await still_wrong():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {SETTLE_SECONDS} s for {what}; still: {'; '.join(wrong)}")
        await asyncio.sleep(0.25)


async def connect_team(around: Surroundings) -> None:
    """`segment-sync connections connect`, with the demo at the browser."""
    credentials = around.org.credentials
    async with child_process(
        *(sys.executable, "-m", "workers", "connections", "connect", TEAM, "--no-browser", "--callback-port", "0"),
        *("--client-id", credentials["client_id"], "--login-url", credentials["login_url"]),
        env=os.environ | around.environment | {"SALESFORCE_CLIENT_SECRET": credentials["client_secret"]},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        said: list[str] = []
        async for line in process.stderr:
            said.append(line.decode())
            if (url := line.decode().strip()).startswith("http"):
                await around.org.log_in(url)
        if await process.wait():
            raise RuntimeError(f"segment-sync connections connect: {''.join(said)[-600:]}")


def summary_of(story: Story) -> dict[str, Any]:
    wanted, found = story.wanted, story.found
    reasons = sorted(wanted.skipped.keys() | found.skipped.keys())
    figures = story.latencies_ms
    return {
        "org": {name.lower() + "s": n for name, n in wanted.counts.items()},
        "changes": story.changes,
        "people": len(found.people),
        "accounts": len(found.accounts),
        "segments": {
            name: {"expected": len(members), "actual": len(found.segments.get(name, ()))}
            for name, members in wanted.segments.items()
        },
        "skipped": {
            reason: {"expected": wanted.skipped[reason], "actual": found.skipped[reason]} for reason in reasons
        },
        "latency_ms": {f"p{share}": percentile(figures, share / 100) for share in (50, 95, 99)},
        "write_back": story.write_back,
        "survivor_score": {"expected": SCORE_OF_THE_LOSER, "actual": story.survivor_score},
        "replay": story.replay,
        "seconds": story.seconds,
        "kills": story.kills,
        "differences": story.wrong,
        "ok": not problems(story),
    }


def problems(story: Story) -> list[str]:
    """Why the demo failed: everything that is not exactly as the org says it must be."""
    wrong = list(story.wrong)
    changes, written = story.changes, story.write_back
    if changes["lost"] or changes["duplicated"] or changes["published"] != changes["expected"]:
        wrong.append(f"changes: {changes}")
    if not (written["changed"] == written["succeeded"] == written["verified_in_org"]) or written["failed"]:
        wrong.append(f"write-back: {written}")
    if not (written["rejected_at_first"] and written["retried"]):
        wrong.append(f"the org hindered no row of the write-back: {written}")
    if written["second_run"]:
        wrong.append(f"a second write-back run still found {written['second_run']} rows to write")
    if story.survivor_score != SCORE_OF_THE_LOSER:
        wrong.append(f"the survivor of a merge has score {story.survivor_score} instead of {SCORE_OF_THE_LOSER}")
    if story.replay["changed"] or not story.replay["read"]:
        wrong.append(f"replay: {story.replay}")
    return wrong


def write_summary(directory: Path, story: Story) -> dict[str, Any]:
    summary = summary_of(story)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    return summary
