"""Exercises 04-2, LayerNorm written out, and 04-5, the exact GELU."""

import math

import torch
from torch.nn import functional as F

from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.tensors import expect_tensor, random_tensor

# --- 04-2: LayerNorm ----------------------------------------------------------------------------


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


NORM_SLIPS = (
    Slip(
        lambda x, weight, bias, eps=1e-12: (
            _centred(x) / (x.var(dim=-1, keepdim=True) + eps).sqrt() * weight + bias
        ),
        "unbiased",
        "The variance is divided by one less than the number of values: var and std of torch do "
        "that unless you say unbiased=False. Here it is the plain mean of the squares.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: (
            _centred(x) / (x.std(dim=-1, keepdim=True) + eps) * weight + bias
        ),
        "unbiased",
        "The variance is divided by one less than the number of values: var and std of torch do "
        "that unless you say unbiased=False. And eps belongs inside the root.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: (
            _centred(x) / (_variance(x).sqrt() + eps) * weight + bias
        ),
        "eps-outside",
        "eps is added to the root. It belongs inside: the root of (variance + eps).",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: _normalise(x, weight, bias, 1e-12),
        "eps-ignored",
        "The argument eps is not used.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: _normalise(x, weight, bias, 1e-5),
        "eps-of-torch",
        "This is eps = 0.00001, what torch's LayerNorm takes when nobody says anything. BERT's is "
        "far smaller: use the argument eps.",
    ),
    Slip(
        _over(0),
        "first-axis",
        "The mean is taken over the pieces. Each piece is normalised by itself, over its own "
        "numbers: the last axis, dim=-1.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: (
            (x - x.mean()) / (x.var(unbiased=False) + eps).sqrt() * weight + bias
        ),
        "all-at-once",
        "The mean is taken over everything. Each piece is normalised by itself: dim=-1.",
    ),
    Slip(
        _over(1),
        "axis-from-the-left",
        "dim=1 is the last axis of (length, hidden) only. In a batch it is the pieces: dim=-1 is "
        "the last axis of either.",
    ),
    Slip(
        _over(-1, keepdim=False),
        "axis-lost",
        "The mean has lost its axis. keepdim=True keeps it, as a column that fits every row.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: _normalise(x, weight, None, eps),
        "bias-forgotten",
        "The bias is not added.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: _normalise(x, None, bias, eps),
        "weight-forgotten",
        "The normalised numbers are not multiplied by the weight.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: _normalise(x, None, None, eps),
        "weight-and-bias-forgotten",
        "That is the first half. Multiply by the weight and add the bias.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: _normalise(x * weight, None, bias, eps),
        "weight-first",
        "The weight is applied before: then the normalisation takes part of it back. Normalise "
        "first.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: (_normalise(x, None, None, eps) + bias) * weight,
        "bias-multiplied",
        "The bias is multiplied too. First times the weight, then plus the bias.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: _centred(x) / (_variance(x) + eps) * weight + bias,
        "no-root",
        "This is divided by the variance. Divide by its root.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: x / (_variance(x) + eps).sqrt() * weight + bias,
        "mean-not-taken-off",
        "The mean is not taken off: take it off each number before you divide.",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: (
            x / (x.pow(2).mean(dim=-1, keepdim=True) + eps).sqrt() * weight + bias
        ),
        "mean-not-taken-off",
        "The mean is not taken off, neither from the numbers nor for the variance. (That is "
        "RMSNorm, which later models use.)",
    ),
    Slip(
        lambda x, weight, bias, eps=1e-12: _centred(x) * weight + bias,
        "not-divided",
        "The mean is taken off, but nothing is divided by the root of the variance.",
    ),
)


def check_normalise(fn) -> None:
    """`normalise(x, weight, bias, eps)`: LayerNorm over the last axis."""
    x = torch.tensor([[4.0, 6, 6, 4], [0, 6, 0, 6]])
    weight, bias = torch.tensor([1.0, 2, 3, 4]), torch.tensor([10.0, 20, 30, 40])
    tiny = torch.tensor([[1e-6, -1e-6], [2e-6, -2e-6]], dtype=torch.float64)
    for arguments, hint in (
        (
            (x, weight, bias),
            "Take off the mean of each row, divide by the root of its variance, multiply by the "
            "weight, add the bias.",
        ),
        (
            (random_tensor(3, 5, seed=1).double(), *random_tensor(2, 5, seed=2).double(), 0.5),
            "Here eps is large enough to be seen: it is added to the variance, inside the root.",
        ),
        (
            (random_tensor(2, 3, 4, seed=3), *random_tensor(2, 4, seed=4), 0.1),
            "Here x is a batch: (batch, length, hidden).",
        ),
        ((3 * random_tensor(4, 4, seed=5) + 1, *random_tensor(2, 4, seed=6)), "Row by row."),
        (
            (tiny, torch.ones(2).double(), torch.zeros(2).double()),
            "These numbers are so small that eps can be seen: 1e-12, where nothing else is said.",
        ),
        (
            (torch.full((2, 3), 7.0), *random_tensor(2, 3, seed=7)),
            "In this row all numbers are equal, so that the variance is 0; eps keeps the result "
            "finite, and it is the bias.",
        ),
    ):
        expect_tensor(fn, *arguments, right=_normalise, slips=NORM_SLIPS, hint=hint)


