"""Exercise 02-5: spans that overlap or touch become one."""

import itertools

from spanbert_teach.exercises.checking import (
    CRASH,
    Wrong,
    call,
    call_uncopied,
    expect,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.kinds import Pairs, expect_pairs
from spanbert_teach.masking import merge_spans


def check_joined(fn) -> None:
    """`joined(spans)`: overlapping and adjacent spans as one, in order."""
    some = list(itertools.combinations(range(5), 2))
    for spans in (
        [(2, 4), (3, 7)],
        [(1, 3), (3, 5)],
        [(1, 3), (6, 9)],
        [(1, 3), (4, 6)],
        [(7, 9), (1, 3)],
        [(1, 8), (2, 4)],
        [(1, 4), (2, 6), (5, 9)],
        [(0, 2), (4, 6), (5, 7), (10, 11), (11, 12), (12, 14)],
        [(0, 9), (1, 2), (3, 5), (9, 10)],
        [(0, 2), (3, 9), (4, 6), (11, 12)],
        [(4, 6), (4, 6)],
        [(4, 7), (4, 5)],
        [(2, 3)],
        [],
        *([a, b] for a in some for b in some),
        *([a, b, c] for a in some[::2] for b in some[1::2] for c in some),
    ):
        _expect_joined(fn, list(spans))
    original = [(5, 6), (1, 3), (2, 4)]
    call_uncopied(fn, original)
    expect(
        original == [(5, 6), (1, 3), (2, 4)],
        f"joined changed the list it was given: [(5, 6), (1, 3), (2, 4)] is now {shown(original)}."
        "\nspans.sort() sorts in place; sorted(spans) makes a new list.",
        "changes-its-input",
    )


def _expect_joined(fn, spans: Pairs) -> None:
    given = shown_call(fn, spans)
    try:
        got = call(fn, spans)
    except Wrong as wrong:
        if "'tuple' object does not support item assignment" in str(wrong.__cause__):
            hint = "A tuple cannot be changed: replace the pair, `out[-1] = (start, end)`."
            raise Wrong(f"{wrong.message}\n{hint}", "changes-a-tuple") from wrong
        if spans or wrong.misconception != CRASH:
            raise
        hint = "Where there are no spans, none are joined: return an empty list."
        raise Wrong(f"{wrong.message}\n{hint}", "no-spans") from wrong
    if isinstance(got, list) and got and all(type(item) is int for item in got):
        message = f"{given} returns numbers: {shown(got)}.\nReturn pairs (start, end)."
        raise Wrong(message, "returns-pieces")
    pairs, expected = expect_pairs(got, given), merge_spans(spans)
    if pairs != expected:
        hint, misconception = _joined_slip(pairs, spans, expected)
        message = f"{given} should be {shown(expected)}, but is {shown(got)}."
        raise Wrong(f"{message}\n{hint}", misconception)


def _walk(spans: Pairs, *, gap: int = 0, later: bool = False) -> Pairs:
    """Join in the given order what is at most so far apart; `later`: the later end is taken."""
    found: Pairs = []
    for start, end in spans:
        if found and start <= found[-1][1] + gap:
            found[-1] = (found[-1][0], end if later else max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _once(spans: Pairs) -> Pairs:
    """Join neighbours two by two: what was joined is not looked at again."""
    found, at = [], 0
    while at < len(spans):
        pair = _walk(spans[at : at + 2])
        found.append(pair[0])
        at += 1 + (len(spans[at : at + 2]) == 2 and len(pair) == 1)
    return found


def _joined_slip(got: Pairs, spans: Pairs, expected: Pairs) -> tuple[str, str]:
    """The hint and the misconception that wrong spans tell of."""
    in_order = sorted(spans)
    chain = "A span that was joined can meet the next one too: compare with what you have so far."
    if not spans:
        return "Where there are no spans, none are joined: return an empty list.", "no-spans"
    if not got:
        return "There are spans, so something is left after joining.", "nothing-left"
    for wrong, hint, misconception in (
        (
            _walk(in_order, gap=-1),
            "Two spans that touch become one too: the end is exclusive, so (1, 3) and (3, 5) have "
            "no piece between them.",
            "touching-left-apart",
        ),
        (
            _walk(in_order, gap=1),
            "There is a piece between them that is not masked: (1, 3) holds 1 and 2, (4, 6) begins "
            "at 4, and 3 lies between.",
            "joins-over-a-gap",
        ),
        (
            _walk(in_order, later=True),
            "A span can lie inside another: the joined one ends at the larger of both ends, not "
            "at the end of the span that came last.",
            "takes-the-later-end",
        ),
        (
            [(start, end - 1) for start, end in expected],
            "The end is exclusive, as in a slice.",
            "end-included",
        ),
        (
            [(start, end - start) for start, end in expected],
            "The second number is how long the span is. Return where it ends.",
            "start-and-length",
        ),
        (expected[:-1], "The last span is missing: add it after the loop.", "last-span-lost"),
        (_once(in_order), chain, "joins-once"),
        ([(in_order[0][0], max(end for _, end in spans))], "They are not all one.", "all-one"),
        (
            _walk(spans),
            "The spans come in any order: sort them first, sorted(spans), or one that comes late "
            "is compared with the wrong neighbour.",
            "not-sorted",
        ),
    ):
        if got == wrong:
            return hint, misconception
    if sorted(got) == expected:
        return "The spans are right, but not in the order of their start.", "not-sorted"
    if {piece for span in got for piece in range(*span)} == {p for s in spans for p in range(*s)}:
        if got == sorted(set(got)):
            return chain, "joins-once"
        return "A span stands in it twice, or before one that begins earlier.", "twice"
    return "The same pieces must be masked before and after joining.", "other-pieces"


def _joined_only_overlaps(spans):
    found = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _joined_over_a_gap(spans):
    return _walk(sorted(spans), gap=1)


def _joined_unsorted(spans):
    return _walk(spans)


def _joined_later_end(spans):
    found = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _joined_changes_a_tuple(spans):
    found = []
    for span in sorted(spans):
        if found and span[0] <= found[-1][1]:
            found[-1][1] = max(span[1], found[-1][1])
        else:
            found.append(span)
    return found


def _joined_once(spans):
    return _once(sorted(spans))


def _joined_in_place(spans):
    spans.sort()
    return _walk(spans)


def _joined_first_of_nothing(spans):
    spans = sorted(spans)
    found = [spans[0]]
    for start, end in spans[1:]:
        if start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _joined_without_the_last(spans):
    found, current = [], None
    for start, end in sorted(spans):
        if current and start <= current[1]:
            current = (current[0], max(end, current[1]))
        else:
            found += [current] if current else []
            current = (start, end)
    return found or ([current] if len(spans) < 3 and current else found)


def _joined_lengths(spans):
    return [(start, end - start) for start, end in _walk(sorted(spans))]


def _joined_end_included(spans):
    return [(start, end - 1) for start, end in _walk(sorted(spans))]


def _joined_all(spans):
    return [(min(spans)[0], max(end for _, end in spans))] if spans else []


def _joined_last_first(spans):
    return _walk(sorted(spans))[::-1]


def _joined_pieces(spans):
    return sorted({piece for start, end in spans for piece in range(start, end)})


def _joined_as_a_set(spans):
    return set(_walk(sorted(spans)))


def _joined_alternative(spans):
    masked = {piece for start, end in spans for piece in range(start, end)}
    starts = sorted(piece for piece in masked if piece - 1 not in masked)
    ends = sorted(piece + 1 for piece in masked if piece + 1 not in masked)
    return list(zip(starts, ends, strict=True))


JOINED = Exercise(
    id="02-5",
    title="Join spans that meet",
    function="joined",
    minutes=6,
    difficulty=2,
    more=check_joined,
    slips=(
        Slip(_joined_only_overlaps, "touching-left-apart"),
        Slip(_joined_over_a_gap, "joins-over-a-gap"),
        Slip(_joined_unsorted, "not-sorted"),
        Slip(_joined_last_first, "not-sorted"),
        Slip(_joined_later_end, "takes-the-later-end"),
        Slip(_joined_changes_a_tuple, "changes-a-tuple"),
        Slip(_joined_once, "joins-once"),
        Slip(_joined_in_place, "changes-its-input"),
        Slip(_joined_first_of_nothing, "no-spans"),
        Slip(_joined_without_the_last, "last-span-lost"),
        Slip(_joined_lengths, "start-and-length"),
        Slip(_joined_end_included, "end-included"),
        Slip(_joined_all, "all-one"),
        Slip(_joined_pieces, "returns-pieces"),
        Slip(_joined_as_a_set, "not-a-list"),
    ),
    alternative=_joined_alternative,
    equivalent_mutants={
        "first two arguments swapped in: found[-1] = (found[-1][0], max(end, found[-1][1]))": (
            "the larger of two numbers is the same in either order"
        ),
    },
)
