"""Lists that only the org can evaluate, and lists that change, against a simulated org on the wire: what its own query
engine says is in a list is what is in the segment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.server import RunningOrg, serve
from sandbox.org.users.specs import UserSpec
from schemas.documents import Connection, Destination, Job, ListDefinition, RuleSet
from schemas.topics import SHARDS
from tests.support.waiting import until
from workers.adapters.memory.changelog import MemoryTopics
from workers.adapters.memory.documents import MemoryDocuments
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import client_credentials
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher, generate_key
from workers.capture.pace import Pace
from workers.capture.worker import Capture
from workers.console.lists import define_list, list_statuses, request_comparison
from workers.console.rules import adding_rule
from workers.ports import Store
from workers.runtime.apply import Applier
from workers.runtime.edits import By, edit_rule_set, rule_set_of
from workers.runtime.reapply import Sent, reapply_due

QUICK = Pace(
    connections_seconds=0.02,
    lists_seconds=0.02,
    list_interval_seconds=1e6,  # only those that the tests ask for
    backoff_base_seconds=0.02,
    backoff_cap_seconds=0.2,
    query_poll_seconds=0.01,
    progress_seconds=0.02,
)
OWNED = {"field": "Owner.Name", "operator": "like", "values": ["'%'"]}
VPS = {"field": "Title", "operator": "like", "values": ["'V%'"]}
OWNED_VPS = {"conditions": [OWNED, VPS], "conjunction": "and"}
"""Only the org can evaluate it."""
DONE = ("done", "failed")


class AnHourAhead:
    """No change of the org is so young that it may still be on its way."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + 3_600_000


@dataclass
class Pipeline:
    """An org, its capture and its routing."""

    sandbox: RunningOrg
    orgs: Orgs
    connection: Connection
    store: Store
    topics: MemoryTopics = field(default_factory=MemoryTopics)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)

    @asynccontextmanager
    async def running(self, pace: Pace = QUICK) -> AsyncIterator[None]:
        clock, stop = AnHourAhead(), asyncio.Event()
        ownership = MemoryShardOwnership(range(SHARDS))
        capture = Capture(self.store, self.orgs, self.topics.open, ownership, clock, self.publisher, pace)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(capture.run(stop))
            routing = tasks.create_task(self._route(Applier(self.store, self.publisher, clock)))
            yield
            stop.set()
            await running
            routing.cancel()

    async def _route(self, applier: Applier) -> None:
        changes, commands, sent = 0, 0, Sent()
        while True:
            some, others = self.topics.changes[changes:], self.publisher.published_reevaluations[commands:]
            changes, commands = changes + len(some), commands + len(others)
            await applier.apply([*some, *others])
            await reapply_due(self.store, self.publisher, 0, sent)
            await asyncio.sleep(0.01)

    def people(self) -> set[str]:
        """In the segment."""
        assert isinstance(self.store.people, MemoryDocuments)
        return {person.key for person in self.store.people.all("acme") if "theirs" in person.segments}

    async def in_org(self, list_id: str) -> set[str]:
        """E-mail addresses of whom the org's own query engine puts into the list."""
        rows = {str(row["Id"]): row for row in self.sandbox.org.rows("Contact")}
        ids = await self.admin("get", f"/__admin__/listviews/{list_id}/members")
        return {str(email).lower() for each in ids if (email := rows[each].get("Email"))}

    async def agree(self, list_id: str) -> None:
        async def agreed() -> bool:
            return self.people() == await self.in_org(list_id)

        await until(agreed)

    async def admin(self, method: str, path: str, **body: Any) -> Any:
        async with (
            open_session() as session,
            session.request(method, self.sandbox.base_url + path, json=body or None) as reply,
        ):
            assert reply.status < 300, await reply.text()
            return await reply.json()

    async def list_of(self, where: dict[str, Any], **given: Any) -> str:
        """Make a list, or define it anew."""
        made = await self.admin(
            "post",
            "/__admin__/listviews",
            object="Contact",
            label="Theirs",
            developerName="Theirs",
            where=where,
            **given,
        )
        return str(made["id"])

    async def use(self) -> ListDefinition:
        """A rule that feeds the segment `theirs`."""
        org = self.orgs.org(self.connection)
        definition = await define_list(org, "contact", "Theirs", 1)
        destination = Destination(kind="segment", segment_id="theirs")
        by = By("ann", AnHourAhead().now_ms())
        await edit_rule_set(self.store, "acme", adding_rule("contact", [definition], destination, by), by)
        return definition

    async def compare(self) -> Job:
        job_id = await request_comparison(self.store, "acme", "Theirs", AnHourAhead().now_ms())

        async def ended() -> bool:
            return (await self._job(job_id)).state in DONE

        await until(ended)
        return await self._job(job_id)

    async def _job(self, job_id: str) -> Job:
        return (await self.store.jobs.load([("acme", job_id)]))["acme", job_id]

    async def rules(self) -> RuleSet:
        return await rule_set_of(self.store, "acme")

    def commit(self, *writes: Write) -> None:
        results = self.sandbox.org.commit(list(writes), Actor(self.sandbox.org.admin_user_id, "rest", None))
        assert all(result.success for result in results), results

    def contacts(self) -> list[str]:
        return sorted(str(row["Id"]) for row in self.sandbox.org.rows("Contact"))


