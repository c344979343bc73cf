"""A process of simulated orgs, each on a port of its own: one line of JSON opens one, the answer is how to log in.

{"contacts": 12, "seed": 3, ...} opens an org with these settings; {"close": "http://127.0.0.1:1234"} closes one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve


def typed(given: dict[str, Any]) -> dict[str, Any]:
    """Lists of users and the like, as the settings have them."""
    types = get_type_hints(OrgConfig)
    return {name: TypeAdapter(types[name]).validate_python(value) for name, value in given.items()}


async def main() -> None:
    """Until standard input ends."""
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    orgs: dict[str, RunningOrg] = {}
    while line := await commands.readline():
        given = json.loads(line)
        if closed := given.pop("close", None):
            await orgs.pop(closed).close()
            answer = {"closed": closed}
        else:
            org = await serve(OrgConfig(**typed(given)))
            orgs[org.base_url] = org
            answer = org.credentials
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