def _normalise_in_place(x, weight, bias, eps=1e-12):
    x -= x.mean(dim=-1, keepdim=True)
    x /= (x.pow(2).mean(dim=-1, keepdim=True) + eps).sqrt()
    return x * weight + bias


# --- 04-5: GELU ---------------------------------------------------------------------------------


GELU_SLIPS = (
    Slip(
        lambda x: F.gelu(x, approximate="tanh"),
        "by-tanh",
        "This is the approximation by tanh: close, but it differs in the fourth decimal place. "
        "SpanBERT computes the exact one, with erf.",
    ),
    Slip(
        lambda x: x * torch.sigmoid(1.702 * x),
        "by-sigmoid",
        "This is the approximation by a sigmoid, off by up to a fiftieth. Use torch.erf.",
    ),
    Slip(
        lambda x: x * torch.sigmoid(x),
        "by-sigmoid",
        "This is x times its sigmoid (SiLU). Use torch.erf.",
    ),
    Slip(
        lambda x: x.clamp(min=0),
        "relu",
        "This is ReLU: negative numbers become 0. GELU lets a little of them through.",
    ),
    Slip(
        lambda x: x * 0.5 * (1 + torch.erf(x)),
        "root-of-2-forgotten",
        "erf is not Φ: divide x by the root of 2 within it, torch.erf(x / math.sqrt(2)).",
    ),
    Slip(
        lambda x: x * 0.5 * (1 + torch.erf(x / 2)),
        "divided-by-2",
        "Within erf, x is divided by the root of 2, not by 2.",
    ),
    Slip(
        lambda x: x * (1 + torch.erf(x / math.sqrt(2))),
        "half-forgotten",
        "This is twice too much: 1 + erf(…) runs from 0 to 2. Take half of it.",
    ),
    Slip(
        lambda x: x * 0.5 * (1 - torch.erf(x / math.sqrt(2))),
        "wrong-sign",
        "Large numbers should come through and small ones not; here it is the other way: 1 + "
        "erf(…), not 1 - erf(…).",
    ),
    Slip(
        lambda x: 0.5 * (1 + torch.erf(x / math.sqrt(2))),
        "without-x",
        "This is Φ(x), the share that comes through. Multiply x by it.",
    ),
    Slip(
        lambda x: x * 0.5 * torch.erf(x / math.sqrt(2)),
        "one-forgotten",
        "erf runs from -1 to 1, Φ from 0 to 1: add 1 before you take half.",
    ),
    Slip(
        lambda x: x * 0.5 + torch.erf(x / math.sqrt(2)),
        "brackets",
        "Brackets: x times the half of (1 + erf(…)).",
    ),
)


def _gelu(x):
    return x * torch.special.ndtr(x)


def check_gelu(fn) -> None:
    """`gelu(x)`: x times the share of a standard normal below it."""
    for x, hint in (
        (torch.tensor([0.0, 1.0, -1.0, 2.0]), "x * Φ(x), with Φ(x) = (1 + erf(x / √2)) / 2."),
        (random_tensor(3, 4, seed=1), "It works on each number alone, in a tensor of any shape."),
        (2 * random_tensor(2, 3, 4, seed=2).double(), "A batch has three axes."),
        (torch.tensor([-30.0, -6, 6, 30]), "Far from 0 it is nearly x, or nearly 0."),
    ):
        expect_tensor(fn, x, right=_gelu, slips=GELU_SLIPS, hint=hint)


def _gelu_as_a_list(x):
    return [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x.flatten().tolist()]


def _gelu_alternative(x):
    return x * torch.distributions.Normal(0.0, 1.0).cdf(x)


NORMALISE = Exercise(
    id="04-2",
    title="LayerNorm",
    function="normalise",
    minutes=8,
    difficulty=3,
    more=check_normalise,
    slips=(
        *NORM_SLIPS,
        Slip(_normalise_in_place, "changes-its-input"),
    ),
    alternative=_normalise,
)

GELU = Exercise(
    id="04-5",
    title="GELU, exactly",
    function="gelu",
    minutes=5,
    difficulty=2,
    more=check_gelu,
    slips=(
        *GELU_SLIPS,
        Slip(_gelu_as_a_list, "not-a-tensor"),
    ),
    alternative=_gelu_alternative,
)
