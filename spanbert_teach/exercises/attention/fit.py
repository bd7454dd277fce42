"""Exercise 03-1: how well a query fits a key."""

import math

import torch

from spanbert_teach.exercises.checking import CHANGES
from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.tensors import IN_PLACE, TENSOR, WRONG_SHAPE, random_tensor


def _fit(queries, keys):
    return queries @ keys.T / math.sqrt(queries.shape[1])


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


FIT = Exercise(
    id="03-1",
    title="How well does a query fit a key?",
    function="fit",
    minutes=6,
    difficulty=2,
    right=_fit,
    cases=(
        case(
            torch.tensor([[2.0, 0, 0, 0], [0, 4, 0, 0], [0, 0, 2, 2]]),
            torch.tensor([[1.0, 2, 0, 1], [0, 1, 3, 0], [5, 0, 1, 1]]),
        ),
        case(random_tensor(2, 8, seed=1), random_tensor(2, 8, seed=2)),
        case(random_tensor(3, 3, seed=1), random_tensor(3, 3, seed=2)),
        case(random_tensor(5, 3, seed=3).double(), random_tensor(5, 3, seed=4).double()),
    ),
    kind=TENSOR,
    properties=(WRONG_SHAPE,),
    slips=(
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
            "This is divided by the root of the number of pieces. The head size is how many "
            "numbers one query has, queries.shape[1].",
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
            "These are the scores of each piece with itself. Every query meets every key: a "
            "square.",
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
        Slip(_fit_in_place, CHANGES, IN_PLACE),
        Slip(_fit_as_lists, "not-a-tensor"),
    ),
    hint="Row i, column j: the dot product of query i and key j, by the root of the head size.",
    alternative=_fit_alternative,
)