@pytest.fixture
async def team() -> AsyncIterator[Pipeline]:
    config = OrgConfig(
        connect_timeout_seconds=2, contacts=60, leads=4, accounts=6, users=(UserSpec("bea@example.com"),)
    )
    sandbox, session, cipher = await serve(config), open_session(), TokenCipher([generate_key()])
    org = sandbox.org
    authorization = await client_credentials(
        session,
        sandbox.base_url,
        client_id=org.config.client_id,
        client_secret=org.config.client_secret,
        allow_insecure_loopback=True,
    )
    connection = Connection(
        team="acme",
        org_id=authorization.org_id,
        instance_url=authorization.instance_url,
        login_url=sandbox.base_url,
        client_id=org.config.client_id,
        grant="client_credentials",
        secret=cipher.seal("acme", authorization.secret),
        connected_at_ms=1,
    )
    store = memory_store()
    await store.connections.swap([connection])
    orgs = Orgs(store.connections, cipher, AnHourAhead(), allow_insecure_loopback=True, session=session)
    yield Pipeline(sandbox, orgs, connection, store)
    await orgs.close()
    await sandbox.close()


async def test_a_list_that_only_the_org_can_evaluate_follows_its_changes(team: Pipeline) -> None:
    list_id = await team.list_of(OWNED_VPS)
    async with team.running():
        await team.use()
        (status,) = await list_statuses(team.store, "acme", 1)
        assert "Owner.Name" in status.only_the_org_can_tell[0]
        await team.agree(list_id)
        assert len(team.people()) > 1

        first, second, third, fourth = team.contacts()[:4]
        team.commit(
            Write("update", "Contact", first, {"Title": "VP of all"}),
            Write("update", "Contact", second, {"Title": "none"}),
            Write("delete", "Contact", third, {}),
            Write("update", "Contact", fourth, {"Title": "Vim", "Email": "vim@example.com"}),
            Write("create", "Contact", None, {"LastName": "New", "Email": "new@example.com", "Title": "VP"}),
        )
        await until(lambda: {"vim@example.com", "new@example.com"} <= team.people())
        await team.agree(list_id)
        job = await team.compare()

    assert (job.state, job.report["missing"], job.report["extra"]) == ("done", 0, 0)


@pytest.mark.parametrize("rest_records", [2_000, 0], ids=["REST", "Bulk"])
async def test_a_list_of_a_scope_that_only_the_org_knows(team: Pipeline, rest_records: int) -> None:
    """Its query says USING SCOPE: so do ours."""
    list_id = await team.list_of(VPS, scope="team")
    theirs = await other_user(team)
    async with team.running(replace(QUICK, rest_records=rest_records)):
        await team.use()
        await team.agree(list_id)
        before = team.people()
        assert before
        ours = [str(row["Id"]) for row in team.sandbox.org.rows("Contact") if str(row.get("Title")).startswith("V")]
        team.commit(*(Write("update", "Contact", each, {"OwnerId": theirs}) for each in ours[:3]))
        await until(lambda: team.people() != before)
        await team.agree(list_id)


async def test_a_list_that_is_narrowed_widened_hidden_and_shown_again(team: Pipeline) -> None:
    list_id = await team.list_of(VPS)
    async with team.running():
        await team.use()
        await team.agree(list_id)
        team.commit(Write("update", "Contact", team.contacts()[0], {"Title": "Zen", "Email": "zen@example.com"}))
        await team.list_of({"field": "Title", "operator": "like", "values": ["'Z%'"]})
        await team.compare()
        await until(lambda: team.people() == {"zen@example.com"})

        await team.list_of(VPS, private=True, owner=await other_user(team))
        job = await team.compare()
        assert (job.state, "Sharing Settings" in str(job.detail)) == ("failed", True)
        assert (await team.rules()).lists[list_id].trouble == job.detail
        team.commit(Write("update", "Contact", team.contacts()[0], {"Title": "none"}))
        await asyncio.wait_for(evaluated_at_latest(team), 20)
        assert team.people() == {"zen@example.com"}, "members stay"

        await team.list_of(OWNED_VPS)
        await team.compare()
        await team.agree(list_id)
    assert (await team.rules()).lists[list_id].trouble == ""


async def other_user(team: Pipeline) -> str:
    org = team.sandbox.org
    return next(str(row["Id"]) for row in org.rows("User") if row["Id"] != org.admin_user_id)


async def evaluated_at_latest(team: Pipeline) -> None:
    async def done() -> bool:
        record = (await team.store.records.load([("acme", team.contacts()[0])])).popitem()[1]
        return record.fields.get("Title") == "none" and record.rule_set_version == (await team.rules()).version

    await until(done)


async def test_changes_that_were_missed_are_found_and_repaired(team: Pipeline) -> None:
    """As if events had been lost: our copies of two records are older than the org's, and one is not there."""
    list_id = await team.list_of(VPS)
    async with team.running():
        await team.use()
        await team.agree(list_id)
        before = team.people()
        assert isinstance(team.store.records, MemoryDocuments)
        members = [each for each in team.store.records.all("acme") if list_id in each.in_lists and each.imported]
        stale, unknown = members[:2]
        version = stale.full_version
        assert version is not None
        aged = stale.model_copy(
            update={
                "fields": {**stale.fields, "Title": "old"},
                "full_version": version._replace(commit_time_ms=version.commit_time_ms - 7_200_000),
                "field_versions": {},
                "in_lists": (),
                "held": (),
            }
        )
        assert not await team.store.records.swap([aged])
        del team.store.records._stored["acme", unknown.record_id]
        job = await team.compare()
        assert (job.report["missing"], job.report["repaired"]) == (2, 2)
        assert job.detail == f"for example {stale.record_id}, {unknown.record_id}"
        await until(lambda: team.people() == before)
        assert (await team.compare()).report["missing"] == 0
