"""What the proof of every exercise does not show of lesson 05: other styles, the library's."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
from strange_results import STRANGE
from torch import nn
from torch.nn import functional as F

from spanbert_teach.exercises.checking import CHANGES
from spanbert_teach.exercises.judging import CHECK_CRASH, RIGHT, WRONG, judge
from spanbert_teach.exercises.objectives import EXERCISES
from spanbert_teach.exercises.objectives.gradients import NO_GRADIENT
from spanbert_teach.exercises.objectives.mlm_loss import random_batch
from spanbert_teach.exercises.tensors import random_tensor
from spanbert_teach.masking import MaskOptions, sbo_targets
from spanbert_teach.objectives import boundary_input, joint_loss, loss_sum, tied_decoder

BY_ID = {exercise.id: exercise for exercise in EXERCISES}
every = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)

# --- the answers are the library's ---------------------------------------------------------------


def test_targets_are_those_of_the_library():
    ids = np.arange(100, 120)
    for start, end in itertools.combinations(range(1, 20), 2):
        sbo = sbo_targets(ids, [(start, end)], MaskOptions(max_sbo=None))
        rows = zip(sbo.left, sbo.right, sbo.position, strict=True)
        assert BY_ID["05-2"].alternative(start, end) == list(rows)
        assert list(sbo.target) == list(ids[start:end])


def test_figure_1_of_the_paper():
    """an American football game: x5 .. x8 at places 5 to 8; football is read off x4, x9, p3."""
    assert BY_ID["05-2"].alternative(5, 9)[2] == (4, 9, 2)


def test_the_loss_is_the_librarys():
    logits, targets, mask = random_batch(3, 5, 7, [(0, 1), (2, 0), (2, 4)])
    torch.testing.assert_close(
        BY_ID["05-4"].alternative(logits, targets, mask),
        loss_sum(logits[mask], targets[mask]) / mask.sum(),
    )


def test_the_vector_is_the_librarys():
    hidden, table = random_tensor(2, 9, 4, seed=1), random_tensor(5, 3, seed=2)
    row, left, right, position = torch.tensor([[0, 1, 4, 1], [1, 0, 6, 4], [1, 0, 6, 0]]).T
    torch.testing.assert_close(
        BY_ID["05-3"].alternative(hidden, row, left, right, position, table),
        boundary_input(hidden, row, left, right, table[position]),
    )


def test_the_joint_loss_is_the_librarys():
    sums = torch.tensor(70.0), torch.tensor(12.0)
    for weight in (0.0, 0.5, 1.0):
        torch.testing.assert_close(
            BY_ID["05-5"].alternative(*sums, 7, 3, weight),
            joint_loss(*sums, 7, 3, sbo_weight=weight),
        )


# --- other styles --------------------------------------------------------------------------------


def loss_over_all_with_ignored(logits, targets, mask):
    targets = targets.masked_fill(~mask, -100)
    return F.cross_entropy(logits.transpose(1, 2), targets)


def loss_over_rows(logits, targets, mask):
    losses = [
        -logits[row, place].log_softmax(0)[targets[row, place]]
        for row in range(len(logits))
        for place in range(logits.shape[1])
        if mask[row, place]
    ]
    return sum(losses) / len(losses)


def loss_as_a_share_of_each(logits, targets, mask):
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return (losses * mask.flatten()).sum() / mask.sum()


def loss_by_one_hot(logits, targets, mask):
    right = F.one_hot(targets, logits.shape[-1])
    return -(logits.log_softmax(-1) * right).sum(-1)[mask].mean()


def vector_by_gather(hidden, row, left, right, position, table):
    flat, length = hidden.flatten(0, 1), hidden.shape[1]
    states = [flat.index_select(0, row * length + place) for place in (left, right)]
    return torch.hstack([*states, F.embedding(position, table)])


def vector_by_columns(hidden, row, left, right, position, table):
    states = hidden[row[:, None], torch.stack([left, right], dim=1)]
    return torch.cat([states.flatten(1), table[position]], dim=-1)


class Decoder(nn.Module):
    def __init__(self, embedding):
        super().__init__()
        self.embedding = embedding

    def forward(self, x):
        return F.linear(x, self.embedding.weight)


def decoder_with_a_view(embedding):
    turned = embedding.weight.T
    return lambda x: x @ turned


def decoder_of_the_other_shape(embedding):
    """torch lets a weight of any shape be assigned: the sizes that were asked for do not matter."""
    decoder = nn.Linear(*embedding.weight.shape, bias=False)
    decoder.weight = embedding.weight
    return decoder


def decoder_of_looked_up_rows(embedding):
    def decoder(x):
        return torch.einsum("th,vh->tv", x, embedding(torch.arange(embedding.num_embeddings)))

    return decoder


def joint_loss_in_steps(mlm_sum, sbo_sum, mlm_count, sbo_count, weight=1.0):
    loss = mlm_sum / mlm_count
    if sbo_count and weight:
        loss = loss + sbo_sum / (sbo_count + 1) * weight
    return loss + 0 * sbo_sum


OTHER_STYLES = [
    ("05-2", lambda start, end: [[start - 1, end, i] for i, _ in enumerate(range(start, end))]),
    ("05-2", lambda start, end: [(start - 1, end, np.int64(i)) for i in np.arange(end - start)]),
    ("05-4", loss_over_all_with_ignored),
    ("05-4", loss_over_rows),
    ("05-4", loss_as_a_share_of_each),
    ("05-4", loss_by_one_hot),
    ("05-4", lambda x, t, m: F.nll_loss(x[m].log_softmax(1), t[m])),
    ("05-4", lambda x, t, m: F.cross_entropy(x[m].log_softmax(1), t[m])),
    ("05-4", lambda x, t, m: F.cross_entropy(x[m], t[m], reduction="sum") / m.sum()),
    ("05-3", vector_by_gather),
    ("05-3", vector_by_columns),
    ("05-1", tied_decoder),
    ("05-1", Decoder),
    ("05-1", decoder_with_a_view),
    ("05-1", decoder_of_the_other_shape),
    ("05-1", decoder_of_looked_up_rows),
    ("05-1", lambda embedding: partial(F.linear, weight=embedding.weight)),
    ("05-1", lambda embedding: lambda x: (embedding.weight @ x.T).T),
    ("05-5", joint_loss_in_steps),
    ("05-5", lambda m, s, n, k, weight=1.0: (m * (k + 1) + weight * s * n) / (n * (k + 1))),
]


@pytest.mark.parametrize(("exercise_id", "answer"), OTHER_STYLES)
def test_right_in_another_style(exercise_id, answer):
    verdict = judge(BY_ID[exercise_id], answer)
    assert verdict.state == RIGHT, str(verdict)


@pytest.mark.parametrize("exercise_id", ["05-4", "05-3", "05-5"])
@pytest.mark.parametrize(
    "as_another",
    [lambda tensor: tensor.double(), lambda tensor: tensor.float(), lambda tensor: tensor * 1],
    ids=["double", "float", "copy"],
)
def test_a_right_tensor_of_another_kind_is_right(exercise_id, as_another):
    exercise = BY_ID[exercise_id]
    verdict = judge(exercise, lambda *args: as_another(exercise.alternative(*args)))
    assert verdict.state == RIGHT, str(verdict)


def test_right_where_gradients_are_switched_off():
    """As in a notebook after torch.set_grad_enabled(False): the checks switch them on."""
    with torch.no_grad():
        for exercise in EXERCISES:
            verdict = judge(exercise, exercise.alternative)
            assert verdict.state == RIGHT, str(verdict)


# --- wrong answers in other styles: the numbers tell, not the code --------------------------------


def mean_of_rows_by_loop(logits, targets, mask):
    losses = [F.cross_entropy(x[m], t[m]) for x, t, m in zip(logits, targets, mask, strict=True)]
    return sum(losses) / len(losses)


def leaks(logits, targets, mask):
    everywhere = logits.logsumexp(-1).mean()
    return F.cross_entropy(logits[mask], targets[mask]) + everywhere - everywhere.detach()


def half_detached(logits, targets, mask):
    right = logits.gather(2, targets[..., None])[..., 0]
    return (logits.detach().logsumexp(-1) - right)[mask].mean()


def without_gradient(function):
    return torch.no_grad()(function)


def sum_of_vectors_by_loop(hidden, row, left, right, position, table):
    found = [hidden[r, a] + hidden[r, b] for r, a, b in zip(row, left, right, strict=True)]
    return torch.cat([torch.stack(found), table[position]], dim=1)


def without_left_gradient(hidden, row, left, right, position, table):
    return torch.cat([hidden[row, left], hidden[row, right], table.detach()[position]], 1)


def drawn_once_per_call(embedding):
    weight = nn.Parameter(torch.randn(embedding.weight.shape, dtype=embedding.weight.dtype))
    return lambda x: x @ weight.T


def module_with_bias(embedding):
    class WithBias(Decoder):
        def __init__(self, embedding):
            super().__init__(embedding)
            self.bias = nn.Parameter(torch.zeros(len(embedding.weight)))

        def forward(self, x):
            return super().forward(x) + self.bias

    return WithBias(embedding)


def frozen(embedding):
    embedding.weight.requires_grad_(False)
    return lambda x: x @ embedding.weight.T


def in_place_after_use(mlm_sum, sbo_sum, mlm_count, sbo_count, weight=1.0):
    roots = (sbo_sum / (sbo_count + 1)).sqrt()
    loss = mlm_sum / mlm_count + weight * roots * roots
    roots += 1
    return loss


OTHER_SLIPS = [
    ("05-2", lambda start, end: [(start, end - 1, i - start) for i in range(start, end)], "inside"),
    (
        "05-2",
        lambda start, end: [[start - 1, end, i + 1] for i in range(end - start)],
        "position-from-1",
    ),
    (
        "05-2",
        lambda start, end: [(i - 1, i + 1, i - start) for i in range(start, end)],
        "neighbours",
    ),
    (
        "05-2",
        lambda start, end: [(start - 1, end + 1, i) for i in range(end - start + 1)],
        "end-included",
    ),
    ("05-2", lambda start, end: ((start - 1, end, i) for i in range(end - start)), "not-a-list"),
    (
        "05-2",
        lambda start, end: torch.tensor([[start - 1, end, i] for i in range(end - start)]),
        "not-a-list",
    ),
    (
        "05-2",
        lambda start, end: [(start - 1, end, i / 1) for i in range(end - start)],
        "not-whole-numbers",
    ),
    ("05-4", mean_of_rows_by_loop, "mean-of-rows"),
    ("05-4", lambda x, t, m: F.cross_entropy(x.view(-1, x.shape[-1]), t.view(-1)), "all-pieces"),
    ("05-4", lambda x, t, m: F.nll_loss(x.softmax(-1).log()[m], t[m]), "overflows"),
    (
        "05-4",
        lambda x, t, m: -x[m].log_softmax(-1).gather(1, t[m][:, None]).sum() / m.numel(),
        "divided-by-all",
    ),
    ("05-4", lambda x, t, m: F.nll_loss(x[m].log_softmax(1), t[m]) / np.log(2), "bits"),
    ("05-4", lambda x, t, m: -(x[m] * F.one_hot(t[m], x.shape[-1])).sum(-1).mean(), "no-softmax"),
    ("05-4", leaks, "gradient-elsewhere"),
    ("05-4", half_detached, "no-gradient"),
    ("05-4", without_gradient(BY_ID["05-4"].alternative), "no-gradient"),
    ("05-3", sum_of_vectors_by_loop, "sum"),
    ("05-3", without_left_gradient, "no-gradient"),
    ("05-3", without_gradient(BY_ID["05-3"].alternative), "no-gradient"),
    ("05-3", lambda h, r, a, b, p, t: torch.hstack((h[r, b], h[r, a], t[p])), "right-before-left"),
    (
        "05-3",
        lambda h, r, a, b, p, t: torch.cat((h[r][:, a], h[r][:, b], t[p]), -1),
        "not-in-pairs",
    ),
    ("05-3", lambda h, r, a, b, p, t: torch.vstack((h[r, a], h[r, b], t[p])), "below-each-other"),
    ("05-1", drawn_once_per_call, "untied"),
    ("05-1", lambda embedding: nn.Linear(*embedding.weight.T.shape), "untied"),
    ("05-1", module_with_bias, "bias"),
    ("05-1", frozen, "changes-its-input"),
    ("05-1", lambda embedding: lambda x: x @ embedding.weight.data.T, "no-gradient"),
    ("05-1", lambda embedding: without_gradient(lambda x: x @ embedding.weight.T), "no-gradient"),
    ("05-1", lambda embedding: nn.Embedding.from_pretrained(embedding.weight), "looked-up"),
    ("05-1", lambda embedding: lambda x: torch.matmul(x, embedding.weight), "not-transposed"),
    ("05-5", in_place_after_use, "no-gradient"),
    ("05-5", without_gradient(BY_ID["05-5"].alternative), "no-gradient"),
    ("05-5", lambda m, s, n, k, weight=1.0: m / n + weight * s / (k + 1e-8), "1-only-when-empty"),
    (
        "05-5",
        lambda m, s, n, k, weight=1.0: m / n + (weight * s / k if k else 0),
        "1-only-when-empty",
    ),
    ("05-5", lambda m, s, n, k, weight=1.0: m / n + s / (k + 1), "weight-ignored"),
    (
        "05-5",
        lambda m, s, n, k, weight=1.0: m.item() / n + weight * s.item() / (k + 1),
        "no-gradient",
    ),
]


@pytest.mark.parametrize(("exercise_id", "answer", "misconception"), OTHER_SLIPS)
def test_wrong_in_another_style_gets_the_same_hint(exercise_id, answer, misconception):
    verdict = judge(BY_ID[exercise_id], answer)
    assert verdict.misconception == misconception, str(verdict)


def test_a_decoder_that_stops_says_where():
    def tied(embedding):
        def decoder(x):
            return x @ embedding.nothing

        return decoder

    verdict = judge(BY_ID["05-1"], tied)
    assert verdict.misconception == "crash"
    assert "in line" in verdict.message and "return x @ embedding.nothing" in verdict.message


# --- hints ---------------------------------------------------------------------------------------


@every
def test_every_hint_is_a_sentence(exercise):
    hints = [slip.hint for slip in exercise.slips if slip.hint]
    assert all(len(hint) > 20 and hint.endswith((".", ")")) for hint in hints)
    assert len(hints) > len(exercise.slips) - 6


def test_targets_tell_the_slips_apart():
    outcomes = [slip.answer(5, 9) for slip in BY_ID["05-2"].slips]
    assert all(outcomes.count(outcome) == 1 for outcome in outcomes)


def test_the_joint_loss_tells_the_slips_apart():
    sums = torch.tensor(70.0), torch.tensor(12.0)
    right = {CHANGES, NO_GRADIENT, "not-a-number"}  # the numbers are right
    slips = [slip for slip in BY_ID["05-5"].slips if slip.misconception not in right]
    outcomes = [round(float(slip.answer(*sums, 7, 3, 2.0)), 4) for slip in slips]
    assert len(set(outcomes)) == len(outcomes) - 1, "only 1-only-when-empty is as 1-forgotten"


@pytest.mark.parametrize("kind", STRANGE)
def test_a_decoder_with_a_strange_result_is_wrong_and_said_to_be_so(kind):
    verdict = judge(BY_ID["05-1"], lambda embedding: lambda x: STRANGE[kind]())
    assert verdict.state == WRONG and verdict.misconception != CHECK_CRASH, str(verdict)


def test_the_cards_examples():
    assert BY_ID["05-2"].alternative(4, 7) == [(3, 7, 0), (3, 7, 1), (3, 7, 2)]
    logits = torch.tensor([[[0.0, 0.0], [1.0986, 0.0], [5.0, 0.0]]])
    mask = torch.tensor([[True, True, False]])
    loss = BY_ID["05-4"].alternative(logits, torch.tensor([[0, 0, 1]]), mask)
    assert float(loss) == pytest.approx((math.log(2) + math.log(4 / 3)) / 2, abs=5e-4)
    assert f"{float(loss):.3f}" == "0.490"
    hidden = torch.tensor([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]])
    places = (torch.tensor([number]) for number in (1, 0, 2, 0))
    vector = BY_ID["05-3"].alternative(hidden, *places, torch.tensor([[0.5, 0.25]]))
    assert vector.tolist() == [[4.0, 6.0, 0.5, 0.25]]
    table = nn.Embedding(3, 2, _weight=torch.tensor([[1.0, 0.0], [0.0, 10.0], [1.0, 1.0]]))
    logits = BY_ID["05-1"].alternative(table)(torch.tensor([[2.0, 3.0]]))
    assert logits.tolist() == [[2.0, 30.0, 5.0]]
    sums = torch.tensor(70.0), torch.tensor(12.0)
    assert float(BY_ID["05-5"].alternative(*sums, 7, 3)) == 13.0
    assert float(BY_ID["05-5"].alternative(*sums, 7, 3, 2.0)) == 16.0
    assert float(BY_ID["05-5"].alternative(sums[0], torch.tensor(0.0), 7, 0)) == 10.0
