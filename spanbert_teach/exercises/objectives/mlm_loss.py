"""Exercise 05-4: the loss of the masked language model."""

import torch
from torch.nn import functional as F

from spanbert_teach.exercises.checking import expect
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.objectives.gradients import NO_GRADIENT, expect_gradients
from spanbert_teach.exercises.objectives.mlm_loss_wrong import SLIPS, masked_loss
from spanbert_teach.exercises.tensors import (
    expect_tensor,
    random_tensor,
    tensor_call,
)


def _case(batch, length, vocabulary, masked, *, size=1.0, dtype=torch.float32):
    """Random logits around `size`, random ids, and a mask with these places (row, column)."""
    seed = 100 * batch + 10 * length + vocabulary
    logits = size * random_tensor(batch, length, vocabulary, seed=seed).to(dtype)
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(vocabulary, (batch, length), generator=generator)
    mask = torch.zeros(batch, length, dtype=torch.bool)
    mask[tuple(zip(*masked, strict=True))] = True
    targets[masked[0]] = 0
    return logits, targets, mask


def check_mlm_loss(fn) -> None:
    """`mlm_loss(logits, targets, mask)`: mean cross-entropy over the masked pieces, in nats."""
    first = _case(2, 4, 3, [(0, 0), (0, 2), (0, 3), (1, 1)])
    every = [(row, column) for row in range(2) for column in range(3)]
    for case, hint in (
        (
            first,
            "For each masked piece -log of the probability of its target; then the mean of these. "
            "Here three pieces of the first row are masked, and one of the second.",
        ),
        (
            _case(3, 5, 7, [(0, 1), (2, 0), (2, 1), (2, 4)], dtype=torch.float64),
            "Here no piece of the second row is masked.",
        ),
        (_case(3, 3, 3, [(0, 0), (1, 0), (1, 2)]), "Here all three axes have the same size."),
        (_case(1, 4, 6, [(0, 2)]), "Here a single piece is masked."),
        (_case(2, 3, 5, every), "Here all pieces are masked."),
        (_case(2, 4, 5, [(0, 1), (1, 0), (1, 3)], size=1000.0), "Here the logits are large."),
    ):
        expect_tensor(fn, *case, right=masked_loss, slips=SLIPS, hint=hint)
    _expect_gradient(fn, *first)


def _expect_gradient(fn, logits, targets, mask) -> None:
    (got,) = expect_gradients(
        fn, logits, targets, mask, of={"logits": 0}, hint="The encoder learns by this number alone."
    )
    wanted = (logits.softmax(dim=-1) - F.one_hot(targets, logits.shape[-1])) / mask.sum()
    given = f"{tensor_call(fn, logits, targets, mask)} has the right value, but"
    expect(
        not got[~mask].any(),
        f"{given} a gradient reaches the logits of pieces that are not masked.",
        "gradient-elsewhere",
    )
    expect(
        torch.allclose(got[mask], wanted.double()[mask], rtol=0, atol=1e-5),
        f"{given} the gradient at the masked pieces is another one: a part of it is cut off.",
        NO_GRADIENT,
    )


def _loss_ignoring_in_place(logits, targets, mask):
    targets[~mask] = -100
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def _loss_as_a_float(logits, targets, mask):
    return F.cross_entropy(logits[mask], targets[mask]).item()


def _loss_of_detached_logits(logits, targets, mask):
    return F.cross_entropy(logits.detach()[mask], targets[mask])


def _loss_as_an_array(logits, targets, mask):
    return F.cross_entropy(logits[mask], targets[mask]).detach().numpy()


def _loss_alternative(logits, targets, mask):
    right = logits.gather(2, targets[..., None])[..., 0]
    return ((logits.logsumexp(dim=2) - right) * mask).sum() / mask.sum()


MLM_LOSS = Exercise(
    id="05-4",
    title="The loss of the masked pieces",
    function="mlm_loss",
    minutes=8,
    difficulty=3,
    more=check_mlm_loss,
    slips=(
        *SLIPS,
        Slip(_loss_ignoring_in_place, "changes-its-input"),
        Slip(_loss_as_a_float, NO_GRADIENT),
        Slip(_loss_of_detached_logits, NO_GRADIENT),
        Slip(_loss_as_an_array, "not-a-number"),
    ),
    alternative=_loss_alternative,
)
