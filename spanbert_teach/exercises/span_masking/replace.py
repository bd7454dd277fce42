"""Exercise 02-4: 80/10/10, once for each span."""

import math
from collections import Counter
from numbers import Integral

from spanbert_teach.exercises.checking import (
    Wrong,
    call,
    call_uncopied,
    expect,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise
from spanbert_teach.exercises.kinds import Pairs, expect_list
from spanbert_teach.exercises.span_masking.chance import Draws, log_likelihood, rather, unlikely
from spanbert_teach.exercises.span_masking.replace_wrong import WRONG, replace_alternative

MASK_ID, FIRST_ID, FIRST_RANDOM = 4, 100, 5000
SHARES = {"mask": 0.8, "random": 0.1, "keep": 0.1}
WRONG_SHARES = (
    (
        (1, 0, 0),
        "Every span becomes [MASK]. A tenth of the spans gets random pieces, another stays.",
        "mask-only",
    ),
    ((0, 0, 1), "Nothing is replaced. Is the new list the one that is returned?", "unchanged"),
    (
        (0, 0.9, 0.1),
        "The second `if` overwrites the first: use `elif`.",
        "second-if-overwrites",
    ),
    ((0, 0.1, 0.9), "No span becomes [MASK]; 80% of them should.", "never-masks"),
    ((0.8, 0.2, 0), "No span stays as it is; a tenth of them should.", "never-keeps"),
    ((0.9, 0.1, 0), "No span stays as it is; a tenth of them should.", "never-keeps"),
    ((0.8, 0, 0.2), "No span gets random pieces; a tenth of them should.", "never-random"),
    ((0.9, 0, 0.1), "No span gets random pieces; a tenth of them should.", "never-random"),
    *(
        (
            shares,
            "Random and kept spans are not equally many, and neither are as many as they should "
            "be: is there a second draw for what the first one left over? With a second number, "
            "10% of the remaining 90% are 9%. One number decides: below 0.8, below 0.9, or above.",
            "drawn-independently",
        )
        for shares in ((0.81, 0.1, 0.09), (0.81, 0.09, 0.1))
    ),
    *(
        (
            shares,
            "After 80% with [MASK], 20% are left, and half of them get random pieces. A second "
            "number below 0.1 is only a tenth of the 20%.",
            "a-tenth-of-the-rest",
        )
        for shares in ((0.8, 0.02, 0.18), (0.8, 0.18, 0.02))
    ),
    *(
        (shares, "80% of the spans become [MASK], 10% get random pieces, 10% stay.", "swapped")
        for shares in ((0.1, 0.1, 0.8), (0.1, 0.8, 0.1))
    ),
    (
        (0.8, 0.15, 0.05),
        "10% of the spans get random pieces, 10% stay: the limits are 0.8 and 0.9.",
        "other-limits",
    ),
)


class RandomId:
    """What draws a random piece: here each call gives another id, so that calls can be told."""

    def __init__(self):
        self.given = FIRST_RANDOM - 1

    def __call__(self) -> int:
        self.given += 1
        return self.given

    def __repr__(self) -> str:
        return "random_id"


def check_replace(fn) -> None:
    """`replace(ids, spans, mask_id, random_id, rng)`: one draw for all pieces of a span."""
    for length, spans in ((9, [(1, 5), (6, 7)]), (12, [(0, 5), (7, 9), (10, 12)]), (3, [])):
        mixed = []
        for seed in range(60 if spans else 1):
            result, kinds, given = _replaced(fn, length, spans, seed)
            cut = [result[start:end] for start, end in spans]
            mixed += [(given, p, s) for p, k, s in zip(cut, kinds, spans, strict=True) if k == ""]
        if mixed:
            raise _mixed_slip(mixed)
    for seed in range(20):
        (_, first, given), (_, second, _) = (_replaced(fn, 9, [(1, 5), (6, 7)], seed) for _ in "ab")
        expect(
            first == second,
            f"{given} gave {' and '.join(first)}, and the same call once more gave "
            f"{' and '.join(second)}.\nAll chance must come from rng, which has the same seed.",
            "own-randomness",
        )
    ids, spans = [100, 101, 102], [(0, 1), (2, 3)]
    for seed in range(20):
        call_uncopied(fn, ids, spans, MASK_ID, RandomId(), Draws(seed, None))
    expect(
        (ids, spans) == ([100, 101, 102], [(0, 1), (2, 3)]),
        "replace changed the list it was given: what has to be predicted is lost. Begin with a "
        "copy, list(ids).",
        "changes-its-input",
    )
    _expect_shares(fn)


def _replaced(fn, length: int, spans: Pairs, seed: int) -> tuple[list[int], list[str], str]:
    """The new ids, the kind of each span ("" when its pieces differ in it), the call in words."""
    ids = list(range(FIRST_ID, FIRST_ID + length))
    arguments = ids, spans, MASK_ID, RandomId(), Draws(seed, None)
    given = shown_call(fn, *arguments)
    got = call(fn, *arguments)
    expect_list(got, given, "ids")
    for item in got:
        if isinstance(item, Integral) and not isinstance(item, bool):
            continue
        expect(
            not callable(item),
            f"{given} puts the function random_id itself into the list, instead of an id.\n"
            "Call it: random_id().",
            "not-called",
        )
        message = f"{given} should return a list of ids, but {shown(item)} in it is none"
        raise Wrong(f"{message}: {shown(got)}.", "not-ids")
    expect(
        len(got) == length,
        f"{given} returns {len(got)} ids for {length}: {shown(got)}.\n"
        "Every piece keeps its place; a span of three pieces becomes three [MASK]s.",
        "other-length",
    )
    inside = {place for start, end in spans for place in range(start, end)}
    outside = [p for p in range(length) if p not in inside and got[p] != ids[p]]
    if outside:
        hint, misconception = "Only pieces of the spans may change.", "changes-other-pieces"
        if set(outside) <= {end for _, end in spans}:
            hint = "The end of a span is exclusive, as in a slice: (1, 5) holds 1, 2, 3 and 4."
            misconception = "end-included"
        message = f"{given} gives {shown(got)}: place {outside[0]} is in no span, but has changed."
        raise Wrong(f"{message}\n{hint}", misconception)
    drawn = [new for new in got if new >= FIRST_RANDOM]
    expect(
        len(set(drawn)) == len(drawn),
        f"{given} gives {shown(got)}: one random piece stands in several places.\n"
        "Call random_id() for each piece: each draws its own.",
        "one-random-piece",
    )
    for new, old in zip(got, ids, strict=True):
        if new not in (old, MASK_ID) and new < FIRST_RANDOM:
            raise Wrong(
                f"{given} gives {shown(got)}: {new} is neither the old id, nor {MASK_ID}, nor what "
                "random_id() gave.\nRandom pieces come from random_id().",
                "other-pieces",
            )
    return got, [_kind(got[start:end], start) for start, end in spans], given


def _kind(new: list[int], start: int) -> str:
    kinds = {"mask" if n == MASK_ID else "random" if n >= FIRST_RANDOM else "keep" for n in new}
    return kinds.pop() if len(kinds) == 1 else ""


def _mixed_slip(mixed: list) -> Wrong:
    """What spans tell of in which some pieces are replaced in one way and some in another."""
    given, pieces, (start, end) = mixed[0]
    kept = [
        [piece == FIRST_ID + first + at for at, piece in enumerate(new)]
        for _, new, (first, _) in mixed
    ]
    hint = "Draw once for each span, before the loop over its pieces, not once for each piece."
    misconception = "drawn-for-each-piece"
    for place, name in ((-1, "last"), (0, "first")):
        if all(stays[place] and sum(stays) == 1 for stays in kept):
            hint = f"The {name} piece of the span is always left out."
            misconception = "piece-left-out"
    if all(stays[1:] == [True] * (len(stays) - 1) and not stays[0] for stays in kept):
        hint, misconception = "Only the first piece of the span is replaced.", "first-piece-only"
    message = f"{given}: the span ({start}, {end}) becomes {shown(pieces)}. All its pieces should "
    return Wrong(
        f"{message}be {MASK_ID}, or all random, or all as they were.\n{hint}", misconception
    )


def _expect_shares(fn) -> None:
    """First on a few spans, where most slips show; then on so many that 9% are not 10%."""
    counts: Counter[str] = Counter()
    length, calls = 2000, 90
    spans = [(start, start + 1) for start in range(0, length, 2)]
    by_call = []
    for seed in range(calls):
        kinds = _replaced(fn, length, spans, seed)[1]
        counts.update(kinds)
        by_call.append(set(kinds))
        if seed in (9, calls - 1):
            expect(
                set(map(len, by_call)) != {1} or len(counts) == 1,
                "In each call all spans got the same: all [MASK], all random, or all kept.\n"
                "Draw inside the loop over the spans, a new number for each.",
                "one-draw-for-all",
            )
            _expect_counts(counts)


def _expect_counts(counts: Counter) -> None:
    if not unlikely(counts, SHARES) and not any(
        rather(counts, dict(zip(SHARES, wrong, strict=True)), SHARES) for wrong, *_ in WRONG_SHARES
    ):
        return

    def likelihood(wrong) -> float:
        return log_likelihood(counts, dict(zip(SHARES, wrong[0], strict=True)))

    best = max(WRONG_SHARES, key=likelihood)
    _, hint, misconception = best
    total = sum(counts.values())
    if likelihood(best) == -math.inf or unlikely(counts, dict(zip(SHARES, best[0], strict=True))):
        hint = "One number for each span: below 0.8 [MASK], below 0.9 random pieces, else nothing."
        misconception = "other-shares"
    found = ", ".join(f"{counts[kind] / total:.1%} {kind}" for kind in SHARES)
    message = f"Of {total:,} spans replace made {found}; it should be 80%, 10% and 10%."
    raise Wrong(f"{message}\n{hint}", misconception)


REPLACE = Exercise(
    id="02-4",
    title="One draw for each span",
    function="replace",
    minutes=8,
    difficulty=3,
    more=check_replace,
    slips=WRONG,
    alternative=replace_alternative,
    equivalent_mutants={
        "< to <= in: if draw < 0.8:": "exactly this number is never drawn: one chance in 2 ** 53",
        "< to <= in: elif draw < 0.9:": "exactly this number is never drawn: one chance in 2 ** 53",
    },
)
