"""The few words in which the learner's function is asked, and told what is wrong: see `form`."""

import linecache
import re
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

CRASH, NO_RETURN, ENDLESS = "crash", "no-return", "endless"
CHANGES = "changes-its-input"
LIMIT = 2.0  # seconds for one call; a loop that never ends may also fill the memory: not longer


class Wrong(Exception):
    """An expectation that the learner's function does not meet.

    Args:
        message: which expectation failed, on which input, and the likely misconception in words.
        misconception: its short name ("off-by-one"), as a class table shows it.
    """

    def __init__(self, message: str, misconception: str):
        super().__init__(message)
        self.message = message
        self.misconception = misconception


def shown(value: Any, limit: int = 120) -> str:
    """The value on one line, as Python writes it; the middle is left out when it is long.

    Of an array or tensor that is long, only the shape is shown.
    """
    text = re.sub(r"\s*\n\s*", " ", re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value)))
    if len(text) > limit and hasattr(type(value), "shape"):
        what = "an array" if isinstance(value, np.ndarray) else "a tensor"
        return f"{what} of shape {tuple(value.shape)}"
    return text if len(text) <= limit else f"{text[: limit - 20]} … {text[-15:]}"


def shown_call(fn: Callable, *args: Any, **kwargs: Any) -> str:
    """The call as the learner would type it: `count_words(['a', 'b'])`."""
    parts = [shown(arg) for arg in args] + [f"{key}={shown(arg)}" for key, arg in kwargs.items()]
    return f"{getattr(fn, '__name__', 'your function')}({', '.join(parts)})"


def call(fn: Callable, *args: Any, or_none: bool = False, **kwargs: Any) -> Any:
    """Call the learner's function, and return what it returns.

    It gets the arguments themselves, so that one sees afterwards whether it has changed them. An
    argument that a check has made may raise `Wrong` itself, where it is used as it must not be.

    Args:
        or_none: None is a result like any other.

    Raises:
        Wrong: the function stopped with an exception ("crash"), ran for more than `LIMIT` seconds
            or was stopped by the learner ("endless"), or returned None ("no-return").
    """
    given = shown_call(fn, *args, **kwargs)
    try:
        with _at_most(LIMIT):
            result = fn(*args, **kwargs)
    except _TooLong as stop:
        message = (
            f"{given} is still running after {LIMIT:g} seconds. Does a loop in it never end? "
            f"Each turn must bring its end nearer.{_own_line(fn, stop)}"
        )
        raise Wrong(message, ENDLESS) from stop
    except KeyboardInterrupt as stop:
        raise Wrong(f"{given}: you stopped it. Does a loop in it never end?", ENDLESS) from stop
    except Wrong as wrong:
        raise Wrong(f"{given} {wrong.message}", wrong.misconception) from wrong
    except (Exception, SystemExit) as error:
        raise Wrong(f"{given} {stopped(fn, error)}", CRASH) from error
    if result is None and not or_none:
        raise Wrong(f"{given} returns None. Is the `return` missing?", NO_RETURN)
    return result


class _TooLong(BaseException):
    """No `Exception`, so that the learner's own `except Exception` does not catch it."""


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Stop what runs within it with `_TooLong` after so many seconds.

    Only where the system has timers (not on Windows) and in the main thread, where a notebook's
    cells run; elsewhere it does nothing. An alarm that was set before goes off late, not never.
    """
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")) or signal.getsignal(signal.SIGALRM) is None:
        yield
        return
    running = True

    def stop(*_: Any) -> None:
        if running:
            raise _TooLong

    handler, began = signal.signal(signal.SIGALRM, stop), time.monotonic()
    # Again every 0.1 s: the learner's `except:`, without a name, may catch the first.
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            left = max(0.001, left - (time.monotonic() - began))
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def stopped(fn: Callable, error: Exception) -> str:
    """The exception in words, with the line of the learner's own code where it happened."""
    return f"stopped with {type(error).__name__}: {error}{_own_line(fn, error)}"


def _own_line(fn: Callable, error: BaseException) -> str:
    """A line for a message: where in the learner's own code it was; "" if it was not there."""
    file = getattr(getattr(fn, "__code__", None), "co_filename", None)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not own:
        return ""
    return f"\nin line {own[-1].lineno}: {linecache.getline(file, own[-1].lineno).strip()}"


def expect(condition: bool, message: str, misconception: str) -> None:
    """Raise `Wrong` unless the condition holds: for properties of a result."""
    if not condition:
        raise Wrong(message, misconception)


def expectation(got: Any, expected: Any, given: str) -> str:
    """In a sentence: what the call should have been, and what it is."""
    what, wanted = shown(got), shown(expected)
    alike = isinstance(got, type(expected)) or isinstance(expected, type(got))
    if not alike and got is not None and expected is not None:
        what, wanted = f"{what}, {_kind(got)}", f"{wanted}, {_kind(expected)}"
    return f"{given} should be {wanted}, but is {what}."


def equal(got: Any, expected: Any) -> bool:
    """Whether two results are the same; arrays and tensors are compared as a whole."""
    if hasattr(got, "shape") or hasattr(expected, "shape"):
        try:
            return bool(np.array_equal(_array(got), _array(expected)))
        except (TypeError, ValueError):  # ragged lists and the like are no array of that shape
            return False
    if isinstance(got, list | tuple) and isinstance(expected, list | tuple):
        alike = isinstance(got, list) == isinstance(expected, list) and len(got) == len(expected)
        return alike and all(map(equal, got, expected))
    return bool(got == expected)


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
