"""How the outside world fails."""

from __future__ import annotations


class Unavailable(Exception):
    """Something outside does not answer or is busy: try again."""


class Exhausted(Unavailable):
    """The org's allowance of calls is used up: it frees up within 24 hours, not by asking again."""


class Refused(Exception):
    """Something outside said no for good: a person must act."""


class Invisible(Refused):
    """What was asked for is not there any more, or not for the connected user."""


class Fenced(Exception):
    """Another worker owns the shard now: stop its sessions, write nothing."""
