"""What many functions ask of an argument, in one place, so that it is said in the same words."""

from numbers import Integral


def check_count(name: str, value: int, least: int) -> None:
    """Raise a ValueError unless value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r}: expected a whole number, {least} or more.")
