"""The driver's errors as the ports know them, in one table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError

from workers.ports import Refused, Unavailable

DUPLICATE_KEY = 11000

NOT_ALLOWED = frozenset({13, 18, 8000})
"""Unauthorized, AuthenticationFailed, AtlasError."""

OTHER_INDEX = frozenset({85, 86})
"""IndexOptionsConflict, IndexKeySpecsConflict."""

PASSING = frozenset(
    {
        6,
        7,
        89,
        91,
        134,
        189,
        262,
        9001,
        10107,
        11600,
        11602,
        13435,
        13436,
    }  # the driver specification's retryable errors
    | {43, 50, 64, 100, 112, 133, 175, 202, 237}  # cursor lost, time limit, no majority, write conflict, plan killed
)


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """`hosts` names the deployment in messages: never the connection string, which may hold a password."""

    hosts: str

    def translate(self, error: PyMongoError) -> Exception:
        """Unavailable or Refused; the error itself if it is neither, which is a bug."""
        if isinstance(error, ConnectionFailure) or error.timeout:
            return Unavailable(f"MongoDB does not answer at {self.hosts}: check MONGODB_URI")
        if isinstance(error, ConfigurationError):
            return Refused(f"MongoDB at {self.hosts} cannot be used: {error}: check MONGODB_URI")
        if isinstance(error, OperationFailure):
            return self.of_code(error.code) or error
        return error

    def of_code(self, code: int | None) -> Unavailable | Refused | None:
        if code in PASSING:
            return Unavailable(f"MongoDB at {self.hosts} is busy or electing a primary (error {code})")
        if code in NOT_ALLOWED:
            return Refused(f"MongoDB at {self.hosts} refused the user: check the credentials in MONGODB_URI")
        if code in OTHER_INDEX:
            return Refused(f"MongoDB at {self.hosts} has an index that differs from ours (error {code}): drop it")
        return None

    @contextmanager
    def translated(self) -> Iterator[None]:
        try:
            yield
        except PyMongoError as error:
            translation = self.translate(error)
            if translation is error:
                raise
            raise translation from error


def invalid_uri() -> Refused:
    return Refused("MONGODB_URI is not a MongoDB connection string: mongodb://user:password@host:port/?replicaSet=name")
