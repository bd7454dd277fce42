"""Kinds of results that several exercises ask for: a list of texts or of pairs.

A card that asks for a list gets a list, so that the cell after it can add to it or cut it; within
a list of pairs, a pair may be a tuple or a list.
"""

from numbers import Integral
from typing import Any

from spanbert_teach.exercises.checking import expect, shown
from spanbert_teach.exercises.form import Kind

Pairs = list[tuple[int, int]]


def expect_list(got: object, given: str, of: str) -> None:
    """Raise `Wrong` unless the result is a list; `of` says of what ("words")."""
    kind = type(got).__name__
    hint = "If it holds the right things in the right order, put list(…) around it."
    if isinstance(got, str):
        hint = "A text is one thing; begin with an empty list, [], and append."
    expect(
        isinstance(got, list),
        f"{given} should return a list of {of}, not a {kind}: {shown(got)}.\n{hint}",
        "not-a-list",
    )


def expect_texts(got: object, given: str, of: str) -> None:
    """Raise `Wrong` unless the result is a list of texts; `of` says of what ("words")."""
    expect_list(got, given, of)
    for item in got:
        expect(
            isinstance(item, str),
            f"{given} should return a list of texts, but {shown(item)} in it is none: "
            f"{shown(got)}.",
            "not-texts",
        )


def texts(of: str, *, or_none: bool = False) -> Kind:
    """A list of texts; `of` says of what ("words"). `or_none`: None can be right, too."""

    def read(got: object, given: str, *args: Any) -> list[str] | None:
        if got is not None:
            expect_texts(got, given, f"{of} (or None)" if or_none else of)
        return got

    return Kind(read, or_none=or_none)


def expect_pairs(got: object, given: str) -> Pairs:
    """The result as a list of tuples; raise `Wrong` unless it is a list of pairs of integers."""
    expect_list(got, given, "pairs (start, end)")
    pairs = [tuple(pair) if isinstance(pair, tuple | list) else (pair,) for pair in got]
    for original, pair in zip(got, pairs, strict=True):
        expect(
            len(pair) == 2 and all(isinstance(place, Integral | float) for place in pair),
            f"{given} should return a list of pairs (start, end), but {shown(original)} is none: "
            f"{shown(got)}.",
            "not-pairs",
        )
        expect(
            all(isinstance(place, Integral) for place in pair),
            f"{given}: places are whole numbers, but {shown(original)} has a fraction or a point.\n"
            "Use // where you divide.",
            "not-whole-numbers",
        )
    return pairs


PAIRS = Kind(lambda got, given, *args: expect_pairs(got, given))
