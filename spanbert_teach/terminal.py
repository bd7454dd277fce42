"""What can happen to a command from outside: Ctrl-C while it loads, a reader that goes away.

Nothing is imported here but the standard library: this is there before everything else.
"""

import io
import os
import select
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

STOPPED, UNREAD = 130, 141  # exit statuses: as of a program that SIGINT or SIGPIPE ended


@contextmanager
def loading() -> Iterator[None]:
    """Ctrl-C ends the process at once, in a line, while packages are being imported.

    A KeyboardInterrupt inside a half-imported numpy or torch may end as any other error, or as
    none. Nothing has been begun yet, so there is nothing to put away.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number, frame) -> None:
    try:
        os.write(2, b"\nStopped before anything was begun.\n")
    finally:
        os._exit(STOPPED)


def reader_is_gone() -> bool:
    """Whether nobody reads what is printed any more: a closed pipe (`| head`), a closed terminal.

    If so, what is printed from now on goes nowhere, without a complaint.
    """
    if sys.stdout is None:
        return False
    try:
        sys.stdout.flush()
        number = sys.stdout.fileno()
    except io.UnsupportedOperation:  # no file of the system's, as in a notebook
        return False
    except (OSError, ValueError):
        number = sys.stdout.fileno()
    else:
        if not hung_up(number):
            return False
    lead_nowhere(number)
    return True


def lead_nowhere(number: int) -> None:
    """What is written to an open file of this process from now on is lost, without a complaint."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def say_anyhow(line: str, to: TextIO | None) -> None:
    """Print a last line; if nobody is there to read it, that is all right."""
    try:
        print(line, file=to, flush=True)
    except OSError:
        lead_nowhere(to.fileno())


def hung_up(number: int) -> bool:
    """Whether the other end of a pipe or terminal is closed; False where the system has no poll.

    Without a buffer (PYTHONUNBUFFERED) nothing is left to be written, so no flush can tell.
    """
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(number, 0)  # errors are told in any case
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def quoted(path: str | Path) -> str:
    """A path as it is typed in a command: in quotation marks where it has spaces."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))
