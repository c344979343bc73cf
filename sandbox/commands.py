"""What the sandbox's commands do."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sandbox.demo.environment import Sizes, surroundings
from sandbox.demo.story import Demo, Options, connect_team, problems, write_summary
from sandbox.org.config import OrgConfig
from sandbox.org.server import serve
from sandbox.stack import StackError

console = Console(stderr=True)
T = TypeVar("T")


async def serve_org(config: OrgConfig, as_json: bool) -> None:
    stop = stop_event()
    try:
        org = await serve(config)
    except OSError as error:
        fail(f"port {config.port} is in use: choose another with --port, or 0 for any free one", error)
    except ValueError as error:
        fail(str(error), error)
    async with org:
        if as_json:
            print(json.dumps(org.credentials), flush=True)
        else:
            show_credentials(org.credentials)
        await stop.wait()


def play_demo(options: Options) -> None:
    """Exits with status 1 when the end is not exactly what the org says it must be."""
    logs = options.directory / "log"
    try:
        story = asyncio.run(cancelled_by_sigterm(Demo(options, console).play()))
    except (StackError, RuntimeError, TimeoutError) as error:
        fail(f"{error}. Logs: {logs}", error)
    summary = write_summary(options.directory, story)
    Console().print(summary_table(summary))
    for problem in problems(story):
        console.print(f"[bold red]wrong:[/] {escape(problem)}", highlight=False)
    console.print(f"{options.directory / 'summary.json'} has the figures")
    if not summary["ok"]:
        sys.exit(1)


def bring_up(directory: Path, sizes: Sizes) -> None:
    try:
        asyncio.run(keep_up(directory, sizes))
    except (StackError, RuntimeError) as error:
        fail(f"{error}. Logs: {directory / 'log'}", error)


async def keep_up(directory: Path, sizes: Sizes) -> None:
    stop = stop_event()
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(stack.enter_async_context(surroundings(directory, sizes)))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait([starting])
            return
        around = starting.result()
        around.fleet.start()
        await connect_team(around)
        settings = directory / "segment-sync.env"
        settings.write_text("".join(f"{name}={value}\n" for name, value in around.environment.items()))
        settings.chmod(0o600)
        show_credentials(around.org.credentials)
        console.print(
            f"\nTeam [bold]demo[/] is connected. In another terminal:\n"
            f"  export SEGMENT_SYNC_ENV_FILE={settings}\n"
            f"  segment-sync teams status demo --wait\n"
            f"  segment-sync rules lists demo contact\n"
            f"Logs: {directory / 'log'}. Ctrl-C stops everything.",
            highlight=False,
        )
        while not stop.is_set():
            around.fleet.check()
            await asyncio.wait([stopping], timeout=1.0)


def stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def cancelled_by_sigterm(play: Coroutine[Any, Any, T]) -> T:
    """SIGTERM ends the demo as Ctrl-C does: everything that was started is stopped."""
    task = asyncio.create_task(play)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def show_credentials(credentials: dict[str, str]) -> None:
    table = Table("", "", show_header=False, title="Simulated Salesforce org")
    for name, value in credentials.items():
        table.add_row(name, value)
    Console().print(table)


def summary_table(summary: dict[str, object]) -> Table:
    table = Table("", "", show_header=False, title="Demo")
    for name, value in summary.items():
        table.add_row(
            name, "; ".join(f"{k}: {brief(v)}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        )
    return table


def brief(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {each}" for key, each in value.items())
    return str(value)


def fail(message: str, error: BaseException) -> NoReturn:
    console.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise SystemExit(1) from error
