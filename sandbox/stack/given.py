"""Kafka and MongoDB that the user brought: checked, never started or stopped."""

from __future__ import annotations

import socket
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from sandbox.stack.errors import StackError

_ANSWER_TIMEOUT_SECONDS = 5.0


def check_kafka(bootstrap_servers: str) -> None:
    """
    Raises:
        StackError: none of the addresses accepts a connection, or one is not host:port.
    """
    for address in bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdecimal():
            raise StackError(f"KAFKA_BOOTSTRAP_SERVERS={bootstrap_servers} is not a list of host:port: correct it.")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _ANSWER_TIMEOUT_SECONDS).close()
        except OSError:
            continue
        return
    raise StackError(f"No Kafka answers at KAFKA_BOOTSTRAP_SERVERS={bootstrap_servers}: start it, or unset it.")


def check_mongo(uri: str) -> None:
    """
    Raises:
        StackError: nothing answers, or it is a server without transactions. The address is not repeated: it may
            carry a password.
    """
    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=_ANSWER_TIMEOUT_SECONDS * 1000) as client:
            hello = client.admin.command("hello")
    except (PyMongoError, ValueError) as error:  # a malformed IPv6 address is a plain ValueError
        raise StackError(
            f"No MongoDB answers at MONGODB_URI ({type(error).__name__}): correct it, or unset it."
        ) from None
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise StackError(
            "The MongoDB at MONGODB_URI has no transactions: make it a replica set (mongod --replSet rs0)."
        )
