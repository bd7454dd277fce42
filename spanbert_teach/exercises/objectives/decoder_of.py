"""Exercise 05-1: a decoder that is the word embeddings themselves."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spanbert_teach.exercises.checking import (
    CHANGES,
    NO_RETURN,
    Wrong,
    call,
    expect,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Kind, Property, Slip, case
from spanbert_teach.exercises.objectives.gradients import NO_GRADIENT, gradients
from spanbert_teach.exercises.tensors import TENSOR, random_tensor

KEPT = "It stays as it is: the decoder takes its weight, and not the other way round."

# --- what a decoder makes of some states --------------------------------------------------------


class Decoder:
    """What the learner's function returned, for messages: with a name, and where it was written."""

    __name__ = "decoder"

    def __init__(self, function: Callable):
        self.function, self.__code__ = function, getattr(function, "__code__", None)

    def __call__(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            return self.function(x)


class Decoded(NamedTuple):
    """States, and their logits: as they were returned, and as they are compared."""

    x: Tensor
    logits: Tensor
    numbers: Tensor


def _embedding(vocabulary: int, hidden: int, dtype: torch.dtype = torch.float32) -> nn.Embedding:
    rows = random_tensor(vocabulary, hidden, seed=vocabulary, dtype=dtype)
    return nn.Embedding(vocabulary, hidden, _weight=rows, dtype=dtype)


SMALL = nn.Embedding(3, 2, _weight=torch.tensor([[1.0, 0.0], [0.0, 10.0], [1.0, 1.0]]))
CASES = (
    case(
        SMALL,
        hint="Each logit is the dot product of a row of x and a row of embedding.weight. Here "
        f"embedding.weight is {SMALL.weight.tolist()}.",
    ),
    case(_embedding(7, 4, torch.float64)),
    case(_embedding(5, 5)),
    case(_embedding(4, 6)),
)


def _states(embedding: nn.Embedding) -> Tensor:
    """States to decode, not as many as the vocabulary has entries; of four entries a single one."""
    vocabulary, hidden = embedding.weight.shape
    if hidden == 2:
        return torch.tensor([[2.0, 3.0], [4.0, 5.0]])
    states = random_tensor(max(1, vocabulary - 3), hidden, seed=hidden)
    return states.to(embedding.weight.dtype)


def _decoded(got: object, given: str, embedding: nn.Embedding) -> Decoded:
    expect(
        callable(got),
        f"{given} should return a function of x, but returns {shown(got)}.",
        "returns-no-function",
    )
    decoder, x = Decoder(got), _states(embedding)
    logits = call(decoder, x)
    return Decoded(x, logits, TENSOR.read(logits, shown_call(decoder, x)))


def _same(one: Decoded, other: Decoded) -> bool:
    return TENSOR.same(one.numbers, other.numbers)


def _difference(got: Decoded, expected: Decoded, given: str) -> str:
    return TENSOR.difference(got.numbers, expected.numbers, f"decoder({shown(got.x)})")


def _has_another_weight(got: Decoded, expected: Decoded, embedding: nn.Embedding) -> bool:
    rows = embedding.weight.detach().to(expected.x.dtype)
    return not TENSOR.same((expected.x @ rows.T).double(), expected.numbers)


def _has_a_bias(got: Decoded, expected: Decoded, embedding: nn.Embedding) -> bool:
    off = got.numbers - expected.numbers
    return len(off) > 1 and torch.allclose(off, off[:1].expand_as(off), atol=1e-4)


def _is_not_reached(got: Decoded, expected: Decoded, embedding: nn.Embedding) -> bool:
    if not (got.logits.requires_grad and embedding.weight.requires_grad):
        return True
    with torch.enable_grad():
        return torch.autograd.grad(got.logits.sum(), embedding.weight, allow_unused=True) == (None,)


# --- what the logits do not tell ----------------------------------------------------------------


def expect_tied(fn) -> None:
    """Raise `Wrong` unless decoder and embedding share one weight, in training, too."""
    with torch.enable_grad():
        for asked in CASES:
            [embedding] = copy.deepcopy(asked.args)
            given, weight = shown_call(fn, embedding), embedding.weight
            decoder, x = Decoder(call(fn, embedding)), _states(embedding)
            expect(
                embedding.weight is weight and weight.requires_grad,
                f"After {given} the embedding has another weight, or a frozen one.",
                CHANGES,
            )
            _expect_the_same_weight(decoder, embedding, x)
            _expect_own_gradient(decoder, embedding, x)


def _expect_the_same_weight(decoder: Decoder, embedding: nn.Embedding, x: Tensor) -> None:
    with torch.no_grad():
        embedding.weight.copy_(embedding.weight.flip(0) * 3 - 1)
    got, expected = (call(f, x).detach().double() for f in (decoder, _tied(embedding)))
    if not TENSOR.same(got, expected):
        message = TENSOR.difference(got, expected, shown_call(decoder, x))
        raise Wrong(message, "copied")


def _expect_own_gradient(decoder: Decoder, embedding: nn.Embedding, x: Tensor) -> None:
    given, weight, function = shown_call(decoder, x), embedding.weight, decoder.function
    own = function.named_parameters() if isinstance(function, nn.Module) else ()
    for name, parameter in own:
        expect(
            parameter is weight or parameter.data_ptr() != weight.data_ptr(),
            f"{given} has the right numbers, but the decoder's {name} is another parameter than "
            "embedding.weight: they share their numbers, and each gets a gradient of its own.",
            "another-parameter",
        )
        expect(
            parameter is weight,
            f"{given} has the right numbers, but the decoder has a parameter of its own, {name} of "
            f"shape {tuple(parameter.shape)}.",
            "bias",
        )
    x = x.clone().requires_grad_()
    gradients(
        call(decoder, x),
        {"embedding.weight": weight, "x": x},
        given=given,
        hint="The word embeddings learn by the decoder too, and the states through it.",
    )


# --- answers: each takes the embedding, and returns a function of x ------------------------------


def _applied(function: Callable[[Tensor, Tensor], Tensor]):
    """The decoder that applies this function to x and the word embeddings."""
    return lambda embedding: lambda x: function(x, embedding.weight)


_tied = _applied(F.linear)


def _untied(embedding, bias=False):
    vocabulary, hidden = embedding.weight.shape
    return nn.Linear(hidden, vocabulary, bias=bias, dtype=embedding.weight.dtype)


def _with_bias(embedding):
    decoder = _untied(embedding, bias=True)
    decoder.weight = embedding.weight
    return decoder


def _with_bias_of_zeros(embedding):
    decoder = _with_bias(embedding)
    nn.init.zeros_(decoder.bias)
    return decoder


def _copied_into_a_linear(embedding):
    decoder = _untied(embedding)
    decoder.weight.data.copy_(embedding.weight.data)
    return decoder


def _data_shared(embedding):
    decoder = _untied(embedding)
    decoder.weight.data = embedding.weight.data
    return decoder


def _detached(embedding):
    weight = embedding.weight.detach()
    return lambda x: x @ weight.T


def _tied_the_other_way(embedding):
    decoder = _untied(embedding)
    embedding.weight = decoder.weight
    return decoder


def _without_inner_return(embedding):
    def decoder(x):
        x @ embedding.weight.T

    return decoder


def _tied_alternative(embedding):
    decoder = _untied(embedding)
    decoder.weight = embedding.weight
    return decoder


TIED_DECODER = Exercise(
    id="05-1",
    title="A decoder without a weight of its own",
    function="decoder_of",
    minutes=8,
    difficulty=3,
    right=_tied,
    cases=CASES,
    kind=Kind(_decoded, _same, _difference),
    properties=(
        Property(
            lambda got, expected, _: got.numbers.shape != expected.numbers.shape,
            "wrong-shape",
            "A row for each state, a column for each entry of the vocabulary: x @ "
            "embedding.weight.T.",
        ),
        Property(_has_another_weight, CHANGES, f"The embedding has another weight. {KEPT}"),
        Property(
            _has_a_bias,
            "bias",
            "The difference is the same for each target: a bias. nn.Linear draws one unless you "
            "say bias=False.",
        ),
        Property(
            _is_not_reached,
            "untied",
            "No gradient of these logits reaches embedding.weight: they are not computed from it. "
            "A new nn.Linear, for one, draws a weight of its own. Use embedding.weight.",
        ),
    ),
    slips=(
        Slip(
            _applied(lambda x, weight: (x @ weight.T).softmax(dim=-1)),
            "softmax",
            "These are probabilities. Return the logits: the loss applies the softmax itself.",
        ),
        Slip(
            _applied(lambda x, weight: (x @ weight.T).log_softmax(dim=-1)),
            "log-softmax",
            "These are logarithms of probabilities. Return the logits: the loss applies the "
            "softmax itself.",
        ),
        Slip(
            _applied(lambda x, weight: x @ weight),
            "not-transposed",
            "embedding.weight has the shape (vocabulary, hidden). x @ … needs it transposed: x @ "
            "embedding.weight.T; F.linear and nn.Linear transpose it themselves, and take it as "
            "it is.",
        ),
        Slip(
            _applied(lambda x, weight: weight @ x.T),
            "result-transposed",
            "Rows and columns are exchanged: one row for each target, one column for each entry "
            "of the vocabulary. x @ embedding.weight.T.",
        ),
        Slip(
            lambda embedding: embedding,
            "looked-up",
            "An embedding turns ids into rows. Here x holds states, and each is multiplied with "
            "every row: x @ embedding.weight.T.",
        ),
        Slip(
            lambda embedding: lambda x: embedding(x.long().clamp(0, len(embedding.weight) - 1)),
            "looked-up",
            "x holds states, not ids: there is nothing to look up. Each state is multiplied with "
            "every row of the table: x @ embedding.weight.T.",
        ),
        Slip(
            _applied(lambda x, weight: F.normalize(x, dim=-1) @ F.normalize(weight, dim=-1).T),
            "cosine",
            "These are cosines, between -1 and 1: the vectors' lengths are divided out. Take the "
            "dot products as they are.",
        ),
        Slip(
            _applied(lambda x, weight: x @ F.normalize(weight, dim=-1).T),
            "rows-normalised",
            "The rows of the table are divided by their length. Take them as they are.",
        ),
        Slip(
            _applied(lambda x, weight: x @ weight.T / weight.shape[1] ** 0.5),
            "scaled",
            "The logits are divided by the root of the hidden size. Attention does that with its "
            "scores; a decoder does not.",
        ),
        Slip(
            _applied(lambda x, weight: x @ weight.T * weight.shape[1] ** 0.5),
            "scaled",
            "The logits are multiplied by the root of the hidden size. (The Transformer of 2017 "
            "does that with its embeddings; BERT does not.)",
        ),
        Slip(
            _applied(lambda x, weight: -torch.cdist(x, weight)),
            "distance",
            "These are distances. The logit is the dot product of the state and the word's row.",
        ),
        Slip(
            _applied(lambda x, weight: (x @ weight.T).amax(dim=-1)),
            "largest-only",
            "This is the largest logit of each target. Return the logits of all entries.",
        ),
        Slip(_untied, "untied"),
        Slip(_with_bias, "bias"),
        Slip(
            _with_bias_of_zeros,
            "bias",
            "Training will change it, and the word embeddings have none. Do without: bias=False.",
        ),
        Slip(
            _copied_into_a_linear,
            "copied",
            "Before this call embedding.weight was changed in place, as each step of training "
            "does, and the decoder still has the old numbers: a copy, equal only at first. Use "
            "embedding.weight itself, without clone, deepcopy or copy_.",
        ),
        Slip(
            _data_shared,
            "another-parameter",
            "Assign the parameter itself: decoder.weight = embedding.weight.",
        ),
        Slip(_detached, NO_GRADIENT),
        Slip(_tied_the_other_way, CHANGES, KEPT),
        Slip(
            lambda embedding: embedding.weight.T,
            "returns-no-function",
            "Write a function of x inside, and return it by its name, without brackets.",
        ),
        Slip(_without_inner_return, NO_RETURN),
    ),
    hint="Each logit is the dot product of a row of x and a row of embedding.weight. Are these "
    "numbers computed from embedding.weight, and only from it?",
    more=expect_tied,
    alternative=_tied_alternative,
)
