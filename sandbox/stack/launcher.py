"""Runs one program and never lets it outlive the process that asked for it. Started as a script of its own.

The parent holds the other end of standard input, so end-of-file means that the parent is gone, however it died. The
kernel's parent-death signal alone would not do: it fires when the *thread* that forked ends, and stacks are started
from worker threads. It still guards the last gap, this process being killed itself: here the forking thread is the
main thread.

Only the standard library, and as little of it as possible: this runs with `python -I -S`.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PARENT_POLL_SECONDS = 1.0


def _die_with_launcher(launcher_pid: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != launcher_pid:  # it died between fork and prctl: no signal will come any more
        os._exit(1)


def _wake_up_on_child_exit() -> int:
    """Turn SIGCHLD into a readable descriptor: a handler that reaps would race with `poll`."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return readable


def _parent_is_gone(parent_pid: int, wake_up: int) -> bool:
    """Wait a moment for news; the parent's pid is compared too, as a forked sibling may hold the pipe open."""
    readable, _, _ = select.select([0, wake_up], [], [], _PARENT_POLL_SECONDS)
    if wake_up in readable:
        os.read(wake_up, 512)
    return 0 in readable or os.getppid() != parent_pid


def main(command: list[str]) -> int:
    """Run the command to its end, or to the parent's; the exit status is the command's (128 + n for signal n)."""
    parent_pid = os.getppid()
    launcher_pid = os.getpid()
    wake_up = _wake_up_on_child_exit()
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: _die_with_launcher(launcher_pid),  # this process has one thread
    )
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    while child.poll() is None:
        if _parent_is_gone(parent_pid, wake_up):
            child.kill()
            break
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
