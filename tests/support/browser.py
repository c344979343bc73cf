"""A real browser without a window, spoken to by its own debugging protocol."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.waiting import until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_LISTENING = re.compile(r"DevTools listening on (ws://\S+)")


class LeftError(Exception):
    """The page went away while it was asked."""


@dataclass(slots=True)
class Page:
    """One page; https://chromedevtools.github.io/devtools-protocol/ names the commands."""

    socket: aiohttp.ClientWebSocketResponse
    session_id: str = ""
    errors: list[str] = field(default_factory=list)
    _sent: int = 0

    async def command(self, method: str, **parameters: object) -> dict[str, Any]:
        self._sent += 1
        number = self._sent
        message = {"id": number, "method": method, "params": parameters}
        await self.socket.send_json(message | ({"sessionId": self.session_id} if self.session_id else {}))
        while True:
            reply = await self.socket.receive_json()
            if reply.get("method") == "Runtime.exceptionThrown":
                self.errors.append(str(reply["params"]))
            if reply.get("id") == number:
                if "navigated" in str(reply.get("error")):
                    raise LeftError
                assert "error" not in reply, reply
                result: dict[str, Any] = reply["result"]
                return result

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression on the page."""
        answer = await self.command("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def open(self, url: str) -> None:
        await self.command("Page.navigate", url=url)
        await until(lambda: self._shows(f"location.href === {json.dumps(url)}"))

    async def click(self, selector: str) -> None:
        """Click something that leads to another page, and wait for that."""
        await self.run("window.left = true")
        with suppress(LeftError):
            await self.run(f"document.querySelector({json.dumps(selector)}).click()")
        await until(lambda: self._shows("!window.left"))

    async def _shows(self, condition: str) -> bool:
        try:
            return bool(await self.run(f"document.readyState === 'complete' && ({condition})"))
        except LeftError:
            return False


@asynccontextmanager
async def browser(directory: Path) -> AsyncIterator[Page]:
    """A new browser with one page; it is gone afterwards."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={directory}"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(directory)},
    )
    try:
        async with aiohttp.ClientSession() as http, http.ws_connect(await _address(process), max_msg_size=0) as socket:
            page = Page(socket)
            target = await page.command("Target.createTarget", url="about:blank")
            attached = await page.command("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            page.session_id = attached["sessionId"]
            await page.command("Runtime.enable")
            yield page
    finally:
        # The browser and the processes that it started, which would keep its output open.
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := await process.stderr.readline():
            if found := _LISTENING.search(line.decode()):
                return found[1]
    raise AssertionError("the browser ended")
