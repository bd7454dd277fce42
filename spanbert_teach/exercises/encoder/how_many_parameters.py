"""Exercise 04-4: how many numbers an encoder learns."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from spanbert_teach.exercises.checking import expect, shown
from spanbert_teach.exercises.form import Exercise, Kind, Slip, case


def _count(vocabulary, hidden, layers, inner, positions=512, segments=2):
    linears = 4 * (hidden + 1) * hidden + (hidden + 1) * inner + (inner + 1) * hidden
    tables = vocabulary + positions + segments
    return tables * hidden + 2 * hidden + layers * (linears + 4 * hidden)


def _off(by: Callable[[int, int, int, int, int, int], int]) -> Callable:
    """An answer that is off by so many numbers: `by` takes all sizes, v, h, n, i, p, s."""

    def how_many(vocabulary, hidden, layers, inner, positions=512, segments=2):
        sizes = vocabulary, hidden, layers, inner, positions, segments
        return _count(*sizes) + by(*sizes)

    return how_many


def _count_alternative(vocabulary, hidden, layers, inner, positions=512, segments=2):
    shapes = [(vocabulary, hidden), (positions, hidden), (segments, hidden), (2, hidden)]
    for _ in range(layers):
        shapes += 4 * [(hidden + 1, hidden)] + 2 * [(2, hidden)]
        shapes += [(hidden + 1, inner), (inner + 1, hidden)]
    return sum(rows * columns for rows, columns in shapes)


def _read_whole_number(got: Any, given: str, *sizes: int) -> int:
    expect(
        isinstance(got, Real) and not isinstance(got, bool),
        f"{given} should be a number, but is {shown(got)}.",
        "not-a-number",
    )
    whole = isinstance(got, Integral)
    expect(whole, f"{given} is {shown(got)}, a number with a point.", "not-a-whole-number")
    return int(got)


def _difference(got: int, expected: int, given: str) -> str:
    many = f"{abs(got - expected):,} too {'many' if got > expected else 'few'}"
    return f"{given} should be {expected:,}, but is {got:,}: {many}."


HOW_MANY_PARAMETERS = Exercise(
    id="04-4",
    title="How many parameters?",
    function="how_many_parameters",
    minutes=10,
    difficulty=3,
    right=_count,
    cases=(
        case(28_996, 768, 12, 3072),
        case(11, 6, 2, 10, 7, 3),
        case(28_996, 1024, 24, 4096),
        case(8192, 256, 4, 1024),
        case(100, 8, 0, 20),
        case(101, 30, 3, 70, 64, 1),
        case(1, 1, 1, 1, 1, 1),
    ),
    kind=Kind(_read_whole_number, difference=_difference),
    slips=(
        Slip(
            _off(lambda v, h, n, i, p, s: -n * (5 * h + i)),
            "biases-forgotten",
            "These are the biases of the six linears of each layer: a linear from a to b has a * "
            "b + b numbers.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -n * 4 * h),
            "attention-biases-or-norms",
            "This is four times the hidden size in each layer: either the biases of the four "
            "linears of attention, or both LayerNorms, each with a weight and a bias.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -n * (h + i)),
            "biases-of-feed-forward-forgotten",
            "These are the biases of the feed-forward network: one of the inner size, one of the "
            "hidden size.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -2 * h - n * 4 * h),
            "norms-forgotten",
            "These are all LayerNorms, each with a weight and a bias: two in each layer, and one "
            "after the sum of the tables.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -n * (5 * h + i) - 2 * h - n * 4 * h),
            "biases-and-norms-forgotten",
            "These are all biases and all LayerNorms: only the tables and matrices are counted.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -2 * h),
            "norm-of-the-tables-forgotten",
            "This is one LayerNorm, a weight and a bias: one stands after the sum of the three "
            "tables.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -n * 2 * h),
            "one-norm-per-layer",
            "This is one LayerNorm in each layer: a layer has two, after the attention and after "
            "the feed-forward network. (Or each has only a weight here: it has a bias too.)",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -h - n * 2 * h),
            "half-a-norm",
            "This is half of every LayerNorm: each has a weight and a bias, twice the hidden size.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -n * (h + 1) * h),
            "output-of-attention-forgotten",
            "This is one linear of attention in each layer. There are four: query, key, value, "
            "and the output that follows when the heads are joined.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -n * h * h),
            "output-of-attention-forgotten",
            "This is one matrix of attention in each layer. There are four: query, key, value, "
            "and the output that follows when the heads are joined.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -n * (i + 1) * h),
            "one-feed-forward-matrix",
            "This is the second linear of the feed-forward network: from inner back to hidden.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -n * (h + 1) * i),
            "one-feed-forward-matrix",
            "This is the first linear of the feed-forward network: from hidden to inner.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -n * i * h),
            "one-feed-forward-matrix",
            "This is one matrix of the feed-forward network in each layer. It has two: from "
            "hidden to inner, and back.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -s * h),
            "segments-forgotten",
            "This is the segment table. SpanBERT reads one segment only, but the table is there.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -(s - 1) * h),
            "one-segment-row",
            "This is one row of a table. The segment table has `segments` rows, though only the "
            "first is read.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -p * h),
            "positions-forgotten",
            "This is the position table: one row for each position.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: (512 - p + 2 - s) * h),
            "arguments-ignored",
            "The arguments positions and segments are not used: here they have other values.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -(p + s) * h),
            "tables-forgotten",
            "These are the position table and the segment table: their rows have the hidden size "
            "too.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: -v * h),
            "words-forgotten",
            "This is the word table: one row for each entry of the vocabulary.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: (h + 1) * h),
            "pooler-counted",
            "This is the pooler, a linear on [CLS] that the next-sentence task needs. SpanBERT "
            "has no such task: leave it out.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: v),
            "head-counted",
            "This is the bias of the masked language model, one number for each entry of the "
            "vocabulary. It belongs to the head, not to the encoder.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: (h + 1) * h + 2 * h + v),
            "head-counted",
            "This is the head of the masked language model. Count the encoder alone.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: v * h),
            "words-twice",
            "This is the word table once more. The head of the masked language model uses the same "
            "table, and here only the encoder counts.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: (n - 1) * ((v + p + s) * h + 2 * h)),
            "tables-in-each-layer",
            "The tables and their LayerNorm are counted in each layer. They stand once, before the "
            "first layer: mind the brackets.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: (n - 1) * 2 * h),
            "norm-of-the-tables-in-each-layer",
            "These are LayerNorms: each layer has two, and there is one more after the tables, "
            "once.",
        ),
        Slip(
            _off(
                lambda v, h, n, i, p, s: (
                    (1 - n) * (_count(v, h, 1, i, p, s) - _count(v, h, 0, i, p, s))
                )
            ),
            "one-layer",
            "These are all layers but one: every layer has numbers of its own.",
        ),
        Slip(
            _off(lambda v, h, n, i, p, s: 11 * n * 3 * (h + 1) * h),
            "times-heads",
            "Query, key and value are counted once for each of 12 heads. The heads share one "
            "matrix: each has its own stretch of the columns.",
        ),
        Slip(
            lambda *sizes: _count(*sizes) / 1,
            "not-a-whole-number",
            "Parameters are counted: return a whole number, without / and without 0.5.",
        ),
    ),
    hint="Three tables and their LayerNorm; in each layer four linears of attention, two of the "
    "feed-forward network, two LayerNorms. Count one part at a time, and print each.",
    alternative=_count_alternative,
)
