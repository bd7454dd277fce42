"""Exercise 03-2: softmax, row by row."""

import math

import torch

from spanbert_teach.exercises.checking import CHANGES
from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.tensors import IN_PLACE, TENSOR, WRONG_SHAPE, random_tensor

FINITE = "It must stay finite: take the largest score of each row off that row first."


def _softmax(scores):
    return torch.softmax(scores, dim=1)


def _softmax_unsafe(scores):
    return scores.exp() / scores.exp().sum(dim=1, keepdim=True)


def _softmax_after_taking(biggest):
    def softmax(scores):
        weights = (scores - biggest(scores)).exp()
        return weights / weights.sum(dim=1, keepdim=True)

    return softmax


def _softmax_in_place(scores):
    scores -= scores.max(dim=1, keepdim=True).values
    return _softmax_unsafe(scores)


def _softmax_alternative(scores):
    rows = [(row - row.max()).exp() for row in scores]
    return torch.stack([row / row.sum() for row in rows])


SOFTMAX_ROWS = Exercise(
    id="03-2",
    title="Softmax, row by row",
    function="softmax_rows",
    minutes=6,
    difficulty=2,
    right=_softmax,
    cases=(
        case(torch.tensor([[0, 0, math.log(2)], [math.log(3), 0, 0]])),
        case(random_tensor(4, 4, seed=1).double()),
        case(3 * random_tensor(3, 5, seed=2)),
        case(torch.tensor([[7.0]])),
        case(torch.tensor([[1000.0, 999], [0, 1000]]).double(), hint=FINITE),
        case(torch.tensor([[1000.0, 999], [-1000, -1000]]).double(), hint=FINITE),
        case(torch.tensor([[-1000.0, -1001, -1000]]).double(), hint=FINITE),
    ),
    kind=TENSOR,
    properties=(WRONG_SHAPE,),
    slips=(
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
            "becomes exp(-2000) = 0 everywhere, and 0 / 0 is nan: take off the largest of each "
            "row.",
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
            "Here the columns sum to 1. A row belongs to one query, and it is the row that sums "
            "to 1: dim=1.",
        ),
        Slip(
            lambda scores: scores.flatten().softmax(dim=0).reshape(scores.shape),
            "whole-matrix",
            "All numbers together sum to 1. Each row must: divide by the sum of its row, and keep "
            "the axis (keepdim=True) so that the division goes by rows.",
        ),
        Slip(
            lambda scores: scores / scores.sum(dim=1, keepdim=True),
            "without-exp",
            "The scores themselves are divided by their sum. They may be negative: apply exp "
            "first.",
        ),
        Slip(
            lambda scores: (-scores).softmax(dim=1),
            "exp-of-minus",
            "The smallest score gets the most. It should be the largest: exp(score), without a "
            "minus.",
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
        Slip(_softmax_in_place, CHANGES, IN_PLACE),
        Slip(lambda scores: _softmax(scores).numpy(), "not-a-tensor"),
    ),
    hint="exp of each score, divided by the sum of these in its row.",
    alternative=_softmax_alternative,
)
