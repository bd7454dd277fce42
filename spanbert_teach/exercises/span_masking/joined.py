"""Exercise 02-5: spans that overlap or touch become one."""

import itertools
from collections.abc import Callable, Iterable

from spanbert_teach.exercises.form import Exercise, Property, Slip, case
from spanbert_teach.exercises.kinds import PAIRS, Pairs

NONE = "Where there are no spans, none are joined: return an empty list."
ONCE = "A span that was joined can meet the next one too: compare with what you have so far."
LAST = "The last span is missing: add it after the loop."
SHORT = list(itertools.combinations(range(5), 2))


def _join(
    spans: Pairs,
    *,
    sort: Callable[[Pairs], Iterable] = sorted,
    gap: int = 0,
    end_of: Callable[[int, int], int] = max,
) -> Pairs:
    """The right function, with places to go wrong.

    Args:
        sort: in which order the spans are gone through.
        gap: spans that are so far apart are joined.
        end_of: takes the end so far and that of the span that is joined, and returns the new end.
    """
    found: Pairs = []
    for start, end in sort(spans):
        if found and start <= found[-1][1] + gap:
            found[-1] = (found[-1][0], end_of(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _once(spans):
    """Neighbours are joined two by two: what was joined is not looked at again."""
    found, left = [], sorted(spans)
    while left:
        pair = _join(left[:2])
        found.append(pair[0])
        left = left[1 + (len(left) > 1 and len(pair) == 1) :]
    return found


def _changes_a_tuple(spans):
    found = []
    for span in sorted(spans):
        if found and span[0] <= found[-1][1]:
            found[-1][1] = max(span[1], found[-1][1])
        else:
            found.append(span)
    return found


def _covered(spans: Pairs) -> set[int]:
    return {piece for start, end in spans for piece in range(start, end)}


def _alternative(spans):
    masked = _covered(spans)
    starts = sorted(piece for piece in masked if piece - 1 not in masked)
    ends = sorted(piece + 1 for piece in masked if piece + 1 not in masked)
    return list(zip(starts, ends, strict=True))


PROPERTIES = (
    Property(lambda got, expected, spans: got == expected[:-1], "last-span-lost", LAST),
    Property(
        lambda got, expected, spans: sorted(got) == expected,
        "not-sorted",
        "The spans are right, but not in the order of their start.",
    ),
    Property(
        lambda got, expected, spans: spans and _covered(got) != _covered(expected),
        "other-pieces",
        "The same pieces must be masked before and after joining.",
    ),
    Property(
        lambda got, expected, spans: got != sorted(set(got)),
        "twice",
        "A span stands in it twice, or before one that begins earlier.",
    ),
    Property(
        lambda got, expected, spans: [b for a, b in itertools.pairwise(got) if b[0] <= a[1]],
        "joins-once",
        ONCE,
    ),
)

SLIPS = (
    Slip(
        lambda spans: _join(spans, gap=-1),
        "touching-left-apart",
        "Two spans that touch become one too: the end is exclusive, so (1, 3) and (3, 5) have "
        "no piece between them.",
    ),
    Slip(
        lambda spans: _join(spans, gap=1),
        "joins-over-a-gap",
        "There is a piece between them that is not masked: (1, 3) holds 1 and 2, (4, 6) begins "
        "at 4, and 3 lies between.",
    ),
    Slip(
        lambda spans: _join(spans, end_of=lambda before, end: end),
        "takes-the-later-end",
        "A span can lie inside another: the joined one ends at the larger of both ends, not "
        "at the end of the span that came last.",
    ),
    Slip(
        lambda spans: [(start, end - 1) for start, end in _join(spans)],
        "end-included",
        "The end is exclusive, as in a slice.",
    ),
    Slip(
        lambda spans: [(start, end - start) for start, end in _join(spans)],
        "start-and-length",
        "The second number is how long the span is. Return where it ends.",
    ),
    Slip(lambda spans: _join(spans)[:-1], "last-span-lost", LAST),
    Slip(lambda spans: [], "nothing-left", "There are spans, so something is left after joining."),
    Slip(_once, "joins-once", ONCE),
    Slip(
        lambda spans: [(min(spans)[0], max(end for _, end in spans))] if spans else [],
        "all-one",
        "They are not all one.",
    ),
    Slip(
        lambda spans: _join(spans, sort=iter),
        "not-sorted",
        "The spans come in any order: sort them first, sorted(spans), or one that comes late "
        "is compared with the wrong neighbour.",
    ),
    Slip(lambda spans: _join(spans)[::-1], "not-sorted"),
    Slip(
        _changes_a_tuple,
        "changes-a-tuple",
        "A tuple cannot be changed: replace the pair, `out[-1] = (start, end)`.",
    ),
    Slip(lambda spans: sorted(_covered(spans)), "returns-pieces", "Return pairs (start, end)."),
    Slip(lambda spans: [spans[0], *_join(spans)][1:], "no-spans"),
    Slip(lambda spans: _join(spans) or [(0, 0)], "no-spans"),
    Slip(
        lambda spans: (spans.sort(), _join(spans))[1],
        "changes-its-input",
        "spans.sort() sorts in place; sorted(spans) makes a new list.",
    ),
    Slip(lambda spans: set(_join(spans)), "not-a-list"),
)

JOINED = Exercise(
    id="02-5",
    title="Join spans that meet",
    function="joined",
    minutes=6,
    difficulty=2,
    right=_join,
    cases=(
        case([(2, 4), (3, 7)]),
        case([(1, 3), (3, 5)]),
        case([(1, 3), (6, 9)]),
        case([(1, 3), (4, 6)]),
        case([(7, 9), (1, 3)]),
        case([(1, 8), (2, 4)]),
        case([(1, 4), (2, 6), (5, 9)]),
        case([(0, 2), (4, 6), (5, 7), (10, 11), (11, 12), (12, 14)]),
        case([(0, 9), (1, 2), (3, 5), (9, 10)]),
        case([(0, 2), (3, 9), (4, 6), (11, 12)]),
        case([(4, 6), (4, 6)]),
        case([(4, 7), (4, 5)]),
        case([(2, 3)]),
        case([], hint=NONE, misconception="no-spans"),
        *(case([one, two]) for one in SHORT for two in SHORT),
        *(case([*two, one]) for two in itertools.product(SHORT[::2], SHORT[1::2]) for one in SHORT),
    ),
    kind=PAIRS,
    properties=PROPERTIES,
    slips=SLIPS,
    hint="Spans that overlap or touch become one; nothing else changes.",
    alternative=_alternative,
    equivalent_mutants={
        "first two arguments swapped in: found[-1] = (found[-1][0], max(end, found[-1][1]))": (
            "the larger of two numbers is the same in either order"
        ),
    },
)
