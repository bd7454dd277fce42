"""Exercise 02-2: how many pieces of a row are hidden."""

import math
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np

from spanbert_teach.exercises.checking import expect, shown
from spanbert_teach.exercises.form import Exercise, Kind, Slip, case

SPECIAL = ("[CLS]", "[SEP]", "[PAD]")
UNKNOWN = ["[CLS]", "the", "[UNK]", "of", "[UNK]", "[SEP]"]
SEVEN = ["the", "sea", "##side", "is", "[UNK]", "and", "blue"]


def _row(pieces: int, pads: int = 0) -> list[str]:
    """A row with so many pieces of text; every third goes on with a word."""
    text = [("the", "sea", "##side")[place % 3] for place in range(pieces)]
    return ["[CLS]", *text, "[SEP]", *["[PAD]"] * pads]


def _pieces(tokens: list[str]) -> int:
    return sum(token not in SPECIAL for token in tokens)


def _share(count: int, percent: int) -> int:
    return -(-count * percent // 100)


# --- what people count, and how they round: each pair is one way to answer ----------------------

COUNTED = (
    (_pieces, "", ""),
    (len, "specials-counted", "[CLS], [SEP] and [PAD] are no text: they are not counted."),
    (
        lambda row: sum(token != "[PAD]" for token in row),
        "specials-counted",
        "[CLS] and [SEP] are no text either: they are not counted.",
    ),
    (lambda row: len(row) - 2, "pads-counted", "[PAD] only fills up the row: it is no text."),
    (
        lambda row: len(row) - 2 - row.count("[PAD]"),
        "takes-two-off",
        "A row need not begin with [CLS] and end with [SEP]: look for them by name, and count "
        "what is left.",
    ),
    (
        lambda row: sum(token[0] != "[" for token in row),
        "unknown-left-out",
        "[UNK] stands for a word of the text: it counts like any other piece.",
    ),
    (
        lambda row: sum(token not in SPECIAL and token[:2] != "##" for token in row),
        "counts-words",
        'Count pieces, not words: a piece with "##" counts too.',
    ),
    (
        lambda row: len({token for token in row if token not in SPECIAL}),
        "counts-distinct",
        "Each piece counts, also when it stands twice: a set holds it only once.",
    ),
)
NEAREST = "The share is rounded up, not to the nearest number: round(…) does the latter."
ROUNDED = (
    (_share, "", ""),
    (
        lambda count, percent: count * percent // 100,
        "rounds-down",
        "The share is rounded up, so that a short row loses a piece too; int(…) and // round down.",
    ),
    (lambda count, percent: max(1, round(count * percent / 100)), "rounds-to-nearest", NEAREST),
    (lambda count, percent: round(count * percent / 100), "rounds-to-nearest", NEAREST),
    (
        lambda count, percent: math.ceil(percent / 100 * count),
        "floating-point",
        "Here the share is a whole number. But percent / 100 is not exact in a computer, and the "
        "product comes out a little too large, so that it is rounded up once more. Multiply "
        "first, then divide: n * percent / 100.",
    ),
    (
        lambda count, percent: count * percent // 100 + 1,
        "always-one-more",
        "A share that is a whole number is not rounded: // and + 1 make it one more.",
    ),
    (
        lambda count, percent: max(1, _share(count, percent)),
        "at-least-one",
        "There is no text in this row, so there is nothing to hide: 0. (Where there is text, "
        "rounding up gives at least 1 by itself.)",
    ),
    (lambda count, percent: _share(count, 15), "percent-ignored", "Use the argument percent."),
    (
        lambda count, percent: count,
        "all-pieces",
        "These are all pieces of text. Only a share of them is hidden.",
    ),
)


def _answer(count: Callable, round_it: Callable) -> Callable:
    return lambda tokens, percent=15: round_it(count(tokens), percent)


def _ways() -> list[Slip]:
    """One mistake each, and two at once: those are called by what is counted."""
    ways = []
    for round_it, its_slip, its_hint in ROUNDED:
        for count, slip, hint in COUNTED:
            if slip or its_slip:
                ways.append(Slip(_answer(count, round_it), slip or its_slip, hint or its_hint))
    return ways


def _takes_out(tokens, percent=15):
    for special in SPECIAL:
        while special in tokens:
            tokens.remove(special)
    return _share(len(tokens), percent)


# --- the exercise -------------------------------------------------------------------------------


def _read(got: object, given: str, tokens: list[str], percent: int = 15) -> tuple[int, str]:
    """The whole number that an answer returns, and the share before it is rounded, in words."""
    expect(
        not isinstance(got, list | tuple | set | np.ndarray),
        f"{given} should return how many pieces are hidden, but returns {shown(got)}.",
        "returns-pieces",
    )
    expect(
        isinstance(got, Real),
        f"{given} should be a number, but is {shown(got)}.",
        "not-a-number",
    )
    expect(
        isinstance(got, Integral) and not isinstance(got, bool),
        f"{given} is {shown(got)}, but half a piece cannot be hidden: return a whole number.",
        "not-a-whole-number",
    )
    pieces = _pieces(tokens)
    what = f"piece{'s' * (pieces != 1)} of text"
    return int(got), f"{percent}% of {pieces} {what} is {pieces * percent / 100:g}"


def _difference(got: tuple[int, str], expected: tuple[int, str], given: str) -> str:
    return f"{given} should be {expected[0]} ({expected[1]}), but is {got[0]}."


def _right(tokens, percent=15):
    return _share(_pieces(tokens), percent)


def _alternative(tokens, percent=15):
    pieces = len(tokens) - sum(tokens.count(special) for special in SPECIAL)
    whole, rest = divmod(pieces * percent, 100)
    return whole + (rest > 0)


HOW_MANY = Exercise(
    id="02-2",
    title="How many pieces are hidden?",
    function="how_many",
    minutes=4,
    difficulty=1,
    right=_right,
    cases=(
        *(case(_row(pieces, pads)) for pieces, pads in ((6, 0), (14, 0), (20, 0), (8, 30))),
        *(case(UNKNOWN, percent) for percent in (50, 25)),
        *(case(_row(10), percent) for percent in (50, 31, 1, 100)),
        *(case(_row(pieces), percent) for pieces in (50, 100) for percent in (7, 14, 28, 29)),
        case(SEVEN),
        case(["[CLS]", *SEVEN, "[SEP]"]),
        case(SEVEN[:3], 50),
        *(case(_row(pieces, pads=pieces % 5)) for pieces in (*range(1, 130), 510)),
        case(_row(0)),
    ),
    kind=Kind(_read, difference=_difference),
    slips=(
        *_ways(),
        Slip(
            lambda tokens, percent: _right(tokens, percent),
            "signature",
            "Keep `percent=15`: it may be left out.",
        ),
        Slip(
            lambda tokens: _right(tokens),
            "signature",
            "Keep `percent=15`: another share than 15 may be asked for.",
        ),
        Slip(
            lambda tokens, percent=15: _pieces(tokens) * percent / 100,
            "not-a-whole-number",
            "math.ceil(…) rounds up and gives an int.",
        ),
        Slip(
            lambda tokens, percent=15: [t for t in tokens if t not in SPECIAL][: _right(tokens)],
            "returns-pieces",
            "Which pieces they are is exercise 02-3.",
        ),
        Slip(_takes_out, "changes-its-input"),
    ),
    hint="Count the pieces that are not [CLS], [SEP] or [PAD]; round up.",
    alternative=_alternative,
)
