"""Starting programs as a terminal does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def obeying_ctrl_c() -> Iterator[None]:
    """What is started inside obeys Ctrl-C. A shell's background job ignores it, and so does what such a job starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
