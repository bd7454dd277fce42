"""The exercises of lesson 02, in order; the second, how many pieces are hidden, is here.

02-1 is in `span_masking_law`, 02-3 in `span_masking_draw`, 02-4 in `span_masking_replace`, 02-5
in `span_masking_joined`.
"""

import math
import traceback
from numbers import Integral, Real

import numpy as np

from spanbert_teach.exercises.checking import (
    Wrong,
    call,
    call_uncopied,
    expect,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Slip

# --- 02-2: the budget ---------------------------------------------------------------------------

SPECIAL = ("[CLS]", "[SEP]", "[PAD]")


def _row(pieces: int, pads: int = 0) -> list[str]:
    """A row with so many pieces of text; every third goes on with a word."""
    text = [("the", "sea", "##side")[place % 3] for place in range(pieces)]
    return ["[CLS]", *text, "[SEP]", *["[PAD]"] * pads]


def _share(count: int, percent: int) -> int:
    return -(-count * percent // 100)


# What people count, and how they round: every pair is one way to answer, and the first one of each
# is right. The misconception of a way is that of what it counts, or else that of how it rounds.
COUNTED = (
    (
        lambda row: sum(token not in SPECIAL for token in row),
        "",
        "Count the pieces that are not [CLS], [SEP] or [PAD].",
    ),
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
ROUNDED = (
    (_share, "", ""),
    (
        lambda count, percent: count * percent // 100,
        "rounds-down",
        "The share is rounded up, so that a short row loses a piece too; int(…) and // round down.",
    ),
    (
        lambda count, percent: max(1, round(count * percent / 100)),
        "rounds-to-nearest",
        "The share is rounded up, not to the nearest number: round(…) does the latter.",
    ),
    (
        lambda count, percent: round(count * percent / 100),
        "rounds-to-nearest",
        "The share is rounded up, not to the nearest number: round(…) does the latter.",
    ),
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


def check_how_many(fn) -> None:
    """`how_many(tokens, percent)`: that percentage of the pieces of text, rounded up."""
    unknown = ["[CLS]", "the", "[UNK]", "of", "[UNK]", "[SEP]"]
    asked = [
        *((_row(pieces, pads),) for pieces, pads in ((6, 0), (14, 0), (20, 0), (8, 30))),
        *((unknown, percent) for percent in (50, 25)),
        *((_row(10), percent) for percent in (50, 31, 1, 100)),
        *((_row(pieces), percent) for pieces in (50, 100) for percent in (7, 14, 28, 29)),
        (["the", "sea", "##side", "is", "calm", "and", "blue"],),
        *((_row(pieces, pads=pieces % 5),) for pieces in (*range(1, 130), 510)),
        (_row(0),),
    ]
    answers = [(arguments, _number(fn, *arguments)) for arguments in asked]
    for (tokens, *given_percent), got in answers:
        percent = given_percent[0] if given_percent else 15
        pieces = COUNTED[0][0](tokens)
        if got != (expected := _share(pieces, percent)):
            hint, misconception = _budget_slip(answers)
            given = shown_call(fn, tokens, *given_percent)
            count = f"{pieces} piece{'s' * (pieces != 1)} of text"
            exact = f"{percent}% of {count} is {pieces * percent / 100:g}"
            message = f"{given} should be {expected} ({exact}), but is {shown(got)}."
            raise Wrong(f"{message}\n{hint}", misconception)
    tokens = _row(3, pads=2)
    call_uncopied(fn, tokens)
    expect(
        tokens == _row(3, pads=2),
        "how_many changed the list it was given. Count in it, but leave it as it is.",
        "changes-its-input",
    )


def _number(fn, tokens: list[str], *percents: int) -> int:
    """What one call returns; raise `Wrong` unless it is a whole number."""
    given = shown_call(fn, tokens, *percents)
    try:
        got = call(fn, tokens, *percents)
    except Wrong as wrong:
        if not _refuses_arguments(fn, wrong):
            raise
        hint = "Keep `percent=15`: it may be left out."
        if percents:
            hint = "Keep `percent=15`: another share than 15 may be asked for."
        raise Wrong(f"{wrong.message}\n{hint}", "signature") from wrong
    if isinstance(got, list | tuple | set | np.ndarray):
        message = f"{given} should return how many pieces are hidden, but returns {shown(got)}."
        raise Wrong(f"{message}\nWhich pieces they are is exercise 02-3.", "returns-pieces")
    expect(
        isinstance(got, Real),
        f"{given} should be a number, but is {shown(got)}.",
        "not-a-number",
    )
    expect(
        isinstance(got, Integral) and not isinstance(got, bool),
        f"{given} is {shown(got)}, but half a piece cannot be hidden: return a whole number.\n"
        "math.ceil(…) rounds up and gives an int.",
        "not-a-whole-number",
    )
    return int(got)


def _refuses_arguments(fn, wrong: Wrong) -> bool:
    """Whether the call did not even begin: the function cannot take these arguments."""
    error = wrong.__cause__
    if not isinstance(error, TypeError):
        return False
    ran = {frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)}
    return hasattr(fn, "__code__") and fn.__code__ not in ran


def _budget_slip(answers: list[tuple[tuple, int]]) -> tuple[str, str]:
    """The hint and the misconception of the way that gives all these answers."""
    for round_it, its_slip, its_hint in ROUNDED:
        for count, slip, hint in COUNTED:
            if all(
                got == round_it(count(tokens), *(percents or [15]))
                for (tokens, *percents), got in answers
            ):
                return (hint, slip) if slip else (its_hint, its_slip)
    return "Count the pieces that are not [CLS], [SEP] or [PAD]; round up.", "other"


def _budget_all_tokens(tokens, percent=15):
    return math.ceil(len(tokens) * percent / 100)


def _budget_with_cls_and_sep(tokens, percent=15):
    return math.ceil(len([token for token in tokens if token != "[PAD]"]) * percent / 100)


def _budget_minus_two(tokens, percent=15):
    return math.ceil((len(tokens) - 2) * percent / 100)


def _budget_minus_two_and_pads(tokens, percent=15):
    return math.ceil((len(tokens) - 2 - tokens.count("[PAD]")) * percent / 100)


def _budget_floor(tokens, percent=15):
    return len(_text(tokens)) * percent // 100


def _budget_rounded(tokens, percent=15):
    return max(1, round(len(_text(tokens)) * percent / 100))


def _budget_share_first(tokens, percent=15):
    return math.ceil(len(_text(tokens)) * (percent / 100))


def _budget_one_more(tokens, percent=15):
    return len(_text(tokens)) * percent // 100 + 1


def _budget_at_least_one(tokens, percent=15):
    return max(1, math.ceil(len(_text(tokens)) * percent / 100))


def _budget_without_brackets(tokens, percent=15):
    return math.ceil(len([t for t in tokens if not t.startswith("[")]) * percent / 100)


def _budget_words(tokens, percent=15):
    return math.ceil(len([t for t in _text(tokens) if t[:2] != "##"]) * percent / 100)


def _budget_distinct(tokens, percent=15):
    return math.ceil(len(set(tokens) - set(SPECIAL)) * percent / 100)


def _budget_percent_needed(tokens, percent):
    return _budget_alternative(tokens, percent)


def _budget_without_percent(tokens):
    return _budget_alternative(tokens)


def _budget_always_15(tokens, percent=15):
    return math.ceil(len(_text(tokens)) * 15 / 100)


def _budget_unrounded(tokens, percent=15):
    return len(_text(tokens)) * percent / 100


def _budget_pieces(tokens, percent=15):
    return _text(tokens)[: _budget_alternative(tokens, percent)]


def _budget_all_text(tokens, percent=15):
    return len(_text(tokens))


def _budget_takes_out(tokens, percent=15):
    for special in SPECIAL:
        while special in tokens:
            tokens.remove(special)
    return _share(len(tokens), percent)


def _text(tokens):
    return [token for token in tokens if token not in SPECIAL]


def _budget_alternative(tokens, percent=15):
    pieces = len(tokens) - sum(tokens.count(special) for special in SPECIAL)
    whole, rest = divmod(pieces * percent, 100)
    return whole + (rest > 0)


HOW_MANY = Exercise(
    id="02-2",
    title="How many pieces are hidden?",
    function="how_many",
    minutes=4,
    difficulty=1,
    more=check_how_many,
    slips=(
        Slip(_budget_all_tokens, "specials-counted"),
        Slip(_budget_with_cls_and_sep, "specials-counted"),
        Slip(_budget_minus_two, "pads-counted"),
        Slip(_budget_minus_two_and_pads, "takes-two-off"),
        Slip(_budget_floor, "rounds-down"),
        Slip(_budget_rounded, "rounds-to-nearest"),
        Slip(_budget_share_first, "floating-point"),
        Slip(_budget_one_more, "always-one-more"),
        Slip(_budget_at_least_one, "at-least-one"),
        Slip(_budget_without_brackets, "unknown-left-out"),
        Slip(_budget_words, "counts-words"),
        Slip(_budget_distinct, "counts-distinct"),
        Slip(_budget_percent_needed, "signature"),
        Slip(_budget_without_percent, "signature"),
        Slip(_budget_always_15, "percent-ignored"),
        Slip(_budget_unrounded, "not-a-whole-number"),
        Slip(_budget_pieces, "returns-pieces"),
        Slip(_budget_all_text, "all-pieces"),
        Slip(_budget_takes_out, "changes-its-input"),
    ),
    alternative=_budget_alternative,
)
