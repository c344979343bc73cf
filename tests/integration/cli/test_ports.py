"""The pages that a process serves: health, metrics, and where the browser comes back to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import aiohttp
import pytest

from workers.adapters.health_server import health_server
from workers.adapters.salesforce.callback import PATH, listen
from workers.ports import Refused

LOOPBACK = "127.0.0.1"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        yield taken.getsockname()[1]


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return reply.status, await reply.text()


async def test_ready_only_while_ready_but_always_alive() -> None:
    ready = False
    async with health_server(LOOPBACK, 0, lambda: ready) as port:
        base = f"http://{LOOPBACK}:{port}"
        assert await get(f"{base}/readyz") == (503, "not ready\n")
        assert await get(f"{base}/livez") == (200, "ok\n")
        ready = True
        assert await get(f"{base}/readyz") == (200, "ok\n")
        status, text = await get(f"{base}/metrics")
        assert status == 200
        assert "process_cpu_seconds_total" in text
        assert (await get(f"{base}/other"))[0] == 404
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(f"{base}/livez")


async def test_without_a_port_nothing_is_served() -> None:
    async with health_server("no such host", None, lambda: True) as port:
        assert port is None


async def test_a_health_port_in_use_names_the_setting(taken_port: int) -> None:
    with pytest.raises(Refused, match=f"port {taken_port} on {LOOPBACK} is in use: set HEALTH_PORT"):
        async with health_server(LOOPBACK, taken_port, lambda: True):
            pass


async def test_a_health_host_that_is_not_ours_is_not_called_in_use() -> None:
    with pytest.raises(Refused, match=r"cannot listen on port 0 of HEALTH_HOST 192\.0\.2\.1"):
        async with health_server("192.0.2.1", 0, lambda: True):
            pass


async def test_a_callback_port_in_use_names_the_option(taken_port: int) -> None:
    with pytest.raises(Refused, match=f"port {taken_port} is in use: give another with --callback-port"):
        async with listen(taken_port):
            pass


async def test_the_callback_takes_the_code_of_its_own_login_once() -> None:
    async with listen(0) as callback:
        base = callback.redirect_uri
        assert base.endswith(PATH)
        assert (await get(f"{base}?code=stolen&state=other"))[0] == 400
        assert (await get(f"{base}?code=good&state={callback.state}"))[0] == 200
        assert (await get(f"{base}?code=late&state={callback.state}"))[0] == 400
        assert await asyncio.wait_for(callback.code(), 5) == "good"


async def test_a_user_who_denies_is_told_why() -> None:
    async with listen(0) as callback:
        denied = f"{callback.redirect_uri}?error=access_denied&error_description=end-user+denied&state={callback.state}"
        assert (await get(denied))[0] == 400
        with pytest.raises(Refused, match="Salesforce did not authorise the connection: end-user denied"):
            await callback.code()


async def test_nobody_comes_back_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.adapters.salesforce.callback.LOGIN_SECONDS", 0)
    async with listen(0) as callback:
        with pytest.raises(Exception, match="nobody logged in"):
            await callback.code()
