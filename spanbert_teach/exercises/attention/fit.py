"""The exercises of lesson 03, in order; the first two, scores and softmax, are here.

03-3 is in `attention_padding`, 03-4 and 03-5 in `attention_heads`.
"""

import math

import torch

from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.tensors import expect_tensor, random_tensor

# --- 03-1: how well a query fits a key ----------------------------------------------------------


def _fit(queries, keys):
    return queries @ keys.T / math.sqrt(queries.shape[1])


FIT_SLIPS = (
    Slip(
        lambda queries, keys: queries @ keys.T,
        "not-divided",
        "These are the dot products themselves. Divide them by the root of the head size.",
    ),
    Slip(
        lambda queries, keys: queries @ keys.T / keys.shape[1],
        "divided-by-the-size",
        "Divide by the root of the head size, math.sqrt(…), not by the head size itself.",
    ),
    Slip(
        lambda queries, keys: queries @ keys.T / math.sqrt(len(keys)),
        "divided-by-the-length",
        "This is divided by the root of the number of pieces. The head size is how many numbers "
        "one query has, queries.shape[1].",
    ),
    Slip(
        lambda queries, keys: queries @ keys.T * math.sqrt(keys.shape[1]),
        "multiplied",
        "This is multiplied by the root of the head size: divide by it.",
    ),
    Slip(
        lambda queries, keys: keys @ queries.T / math.sqrt(keys.shape[1]),
        "transposed",
        "Rows and columns are swapped: a row belongs to one query, a column to one key.",
    ),
    Slip(
        lambda queries, keys: queries @ keys / math.sqrt(keys.shape[1]),
        "keys-not-transposed",
        "@ takes rows of the left with columns of the right, but the keys are rows too: "
        "transpose them, keys.T.",
    ),
    Slip(
        lambda queries, keys: queries.T @ keys / math.sqrt(keys.shape[1]),
        "wrong-one-transposed",
        "Transpose the keys, not the queries: queries.T @ keys sums over the pieces and leaves "
        "a square of the head size.",
    ),
    Slip(
        lambda queries, keys: queries * keys / math.sqrt(keys.shape[1]),
        "elementwise",
        "queries * keys multiplies number by number, and each piece only with itself. @ gives "
        "the dot products of all pairs.",
    ),
    Slip(
        lambda queries, keys: (queries * keys).sum(dim=1) / math.sqrt(keys.shape[1]),
        "each-with-itself",
        "These are the scores of each piece with itself. Every query meets every key: a square.",
    ),
    Slip(
        lambda queries, keys: (queries @ keys.T / math.sqrt(keys.shape[1])).softmax(dim=1),
        "softmax-too",
        "The softmax is applied already. Here only the scores are asked for.",
    ),
    Slip(
        lambda queries, keys: queries @ queries.T / math.sqrt(keys.shape[1]),
        "without-keys",
        "These are products of queries with queries. Where are the keys?",
    ),
    Slip(
        lambda queries, keys: (
            queries @ keys.T / (queries.norm(dim=1, keepdim=True) * keys.norm(dim=1))
        ),
        "cosine",
        "This is the cosine, which forgets how long the vectors are. Divide by the root of the "
        "head size only.",
    ),
)


def check_fit(fn) -> None:
    """`fit(queries, keys)`: dot products of all pairs, divided by the root of the head size."""
    small = (
        torch.tensor([[2.0, 0, 0, 0], [0, 4, 0, 0], [0, 0, 2, 2]]),
        torch.tensor([[1.0, 2, 0, 1], [0, 1, 3, 0], [5, 0, 1, 1]]),
    )
    for queries, keys in (
        small,
        *(
            (random_tensor(length, size, seed=1), random_tensor(length, size, seed=2))
            for length, size in ((2, 8), (3, 3))
        ),
        (random_tensor(5, 3, seed=3).double(), random_tensor(5, 3, seed=4).double()),
    ):
        expect_tensor(
            fn,
            queries,
            keys,
            right=_fit,
            slips=FIT_SLIPS,
            hint="Row i, column j: the dot product of query i and key j, by the root of the head "
            "size.",
        )


def _fit_in_place(queries, keys):
    queries /= math.sqrt(queries.shape[1])
    return queries @ keys.T


def _fit_as_lists(queries, keys):
    return [[float(query @ key) / math.sqrt(len(key)) for key in keys] for query in queries]


def _fit_alternative(queries, keys):
    scores = torch.zeros(len(queries), len(keys), dtype=queries.dtype)
    for i, query in enumerate(queries):
        for j, key in enumerate(keys):
            scores[i, j] = (query * key).sum() * len(key) ** -0.5
    return scores


# --- 03-2: softmax, row by row ------------------------------------------------------------------


def _softmax_unsafe(scores):
    return scores.exp() / scores.exp().sum(dim=1, keepdim=True)


def _softmax_after_taking(biggest):
    def softmax(scores):
        weights = (scores - biggest(scores)).exp()
        return weights / weights.sum(dim=1, keepdim=True)

    return softmax


