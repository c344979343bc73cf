"""MongoDB as the store, through pymongo's asynchronous client or motor."""

from workers.adapters.mongo.store import open_store

__all__ = ["open_store"]
