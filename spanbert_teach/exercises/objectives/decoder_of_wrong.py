"""Wrong answers to exercise 05-1: those that their numbers tell of (`SLIPS`), and others."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spanbert_teach.exercises.checking import NO_RETURN
from spanbert_teach.exercises.form import Slip
from spanbert_teach.exercises.objectives.gradients import NO_GRADIENT

# Each Slip is an answer to the exercise: it takes the embedding, and returns a function of x.


def _applied(function: Callable[[Tensor, Tensor], Tensor]):
    """The decoder that applies this function to x and the word embeddings."""
    return lambda embedding: lambda x: function(x, embedding.weight)


def tied(embedding):
    return lambda x: F.linear(x, embedding.weight)


SLIPS = (
    Slip(
        _applied(lambda x, weight: (x @ weight.T).softmax(dim=-1)),
        "softmax",
        "These are probabilities. Return the logits: the loss applies the softmax itself.",
    ),
    Slip(
        _applied(lambda x, weight: (x @ weight.T).log_softmax(dim=-1)),
        "log-softmax",
        "These are logarithms of probabilities. Return the logits: the loss applies the softmax "
        "itself.",
    ),
    Slip(
        _applied(lambda x, weight: x @ weight),
        "not-transposed",
        "embedding.weight has the shape (vocabulary, hidden). x @ … needs it transposed: x @ "
        "embedding.weight.T; F.linear and nn.Linear transpose it themselves, and take it as it is.",
    ),
    Slip(
        _applied(lambda x, weight: weight @ x.T),
        "result-transposed",
        "Rows and columns are exchanged: one row for each target, one column for each entry of the "
        "vocabulary. x @ embedding.weight.T.",
    ),
    Slip(
        lambda embedding: embedding,
        "looked-up",
        "An embedding turns ids into rows. Here x holds states, and each is multiplied with every "
        "row: x @ embedding.weight.T.",
    ),
    Slip(
        lambda embedding: lambda x: embedding(x.long().clamp(0, len(embedding.weight) - 1)),
        "looked-up",
        "x holds states, not ids: there is nothing to look up. Each state is multiplied with every "
        "row of the table: x @ embedding.weight.T.",
    ),
    Slip(
        _applied(lambda x, weight: F.normalize(x, dim=-1) @ F.normalize(weight, dim=-1).T),
        "cosine",
        "These are cosines, between -1 and 1: the vectors' lengths are divided out. Take the dot "
        "products as they are.",
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
        "The logits are multiplied by the root of the hidden size. (The Transformer of 2017 does "
        "that with its embeddings; BERT does not.)",
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
)


# --- wrong answers that no numbers tell of -------------------------------------------------------


def linear(embedding, bias=False):
    vocabulary, hidden = embedding.weight.shape
    return nn.Linear(hidden, vocabulary, bias=bias, dtype=embedding.weight.dtype)


def _untied(embedding):
    return linear(embedding)


def _with_bias(embedding):
    decoder = linear(embedding, bias=True)
    decoder.weight = embedding.weight
    return decoder


def _with_bias_of_zeros(embedding):
    decoder = _with_bias(embedding)
    nn.init.zeros_(decoder.bias)
    return decoder


def _cloned(embedding):
    weight = embedding.weight.clone()
    return lambda x: x @ weight.T


def _deep_copied(embedding):
    words = copy.deepcopy(embedding)
    return lambda x: F.linear(x, words.weight)


def _copied_into_a_linear(embedding):
    decoder = linear(embedding)
    decoder.weight.data.copy_(embedding.weight.data)
    return decoder


def _as_a_new_parameter(embedding):
    decoder = linear(embedding)
    decoder.weight = nn.Parameter(embedding.weight)
    return decoder


def _data_shared(embedding):
    decoder = linear(embedding)
    decoder.weight.data = embedding.weight.data
    return decoder


def _detached(embedding):
    weight = embedding.weight.detach()
    return lambda x: x @ weight.T


def _tied_the_other_way(embedding):
    decoder = linear(embedding)
    embedding.weight = decoder.weight
    return decoder


def _weight_itself(embedding):
    return embedding.weight.T


def _logits_at_once(embedding):
    x = torch.ones(1, embedding.weight.shape[1])
    return x.to(embedding.weight) @ embedding.weight.T


def _without_inner_return(embedding):
    def decoder(x):
        x @ embedding.weight.T

    return decoder


WRONG = (
    *SLIPS,
    Slip(_applied(lambda x, weight: F.linear(x, weight.T)), "not-transposed"),
    Slip(_untied, "untied"),
    Slip(_with_bias, "bias"),
    Slip(_with_bias_of_zeros, "bias"),
    Slip(_cloned, "copied"),
    Slip(_deep_copied, "copied"),
    Slip(_copied_into_a_linear, "copied"),
    Slip(_as_a_new_parameter, "another-parameter"),
    Slip(_data_shared, "another-parameter"),
    Slip(_detached, NO_GRADIENT),
    Slip(_tied_the_other_way, "changes-its-input"),
    Slip(_weight_itself, "returns-no-function"),
    Slip(_logits_at_once, "returns-no-function"),
    Slip(_without_inner_return, NO_RETURN),
)
