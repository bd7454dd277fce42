"""Exercise 02-1: the law of span lengths."""

import math
from numbers import Real
from typing import Any

import numpy as np

from spanbert_teach.exercises.checking import expect, shown
from spanbert_teach.exercises.form import Exercise, Kind, Property, Slip, case
from spanbert_teach.masking import cut_geometric, span_length_pmf

EXACT = 1e-6
NEAR = 0.06  # shares of a few hundred draws lie so near, and nearer
DRAWS = [digit * 10**zeros for zeros in range(2, 7) for digit in (1, 2, 5)]  # as people write it


def _read(got: object, given: str, *args: Any) -> list[float]:
    """The probabilities as plain numbers; an array or a tuple of them will do."""
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


def _same(got: list[float], other: list[float], atol: float = EXACT) -> bool:
    return len(got) == len(other) and np.allclose(got, other, rtol=0, atol=atol)


def _difference(got: list[float], expected: list[float], given: str) -> str:
    wanted = [round(share, 4) for share in expected]
    return f"{given} should be {shown(wanted)} (rounded here), but is {shown(got)}."


# --- what the numbers tell ----------------------------------------------------------------------


def _adds_up(got: list[float]) -> bool:
    return math.isclose(sum(got), 1, abs_tol=1e-9)


def _rounded(got: list[float], expected: list[float], *args: Any) -> bool:
    near = not _adds_up(got) and _same(got, expected, 0.006)
    return near or any(_same(got, np.round(expected, digits), 1e-9) for digits in range(1, 7))


def _factors(got: list[float]) -> np.ndarray:
    """(lengths - 1,) what each number is multiplied by to give the next."""
    return np.divide(got[1:], np.maximum(got[:-1], EXACT))


def _drawn(got: list[float], expected: list[float], *args: Any) -> bool:
    """Whether these are shares that were counted: near the law, or whole numbers of so many draws.

    Hundredths say nothing: 0.5, 0.25 and 0.25 are whole numbers of a hundred, too.
    """
    if len(got) < 2 or not _adds_up(got) or np.ptp(_factors(got)) <= EXACT:
        return False
    counts = ((draws, np.multiply(got, draws)) for draws in DRAWS)
    fewest = next((draws for draws, n in counts if _same(n, np.round(n))), 0)
    return fewest > DRAWS[0] or _same(got, expected, NEAR)


def _other_factor(got: list[float], expected: list[float], p: float, longest: int) -> list[float]:
    """The factor by which all the numbers fall, where it is one, and not 1 - p."""
    factors = _factors(got)
    falls = len(factors) > 1 and np.ptp(factors) <= EXACT < abs(factors[0] - (1 - p))
    return [float(f"{factors[0]:.4g}")] if falls else []


PROPERTIES = (
    Property(
        lambda got, expected, p, longest: len(got) == longest + 1,
        "starts-at-no-words",
        "These are too many by one. The first belongs to one word: a span of no words is never "
        "drawn.",
    ),
    Property(
        lambda got, expected, p, longest: len(got) != longest,
        "wrong-number-of-them",
        "There are `longest` lengths, so `longest` probabilities: range(1, longest + 1).",
    ),
    Property(
        _rounded,
        "rounded",
        "These are rounded, and then they do not always add up to 1: rng.choice refuses them. "
        "Round when you print.",
    ),
    Property(
        _drawn,
        "simulated",
        "These look as if they were drawn and counted, each time anew: compute the law from the "
        "formula.",
    ),
    Property(
        _other_factor,
        "other-factor",
        "Each of these is {} times the one before; it should be 1 - p times. Is it the argument p "
        "that you use?",
    ),
    Property(
        lambda got, *args: [round(sum(got), 4)] if abs(sum(got) - 1) > 1e-9 else [],
        "not-renormalised",
        "These add up to {}, not to 1: the longer spans are missing. Divide each weight by the sum "
        "of all.",
    ),
)

# --- what people write --------------------------------------------------------------------------


def _weights(p: float, longest: int, less: int = 1) -> list[float]:
    return [p * (1 - p) ** (length - less) for length in range(1, longest + 1)]


