"""What many functions ask of an argument, in one place, so that it is said in the same words."""

import math
from numbers import Integral, Real


def check_count(name: str, value: int, least: int) -> None:
    """Raise a ValueError unless value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r}: expected a whole number, {least} or more.")


def is_number(value: object) -> bool:
    """Whether value is a finite number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool) and abs(value) < math.inf
