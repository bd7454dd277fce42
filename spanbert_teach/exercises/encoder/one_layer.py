"""Exercise 04-3: one layer, put together from its functions."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from spanbert_teach.exercises.checking import CHANGES, call, expect, shown_call
from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.tensors import IN_PLACE, TENSOR, WRONG_SHAPE, random_tensor


class Named:
    """A function that says in messages what it does, and counts how often it is called."""

    def __init__(self, name: str, does: str, function: Callable[[Tensor], Tensor]):
        self.name, self.does, self.function, self.calls = name, does, function, 0

    def __call__(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.function(x)

    def __repr__(self) -> str:
        return f"{self.name}: {self.does}"


def _layer(x, attention, feed_forward, norm1, norm2):
    hidden = norm1(x + attention(x))
    return norm2(hidden + feed_forward(hidden))


def _layer_attention_twice(x, attention, feed_forward, norm1, norm2):
    inner = feed_forward(norm1(x + attention(x)))
    return norm2(norm1(x + attention(x)) + inner)


def _layer_in_place(x, attention, feed_forward, norm1, norm2):
    x += attention(x)
    hidden = norm1(x)
    return norm2(hidden + feed_forward(hidden))


def _layer_alternative(x, attention, feed_forward, norm1, norm2):
    for part, norm in ((attention, norm1), (feed_forward, norm2)):
        x = norm(part(x) + x)
    return x


def _small() -> tuple[Named, ...]:
    return (
        Named("attention", "10 * x", lambda x: 10 * x),
        Named("feed_forward", "x * x", lambda x: x * x),
        Named("norm1", "x - 1", lambda x: x - 1),
        Named("norm2", "x / 10", lambda x: x / 10),
    )


def _real(hidden: int, dtype: torch.dtype) -> tuple[Named, ...]:
    weights = 1 + random_tensor(4, hidden, seed=hidden, dtype=dtype)

    def norm(number):
        weight, bias = weights[2 * number - 2], weights[2 * number - 1]
        return Named(
            f"norm{number}",
            "LayerNorm",
            lambda x: F.layer_norm(x, (hidden,), weight, bias),
        )

    return (
        Named("attention", "mean of all", lambda x: x.mean(dim=-2, keepdim=True).expand_as(x)),
        Named("feed_forward", "gelu(x) / 2", lambda x: F.gelu(x) / 2),
        norm(1),
        norm(2),
    )


def expect_one_call_each(fn) -> None:
    """Raise `Wrong` unless each function is called once."""
    x, functions = torch.tensor([[1.0, 2.0]]), _small()
    call(fn, x, *functions)
    for function in functions:
        expect(
            function.calls == 1,
            f"{shown_call(fn, x, *functions)} calls {function.name} {function.calls} times.",
            "called-twice",
        )


ONE_LAYER = Exercise(
    id="04-3",
    title="One layer",
    function="one_layer",
    minutes=6,
    difficulty=2,
    right=_layer,
    cases=(
        case(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), *_small()),
        case(random_tensor(3, 5, seed=1), *_real(5, torch.float32)),
        case(random_tensor(2, 3, 4, seed=2).double(), *_real(4, torch.float64)),
    ),
    kind=TENSOR,
    properties=(WRONG_SHAPE,),
    slips=(
        Slip(
            lambda x, a, f, one, two: (hidden := x + a(one(x))) + f(two(hidden)),
            "pre-norm",
            "Here the norms stand before the attention and the feed-forward network. Many later "
            "models do it so; in BERT each stands last, after the addition.",
        ),
        Slip(
            lambda x, a, f, one, two: (hidden := x + one(a(x))) + two(f(hidden)),
            "norm-before-adding",
            "Each norm is applied to what comes out, before it is added. Add first, then normalise "
            "the sum.",
        ),
        Slip(
            lambda x, a, f, one, two: _layer(x, lambda x: a(x) - x, f, one, two),
            "no-first-residual",
            "After the attention, x is not added: norm1(x + attention(x)).",
        ),
        Slip(
            lambda x, a, f, one, two: two(f(one(x + a(x)))),
            "no-second-residual",
            "After the feed-forward network, what went into it is not added.",
        ),
        Slip(
            lambda x, a, f, one, two: two(f(one(a(x)))),
            "no-residuals",
            "What went in is never added: neither x after the attention, nor what went into the "
            "feed-forward network.",
        ),
        Slip(
            lambda x, a, f, one, two: two(x + f(one(x + a(x)))),
            "second-residual-from-x",
            "The second time x is added again. Add what went into the feed-forward network, the "
            "output of norm1.",
        ),
        Slip(
            lambda x, a, f, one, two: _layer(x, a, f, two, one),
            "norms-swapped",
            "The norms are swapped: norm1 follows the attention, norm2 the feed-forward network.",
        ),
        Slip(
            lambda x, a, f, one, two: _layer(x, a, f, one, one),
            "norm1-twice",
            "norm1 is used twice: each has weights of its own, and norm2 comes last.",
        ),
        Slip(
            lambda x, a, f, one, two: two(one(x + a(x)) + f(x)),
            "feed-forward-on-x",
            "The feed-forward network gets x. It gets what comes out of norm1.",
        ),
        Slip(
            lambda x, a, f, one, two: _layer(x, a, f, lambda x: x, two),
            "no-first-norm",
            "norm1 is missing: it follows the first addition, before the feed-forward network.",
        ),
        Slip(
            lambda x, a, f, one, two: _layer(x, a, f, one, lambda x: x),
            "no-second-norm",
            "norm2 is missing: it comes last, after the second addition.",
        ),
        Slip(
            lambda x, a, f, one, two: one(x + a(x)),
            "first-half-only",
            "This is the first half of the layer. The feed-forward network is missing.",
        ),
        Slip(
            lambda x, a, f, one, two: _layer(x, f, a, one, two),
            "feed-forward-first",
            "The attention comes first, then the feed-forward network.",
        ),
        Slip(
            lambda x, a, f, one, two: two(x + f(x)),
            "second-half-only",
            "The attention is missing: this is the second half of the layer alone.",
        ),
        Slip(
            _layer_attention_twice,
            "called-twice",
            "Call it once and keep what it returns: in training, dropout makes each call a "
            "different one, and it is the most work.",
        ),
        Slip(_layer_in_place, CHANGES, IN_PLACE),
        Slip(lambda x, a, f, one, two: (_layer(x, a, f, one, two), a(x)), "not-a-tensor"),
    ),
    hint="norm1 of x + attention(x); of that, norm2 of it + feed_forward of it.",
    more=expect_one_call_each,
    alternative=_layer_alternative,
)
