"""Exercise 02-4: 80/10/10, once for each span."""

from collections import Counter
from collections.abc import Callable
from numbers import Integral

import numpy as np

from spanbert_teach.exercises.checking import Wrong, call, expect, shown, shown_call
from spanbert_teach.exercises.form import Exercise, Property, Slip
from spanbert_teach.exercises.kinds import Pairs, expect_list
from spanbert_teach.exercises.span_masking.chance import Draws, favours, log_likelihood, unlikely

MASK_ID, FIRST_ID, FIRST_RANDOM = 4, 100, 5000
KINDS, SHARES = ("mask", "random", "keep"), (0.8, 0.1, 0.1)
TWO_SPANS = [(1, 5), (6, 7)]

# Misconception -> its hint, and the shares of [MASK], random pieces and spans that stay.
WRONG_SHARES: dict[str, tuple] = {
    "mask-only": (
        "Every span becomes [MASK]. A tenth of the spans gets random pieces, another stays.",
        (1, 0, 0),
    ),
    "unchanged": ("Nothing is replaced. Is the new list the one that is returned?", (0, 0, 1)),
    "second-if-overwrites": (
        "The second `if` overwrites the first: use `elif`.",
        (0, 0.9, 0.1),
    ),
    "never-masks": ("No span becomes [MASK]; 80% of them should.", (0, 0.1, 0.9)),
    "never-keeps": (
        "No span stays as it is; a tenth of them should.",
        (0.8, 0.2, 0),
        (0.9, 0.1, 0),
    ),
    "never-random": (
        "No span gets random pieces; a tenth of them should.",
        (0.8, 0, 0.2),
        (0.9, 0, 0.1),
    ),
    "drawn-independently": (
        "Random and kept spans are not equally many, and neither are as many as they should "
        "be: is there a second draw for what the first one left over? With a second number, "
        "10% of the remaining 90% are 9%. One number decides: below 0.8, below 0.9, or above.",
        (0.81, 0.1, 0.09),
        (0.81, 0.09, 0.1),
    ),
    "a-tenth-of-the-rest": (
        "After 80% with [MASK], 20% are left, and half of them get random pieces. A second "
        "number below 0.1 is only a tenth of the 20%.",
        (0.8, 0.02, 0.18),
        (0.8, 0.18, 0.02),
    ),
    "swapped": (
        "80% of the spans become [MASK], 10% get random pieces, 10% stay.",
        (0.1, 0.1, 0.8),
        (0.1, 0.8, 0.1),
    ),
    "other-limits": (
        "10% of the spans get random pieces, 10% stay: the limits are 0.8 and 0.9.",
        (0.8, 0.15, 0.05),
    ),
}
ROWS = [(name, shares) for name, (_, *several) in WRONG_SHARES.items() for shares in several]


class RandomId:
    """What draws a random piece: here each call gives another id, so that calls can be told."""

    def __init__(self):
        self.given = FIRST_RANDOM - 1

    def __call__(self) -> int:
        self.given += 1
        return self.given

    def __repr__(self) -> str:
        return "random_id"


# --- judging ------------------------------------------------------------------------------------


def check_replace(fn) -> None:
    """`replace(ids, spans, mask_id, random_id, rng)`: one draw for all pieces of a span."""
    for length, spans in ((9, TWO_SPANS), (12, [(0, 5), (7, 9), (10, 12)]), (3, [])):
        results = [_replaced(fn, length, spans, seed) for seed in range(60 if spans else 1)]
        _expect_whole_spans(results, spans)
    for seed in range(20):
        (first, given), (second, _) = (_replaced(fn, 9, TWO_SPANS, seed) for _ in "ab")
        both = [" and ".join(_kinds(got, TWO_SPANS)) for got in (first, second)]
        message = f"{given} gave {both[0]}, and the same call once more gave {both[1]}."
        expect(both[0] == both[1], message, "own-randomness")
    _expect_shares(fn)


def _replaced(fn, length: int, spans: Pairs, seed: int) -> tuple[list[int], str]:
    """The new ids, which have all `PROPERTIES`, and the call in words."""
    ids, spans = list(range(FIRST_ID, FIRST_ID + length)), list(spans)
    before, arguments = (list(ids), list(spans)), (MASK_ID, RandomId(), Draws(seed))
    given = shown_call(fn, ids, spans, *arguments)
    got = call(fn, ids, spans, *arguments)
    expect_list(got, given, "ids")
    for item in got:
        if not isinstance(item, Integral) or isinstance(item, bool):
            message = f"{given} should return a list of ids, but {shown(item)} in it is none"
            misconception = "not-called" if callable(item) else "not-ids"
            raise Wrong(f"{message}: {shown(got)}.", misconception)
    for prop in PROPERTIES:
        if breach := prop.breach(got, *before):
            first = shown(breach[0] if isinstance(breach, list) else breach)
            hint = prop.hint.replace("{}", first)
            raise Wrong(f"{given} gives {shown(got)}.\n{hint}", prop.misconception)
    kept = (ids, spans) == before
    expect(kept, f"{given} changed the list that it was given.", "changes-its-input")
    return got, given


