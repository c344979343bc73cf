"""The commands of the sandbox: a simulated org, the demo, everything up.

What they do is imported when one is called: the other commands need not wait for the org and its libraries.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

Contacts = Annotated[int, typer.Option(min=0, help="Contacts in the org.")]
Leads = Annotated[int, typer.Option(min=0, help="Leads in the org.")]
Accounts = Annotated[int, typer.Option(min=0, help="Accounts in the org.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same data, names and secrets.")]


HERE = "On this machine"

_SANDBOX_EXAMPLES = """
[bold]Examples[/]

One org on port 8443; how to log in is on the screen:
[cyan]segment-sync sandbox --contacts 200[/]

Any free port, and one JSON line for a program when it is ready:
[cyan]segment-sync sandbox --port 0 --json[/]

200 orgs on one port, at /o/org-1 or org-1.localhost ...:
[cyan]segment-sync sandbox --orgs 200 --contacts 50[/]

Now and then a reset, a 503, a lost reply, a repeated event ...:
[cyan]segment-sync sandbox --fault-rate 0.01[/]

Stored replay ids expire after a minute, cookies are required:
[cyan]segment-sync sandbox --set retention_seconds=60 --set cookies_required=true[/]

A second user beside the administrator:
[cyan]segment-sync sandbox --set 'users=\\[{"username": "rep@x.example", "password": "secret-1"}]'[/]

[bold]Then[/]

A program logs in by OAuth with client_id and client_secret, by SOAP with username, password + security_token,
or takes access_token as it is. A person opens admin_url: data, sessions, events, faults, time travel.
What was written, by whom, with which replay id, and every fault: admin_url/ledger.
"""


def register(app: typer.Typer) -> None:
    app.command(epilog=_SANDBOX_EXAMPLES, rich_help_panel=HERE)(sandbox)
    app.command(rich_help_panel=HERE)(demo)
    app.command(rich_help_panel=HERE)(up)


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0: any free one.")] = 8443,
    contacts: Contacts = 2000,
    leads: Leads = 500,
    accounts: Accounts = 300,
    seed: Seed = 7,
    orgs: Annotated[int, typer.Option(min=0, help="Serve so many orgs, org-1 ..., on the one port; 0: one org.")] = 0,
    fault_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of occasions at which a fault strikes, by the seed.")
    ] = 0.0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting, repeatable; 'help' lists them."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line when it is ready.")] = False,
    certificate: Annotated[Path | None, typer.Option(help="PEM certificate: serve https:// with it.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="PEM key of the certificate, if it is not in it.")] = None,
) -> None:
    """Serve a simulated Salesforce org on the loopback interface, until SIGTERM or Ctrl-C.

    OAuth, SOAP login, REST, SOQL, list views, Bulk API 2.0 and change events over CometD; nothing leaves this machine.
    """
    from sandbox.commands import serve_org, serve_orgs, show_settings, with_settings
    from sandbox.org.config import OrgConfig
    from sandbox.org.faults.plan import random_faults

    if settings == ["help"]:
        show_settings()
        return
    config = OrgConfig(
        port=port,
        contacts=contacts,
        leads=leads,
        accounts=accounts,
        seed=seed,
        faults=random_faults(fault_rate) if fault_rate else (),
        certificate=certificate,
        private_key=private_key,
    )
    config = with_settings(config, settings or [])
    asyncio.run(serve_orgs(config, orgs, as_json) if orgs else serve_org(config, as_json))


def demo(
    contacts: Contacts = 2000,
    leads: Leads = 500,
    accounts: Accounts = 300,
    seed: Seed = 7,
    edits: Annotated[int, typer.Option(min=0, help="Edits made in Salesforce.")] = 1000,
    rate: Annotated[float, typer.Option(min=0.1, help="Edits per second.")] = 50.0,
    chaos: Annotated[bool, typer.Option("--chaos", help="Kill workers with SIGKILL at random moments.")] = False,
    directory: Annotated[Path, typer.Option(help="Where data, logs and summary.json go.")] = Path("var/demo"),
) -> None:
    """The whole story on this machine: connect, rules, import, edits, scores, write-back, replay.

    Exit status 0 only if MongoDB and the org end up exactly as the org's own ledger and query engine say.
    """
    from sandbox.commands import play_demo
    from sandbox.demo.environment import Sizes
    from sandbox.demo.story import Options

    sizes = Sizes(contacts=contacts, leads=leads, accounts=accounts, seed=seed)
    play_demo(Options(sizes=sizes, edits=edits, edits_per_second=rate, chaos=chaos, directory=directory))


def up(
    contacts: Contacts = 2000,
    leads: Leads = 500,
    accounts: Accounts = 300,
    seed: Seed = 7,
    directory: Annotated[Path, typer.Option(help="Where data, logs and the settings file go.")] = Path("var/up"),
) -> None:
    """Start Kafka, MongoDB, a simulated org and all workers, with a connected team, and leave them running.

    Ctrl-C stops everything that was started.
    """
    from sandbox.commands import bring_up
    from sandbox.demo.environment import Sizes

    bring_up(directory, Sizes(contacts=contacts, leads=leads, accounts=accounts, seed=seed))
