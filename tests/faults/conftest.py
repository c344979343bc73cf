"""The orgs and the servers that all runs share, and the table of what came of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.faults.asker import Askers
from tests.faults.broker import FORGETFUL, QUICK, broker
from tests.faults.lane import Site
from tests.faults.orgs import org_process
from tests.faults.report import FIGURES, OUTCOMES, table


@pytest.fixture(scope="session")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A quick one, and one that forgets."""
    directory = tmp_path_factory.mktemp("brokers")
    with ExitStack() as stack:
        quick, forgetful = (
            stack.enter_context(broker(directory / name, settings))
            for name, settings in (("quick", QUICK), ("forgetful", FORGETFUL))
        )
        yield quick, forgetful


@pytest.fixture
async def site(
    mongodb_uri: str, brokers: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    directory = tmp_path_factory.mktemp("faults")
    askers = Askers(directory)
    try:
        async with org_process(directory / "orgs.log") as orgs:
            yield Site(*brokers, mongodb_uri, orgs, directory, askers)
    finally:
        askers.end()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A line to whoever waits for a run of half an hour."""
    terminal = request.config.get_terminal_writer()
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.line(line, flush=True)

    return say


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if OUTCOMES:
        terminalreporter.write_sep("=", "faults")
        terminalreporter.write_line(table(OUTCOMES))
    for figure in FIGURES:
        terminalreporter.write_line(figure)
