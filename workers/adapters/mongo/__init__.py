"""MongoDB as the store, through motor or pymongo's asynchronous client."""

from workers.adapters.mongo.store import open_store

__all__ = ["open_store"]
