"""The entry point of `segment-sync`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command; SIGTERM is obeyed also in the second that its libraries take to load.

    The first process of a container has no default handler: the kernel drops a signal that it does not handle.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    from workers.cli import main as command

    command()


if __name__ == "__main__":
    main()
