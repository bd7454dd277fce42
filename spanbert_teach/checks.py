"""Numbers that a caller gives, checked: a sentence says which one is out of range."""

from numbers import Integral, Real


def check_share(name: str, value: float) -> None:
    """Raise a ValueError unless 0 < value <= 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value <= 1:
        raise ValueError(f"{name}={value!r} is out of range. Expected 0 < {name} <= 1.")


def check_count(name: str, value: int, least: int) -> None:
    """Raise a ValueError unless value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r}: expected a whole number, {least} or more.")
