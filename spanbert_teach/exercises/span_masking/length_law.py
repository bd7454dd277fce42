"""Exercise 02-1: the law of span lengths."""

import math
from numbers import Real

import numpy as np

from spanbert_teach.exercises.checking import (
    CRASH,
    Wrong,
    call,
    expect,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.masking import cut_geometric, span_length_pmf

EXACT = 1e-6


def check_length_law(fn) -> None:
    """`length_law(p, longest)`: the geometric law of 1 .. longest words, renormalised."""
    for p, longest in ((0.3, 3), (0.2, 10), (0.5, 4), (0.9, 2), (0.05, 20), (0.4, 1), (1, 4)):
        expected = span_length_pmf(p, longest).tolist()
        given = shown_call(fn, p, longest)
        try:
            got = call(fn, p, longest)
        except Wrong as wrong:
            if p != 1 or wrong.misconception != CRASH or "ZeroDivision" not in wrong.message:
                raise
            got = [math.nan] * longest
        numbers = _probabilities(got, given)
        if len(numbers) != longest or not np.allclose(numbers, expected, rtol=0, atol=EXACT):
            hint, misconception = _law_slip(fn, numbers, p, longest, expected)
            wanted = [round(share, 4) for share in expected]
            message = f"{given} should be {shown(wanted)} (rounded here), but is {shown(got)}."
            raise Wrong(f"{message}\n{hint}", misconception)


def _probabilities(got: object, given: str) -> list[float]:
    kind = type(got).__name__
    if isinstance(got, np.ndarray) and got.ndim == 1:
        got = got.tolist()
    hint = "If it holds the right things in the right order, put list(…) around it."
    if isinstance(got, dict):
        hint = "The place in the list tells the length: list(….values()) leaves the keys out."
    expect(
        isinstance(got, list | tuple),
        f"{given} should return a list of probabilities, not a {kind}: {shown(got)}.\n{hint}",
        "not-a-list",
    )
    for item in got:
        expect(
            isinstance(item, Real) and not isinstance(item, bool) and not abs(item) >= 1e9,
            f"{given} should return a list of numbers, but {shown(item)} in it is no probability.",
            "not-numbers",
        )
    return [float(number) for number in got]


def _law_slip(
    fn, got: list[float], p: float, longest: int, expected: list[float]
) -> tuple[str, str]:
    """The hint and the misconception that wrong probabilities tell of."""
    lengths = np.arange(1, longest + 1)
    weights = p * (1 - p) ** (lengths - 1.0)

    def shared(numbers):
        return numbers / numbers.sum()

    if p == 1:
        return (
            "With p = 1 every span is one word long. 0 ** 0 is 1, so this comes out by itself when "
            "the exponent of the first length is 0: (1 - p) ** (l - 1).",
            "exponent-off-by-one",
        )
    if len(got) == longest + 1:
        return (
            f"These are {len(got)} numbers for {longest} lengths. The first belongs to one word: "
            "a span of no words is never drawn.",
            "starts-at-no-words",
        )
    if len(got) != longest:
        return f"There are {longest} lengths, so {longest} probabilities.", "wrong-number-of-them"
    for wrong, hint, misconception in (
        (
            cut_geometric(p, longest),
            "The last one holds the probability of all longer spans: that is clipping. (The paper "
            'says "clip", but its mean of 3.8 words comes from the other rule.) A longer span is '
            "never drawn: divide all weights by their sum.",
            "clips",
        ),
        (
            weights,
            f"These add up to {weights.sum():.4f}, not to 1: the longer spans are missing. Divide "
            "each weight by the sum of all.",
            "not-renormalised",
        ),
        (
            weights * (1 - p),
            "The first one should come from the weight p, with the exponent l − 1 = 0; here it is "
            "p(1 − p). And the weights still have to be divided by their sum.",
            "exponent-off-by-one",
        ),
        (
            shared(p ** (lengths - 1.0)),
            "p and 1 − p are swapped: p is the probability to stop after a word, so the weight is "
            "p · (1 − p) ** (l − 1).",
            "p-swapped",
        ),
        (
            shared(1 / lengths),
            "These fall like 1/l, whatever p is. Each weight is the one before times 1 − p.",
            "one-over-length",
        ),
        (
            np.full(longest, 1 / longest),
            "All lengths are equally likely here. Short spans are drawn more often: each weight is "
            "the one before times 1 − p.",
            "uniform",
        ),
        (
            np.cumsum(expected),
            "These are added up, from the first on. Return the probability of each length alone.",
            "added-up",
        ),
        (
            weights / weights.max(),
            "The weights are divided by the largest of them. Divide by their sum, so that the "
            "probabilities add up to 1.",
            "divided-by-the-largest",
        ),
        (100 * np.array(expected), "Return shares of 1, not percent.", "in-percent"),
        (expected[::-1], "The order is turned round: one word comes first.", "other-order"),
    ):
        if np.allclose(got, wrong, rtol=0, atol=EXACT):
            return hint, misconception
    if longest == 1:
        return "There is only one length, so its probability is 1.", "one-length"
    here, few, many = (_again(fn, other, longest) for other in (p, 0.25, 0.75))
    if _same(few, many):
        return (
            "These are the same whatever p is. Use the argument p, not a number of your own.",
            "p-ignored",
        )
    near = np.allclose(got, expected, rtol=0, atol=0.06)
    adds_up = math.isclose(sum(got), 1, abs_tol=1e-9)
    rounded = any(
        np.allclose(got, np.round(expected, digits), rtol=0, atol=1e-9) for digits in range(1, 7)
    )
    if not _same(got, here) or (near and adds_up and not rounded and _is_jagged(got)):
        start = "Close, but drawn" if near else "These are drawn, each time anew"
        return f"{start}: compute the law from the formula.", "simulated"
    if rounded or (not adds_up and np.allclose(got, expected, rtol=0, atol=0.006)):
        then = "do not always" if adds_up else "no longer"
        return (
            f"These are rounded, and then they {then} add up to 1: rng.choice refuses them. "
            "Round when you print.",
            "rounded",
        )
    return "The weight of l words is p · (1 − p) ** (l − 1); divide each by their sum.", "other"


def _again(fn, p: float, longest: int) -> list[float] | None:
    """What one more call gives; None where that is no list of numbers."""
    try:
        return _probabilities(call(fn, p, longest), "")
    except Wrong:
        return None


def _same(first: list[float] | None, second: list[float] | None) -> bool:
    return (
        first is not None and second is not None and np.array_equal(first, second, equal_nan=True)
    )


def _is_jagged(got: list[float]) -> bool:
    """Whether these do not fall by one factor, as shares that were counted."""
    return np.ptp(np.divide(got[1:], np.maximum(got[:-1], EXACT))) > EXACT


def _law_clipped(p, longest):
    weights = [p * (1 - p) ** (length - 1) for length in range(1, longest)]
    return [*weights, 1 - sum(weights)]


def _law_without_the_division(p, longest):
    return [p * (1 - p) ** (length - 1) for length in range(1, longest + 1)]


def _law_of_failures(p, longest):
    return [p * (1 - p) ** length for length in range(1, longest + 1)]


def _law_of_failures_shared(p, longest):
    weights = [p * (1 - p) ** length for length in range(1, longest + 1)]
    return [weight / sum(weights) for weight in weights]


def _law_swapped(p, longest):
    weights = [(1 - p) * p ** (length - 1) for length in range(1, longest + 1)]
    return [weight / sum(weights) for weight in weights]


def _law_one_over_length(p, longest):
    weights = [1 / length for length in range(1, longest + 1)]
    return [weight / sum(weights) for weight in weights]


def _law_from_no_words(p, longest):
    weights = p * (1 - p) ** np.arange(longest + 1)
    return weights / weights.sum()


def _law_one_short(p, longest):
    weights = [p * (1 - p) ** (length - 1) for length in range(1, longest)]
    return [weight / sum(weights) for weight in weights]


def _law_uniform(p, longest):
    return [1 / longest] * longest


def _law_rounded(p, longest):
    return [round(share, 4) for share in _law_alternative(p, longest)]


def _law_ignores_p(p, longest):
    return _law_alternative(0.2, longest)


def _law_halves(p, longest):
    return [0.5**length for length in range(1, longest + 1)]


def _law_drawn(p, longest):
    rng = np.random.default_rng(0)
    lengths = rng.geometric(p, size=100_000)
    kept = lengths[lengths <= longest]
    return [float(np.mean(kept == length)) for length in range(1, longest + 1)]


def _law_drawn_anew(p, longest):
    lengths = np.random.default_rng().choice(longest, 2_000, p=_law_alternative(p, longest))
    return np.bincount(lengths, minlength=longest) / 2_000


def _law_drawn_and_clipped(p, longest):
    lengths = np.minimum(np.random.default_rng().geometric(p, 2_000), longest)
    return np.bincount(lengths, minlength=longest + 1)[1:] / 2_000


def _law_truncated(p, longest):
    return [int(share * 1000) / 1000 for share in _law_alternative(p, longest)]


def _law_generator(p, longest):
    return (share for share in _law_alternative(p, longest))


def _law_added_up(p, longest):
    return np.cumsum(_law_alternative(p, longest))


def _law_by_the_largest(p, longest):
    return [(1 - p) ** (length - 1) for length in range(1, longest + 1)]


def _law_in_percent(p, longest):
    return [100 * share for share in _law_alternative(p, longest)]


def _law_dictionary(p, longest):
    return dict(enumerate(_law_alternative(p, longest), start=1))


def _law_alternative(p, longest):
    weights = p * (1 - p) ** np.arange(longest)
    return weights / weights.sum()


LENGTH_LAW = Exercise(
    id="02-1",
    title="The law of lengths",
    function="length_law",
    minutes=6,
    difficulty=2,
    more=check_length_law,
    slips=(
        Slip(_law_clipped, "clips"),
        Slip(_law_without_the_division, "not-renormalised"),
        Slip(_law_of_failures, "exponent-off-by-one"),
        Slip(_law_of_failures_shared, "exponent-off-by-one"),
        Slip(_law_swapped, "p-swapped"),
        Slip(_law_one_over_length, "one-over-length"),
        Slip(_law_from_no_words, "starts-at-no-words"),
        Slip(_law_one_short, "wrong-number-of-them"),
        Slip(_law_uniform, "uniform"),
        Slip(_law_rounded, "rounded"),
        Slip(_law_ignores_p, "p-ignored"),
        Slip(_law_halves, "p-ignored"),
        Slip(_law_drawn, "simulated"),
        Slip(_law_drawn_anew, "simulated"),
        Slip(_law_drawn_and_clipped, "simulated"),
        Slip(_law_truncated, "rounded"),
        Slip(_law_generator, "not-a-list"),
        Slip(_law_added_up, "added-up"),
        Slip(_law_by_the_largest, "divided-by-the-largest"),
        Slip(_law_in_percent, "in-percent"),
        Slip(_law_dictionary, "not-a-list"),
    ),
    alternative=_law_alternative,
)