def _shared(weights: list[float]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def _right(p: float, longest: int) -> list[float]:
    return span_length_pmf(p, longest).tolist()


def _counted(p: float, longest: int, clip: bool) -> np.ndarray:
    """Drawn, each time anew; what is too long is thrown away, or clipped."""
    lengths = np.random.default_rng().geometric(p, 2_000)
    lengths = np.minimum(lengths, longest) if clip else lengths[lengths <= longest]
    return np.bincount(lengths, minlength=longest + 1)[1:] / len(lengths)


def _alternative(p: float, longest: int) -> np.ndarray:
    weights = p * (1 - p) ** np.arange(longest)
    return weights / weights.sum()


P_IGNORED = "These are the same whatever p is. Use the argument p, not a number of your own."

SLIPS = (
    Slip(
        cut_geometric,
        "clips",
        "The last one holds the probability of all longer spans: that is clipping. (The paper "
        'says "clip", but its mean of 3.8 words comes from the other rule.) A longer span is '
        "never drawn: divide all weights by their sum.",
    ),
    Slip(_weights, "not-renormalised"),
    Slip(
        lambda p, longest: _weights(p, longest, less=0),
        "exponent-off-by-one",
        "The first one should come from the weight p, with the exponent l − 1 = 0; here it is "
        "p(1 − p). And the weights still have to be divided by their sum.",
    ),
    Slip(lambda p, longest: _shared(_weights(p, longest, less=0)), "exponent-off-by-one"),
    Slip(
        lambda p, longest: _shared(_weights(1 - p, longest)),
        "p-swapped",
        "p and 1 − p are swapped: p is the probability to stop after a word, so the weight is "
        "p · (1 − p) ** (l − 1).",
    ),
    Slip(
        lambda p, longest: _shared([1 / length for length in range(1, longest + 1)]),
        "one-over-length",
        "These fall like 1/l, whatever p is. Each weight is the one before times 1 − p.",
    ),
    Slip(
        lambda p, longest: [1 / longest] * longest,
        "uniform",
        "All lengths are equally likely here. Short spans are drawn more often: each weight is "
        "the one before times 1 − p.",
    ),
    Slip(
        lambda p, longest: np.cumsum(_right(p, longest)),
        "added-up",
        "These are added up, from the first on. Return the probability of each length alone.",
    ),
    Slip(
        lambda p, longest: [(1 - p) ** (length - 1) for length in range(1, longest + 1)],
        "divided-by-the-largest",
        "The weights are divided by the largest of them. Divide by their sum, so that the "
        "probabilities add up to 1.",
    ),
    Slip(
        lambda p, longest: [100 * share for share in _right(p, longest)],
        "in-percent",
        "Return shares of 1, not percent.",
    ),
    Slip(
        lambda p, longest: _right(p, longest)[::-1],
        "other-order",
        "The order is turned round: one word comes first.",
    ),
    *(
        Slip(answer, "p-ignored", P_IGNORED)
        for answer in (
            lambda p, longest: _right(0.2, longest),
            lambda p, longest: _right(0.5, longest),
            lambda p, longest: _weights(0.5, longest),
        )
    ),
    Slip(lambda p, longest: _right(math.sqrt(p), longest), "other-factor"),
    Slip(lambda p, longest: _shared(_weights(p, longest + 1)), "starts-at-no-words"),
    Slip(lambda p, longest: _shared(_weights(p, longest - 1)), "wrong-number-of-them"),
    Slip(lambda p, longest: [round(share, 4) for share in _right(p, longest)], "rounded"),
    Slip(lambda p, longest: [int(1000 * share) / 1000 for share in _right(p, longest)], "rounded"),
    Slip(lambda p, longest: _counted(p, longest, clip=False), "simulated"),
    Slip(lambda p, longest: _counted(p, longest, clip=True), "simulated"),
    Slip(lambda p, longest: (share for share in _right(p, longest)), "not-a-list"),
    Slip(lambda p, longest: dict(enumerate(_right(p, longest), start=1)), "not-a-list"),
)

LENGTH_LAW = Exercise(
    id="02-1",
    title="The law of lengths",
    function="length_law",
    minutes=6,
    difficulty=2,
    right=_right,
    cases=(
        case(0.3, 3),
        case(0.2, 10),
        case(0.5, 4),
        case(0.9, 2),
        case(0.05, 20),
        case(
            0.4,
            1,
            hint="There is only one length, so its probability is 1.",
            misconception="one-length",
        ),
        case(
            1,
            4,
            hint="With p = 1 every span is one word long. 0 ** 0 is 1, so this comes out by itself "
            "when the exponent of the first length is 0: (1 - p) ** (l - 1).",
            misconception="exponent-off-by-one",
        ),
    ),
    kind=Kind(_read, _same, _difference),
    properties=PROPERTIES,
    slips=SLIPS,
    hint="The weight of l words is p · (1 − p) ** (l − 1); divide each by their sum.",
    alternative=_alternative,
)
