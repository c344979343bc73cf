"""The admin pages: what they show, what their forms do, and that a real browser gets along with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.fleet.orgs import numbered
from sandbox.org.fleet.server import serve_fleet
from sandbox.org.server import serve
from tests.integration.org.caller import CONTACTS, DATA, Caller, caller_of, create
from tests.support.browser import CHROMIUM, browser

PAGES = "/__admin__/pages"


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with await serve(OrgConfig(contacts=120)) as org:
        async for one in caller_of(org):
            yield one


async def page(caller: Caller, path: str) -> str:
    reply = await caller.call("GET", path)
    assert (reply.status, reply.content_type) == (200, "text/html"), path
    return reply.body.decode()


@pytest.mark.parametrize(
    ("path", "sections"),
    [
        ("/__admin__", ("credentials", "calls", "ledger")),
        ("/__admin__/", ("credentials", "calls", "ledger")),
        (f"{PAGES}/data", ("data", "records")),
        (f"{PAGES}/sessions", ("sessions", "delivered", "tokens", "users")),
        (f"{PAGES}/events?channel=/data/ContactChangeEvent", ("events", "stream")),
        (f"{PAGES}/events?channel=nonsense&page=7", ("events", "stream")),
        (f"{PAGES}/faults", ("faults", "plan", "struck")),
        (f"{PAGES}/time?live=1", ("travel",)),
        (f"{PAGES}/ledger?page=1", ("ledger",)),
    ],
)
async def test_every_page_shows_its_sections(caller: Caller, path: str, sections: tuple[str, ...]) -> None:
    html = await page(caller, path)
    for section in sections:
        assert f'<section id="{section}">' in html


async def test_what_happened_is_shown_and_text_stays_text(caller: Caller) -> None:
    create(caller.org, "<b>Doe</b>")
    await caller.established(CONTACTS)
    await caller.plan("reset", where={"path": "/nowhere"}, times=None)
    assert caller.client_id in await page(caller, f"{PAGES}/sessions")
    assert "for ever" in await page(caller, f"{PAGES}/faults")
    assert "CREATE" in await page(caller, f"{PAGES}/events")
    for path in ("", "/pages/ledger", "/pages/events", "/pages/data/Contact?q=%3Cb%3E"):
        html = await page(caller, f"/__admin__{path}")
        assert "<b>Doe</b>" not in html
        assert "Doe" in html


async def test_records_are_paged_and_searched(caller: Caller) -> None:
    create(caller.org, "Needle")
    first, third = await page(caller, f"{PAGES}/data/contact"), await page(caller, f"{PAGES}/data/Contact?page=2")
    assert first.count("/pages/data/Contact/003") == 50
    assert 0 < third.count("/pages/data/Contact/003") < 50
    assert (await page(caller, f"{PAGES}/data/Contact?q=nEEdle")).count("/pages/data/Contact/003") == 1
    assert (await caller.call("GET", f"{PAGES}/data/Nothing")).status == 404
    assert (await caller.call("GET", f"{PAGES}/data/Contact/003000000000000AAA")).status == 404


async def test_a_record_is_made_changed_deleted_and_brought_back(caller: Caller) -> None:
    path = f"{PAGES}/data/Contact"
    made = await caller.call("POST", f"{path}/new", data={"LastName": "Made", "Title": ""}, allow_redirects=False)
    record = made.headers["Location"]
    record_id = record.rpartition("/")[2]
    assert (made.status, record) == (303, f"{path}/{record_id}")
    await caller.call("POST", record, data={"LastName": "Made", "Title": "Boss", "Engagement_Score__c": "7.5"})
    row = caller.org.org.get("Contact", record_id)
    assert row is not None
    assert (row["Title"], row["Engagement_Score__c"]) == ("Boss", 7.5)
    entry = [*caller.org.org.ledger.after(0)][-1]
    assert set(entry.changed) >= {"Title", "Engagement_Score__c"}
    assert "LastName" not in entry.changed
    await caller.call("POST", f"{record}/delete")
    assert caller.org.org.get("Contact", record_id) is None
    assert record_id in await page(caller, f"{path}?bin=1")
    await caller.call("POST", f"{record}/undelete")
    assert caller.org.org.get("Contact", record_id) is not None


@pytest.mark.parametrize(
    ("entered", "reason"),
    [
        ({"LastName": ""}, "REQUIRED_FIELD_MISSING"),
        ({"LastName": "X", "Engagement_Score__c": "much"}, "must be a number"),
        ({"LastName": "X" * 81}, "STRING_TOO_LONG"),
    ],
)
async def test_a_refusal_keeps_what_was_entered(caller: Caller, entered: dict[str, str], reason: str) -> None:
    reply = await caller.call("POST", f"{PAGES}/data/Contact/new", data={**entered, "Title": "Kept"})
    assert reply.status == 200
    assert reason in reply.body.decode()
    assert 'value="Kept"' in reply.body.decode()


async def test_forms_lead_back_to_their_page(caller: Caller) -> None:
    form = {"kind": "reset", "times": "0", "share": "1", "where": '{"path": "/nowhere"}', "settings": ""}
    came_from = {"Referer": f"{caller.org.base_url}{PAGES}/faults"}
    for headers, back in (
        (came_from, f"{PAGES}/faults"),
        ({"Referer": "http://elsewhere/x"}, "/__admin__/"),
        ({}, "/__admin__/"),
    ):
        reply = await caller.call("POST", "/__admin__/faults", data=form, headers=headers, allow_redirects=False)
        assert (reply.status, reply.headers["Location"]) == (303, back)
    for path in ("cometd/forget-sessions", "faults/clear", "tokens/revoke", "events/migrate", "events/expire"):
        reply = await caller.call("POST", f"/__admin__/{path}", data={}, allow_redirects=False)
        assert reply.status == 303, path
    reply = await caller.call("POST", "/__admin__/clock", data={"advance_seconds": "soon"}, headers=came_from)
    assert (reply.status, reply.content_type) == (400, "text/html")
    assert f'href="{PAGES}/faults"' in reply.body.decode()


async def test_a_user_is_added_and_deactivated(caller: Caller) -> None:
    user = {"username": "rep@x.example", "password": "12345", "profile": "Standard User"}
    assert (await caller.call("POST", "/__admin__/users", data=user, allow_redirects=False)).status == 303
    assert "rep@x.example" in await page(caller, f"{PAGES}/sessions")
    assert (await caller.call("POST", "/__admin__/users", data=user)).content_type == "text/html"
    off = {"active": "false"}
    await caller.call("POST", "/__admin__/users/rep%40x.example", data=off, allow_redirects=False)
    [row] = caller.org.org.rows_with("User", "Username", "rep@x.example")
    assert row["IsActive"] is False
    assert "inactive" in await page(caller, f"{PAGES}/sessions")


async def test_an_outage_leaves_the_pages_alone(caller: Caller) -> None:
    await caller.call("POST", "/__admin__/outage", data={"seconds": "60", "status": "502"})
    assert (await caller.call("GET", DATA)).status == 502
    assert "An outage" in await page(caller, "/__admin__")


async def test_another_site_cannot_send_forms(caller: Caller) -> None:
    headers = {"Origin": "http://evil.example"}
    assert (await caller.call("POST", "/__admin__/tokens/revoke", data={}, headers=headers)).status == 403
    own = {"Origin": caller.org.base_url}
    assert (await caller.call("POST", "/__admin__/faults/clear", data={}, headers=own)).status == 200


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
async def test_a_browser_edits_a_record_and_travels_in_time(tmp_path: Path) -> None:
    config = OrgConfig(contacts=3)
    async with await serve_fleet(numbered(3, config), config) as fleet, browser(tmp_path) as tab:
        await tab.open(f"{fleet.base_url}/__admin__/")
        await tab.click("#orgs a[href$='/o/org-2/__admin__/']")
        org = (await fleet.open("org-2")).org
        await tab.click("nav a[href$='/pages/data']")
        await tab.click("#data a[href$='/data/Contact']")
        await tab.click("td a")
        record_id = (await tab.run("location.pathname")).rpartition("/")[2]
        await tab.run("document.querySelector('[name=Title]').value = 'Größter Chef'")
        await tab.click("#fields form button")
        assert (org.get("Contact", record_id) or {})["Title"] == "Größter Chef"
        assert "Title" in await tab.run("document.querySelector('#history').innerHTML")
        await tab.click("nav a[href$='/pages/time']")
        await tab.click("#travel form:nth-of-type(3) button")
        assert org.clock.offset_seconds == pytest.approx(86_400, abs=1)
        assert (await tab.run("location.pathname")).endswith("/o/org-2/__admin__/pages/time")
        # Nothing is wider than the window.
        assert await tab.run("document.documentElement.scrollWidth <= window.innerWidth")
        assert tab.errors == []