def _kinds(got: list[int], spans: Pairs) -> list[str]:
    """What became of each span; "" where its pieces differ in that."""

    def kind(start: int, end: int) -> str:
        new = got[start:end]
        found = {"mask" if n == MASK_ID else "random" if n >= FIRST_RANDOM else "keep" for n in new}
        return found.pop() if len(found) == 1 else ""

    return [kind(*span) for span in spans]


def _expect_whole_spans(results: list[tuple[list[int], str]], spans: Pairs) -> None:
    """Raise `Wrong` where some pieces of a span are replaced in one way and some in another."""
    mixed = [
        (got, given, span)
        for got, given in results
        for kind, span in zip(_kinds(got, spans), spans, strict=True)
        if kind == ""
    ]
    if not mixed:
        return
    got, given, (start, end) = mixed[0]
    kept = [[got[place] == FIRST_ID + place for place in range(*span)] for got, _, span in mixed]
    misconception = "drawn-for-each-piece"
    if any(all(stays[place] and sum(stays) == 1 for stays in kept) for place in (0, -1)):
        misconception = "piece-left-out"
    if all(all(stays[1:]) and not stays[0] for stays in kept):
        misconception = "first-piece-only"
    raise Wrong(
        f"{given}: the span ({start}, {end}) becomes {shown(got[start:end])}. All its pieces "
        f"should be {MASK_ID}, or all random, or all as they were.",
        misconception,
    )


def _expect_shares(fn) -> None:
    """First on a few spans, where most slips show; then on so many that 9% are not 10%."""
    counts: Counter[str] = Counter()
    length, calls = 2000, 90
    spans = [(start, start + 1) for start in range(0, length, 2)]
    by_call = []
    for seed in range(calls):
        kinds = _kinds(_replaced(fn, length, spans, seed)[0], spans)
        counts.update(kinds)
        by_call.append(set(kinds))
        if seed in (9, calls - 1):
            message = "In each call all spans got the same: all [MASK], all random, or all kept."
            varied = set(map(len, by_call)) != {1} or len(counts) == 1
            expect(varied, message, "one-draw-for-all")
            _expect_counts(counts)


def _expect_counts(counts: Counter) -> None:
    def law(shares: tuple) -> dict[str, float]:
        return dict(zip(KINDS, shares, strict=True))

    right = law(SHARES)
    laws = [(name, law(shares)) for name, shares in ROWS]
    if not unlikely(counts, right) and not any(favours(counts, wrong, right) for _, wrong in laws):
        return
    misconception, best = max(laws, key=lambda row: log_likelihood(counts, row[1]))
    if unlikely(counts, best):
        misconception = "other-shares"
    total = sum(counts.values())
    found = ", ".join(f"{counts[kind] / total:.1%} {kind}" for kind in KINDS)
    message = f"Of {total:,} spans replace made {found}; it should be 80%, 10% and 10%."
    raise Wrong(message, misconception)


# --- what one result tells: each takes it, the ids before, and the spans ------------------------


def _outside(got: list[int], ids: list[int], spans: Pairs) -> list[int]:
    """The places that have changed although they are in no span."""
    inside = {place for start, end in spans for place in range(start, end)}
    return [p for p in range(len(ids)) if p not in inside and got[p] != ids[p]]


def _only_ends(got: list[int], ids: list[int], spans: Pairs) -> list[int]:
    outside = _outside(got, ids, spans)
    return outside if set(outside) <= {end for _, end in spans} else []


def _repeated(got: list[int], ids: list[int], spans: Pairs) -> list[int]:
    drawn = [new for new in got if new >= FIRST_RANDOM]
    return [new for new in drawn if drawn.count(new) > 1] if len(set(drawn)) < len(drawn) else []


PROPERTIES = (
    Property(
        lambda got, ids, spans: len(got) != len(ids),
        "other-length",
        "Every piece keeps its place; a span of three pieces becomes three [MASK]s.",
    ),
    Property(
        _only_ends,
        "end-included",
        "Place {} is in no span, but has changed. The end of a span is exclusive, as in a slice: "
        "(1, 5) holds 1, 2, 3 and 4.",
    ),
    Property(
        _outside,
        "changes-other-pieces",
        "Place {} is in no span, but has changed. Only pieces of the spans may change.",
    ),
    Property(
        _repeated,
        "one-random-piece",
        "The random piece {} stands in several places. Call random_id() for each piece: each draws "
        "its own.",
    ),
    Property(
        lambda got, ids, spans: [
            new
            for new, old in zip(got, ids, strict=True)
            if new not in (old, MASK_ID) and new < FIRST_RANDOM
        ],
        "other-pieces",
        f"{{}} is neither the old id, nor {MASK_ID}, nor what random_id() gave. Random pieces come "
        "from random_id().",
    ),
)

