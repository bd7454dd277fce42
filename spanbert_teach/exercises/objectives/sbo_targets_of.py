"""Exercise 05-2: what the two boundaries of a span predict."""

from numbers import Integral
from typing import Any

from spanbert_teach.exercises.checking import expect, shown
from spanbert_teach.exercises.form import Exercise, Kind, Slip, case
from spanbert_teach.exercises.kinds import expect_list

Targets = list[tuple[int, int, int]]


def _counting(left: int = 0, right: int = 0, first: int = 0, last: int = 0):
    """Targets whose boundaries, or whose first or last position, are moved by so many places."""

    def targets(start, end):
        positions = range(first, end - start + last)
        return [(start - 1 + left, end + right, position) for position in positions]

    return targets


_targets = _counting()


def _read_triples(got: Any, given: str, *args: Any) -> Targets:
    """The result as a list of tuples; raise `Wrong` unless it is a list of three integers each."""
    expect_list(got, given, "tuples (left, right, position)")
    for item in got:
        expect(
            isinstance(item, tuple | list) and len(item) == 3,
            f"{given} should return a list of tuples (left, right, position), but {shown(item)} is "
            f"none: {shown(got)}.",
            "not-triples",
        )
        expect(
            all(isinstance(number, Integral) for number in item),
            f"{given}: places and positions are whole numbers, but {shown(item)} holds something "
            "else.",
            "not-whole-numbers",
        )
    return [tuple(item) for item in got]


def _targets_flat(start, end):
    found = []
    for position in range(end - start):
        found += (start - 1, end, position)
    return found


def _targets_as_they_come(start, end):
    for position in range(end - start):
        yield start - 1, end, position


def _targets_alternative(start, end):
    found = []
    for place in range(start, end):
        found.append((start - 1, end, place - start))
    return found


SBO_TARGETS_OF = Exercise(
    id="05-2",
    title="What the boundaries predict",
    function="sbo_targets_of",
    minutes=5,
    difficulty=2,
    right=_targets,
    cases=(
        case(5, 9),  # Figure 1 of the paper
        case(1, 3, hint="Here the left boundary is [CLS], at place 0."),
        case(4, 5, hint="Here the span is a single piece."),
        case(30, 52),
    ),
    kind=Kind(_read_triples),
    slips=(
        Slip(
            _counting(left=1, right=-1),
            "inside",
            "These are the first and the last piece of the span, and both are hidden. The "
            "boundaries are the pieces just outside it.",
        ),
        Slip(
            _counting(left=1),
            "left-inside",
            "The left boundary is the first hidden piece. The boundary is the piece before it, at "
            "start - 1.",
        ),
        Slip(
            _counting(right=-1),
            "right-inside",
            "The right boundary is the last hidden piece. end itself is no longer hidden: it is "
            "the piece just after the span.",
        ),
        Slip(
            _counting(right=1, last=1),
            "end-included",
            "end is counted as a hidden piece. It is exclusive: the last hidden piece stands at "
            "end - 1, and end is the boundary.",
        ),
        Slip(
            _counting(last=1),
            "one-too-many",
            "That is one piece too many: end is exclusive, so that end - start pieces are hidden. "
            "The piece at end is a boundary, and nobody has to predict it.",
        ),
        Slip(
            _counting(right=1),
            "right-too-far",
            "The right boundary is one place too far: end is exclusive, so the piece at end is "
            "already the one just after the span.",
        ),
        Slip(
            _counting(left=-1),
            "left-too-far",
            "The left boundary is one place too far: the piece just before the span is at start - "
            "1.",
        ),
        Slip(
            _counting(first=1, last=1),
            "position-from-1",
            "The positions begin at 1, as the paper counts (p1, p2 …). Here they are rows of a "
            "table, and the first row is 0.",
        ),
        Slip(
            lambda start, end: [(start - 1, end, place) for place in range(start, end)],
            "place-in-the-row",
            "The third number is the place in the row. The position is counted from the first "
            "piece of the span: subtract start.",
        ),
        Slip(
            lambda start, end: [(start - 1, end, end - 1 - place) for place in range(start, end)],
            "from-the-right",
            "The positions run from right to left. The first piece of the span comes first, and "
            "has position 0.",
        ),
        Slip(
            lambda start, end: [
                (place - 1, place + 1, place - start) for place in range(start, end)
            ],
            "neighbours",
            "These are the neighbours of each piece, and most of them are hidden too. All pieces "
            "of a span share its two boundaries.",
        ),
        Slip(
            _counting(last=-1),
            "last-piece-missing",
            "The last hidden piece is missing: there are end - start of them. range(n) gives n "
            "numbers, from 0 to n - 1.",
        ),
        Slip(
            _counting(first=1),
            "first-piece-missing",
            "The first hidden piece is missing: its position is 0.",
        ),
        Slip(
            lambda start, end: [(start - 1, end, 0)],
            "one-for-the-span",
            "This is one entry for the whole span. Each hidden piece is predicted by itself, from "
            "the same boundaries and its own position.",
        ),
        Slip(
            lambda start, end: [(start - 1, end, 0)] * (end - start),
            "position-always-0",
            "Every piece has position 0. Then the head could not tell them apart, and would "
            "predict the same word for each.",
        ),
        Slip(
            lambda start, end: [(end, start - 1, position) for position in range(end - start)],
            "boundaries-swapped",
            "Left and right are swapped: first the boundary before the span, then the one after "
            "it.",
        ),
        Slip(
            lambda start, end: [(position, start - 1, end) for position in range(end - start)],
            "position-first",
            "The position stands first. The order is left, right, position.",
        ),
        Slip(
            lambda start, end: [(start - 1, position, end) for position in range(end - start)],
            "position-between",
            "The position stands in the middle. The order is left, right, position.",
        ),
        Slip(
            _targets_flat,
            "not-triples",
            "Each hidden piece has one entry of three numbers: (left, right, position).",
        ),
        Slip(lambda start, end: [(start - 1, end, [*range(end - start)])], "not-whole-numbers"),
        Slip(
            _targets_as_they_come,
            "not-a-list",
            "Where each tuple is yielded, append it to a list instead.",
        ),
    ),
    hint="Hidden are the pieces from start to end - 1. Each has one entry: the places just outside "
    "the span, the same for all, and its own position, from 0.",
    alternative=_targets_alternative,
)
