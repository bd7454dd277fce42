"""What the proof of every exercise does not show of lesson 03: other styles, strange results."""

import math

import numpy as np
import pytest
import torch

from spanbert_teach.exercises.attention import EXERCISES
from spanbert_teach.exercises.attention.attend_to_real import SLIPS
from spanbert_teach.exercises.attention.fit import FIT_SLIPS, SOFTMAX_SLIPS
from spanbert_teach.exercises.attention.into_heads import HEAD_SLIPS, SHARE_SLIPS
from spanbert_teach.exercises.checking import Wrong
from spanbert_teach.exercises.encoder import EXERCISES as ENCODER_EXERCISES
from spanbert_teach.exercises.judging import RIGHT, judge
from spanbert_teach.exercises.tensors import expect_tensor, random_tensor, shown_tensor
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


@pytest.mark.parametrize("slips", [FIT_SLIPS, SOFTMAX_SLIPS, SLIPS, HEAD_SLIPS, SHARE_SLIPS])
def test_every_hint_is_a_sentence(slips):
    assert all(len(slip.hint) > 20 and slip.hint.endswith((".", ")", "?")) for slip in slips)


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


def message(fn, *args, right, slips=(), rows=None):
    with pytest.raises(Wrong) as caught:
        expect_tensor(fn, *args, right=right, slips=slips, hint="A hint.", rows=rows)
    return caught.value.message


def test_few_numbers_are_shown_and_of_many_the_first_that_differs():
    def twice(x):
        return 2 * x

    def twice_but_for_one(x):
        twice = 2 * x
        twice.flatten()[-1] += 1e-4
        return twice

    few, many = torch.tensor([[1.0, 2.0]]), torch.ones(9, 9, dtype=torch.float64)
    assert message(twice_but_for_one, few, right=twice) == (
        "twice_but_for_one(tensor([[1., 2.]])) should be [[2, 4]], but is [[2, 4.0001]].\nA hint."
    )
    assert message(twice_but_for_one, many, right=twice) == (
        "In twice_but_for_one(a tensor of shape (9, 9)), the number at [8, 8] should be 2, but is "
        "2.0001.\nA hint."
    )
    assert shown_tensor(few) == "tensor([[1., 2.]])" and shown_tensor("sea") == "'sea'"


def test_only_the_rows_that_count_are_compared():
    x, rows = torch.ones(3, 2), torch.tensor([True, True, False])

    def other_last(x):
        return torch.cat([x[:2], 7 * x[2:]])

    expect_tensor(other_last, x, right=lambda x: x, slips=(), hint="", rows=rows)
    assert "the number at [2, 0] should be 1, but is 7" in message(
        other_last, x, right=lambda x: x, rows=~rows
    )


def test_tolerance():
    x = torch.tensor([1.0, 1000.0], dtype=torch.float64)
    expect_tensor(lambda x: x * (1 + 5e-6), x, right=lambda x: x, slips=(), hint="")
    assert "should be [1, 1000], but is [1.01, 1010]" in message(
        lambda x: x * 1.01, x, right=lambda x: x
    )
    assert message(lambda x: x * (1 + 3e-5), x, right=lambda x: x)
