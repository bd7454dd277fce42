"""Exercise 04-4: how many numbers an encoder learns."""

from collections.abc import Callable
from numbers import Integral, Real

from spanbert_teach.exercises.checking import (
    Wrong,
    call,
    expect,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Slip


def _count(vocabulary, hidden, layers, inner, positions=512, segments=2):
    linears = 4 * (hidden + 1) * hidden + (hidden + 1) * inner + (inner + 1) * hidden
    tables = vocabulary + positions + segments
    return tables * hidden + 2 * hidden + layers * (linears + 4 * hidden)


# How far off a count is, and why: (numbers too many, misconception, hint). Each is given the four
# sizes, the positions and the segments.
Off = Callable[[int, int, int, int, int, int], int]
OFF: tuple[tuple[Off, str, str], ...] = (
    (
        lambda v, h, n, i, p, s: -n * (5 * h + i),
        "biases-forgotten",
        "These are the biases of the six linears of each layer: a linear from a to b has a * b + b "
        "numbers.",
    ),
    (
        lambda v, h, n, i, p, s: -n * 4 * h,
        "attention-biases-or-norms",
        "This is four times the hidden size in each layer: either the biases of the four linears "
        "of attention, or both LayerNorms, each with a weight and a bias.",
    ),
    (
        lambda v, h, n, i, p, s: -n * (h + i),
        "biases-of-feed-forward-forgotten",
        "These are the biases of the feed-forward network: one of the inner size, one of the "
        "hidden size.",
    ),
    (
        lambda v, h, n, i, p, s: -2 * h - n * 4 * h,
        "norms-forgotten",
        "These are all LayerNorms, each with a weight and a bias: two in each layer, and one after "
        "the sum of the tables.",
    ),
    (
        lambda v, h, n, i, p, s: -n * (5 * h + i) - 2 * h - n * 4 * h,
        "biases-and-norms-forgotten",
        "These are all biases and all LayerNorms: only the tables and matrices are counted.",
    ),
    (
        lambda v, h, n, i, p, s: -2 * h,
        "norm-of-the-tables-forgotten",
        "This is one LayerNorm, a weight and a bias: one stands after the sum of the three tables.",
    ),
    (
        lambda v, h, n, i, p, s: -n * 2 * h,
        "one-norm-per-layer",
        "This is one LayerNorm in each layer: a layer has two, after the attention and after the "
        "feed-forward network. (Or each has only a weight here: it has a bias too.)",
    ),
    (
        lambda v, h, n, i, p, s: -h - n * 2 * h,
        "half-a-norm",
        "This is half of every LayerNorm: each has a weight and a bias, twice the hidden size.",
    ),
    (
        lambda v, h, n, i, p, s: -n * (h + 1) * h,
        "output-of-attention-forgotten",
        "This is one linear of attention in each layer. There are four: query, key, value, and the "
        "output that follows when the heads are joined.",
    ),
    (
        lambda v, h, n, i, p, s: -n * h * h,
        "output-of-attention-forgotten",
        "This is one matrix of attention in each layer. There are four: query, key, value, and the "
        "output that follows when the heads are joined.",
    ),
    (
        lambda v, h, n, i, p, s: -n * (i + 1) * h,
        "one-feed-forward-matrix",
        "This is the second linear of the feed-forward network: from inner back to hidden.",
    ),
    (
        lambda v, h, n, i, p, s: -n * (h + 1) * i,
        "one-feed-forward-matrix",
        "This is the first linear of the feed-forward network: from hidden to inner.",
    ),
    (
        lambda v, h, n, i, p, s: -n * i * h,
        "one-feed-forward-matrix",
        "This is one matrix of the feed-forward network in each layer. It has two: from hidden to "
        "inner, and back.",
    ),
    (
        lambda v, h, n, i, p, s: -s * h,
        "segments-forgotten",
        "This is the segment table. SpanBERT reads one segment only, but the table is there.",
    ),
    (
        lambda v, h, n, i, p, s: -(s - 1) * h,
        "one-segment-row",
        "This is one row of a table. The segment table has `segments` rows, though only the first "
        "is read.",
    ),
    (
        lambda v, h, n, i, p, s: -p * h,
        "positions-forgotten",
        "This is the position table: one row for each position.",
    ),
    (
        lambda v, h, n, i, p, s: (512 - p + 2 - s) * h,
        "arguments-ignored",
        "The arguments positions and segments are not used: here they have other values.",
    ),
    (
        lambda v, h, n, i, p, s: -(p + s) * h,
        "tables-forgotten",
        "These are the position table and the segment table: their rows have the hidden size too.",
    ),
    (
        lambda v, h, n, i, p, s: -v * h,
        "words-forgotten",
        "This is the word table: one row for each entry of the vocabulary.",
    ),
    (
        lambda v, h, n, i, p, s: (h + 1) * h,
        "pooler-counted",
        "This is the pooler, a linear on [CLS] that the next-sentence task needs. SpanBERT has no "
        "such task: leave it out.",
    ),
    (
        lambda v, h, n, i, p, s: v,
        "head-counted",
        "This is the bias of the masked language model, one number for each entry of the "
        "vocabulary. It belongs to the head, not to the encoder.",
    ),
    (
        lambda v, h, n, i, p, s: (h + 1) * h + 2 * h + v,
        "head-counted",
        "This is the head of the masked language model. Count the encoder alone.",
    ),
    (
        lambda v, h, n, i, p, s: v * h,
        "words-twice",
        "This is the word table once more. The head of the masked language model uses the same "
        "table, and here only the encoder counts.",
    ),
    (
        lambda v, h, n, i, p, s: (n - 1) * ((v + p + s) * h + 2 * h),
        "tables-in-each-layer",
        "The tables and their LayerNorm are counted in each layer. They stand once, before the "
        "first layer: mind the brackets.",
    ),
    (
        lambda v, h, n, i, p, s: (n - 1) * 2 * h,
        "norm-of-the-tables-in-each-layer",
        "These are LayerNorms: each layer has two, and there is one more after the tables, once.",
    ),
    (
        lambda v, h, n, i, p, s: (1 - n) * (_count(v, h, 1, i, p, s) - _count(v, h, 0, i, p, s)),
        "one-layer",
        "These are all layers but one: every layer has numbers of its own.",
    ),
    (
        lambda v, h, n, i, p, s: 11 * n * 3 * (h + 1) * h,
        "times-heads",
        "Query, key and value are counted once for each of 12 heads. The heads share one matrix: "
        "each has its own stretch of the columns.",
    ),
)


CASES = (
    (28_996, 768, 12, 3072),
    (11, 6, 2, 10, 7, 3),
    (28_996, 1024, 24, 4096),
    (8192, 256, 4, 1024),
    (100, 8, 0, 20),
    (101, 30, 3, 70, 64, 1),
    (1, 1, 1, 1, 1, 1),
)


def check_how_many_parameters(fn) -> None:
    """`how_many_parameters(vocabulary, hidden, layers, inner, …)`: BERT's encoder, no pooler."""
    off = [_whole_number(fn, *sizes) - _count(*sizes) for sizes in CASES]
    for sizes, number in zip(CASES, off, strict=True):
        if number:
            hint, misconception = _why(off)
            many = f"{abs(number):,} too {'many' if number > 0 else 'few'}"
            expected = _count(*sizes)
            raise Wrong(
                f"{shown_call(fn, *sizes)} should be {expected:,}, but is {expected + number:,}: "
                f"{many}.\n{hint}",
                misconception,
            )


def _whole_number(fn, *sizes: int) -> int:
    given, got = shown_call(fn, *sizes), call(fn, *sizes)
    expect(
        isinstance(got, Real) and not isinstance(got, bool),
        f"{given} should be a number, but is {shown(got)}.",
        "not-a-number",
    )
    expect(
        isinstance(got, Integral),
        f"{given} is {shown(got)}, a number with a point. Parameters are counted: return a whole "
        "number, without / and without 0.5.",
        "not-a-whole-number",
    )
    return int(got)


def _why(off: list[int]) -> tuple[str, str]:
    """The hint and the misconception that the differences, one for each case, tell of."""
    for number, misconception, hint in OFF:
        if off == [number(*(*sizes, 512, 2)[:6]) for sizes in CASES]:
            return hint, misconception
    return (
        "Three tables and their LayerNorm; in each layer four linears of attention, two of the "
        "feed-forward network, two LayerNorms. Count one part at a time, and print each.",
        "other",
    )


def _counted(tables=True, biases=True, table_norm=True, norms=2, attention=4, feed_forward=2):
    """An answer put together from parts, as people do; some of them left out."""

    def how_many(vocabulary, hidden, layers, inner, positions=512, segments=2):
        norm = 2 * hidden
        total = vocabulary * hidden + (positions + segments) * hidden * tables
        layer = attention * (hidden * hidden + hidden * biases)
        layer += (feed_forward > 0) * (hidden * inner + inner * biases)
        layer += (feed_forward > 1) * (inner * hidden + hidden * biases)
        return total + norm * table_norm + layers * (layer + norms * norm)

    return how_many


def _count_segments_forgotten(vocabulary, hidden, layers, inner, positions=512, segments=2):
    layer = 4 * (hidden + 1) * hidden + 2 * hidden * inner + inner + hidden + 4 * hidden
    return (vocabulary + positions) * hidden + 2 * hidden + layers * layer


def _count_with_pooler(vocabulary, hidden, layers, inner, positions=512, segments=2):
    encoder = _counted()(vocabulary, hidden, layers, inner, positions, segments)
    return encoder + hidden * hidden + hidden


def _count_with_bias_of_the_head(vocabulary, hidden, layers, inner, positions=512, segments=2):
    return _counted()(vocabulary, hidden, layers, inner, positions, segments) + vocabulary


def _count_with_heads(vocabulary, hidden, layers, inner, positions=512, segments=2, heads=12):
    encoder = _counted()(vocabulary, hidden, layers, inner, positions, segments)
    return encoder + (heads - 1) * layers * 3 * (hidden * hidden + hidden)


def _count_without_brackets(vocabulary, hidden, layers, inner, positions=512, segments=2):
    tables = (vocabulary + positions + segments) * hidden + 2 * hidden
    layer = 4 * hidden * (hidden + 1) + (hidden + 1) * inner + (inner + 1) * hidden + 4 * hidden
    return layers * (tables + layer)


def _count_norms_by_half(vocabulary, hidden, layers, inner, positions=512, segments=2):
    tables = (vocabulary + positions + segments + 1) * hidden
    linears = 4 * hidden * (hidden + 1) + (hidden + 1) * inner + (inner + 1) * hidden
    return tables + layers * (linears + 2 * hidden)


def _count_by_division(vocabulary, hidden, layers, inner, positions=512, segments=2):
    return _counted()(vocabulary, hidden, layers, inner, positions, segments) / 1


def _count_always_512(vocabulary, hidden, layers, inner, positions=512, segments=2):
    return _counted()(vocabulary, hidden, layers, inner, 512, 2)


def _count_alternative(vocabulary, hidden, layers, inner, positions=512, segments=2):
    shapes = [(vocabulary, hidden), (positions, hidden), (segments, hidden), (2, hidden)]
    for _ in range(layers):
        shapes += 4 * [(hidden + 1, hidden)] + 2 * [(2, hidden)]
        shapes += [(hidden + 1, inner), (inner + 1, hidden)]
    return sum(rows * columns for rows, columns in shapes)


HOW_MANY_PARAMETERS = Exercise(
    id="04-4",
    title="How many parameters?",
    function="how_many_parameters",
    minutes=10,
    difficulty=3,
    more=check_how_many_parameters,
    slips=(
        Slip(_counted(biases=False), "biases-forgotten"),
        Slip(_counted(norms=0, table_norm=False), "norms-forgotten"),
        Slip(_counted(norms=0), "attention-biases-or-norms"),
        Slip(_counted(norms=1), "one-norm-per-layer"),
        Slip(_counted(table_norm=False), "norm-of-the-tables-forgotten"),
        Slip(_counted(biases=False, norms=0, table_norm=False), "biases-and-norms-forgotten"),
        Slip(_counted(attention=3), "output-of-attention-forgotten"),
        Slip(_counted(feed_forward=1), "one-feed-forward-matrix"),
        Slip(_counted(tables=False), "tables-forgotten"),
        Slip(_count_segments_forgotten, "segments-forgotten"),
        Slip(_count_with_pooler, "pooler-counted"),
        Slip(_count_with_bias_of_the_head, "head-counted"),
        Slip(_count_with_heads, "times-heads"),
        Slip(_count_without_brackets, "tables-in-each-layer"),
        Slip(_count_norms_by_half, "half-a-norm"),
        Slip(_count_by_division, "not-a-whole-number"),
        Slip(_count_always_512, "arguments-ignored"),
    ),
    alternative=_count_alternative,
)
