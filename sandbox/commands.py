"""What the sandbox's commands do."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_type_hints

import rich.progress
from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from sandbox.demo.environment import EVERY_WORKER, Sizes, surroundings
from sandbox.demo.story import Demo, Options, connect_team, problems, write_summary
from sandbox.org.config import OrgConfig
from sandbox.org.fleet.orgs import numbered
from sandbox.org.fleet.server import serve_fleet
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.memory.collector import collect_seldom
from sandbox.org.seeding.fill import Progress
from sandbox.org.server import serve
from sandbox.stack import StackError

console = Console(stderr=True)
# Fewer are there within a second.
_PROGRESS_FROM_RECORDS = 10_000
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
T = TypeVar("T")


async def serve_org(config: OrgConfig, as_json: bool) -> None:
    stop = stop_event()
    collect_seldom()
    with generation_progress(config) as progress:
        org = await listening(serve(config, progress), config)
    async with org:
        if as_json:
            print(json.dumps(org.credentials), flush=True)
        else:
            show_credentials(org.credentials)
        await stop.wait()


async def serve_orgs(config: OrgConfig, count: int, as_json: bool) -> None:
    stop = stop_event()
    collect_seldom()
    async with await listening(serve_fleet(numbered(count, config), config), config) as fleet:
        orgs = [fleet.fleet.summary(member) for member in fleet.fleet]
        if as_json:
            told = {"base_url": fleet.base_url, "admin_url": fleet.base_url + ADMIN_PREFIX, "orgs": orgs}
            print(json.dumps(told), flush=True)
        else:
            show_credentials(
                {
                    "orgs": f"{fleet.base_url}/o/org-1 ... org-{count}",
                    "admin_url": f"{fleet.base_url}{ADMIN_PREFIX}/",
                    "credentials": f"{fleet.base_url}{ADMIN_PREFIX}/orgs/org-1 ...",
                    "client_id": config.client_id,
                    "client_secret": config.client_secret,
                }
            )
        await stop.wait()


def show_settings() -> None:
    """Every setting of an org, with what it is when nobody sets it."""
    table = Table(
        "setting", "default", caption="Lists and objects are JSON; empty names and secrets come from the seed."
    )
    table.columns[1].overflow = "fold"
    for one in fields(OrgConfig):
        default = one.default if one.default_factory is MISSING else one.default_factory()
        table.add_row(one.name, escape("null" if default is None else json.dumps(default, default=asdict)))
    Console().print(table)


def with_settings(config: OrgConfig, given: Iterable[str]) -> OrgConfig:
    """The configuration with ``name=value`` settings, each of its field's type; lists and objects as JSON."""
    types = get_type_hints(OrgConfig)
    changes: dict[str, Any] = {}
    for one in given:
        name, _, text = one.partition("=")
        if name not in types:
            fail(f"{name} is no setting of an org; there are {', '.join(sorted(types))}")
        try:
            adapter = TypeAdapter(types[name])
            # Users, channels, faults ... are lists of objects.
            is_json = text.startswith(("[", "{"))
            changes[name] = adapter.validate_json(text) if is_json else adapter.validate_strings(text)
        except (ValidationError, PydanticSchemaGenerationError) as error:
            kind = types[name].__name__ if isinstance(types[name], type) else types[name]
            fail(f"{one}: {name} is of the type {kind}, like {getattr(config, name)!r}", error)
    return replace(config, **changes)


async def listening(starting: Awaitable[T], config: OrgConfig) -> T:
    try:
        return await starting
    except OSError as error:
        fail(f"port {config.port} is in use: choose another with --port, or 0 for any free one", error)
    except ValueError as error:
        fail(str(error), error)


@contextmanager
def generation_progress(config: OrgConfig) -> Iterator[Progress | None]:
    """A bar per object while much data is generated; nothing for what takes no time, or where nobody looks."""
    wanted = {"Account": config.accounts, "Contact": config.contacts, "Lead": config.leads}
    if sum(wanted.values()) < _PROGRESS_FROM_RECORDS or not console.is_terminal:
        yield None
        return
    with rich.progress.Progress(*_COLUMNS, console=console, transient=True) as bars:
        tasks = {name: bars.add_task(name, total=total) for name, total in wanted.items()}
        yield lambda name, loaded: bars.update(tasks[name], completed=loaded)


def play_demo(options: Options) -> None:
    """Exits with status 1 when the end is not exactly what the org says it must be."""
    logs = options.directory / "log"
    try:
        story = asyncio.run(cancelled_by_sigterm(Demo(options, console).play()))
    except asyncio.CancelledError:
        console.print("stopped, with everything that was started")
        raise SystemExit(128 + signal.SIGTERM) from None
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
        starting = asyncio.create_task(stack.enter_async_context(surroundings(directory, sizes, EVERY_WORKER)))
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
            f"  segment-sync lists list demo contact\n"
            f"Scores are handed in at http://127.0.0.1:{around.environment['SCORES_API_PORT']}/v1/teams/demo/scores, "
            f"with a token:\n"
            f"  segment-sync scores create-token demo --name me --scope scores:write --scope writeback:read\n"
            f"Logs: {directory / 'log'}. Ctrl-C stops everything.",
            highlight=False,
            soft_wrap=True,  # these are to be copied
        )
        while not stop.is_set():
            for name in around.fleet.revive():
                console.print(f"{name} was killed; it is started again")
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
    table = Table(show_header=False, title="Simulated Salesforce org")
    table.add_column()
    # Folded, never cut: these are to be copied.
    table.add_column(overflow="fold")
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


def fail(message: str, error: BaseException | None = None) -> NoReturn:
    console.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise SystemExit(1) from error
