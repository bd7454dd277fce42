"""Exercise 05-1: a decoder that is the word embeddings themselves."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from spanbert_teach.exercises.checking import Wrong, call_uncopied, expect, shown_call
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.objectives.decoder_of_wrong import SLIPS, WRONG, linear, tied
from spanbert_teach.exercises.objectives.gradients import gradients
from spanbert_teach.exercises.tensors import expect_tensor, random_tensor, shown_tensor


class _Decoder:
    """What the learner's function returned, for messages: with a name, and where it was written."""

    __name__ = "decoder"

    def __init__(self, fn: Callable, function: Callable):
        self.function, self.__code__ = function, getattr(fn, "__code__", None)

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(x)


def _embedding(vocabulary: int, hidden: int, dtype: torch.dtype = torch.float32) -> nn.Embedding:
    rows = random_tensor(vocabulary, hidden, seed=vocabulary, dtype=dtype)
    return nn.Embedding(vocabulary, hidden, _weight=rows, dtype=dtype)


def check_decoder_of(fn) -> None:
    """`decoder_of(embedding)`: a function from states to logits, with the embedding's weight."""
    with torch.enable_grad():
        small = nn.Embedding(3, 2, _weight=torch.tensor([[1.0, 0.0], [0.0, 10.0], [1.0, 1.0]]))
        for embedding, x in (
            (small, torch.tensor([[2.0, 3.0], [4.0, 5.0]])),
            (_embedding(7, 4, torch.float64), random_tensor(3, 4, seed=1).double()),
            (_embedding(5, 5), random_tensor(2, 5, seed=2)),
            (_embedding(4, 6), random_tensor(1, 6, seed=3)),
        ):
            _expect_tied(fn, embedding, x)


def _expect_tied(fn, embedding: nn.Embedding, x: Tensor) -> None:
    given, weight = shown_call(fn, embedding), embedding.weight
    before = weight.detach().clone()
    function = call_uncopied(fn, embedding)
    hint = "Write a function of x inside, and return it by its name, without brackets."
    expect(
        callable(function),
        f"{given} should return a function of x, but returns {shown_tensor(function)}.\n{hint}",
        "returns-no-function",
    )
    expect(
        embedding.weight is weight and weight.requires_grad and torch.equal(weight, before),
        f"After {given} the embedding has another weight, or a frozen one. It stays as it is: the "
        "decoder takes its weight, and not the other way round.",
        "changes-its-input",
    )
    decoder = _Decoder(fn, function)
    _expect_logits(fn, decoder, embedding, x)
    _expect_the_same_weight(decoder, embedding, x)
    _expect_own_gradient(decoder, embedding, x)


def _expect_logits(fn, decoder: _Decoder, embedding: nn.Embedding, x: Tensor) -> None:
    slips = [
        Slip(lambda x, slip=slip: slip.answer(embedding)(x), slip.misconception, slip.hint)
        for slip in SLIPS
    ]
    hint = "Each logit is the dot product of a row of x and a row of embedding.weight."
    if embedding.weight.numel() < 10:
        hint += f" Here embedding.weight is {embedding.weight.tolist()}."
    try:
        expect_tensor(decoder, x, right=tied(embedding), slips=slips, hint=hint)
    except Wrong as wrong:
        if wrong.misconception != "other":
            raise
        hint, misconception = _why(fn, decoder, embedding, x)
        raise Wrong(f"{wrong.message}\n{hint}", misconception) from wrong


def _why(fn, decoder: _Decoder, embedding: nn.Embedding, x: Tensor) -> tuple[str, str]:
    """The hint and the misconception that logits of the right shape tell of."""
    off = decoder(x) - tied(embedding)(x)
    if len(x) > 1 and torch.allclose(off, off[:1].expand_as(off), atol=1e-4):
        return (
            "The difference is the same for each target: a bias. nn.Linear draws one unless you "
            "say bias=False.",
            "bias",
        )
    if not torch.equal(decoder(x), fn(embedding)(x)):
        return (
            "Called once more with the same embedding, your function returns a decoder with other "
            "numbers: its weight is drawn anew. Use embedding.weight.",
            "untied",
        )
    return "Are these numbers computed from embedding.weight, and only from it?", "other"


def _expect_the_same_weight(decoder: _Decoder, embedding: nn.Embedding, x: Tensor) -> None:
    old = embedding.weight.detach().clone()
    with torch.no_grad():
        embedding.weight.copy_(old.flip(0) * 3 - 1)
    changed = (
        "Before this call embedding.weight was changed in place, as each step of training does"
    )
    expect_tensor(
        decoder,
        x,
        right=tied(embedding),
        slips=[
            Slip(
                lambda x: x @ old.T,
                "copied",
                f"{changed}, and the decoder still has the old numbers: a copy, equal only at "
                "first. Use embedding.weight itself, without clone, deepcopy or copy_.",
            )
        ],
        hint=f"{changed}. The decoder has to go along.",
    )


def _expect_own_gradient(decoder: _Decoder, embedding: nn.Embedding, x: Tensor) -> None:
    given, weight, function = f"decoder({shown_tensor(x)})", embedding.weight, decoder.function
    own = function.named_parameters() if isinstance(function, nn.Module) else ()
    for name, parameter in own:
        expect(
            parameter is weight or parameter.data_ptr() != weight.data_ptr(),
            f"{given} has the right numbers, but the decoder's {name} is another parameter than "
            "embedding.weight: they share their numbers, and each gets a gradient of its own. "
            "Assign the parameter itself: decoder.weight = embedding.weight.",
            "another-parameter",
        )
        expect(
            parameter is weight,
            f"{given} has the right numbers, but the decoder has a parameter of its own, {name} of "
            f"shape {tuple(parameter.shape)}, which training will change. Do without: bias=False.",
            "bias",
        )
    x = x.clone().requires_grad_()
    gradients(
        call_uncopied(decoder, x),
        {"embedding.weight": weight, "x": x},
        given=given,
        hint="The word embeddings learn by the decoder too, and the states through it.",
    )


def _tied_alternative(embedding):
    decoder = linear(embedding)
    decoder.weight = embedding.weight
    return decoder


TIED_DECODER = Exercise(
    id="05-1",
    title="A decoder without a weight of its own",
    function="decoder_of",
    minutes=8,
    difficulty=3,
    more=check_decoder_of,
    slips=WRONG,
    alternative=_tied_alternative,
)
