from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import serve
from sandbox.org.users.specs import UserSpec
from schemas.documents import Connection
from workers.adapters.memory.store import memory_store
from workers.adapters.salesforce.http import open_session
from workers.adapters.salesforce.oauth import client_credentials
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher, generate_key

from .pipeline import AnHourAhead, Pipeline

SECTOR = {
    "type": "Picklist",
    "label": "Sector",
    "valueSet": {
        "valueSetDefinition": {
            "value": [{"fullName": "TECH", "label": "Technology"}, {"fullName": "Banking", "label": "Banking"}]
        }
    },
}
"""A picklist with a value that people read as something else."""


GRADE = {"type": "Text", "label": "Grade", "formula": 'IF(BEGINS(Title, "VP"), "A", "B")'}
"""No event tells of it."""


@pytest.fixture
async def team() -> AsyncIterator[Pipeline]:
    config = OrgConfig(
        connect_timeout_seconds=2,
        contacts=60,
        leads=4,
        accounts=6,
        users=(UserSpec("bea@example.com"),),
        custom_fields=(("Contact.Sector__c", SECTOR), ("Contact.Grade__c", GRADE)),
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
