"""What the proof of every exercise does not show of lesson 04: other styles, the library's numbers.

Tensors of another kind are tried in `test_attention`, for both lessons.
"""

import math
import re

import pytest
import torch
from torch.nn import functional as F

from spanbert_teach.exercises.encoder import EXERCISES
from spanbert_teach.exercises.judging import RIGHT, WRONG, judge
from spanbert_teach.exercises.tensors import random_tensor
from spanbert_teach.model import Layer, SpanBertConfig, SpanBertEncoder

BY_ID = {exercise.id: exercise for exercise in EXERCISES}
SMALL = SpanBertConfig.course(vocab_size=11, hidden_size=12, intermediate_size=20)

# --- the answers are the library's ---------------------------------------------------------------


@pytest.mark.parametrize("config", [SpanBertConfig.base(), SpanBertConfig.large(), SMALL])
def test_parameters_are_those_of_the_librarys_encoder(config):
    with torch.device("meta"):
        encoder = SpanBertEncoder(config)
    assert BY_ID["04-4"].alternative(
        config.vocab_size,
        config.hidden_size,
        config.num_hidden_layers,
        config.intermediate_size,
        config.max_position_embeddings,
        config.type_vocab_size,
    ) == sum(parameter.numel() for parameter in encoder.parameters())


def test_spanbert_base_has_as_many_as_the_card_says():
    assert BY_ID["04-4"].alternative(28_996, 768, 12, 3072) == 107_719_680


def test_sum_and_norm_are_what_the_librarys_encoder_reads():
    encoder = SpanBertEncoder(SMALL).eval()
    tables = encoder.embeddings
    ids = torch.tensor([3, 1, 3, 7])
    summed = BY_ID["04-1"].alternative(
        ids,
        tables.word_embeddings.weight,
        tables.position_embeddings.weight,
        tables.token_type_embeddings.weight,
    )
    norm = tables.LayerNorm
    torch.testing.assert_close(
        BY_ID["04-2"].alternative(summed, norm.weight, norm.bias, norm.eps), tables(ids[None])[0]
    )


def test_a_layer_is_the_librarys():
    torch.manual_seed(0)
    layer, x = Layer(SMALL).eval(), random_tensor(2, 5, 12, seed=1)
    first, second = layer.attention.output, layer.output
    got = BY_ID["04-3"].alternative(
        x,
        lambda x: first.dense(layer.attention.self(x)[0]),
        lambda x: second.dense(layer.intermediate(x)),
        first.LayerNorm,
        second.LayerNorm,
    )
    torch.testing.assert_close(got, layer(x)[0])


def test_gelu_is_exact():
    x = torch.linspace(-8, 8, 1001, dtype=torch.float64)
    torch.testing.assert_close(BY_ID["04-5"].alternative(x), F.gelu(x))


# --- other styles --------------------------------------------------------------------------------


def norm_by_squares(x, weight, bias, eps=1e-12):
    mean, square = x.mean(-1, keepdim=True), (x * x).mean(-1, keepdim=True)
    return weight * (x - mean) * torch.rsqrt((square - mean * mean).clamp(min=0) + eps) + bias


def norm_with_var(x, weight, bias, eps=1e-12):
    variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return (x - mean) / (variance + eps) ** 0.5 * weight + bias


def norm_row_by_row(x, weight, bias, eps=1e-12):
    rows = [(row - row.mean()) / (row.var(correction=0) + eps).sqrt() for row in x.flatten(0, -2)]
    return torch.stack(rows).reshape(x.shape) * weight + bias


def sum_row_by_row(ids, words, positions, segments):
    rows = [words[int(i)] + positions[place] + segments[0] for place, i in enumerate(ids)]
    return torch.stack(rows)


def sum_in_place_of_a_copy(ids, words, positions, segments):
    hidden = words[ids]
    hidden += positions[: len(ids)]
    hidden += segments[0]
    return hidden


OTHER_STYLES = [
    ("04-1", sum_row_by_row),
    ("04-1", sum_in_place_of_a_copy),
    ("04-2", norm_by_squares),
    ("04-2", norm_with_var),
    ("04-2", norm_row_by_row),
    ("04-3", lambda x, a, f, one, two: two((h := one(x + a(x))) + f(h))),
    ("04-5", lambda x: x * 0.5 * torch.erfc(-x / math.sqrt(2))),
    ("04-5", lambda x: 0.5 * (x + x * torch.erf(x * 0.5**0.5))),
    ("04-5", F.gelu),
]


@pytest.mark.parametrize(("exercise_id", "answer"), OTHER_STYLES)
def test_right_in_another_style(exercise_id, answer):
    verdict = judge(BY_ID[exercise_id], answer)
    assert verdict.state == RIGHT, str(verdict)


def norm_with_std(x, weight, bias, eps=1e-12):
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + eps) * weight + bias


def layer_twice(x, attention, feed_forward, norm1, norm2):
    return norm2(norm1(attention(x) + x) + feed_forward(norm1(attention(x) + x)))


OTHER_SLIPS = [
    ("04-1", lambda i, w, p, s: torch.hstack([w[i], p[: len(i)], s[[0] * len(i)]]), "concatenated"),
    ("04-1", lambda i, w, p, s: F.embedding(i, w) + F.embedding(i, p) + s[0], "position-by-id"),
    ("04-1", lambda i, w, p, s: w[i] + p[: len(i)] + s[0] + s[1], "both-segments"),
    ("04-2", norm_with_std, "unbiased"),
    ("04-2", lambda x, w, b, eps=1e-12: F.layer_norm(x, x.shape[-1:], w, b), "eps-of-torch"),
    ("04-2", lambda x, w, b, eps=1e-12: F.layer_norm(x, x.shape, eps=eps) * w + b, "all-at-once"),
    ("04-3", layer_twice, "called-twice"),
    ("04-3", lambda x, a, f, one, two: (h := x + a(one(x))) + f(two(h)), "pre-norm"),
    ("04-5", lambda x: F.gelu(x, approximate="tanh"), "by-tanh"),
    ("04-5", F.relu, "relu"),
    ("04-5", F.silu, "by-sigmoid"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "misconception"), OTHER_SLIPS)
def test_wrong_in_another_style_gets_the_same_hint(exercise_id, answer, misconception):
    verdict = judge(BY_ID[exercise_id], answer)
    assert verdict.misconception == misconception, str(verdict)


# --- counting ------------------------------------------------------------------------------------


COUNT = BY_ID["04-4"]
OFF = [slip for slip in COUNT.slips if slip.misconception != "not-a-whole-number"]


def test_every_difference_tells_of_one_mistake():
    """And of no other: two that are equal in all cases could not be told apart."""
    counts = [[slip.answer(*asked.args) for asked in COUNT.cases] for slip in OFF]
    assert len(OFF) == 27 and all(counts.count(count) == 1 for count in counts)


@pytest.mark.parametrize("slip", OFF, ids=lambda slip: slip.misconception)
def test_a_count_that_is_off_names_the_difference(slip):
    verdict = judge(COUNT, slip.answer)
    assert (verdict.state, verdict.misconception) == (WRONG, slip.misconception)
    assert slip.hint in verdict.message
    assert re.search(r"\d too (few|many)\.", verdict.message)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_every_hint_is_a_sentence(exercise):
    hints = [slip.hint for slip in exercise.slips if slip.hint]
    assert all(len(hint) > 20 and hint.endswith((".", ")")) for hint in hints)
    assert len(hints) > len(exercise.slips) - 3