# --- what people write --------------------------------------------------------------------------


def _replacing(
    shares: tuple = SHARES,
    *,
    once: str = "span",
    part: slice = slice(None),
    longer: int = 0,
    new_of: Callable = list,
    piece: Callable = lambda random_id, rng: random_id(),
    rng_of: Callable = lambda rng: rng,
) -> Callable:
    """The right answer, with places to go wrong.

    Args:
        shares: of [MASK], random pieces and spans that stay.
        once: one draw decides about each "span", each "piece" of it, or the whole "text".
        part: which pieces of a span are replaced.
        longer: by so many pieces a span is taken to be longer.
        new_of: makes of the ids the list that is changed and returned.
        piece: gives a random piece.
        rng_of: gives the random numbers that are drawn from.
    """

    def replace(ids, spans, mask_id, random_id, rng):
        new, rng = new_of(ids), rng_of(rng)
        number = rng.random()
        for start, end in spans:
            number = rng.random() if once == "span" else number
            for place in range(start, end + longer)[part]:
                number = rng.random() if once == "piece" else number
                if number < shares[0]:
                    new[place] = mask_id
                elif number < shares[0] + shares[1]:
                    new[place] = piece(random_id, rng)
        return new

    return replace


def _one_random(ids, spans, mask_id, random_id, rng):
    one = random_id()
    return _replacing(piece=lambda *_: one)(ids, spans, mask_id, random_id, rng)


def _one_mask(ids, spans, mask_id, random_id, rng):
    new = list(ids)
    for start, end in reversed(spans):
        if rng.random() < 0.8:
            new[start:end] = [mask_id]
    return new


def _alternative(ids, spans, mask_id, random_id, rng):
    kind_of = {}
    for (start, end), number in zip(spans, 1 - rng.random(len(spans)), strict=True):
        kind_of |= dict.fromkeys(range(start, end), "keep" if number < 0.1 else number < 0.2)
    return [
        old
        if kind_of.get(place, "keep") == "keep"
        else (random_id() if kind_of[place] else mask_id)
        for place, old in enumerate(ids)
    ]


LEFT_OUT = "The first or the last piece of the span is always left out."
SLIPS = (
    *(Slip(_replacing(shares), name, WRONG_SHARES[name][0]) for name, shares in ROWS),
    Slip(
        _replacing((0.7, 0.15, 0.15)),
        "other-shares",
        "One number for each span: below 0.8 [MASK], below 0.9 random pieces, else nothing.",
    ),
    Slip(
        _replacing(once="piece"),
        "drawn-for-each-piece",
        "Draw once for each span, before the loop over its pieces, not once for each piece.",
    ),
    Slip(
        _replacing(once="text"),
        "one-draw-for-all",
        "Draw inside the loop over the spans, a new number for each.",
    ),
    Slip(
        _replacing(part=slice(1)),
        "first-piece-only",
        "Only the first piece of the span is replaced.",
    ),
    Slip(_replacing(part=slice(1, None)), "piece-left-out", LEFT_OUT),
    Slip(_replacing(longer=-1), "piece-left-out", LEFT_OUT),
    Slip(_replacing(longer=1), "end-included"),
    Slip(_replacing(new_of=lambda ids: [ids[0] + 1, *ids[1:]]), "changes-other-pieces"),
    Slip(
        _replacing(new_of=lambda ids: ids),
        "changes-its-input",
        "What has to be predicted is lost. Begin with a copy, list(ids).",
    ),
    Slip(
        _replacing(piece=lambda random_id, rng: random_id),
        "not-called",
        "That is the function random_id itself, instead of an id. Call it: random_id().",
    ),
    Slip(_replacing(piece=lambda random_id, rng: int(rng.integers(1000, 2000))), "other-pieces"),
    Slip(_one_random, "one-random-piece"),
    Slip(_one_mask, "other-length"),
    Slip(
        _replacing(rng_of=lambda rng: np.random.default_rng()),
        "own-randomness",
        "All chance must come from rng, which has the same seed.",
    ),
)

REPLACE = Exercise(
    id="02-4",
    title="One draw for each span",
    function="replace",
    minutes=8,
    difficulty=3,
    more=check_replace,
    properties=PROPERTIES,
    slips=SLIPS,
    alternative=_alternative,
    equivalent_mutants={
        "< to <= in: if draw < 0.8:": "exactly this number is never drawn: one chance in 2 ** 53",
        "< to <= in: elif draw < 0.9:": "exactly this number is never drawn: one chance in 2 ** 53",
    },
)
