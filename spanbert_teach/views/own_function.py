"""Running a function that a learner may have written, so that it cannot break a view."""

import ctypes
import reprlib
import threading
from collections.abc import Callable, Sequence


class Failed(Exception):
    """There is nothing to show; the message says why."""


class Enough(BaseException):
    """Ends a function that never would. No `except Exception` of its own may catch it."""


class Alarm:
    """A `with` block that raises `Enough` in it when it takes too long, loops of its own included.

    A thread asks the interpreter to raise it, again and again in case something caught it. (A
    signal would do too, but Windows has none, and kernels may run a callback in any thread.)
    """

    def __init__(self, seconds: float):
        self.seconds = seconds

    def __enter__(self):
        self._thread = ctypes.c_ulong(threading.get_ident())
        self._lock, self._done = threading.Lock(), threading.Event()
        threading.Thread(target=self._wait, daemon=True).start()
        return self

    def _wait(self) -> None:
        while not self._done.wait(self.seconds):
            with self._lock:
                if not self._done.is_set():
                    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
                    raise_in(self._thread, ctypes.py_object(Enough))

    def __exit__(self, *_):
        try:
            self._stop()
        except Enough:  # it came just now; the next is as many seconds away
            self._stop()
            raise

    def _stop(self) -> None:
        with self._lock:
            self._done.set()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread, None)


def call_own(
    function: Callable, given: Sequence, name: str, seconds: float, wanted: str = ""
) -> object:
    """What a function that a learner may have written gives back.

    Args:
        given: its arguments; name: what the view calls it; seconds: so long it may take.
        wanted: what it should give back, in a sentence.

    Raises:
        Failed: it raised, never ended, or gave back nothing.
    """
    try:
        with Alarm(seconds):
            answer = function(*given)
    except Enough:
        raise Failed(
            f"{name} was stopped after {seconds:.0f} seconds. Does its loop ever end?"
        ) from None
    except (Exception, SystemExit) as error:
        raise Failed(f"{name} {stopped_with(error)}.") from None
    if answer is None or answer is ...:
        raise Failed(f"{name} gave back {answer!r}: is the return missing? {wanted}".rstrip())
    return answer


def stopped_with(error: BaseException) -> str:
    """An error as a view tells it, behind the name of what raised it."""
    return f"stopped with {type(error).__name__}: {reprlib.repr(str(error))[1:-1]}"
