"""Exercise 04-2: LayerNorm, written out."""

import torch
from torch.nn import functional as F

from spanbert_teach.exercises.checking import CHANGES
from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.tensors import IN_PLACE, TENSOR, WRONG_SHAPE, random_tensor


def _normalise(x, weight, bias, eps=1e-12):
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def _over(dim, keepdim=True):
    def normalise(x, weight, bias, eps=1e-12):
        mean = x.mean(dim=dim, keepdim=keepdim)
        variance = ((x - mean) ** 2).mean(dim=dim, keepdim=keepdim)
        return (x - mean) / (variance + eps).sqrt() * weight + bias

    return normalise


def _centred(x):
    return x - x.mean(dim=-1, keepdim=True)


def _variance(x):
    return x.var(dim=-1, keepdim=True, unbiased=False)


def _normalise_in_place(x, weight, bias, eps=1e-12):
    x -= x.mean(dim=-1, keepdim=True)
    x /= (x.pow(2).mean(dim=-1, keepdim=True) + eps).sqrt()
    return x * weight + bias


NORMALISE = Exercise(
    id="04-2",
    title="LayerNorm",
    function="normalise",
    minutes=8,
    difficulty=3,
    right=_normalise,
    cases=(
        case(
            torch.tensor([[4.0, 6, 6, 4], [0, 6, 0, 6]]),
            torch.tensor([1.0, 2, 3, 4]),
            torch.tensor([10.0, 20, 30, 40]),
        ),
        case(
            random_tensor(3, 5, seed=1).double(),
            *random_tensor(2, 5, seed=2).double(),
            0.5,
            hint="Here eps is large enough to be seen: it is added to the variance, inside the "
            "root.",
        ),
        case(
            random_tensor(2, 3, 4, seed=3),
            *random_tensor(2, 4, seed=4),
            0.1,
            hint="Here x is a batch: (batch, length, hidden).",
        ),
        case(3 * random_tensor(4, 4, seed=5) + 1, *random_tensor(2, 4, seed=6)),
        case(
            torch.tensor([[1e-6, -1e-6], [2e-6, -2e-6]], dtype=torch.float64),
            torch.ones(2).double(),
            torch.zeros(2).double(),
            hint="These numbers are so small that eps can be seen: 1e-12, where nothing else is "
            "said.",
        ),
        case(
            torch.full((2, 3), 7.0),
            *random_tensor(2, 3, seed=7),
            hint="In this row all numbers are equal, so that the variance is 0; eps keeps the "
            "result finite, and it is the bias.",
        ),
    ),
    kind=TENSOR,
    properties=(WRONG_SHAPE,),
    slips=(
        Slip(
            lambda x, w, b, eps=1e-12: (
                _centred(x) / (x.var(dim=-1, keepdim=True) + eps).sqrt() * w + b
            ),
            "unbiased",
            "The variance is divided by one less than the number of values: var and std of torch "
            "do that unless you say unbiased=False. Here it is the plain mean of the squares.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: _centred(x) / (x.std(dim=-1, keepdim=True) + eps) * w + b,
            "unbiased",
            "The variance is divided by one less than the number of values: var and std of torch "
            "do that unless you say unbiased=False. And eps belongs inside the root.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: _centred(x) / (_variance(x).sqrt() + eps) * w + b,
            "eps-outside",
            "eps is added to the root. It belongs inside: the root of (variance + eps).",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: _normalise(x, w, b, 1e-12),
            "eps-ignored",
            "The argument eps is not used.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: _normalise(x, w, b, 1e-5),
            "eps-of-torch",
            "This is eps = 0.00001, what torch's LayerNorm takes when nobody says anything. "
            "BERT's is far smaller: use the argument eps.",
        ),
        Slip(
            _over(0),
            "first-axis",
            "The mean is taken over the pieces. Each piece is normalised by itself, over its own "
            "numbers: the last axis, dim=-1.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: (
                (x - x.mean()) / (x.var(unbiased=False) + eps).sqrt() * w + b
            ),
            "all-at-once",
            "The mean is taken over everything. Each piece is normalised by itself: dim=-1.",
        ),
        Slip(
            _over(1),
            "axis-from-the-left",
            "dim=1 is the last axis of (length, hidden) only. In a batch it is the pieces: dim=-1 "
            "is the last axis of either.",
        ),
        Slip(
            _over(-1, keepdim=False),
            "axis-lost",
            "The mean has lost its axis. keepdim=True keeps it, as a column that fits every row.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: _normalise(x, w, None, eps),
            "bias-forgotten",
            "The bias is not added.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: _normalise(x, None, b, eps),
            "weight-forgotten",
            "The normalised numbers are not multiplied by the weight.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: _normalise(x, None, None, eps),
            "weight-and-bias-forgotten",
            "That is the first half. Multiply by the weight and add the bias.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: _normalise(x * w, None, b, eps),
            "weight-first",
            "The weight is applied before: then the normalisation takes part of it back. Normalise "
            "first.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: (_normalise(x, None, None, eps) + b) * w,
            "bias-multiplied",
            "The bias is multiplied too. First times the weight, then plus the bias.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: _centred(x) / (_variance(x) + eps) * w + b,
            "no-root",
            "This is divided by the variance. Divide by its root.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: x / (_variance(x) + eps).sqrt() * w + b,
            "mean-not-taken-off",
            "The mean is not taken off: take it off each number before you divide.",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: (
                x / (x.pow(2).mean(dim=-1, keepdim=True) + eps).sqrt() * w + b
            ),
            "mean-not-taken-off",
            "The mean is not taken off, neither from the numbers nor for the variance. (That is "
            "RMSNorm, which later models use.)",
        ),
        Slip(
            lambda x, w, b, eps=1e-12: _centred(x) * w + b,
            "not-divided",
            "The mean is taken off, but nothing is divided by the root of the variance.",
        ),
        Slip(_normalise_in_place, CHANGES, IN_PLACE),
    ),
    hint="Take off the mean of each row, divide by the root of its variance, multiply by the "
    "weight, add the bias.",
    alternative=_over(-1),
)
