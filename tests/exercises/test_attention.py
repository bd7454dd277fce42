"""What the proof of every exercise does not show of lesson 03: other styles, strange results."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from spanbert_teach.exercises.attention import EXERCISES
from spanbert_teach.exercises.encoder import EXERCISES as ENCODER_EXERCISES
from spanbert_teach.exercises.form import case
from spanbert_teach.exercises.judging import RIGHT, WRONG, judge
from spanbert_teach.exercises.tensors import random_tensor
from spanbert_teach.model import attend, attention_probabilities, attention_scores, split_heads

BY_ID = {exercise.id: exercise for exercise in EXERCISES}
BOTH = (*EXERCISES, *ENCODER_EXERCISES)
every = pytest.mark.parametrize("exercise", BOTH, ids=lambda exercise: exercise.id)

TENSORS = [exercise for exercise in BOTH if exercise.id not in ("03-5", "04-4")]


@pytest.mark.parametrize("exercise", TENSORS, ids=lambda exercise: exercise.id)
@pytest.mark.parametrize(
    "as_another",
    [
        lambda tensor: tensor.double(),
        lambda tensor: tensor.float(),
        lambda tensor: tensor.clone().requires_grad_(),
        lambda tensor: tensor.flip(0).contiguous().flip(0),
        lambda tensor: torch.nn.Parameter(tensor),
    ],
    ids=["double", "float", "gradient", "copy", "parameter"],
)
def test_a_right_tensor_of_another_kind_is_right(exercise, as_another):
    verdict = judge(exercise, lambda *args: as_another(exercise.alternative(*args)))
    assert verdict.state == RIGHT, str(verdict)


@pytest.mark.parametrize("as_another", [float, np.float32, np.float64, torch.tensor])
def test_a_share_may_be_any_number(as_another):
    exercise = BY_ID["03-5"]
    verdict = judge(exercise, lambda *args: as_another(exercise.alternative(*args)))
    assert verdict.state == RIGHT, str(verdict)


# --- right answers in other styles ---------------------------------------------------------------

OTHER_STYLES = [
    ("03-1", lambda q, k: torch.einsum("id,jd->ij", q, k) / q.shape[1] ** 0.5),
    ("03-1", lambda q, k: (q[:, None] * k[None]).sum(-1) / math.sqrt(k.size(-1))),
    ("03-1", lambda q, k: (k @ q.T).T / math.sqrt(len(q[0]))),
    ("03-1", lambda q, k: q / math.sqrt(q.shape[1]) @ k.T),
    ("03-2", lambda s: torch.softmax(s, dim=-1)),
    ("03-2", lambda s: torch.exp(s - torch.logsumexp(s, dim=1, keepdim=True))),
    ("03-2", lambda s: (s.double() - s.double().amax(1)[:, None]).softmax(1)),
    (
        "03-3",
        lambda q, k, v, real: (
            torch.where(real, q @ k.T / q.shape[1] ** 0.5, torch.tensor(-1e9).to(q)).softmax(1) @ v
        ),
    ),
    (
        "03-3",
        lambda q, k, v, real: torch.nn.functional.scaled_dot_product_attention(
            q[None], k[None], v[None], real[None, None].expand(1, len(q), len(q))
        )[0],
    ),
    ("03-3", lambda q, k, v, real: BY_ID["03-3"].alternative(q, k, v, real) * real[:, None]),
    ("03-4", lambda x, heads: x.view(len(x), heads, -1).permute(1, 0, 2)),
    ("03-4", lambda x, heads: x.T.reshape(heads, -1, len(x)).transpose(1, 2)),
    ("03-4", lambda x, heads: torch.stack(x.split(x.shape[1] // heads, dim=1))),
    ("03-5", lambda p, offset: p.diagonal(offset).mean()),
    ("03-5", lambda p, offset: p.trace() / len(p) if not offset else np.diag(p, offset).mean()),
]


@pytest.mark.parametrize(("exercise_id", "answer"), OTHER_STYLES)
def test_right_in_another_style(exercise_id, answer):
    verdict = judge(BY_ID[exercise_id], answer)
    assert verdict.state == RIGHT, str(verdict)


# --- wrong answers in other styles: the numbers tell, not the code --------------------------------


def dot_products_by_loops(queries, keys):
    scores = torch.zeros(len(queries), len(keys), dtype=queries.dtype)
    for i in range(len(queries)):
        for j in range(len(keys)):
            scores[j, i] = queries[i].dot(keys[j]) / math.sqrt(queries.shape[1])
    return scores


def softmax_by_columns(scores):
    weights = scores.exp()
    for column in range(scores.shape[1]):
        weights[:, column] = weights[:, column] / weights[:, column].sum()
    return weights


def heads_by_loops(x, heads):
    new = torch.zeros(heads, len(x), x.shape[1] // heads, dtype=x.dtype)
    for column in range(x.shape[1]):
        new[column % heads, :, column // heads] = x[:, column]
    return new


def share_with_modulo(probabilities, offset):
    n = len(probabilities)
    return sum(float(probabilities[i][(i + offset) % n]) for i in range(n)) / n


OTHER_SLIPS = [
    ("03-1", dot_products_by_loops, "transposed"),
    ("03-1", lambda q, k: torch.einsum("id,jd->ij", q, k), "not-divided"),
    ("03-1", lambda q, k: torch.matmul(q, k.T) / q.size(1), "divided-by-the-size"),
    ("03-1", lambda q, k: torch.mm(q, k) / 2, "keys-not-transposed"),
    ("03-2", softmax_by_columns, "columns"),
    ("03-2", lambda s: torch.softmax(s, 0), "columns"),
    ("03-2", lambda s: s.exp() / s.exp().sum(), "whole-matrix"),
    ("03-2", lambda s: torch.stack([r.exp() / r.exp().sum() for r in s]), "overflows"),
    (
        "03-3",
        lambda q, k, v, real: (q @ k.T / q.shape[1] ** 0.5).softmax(1) @ (v * real[:, None]),
        "masked-after-softmax",
    ),
    (
        "03-3",
        lambda q, k, v, real: (q @ (k * real[:, None]).T / q.shape[1] ** 0.5).softmax(1) @ v,
        "score-0",
    ),
    (
        "03-3",
        lambda q, k, v, real: (
            (q @ k.T / q.shape[1] ** 0.5 + (1 - real.to(q)) * -math.inf).softmax(1) @ v
        ),
        "0-times-infinity",
    ),
    ("03-4", heads_by_loops, "interleaved"),
    ("03-4", lambda x, heads: x.view(heads, x.shape[0], -1), "reshaped-only"),
    ("03-4", lambda x, heads: x.chunk(heads, dim=1), "not-a-tensor"),
    ("03-5", share_with_modulo, "wraps-around"),
    ("03-5", lambda p, offset: p.mean(0)[offset], "column"),
    ("03-5", lambda p, offset: p.diagonal(offset).mean() + 1, "other"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "misconception"), OTHER_SLIPS)
def test_wrong_in_another_style_gets_the_same_hint(exercise_id, answer, misconception):
    verdict = judge(BY_ID[exercise_id], answer)
    assert verdict.misconception == misconception, str(verdict)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_every_hint_is_a_sentence(exercise):
    hints = [slip.hint for slip in exercise.slips if slip.hint]
    assert all(len(hint) > 20 and hint.endswith((".", ")", "?")) for hint in hints)
    assert len(hints) > len(exercise.slips) - 3


# --- the answers are the library's ---------------------------------------------------------------


def test_scores_and_probabilities_are_the_librarys():
    queries, keys = random_tensor(2, 5, 3, seed=1)
    scores = BY_ID["03-1"].alternative(queries, keys)
    expected = attention_scores(queries[None, None], keys[None, None])[0, 0]
    torch.testing.assert_close(scores, expected)
    torch.testing.assert_close(
        BY_ID["03-2"].alternative(scores), attention_probabilities(expected[None, None])[0, 0]
    )


def test_attention_with_padding_is_the_librarys():
    queries, keys, values = random_tensor(3, 5, 4, seed=2)
    real = torch.tensor([True, False, True, True, False])
    expected, _ = attend(*(x[None, None] for x in (queries, keys, values)), real[None])
    torch.testing.assert_close(
        BY_ID["03-3"].alternative(queries, keys, values, real), expected[0, 0]
    )


def test_heads_are_the_librarys():
    x = random_tensor(5, 12, seed=3)
    assert torch.equal(BY_ID["03-4"].alternative(x, 4), split_heads(x[None], 4)[0])


# --- the words -----------------------------------------------------------------------------------


def verdict(answer, x, right):
    """What a tensor exercise with this case alone says."""
    changes = {"cases": (case(x),), "right": right, "slips": (), "hint": "A hint."}
    return judge(replace(BY_ID["03-2"], **changes), answer)


def test_few_numbers_are_shown_and_of_many_the_first_that_differs():
    def twice(x):
        return 2 * x

    def twice_but_for_one(x):
        twice = 2 * x
        twice.flatten()[-1] += 1e-4
        return twice

    few, many = torch.tensor([[1.0, 2.0]]), torch.ones(9, 9, dtype=torch.float64)
    assert verdict(twice_but_for_one, few, twice).message == (
        "twice_but_for_one(tensor([[1., 2.]])) should be [[2, 4]], but is [[2, 4.0001]].\nA hint."
    )
    assert verdict(twice_but_for_one, many, twice).message == (
        "In twice_but_for_one(a tensor of shape (9, 9)), the number at [8, 8] should be 2, but is "
        "2.0001.\nA hint."
    )


def test_a_wrong_shape_is_named_and_the_exercise_says_which_is_right():
    found = verdict(lambda x: x[0], torch.ones(2, 3), lambda x: x)
    assert found.misconception == "wrong-shape"
    assert found.message == (
        "<lambda>(tensor([[1., 1., 1.], [1., 1., 1.]])) should have the shape (2, 3), but its "
        "shape is (3,).\nA hint."
    )


def test_tolerance():
    x = torch.tensor([1.0, 1000.0], dtype=torch.float64)
    assert verdict(lambda x: x * (1 + 5e-6), x, lambda x: x).state == RIGHT
    found = verdict(lambda x: x * 1.01, x, lambda x: x)
    assert "should be [1, 1000], but is [1.01, 1010]" in found.message
    assert verdict(lambda x: x * (1 + 3e-5), x, lambda x: x).state == WRONG


def attends(change):
    """The right attention, but for what `change` makes of it: takes the result and `real`."""
    return lambda *args: change(BY_ID["03-3"].alternative(*args), args[3])


def test_the_rows_of_padding_may_hold_any_finite_numbers():
    for number in (0.0, 7.0, 1e30):
        answer = attends(lambda out, real, n=number: torch.where(real[:, None], out, n))
        assert judge(BY_ID["03-3"], answer).state == RIGHT
    for number in (math.nan, math.inf):
        answer = attends(lambda out, real, n=number: torch.where(real[:, None], out, n))
        found = judge(BY_ID["03-3"], answer)
        assert found.misconception == "nan-in-padding-rows"
        assert "has nan or inf in the rows of padding" in found.message
    found = judge(BY_ID["03-3"], attends(lambda out, real: out + real[:, None]))
    assert (found.state, found.misconception) == (WRONG, "other")
    assert "the number at [0, 0] should be 1.731, but is 2.731" in found.message
