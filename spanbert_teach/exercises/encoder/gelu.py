"""Exercise 04-5: the exact GELU."""

import math

import torch
from torch.nn import functional as F

from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.tensors import TENSOR, WRONG_SHAPE, random_tensor


def _gelu(x):
    return x * torch.special.ndtr(x)


def _gelu_as_a_list(x):
    return [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x.flatten().tolist()]


def _gelu_alternative(x):
    return x * torch.distributions.Normal(0.0, 1.0).cdf(x)


GELU = Exercise(
    id="04-5",
    title="GELU, exactly",
    function="gelu",
    minutes=5,
    difficulty=2,
    right=_gelu,
    cases=(
        case(torch.tensor([0.0, 1.0, -1.0, 2.0])),
        case(
            random_tensor(3, 4, seed=1),
            hint="It works on each number alone, in a tensor of any shape.",
        ),
        case(2 * random_tensor(2, 3, 4, seed=2).double(), hint="A batch has three axes."),
        case(torch.tensor([-30.0, -6, 6, 30]), hint="Far from 0 it is nearly x, or nearly 0."),
    ),
    kind=TENSOR,
    properties=(WRONG_SHAPE,),
    slips=(
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
        Slip(_gelu_as_a_list, "not-a-tensor"),
    ),
    hint="x * Φ(x), with Φ(x) = (1 + erf(x / √2)) / 2.",
    alternative=_gelu_alternative,
)
