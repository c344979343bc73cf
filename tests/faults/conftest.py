"""The orgs and the stack that all runs share, and the table of what came of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.stack import Endpoints
from tests.faults.lane import Site
from tests.faults.orgs import org_process
from tests.faults.report import OUTCOMES, table


@pytest.fixture
async def site(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    directory = tmp_path_factory.mktemp("faults")
    async with org_process(directory / "orgs.log") as orgs:
        yield Site(stack, orgs, directory)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if OUTCOMES:
        terminalreporter.write_sep("=", "faults")
        terminalreporter.write_line(table(OUTCOMES))