SOFTMAX_SLIPS = (
    Slip(
        _softmax_unsafe,
        "overflows",
        "exp(1000) is too large for a computer, it becomes inf, and inf / inf is nan. Take the "
        "largest score of each row off that row first: the shares stay the same, since "
        "numerator and denominator shrink by the same factor.",
    ),
    Slip(
        _softmax_after_taking(lambda scores: scores.max()),
        "maximum-of-all",
        "The largest score of the whole matrix is taken off. A row that lies far below it "
        "becomes exp(-2000) = 0 everywhere, and 0 / 0 is nan: take off the largest of each row.",
    ),
    Slip(
        _softmax_after_taking(lambda scores: scores.max(dim=0, keepdim=True).values),
        "maximum-of-the-column",
        "The largest score of each column is taken off, a different number in each place of a "
        "row, and that changes the shares. Take off the largest of the row: dim=1.",
    ),
    Slip(
        lambda scores: scores.softmax(dim=0),
        "columns",
        "Here the columns sum to 1. A row belongs to one query, and it is the row that sums to 1: "
        "dim=1.",
    ),
    Slip(
        lambda scores: scores.flatten().softmax(dim=0).reshape(scores.shape),
        "whole-matrix",
        "All numbers together sum to 1. Each row must: divide by the sum of its row, and keep the "
        "axis (keepdim=True) so that the division goes by rows.",
    ),
    Slip(
        lambda scores: scores / scores.sum(dim=1, keepdim=True),
        "without-exp",
        "The scores themselves are divided by their sum. They may be negative: apply exp first.",
    ),
    Slip(
        lambda scores: (-scores).softmax(dim=1),
        "exp-of-minus",
        "The smallest score gets the most. It should be the largest: exp(score), without a minus.",
    ),
    Slip(
        lambda scores: (scores - scores.max(dim=1, keepdim=True).values).exp(),
        "not-divided",
        "exp is applied, but the rows do not sum to 1: divide each by the sum of its row.",
    ),
    Slip(
        lambda scores: scores.exp(),
        "not-divided",
        "exp is applied, but the rows do not sum to 1: divide each by the sum of its row.",
    ),
    Slip(
        lambda scores: scores.log_softmax(dim=1),
        "logarithm",
        "These are the logarithms of the probabilities. Return the probabilities.",
    ),
    Slip(
        lambda scores: _softmax_unsafe(scores.clamp(-80, 80)),
        "clamped",
        "Cutting large scores off makes 1000 and 999 equal. Take the largest score of the row "
        "off each of them: then they keep their distance.",
    ),
    Slip(
        _softmax_after_taking(lambda scores: scores.max(dim=1).values),
        "axis-lost",
        "max(dim=1) has lost an axis, so the largest scores lie along the rows, one for each "
        "column. keepdim=True keeps them as a column.",
    ),
    Slip(
        lambda scores: scores.exp() / scores.exp().sum(dim=1),
        "axis-lost",
        "sum(dim=1) has lost an axis, so it is laid along the rows, one sum for each column. "
        "keepdim=True keeps it as a column.",
    ),
)


def check_softmax_rows(fn) -> None:
    """`softmax_rows(scores)`: exp by its row's sum, finite however large the scores are."""
    for scores in (
        torch.tensor([[0, 0, math.log(2)], [math.log(3), 0, 0]]),
        random_tensor(4, 4, seed=1).double(),
        3 * random_tensor(3, 5, seed=2),
        torch.tensor([[7.0]]),
        torch.tensor([[1000.0, 999], [0, 1000]]).double(),
        torch.tensor([[1000.0, 999], [-1000, -1000]]).double(),
        torch.tensor([[-1000.0, -1001, -1000]]).double(),
    ):
        hint = "exp of each score, divided by the sum of these in its row."
        if scores.abs().max() == 1000:
            hint = "It must stay finite: take the largest score of each row off that row first."
        expect_tensor(fn, scores, right=_softmax_right, slips=SOFTMAX_SLIPS, hint=hint)


def _softmax_right(scores):
    return torch.softmax(scores, dim=1)


def _softmax_in_place(scores):
    scores -= scores.max(dim=1, keepdim=True).values
    return _softmax_unsafe(scores)


def _softmax_as_numpy(scores):
    return _softmax_right(scores).numpy()


def _softmax_alternative(scores):
    rows = [(row - row.max()).exp() for row in scores]
    return torch.stack([row / row.sum() for row in rows])


FIT = Exercise(
    id="03-1",
    title="How well does a query fit a key?",
    function="fit",
    minutes=6,
    difficulty=2,
    more=check_fit,
    slips=(
        *FIT_SLIPS,
        Slip(_fit_in_place, "changes-its-input"),
        Slip(_fit_as_lists, "not-a-tensor"),
    ),
    alternative=_fit_alternative,
)


SOFTMAX_ROWS = Exercise(
    id="03-2",
    title="Softmax, row by row",
    function="softmax_rows",
    minutes=6,
    difficulty=2,
    more=check_softmax_rows,
    slips=(
        *SOFTMAX_SLIPS,
        Slip(_softmax_in_place, "changes-its-input"),
        Slip(_softmax_as_numpy, "not-a-tensor"),
    ),
    alternative=_softmax_alternative,
)
