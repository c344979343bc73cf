"""Resources below ``/services/data`` that combine or address records in other ways than one by one."""

from __future__ import annotations

from aiohttp import web

from sandbox.org.query import search as search_api
from sandbox.org.rest import composite, event_schema, external_ids, replication, tooling, tree
from sandbox.org.store.org import Org


def routes(org: Org) -> list[web.RouteDef]:
    """To be mounted after all other resources below an object: external ids take any path that is left there."""
    return [
        *composite.routes(org),
        *tree.routes(org),
        *tooling.routes(org),
        *event_schema.routes(org),
        *replication.routes(org),
        *search_api.routes(org),
        *external_ids.routes(org),
    ]
