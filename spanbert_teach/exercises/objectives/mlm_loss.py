"""Exercise 05-4: the loss of the masked language model."""

import math

import torch
from torch.nn import functional as F

from spanbert_teach.exercises.checking import CHANGES, expect, shown_call
from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.objectives.gradients import NO_GRADIENT, expect_gradients
from spanbert_teach.exercises.tensors import IN_PLACE, NUMBER, WRONG_SHAPE, random_tensor


def _masked_loss(logits, targets, mask):
    return F.cross_entropy(logits[mask], targets[mask])


def _each(logits, targets):
    """The cross-entropy of every piece, masked or not: (batch, length)."""
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")


def _probabilities(logits, targets, mask, dim=-1):
    """What the softmax gives to the piece that was there, for each masked piece."""
    return logits.softmax(dim=dim).gather(2, targets[..., None])[..., 0][mask]


def _mean_of_rows(logits, targets, mask):
    return torch.stack(
        [_masked_loss(*row) for row in zip(logits, targets, mask, strict=True)]
    ).mean()


def _flattened_by_columns(logits, targets, mask):
    flat = logits.transpose(0, 1).reshape(-1, logits.shape[-1])
    return F.cross_entropy(flat[mask.flatten()], targets[mask])


def _loss_ignoring_in_place(logits, targets, mask):
    targets[~mask] = -100
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def _loss_alternative(logits, targets, mask):
    right = logits.gather(2, targets[..., None])[..., 0]
    return ((logits.logsumexp(dim=2) - right) * mask).sum() / mask.sum()


def random_batch(batch, length, vocabulary, masked, *, size=1.0, dtype=torch.float32):
    """Random logits around `size`, random ids, and a mask with these places (row, column)."""
    seed = 100 * batch + 10 * length + vocabulary
    logits = size * random_tensor(batch, length, vocabulary, seed=seed).to(dtype)
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(vocabulary, (batch, length), generator=generator)
    mask = torch.zeros(batch, length, dtype=torch.bool)
    mask[tuple(zip(*masked, strict=True))] = True
    targets[masked[0]] = 0
    return logits, targets, mask


FIRST = random_batch(2, 4, 3, [(0, 0), (0, 2), (0, 3), (1, 1)])


def expect_gradient(fn) -> None:
    """Raise `Wrong` unless the gradient is that of the loss, and 0 where no piece is masked."""
    logits, targets, mask = FIRST
    (got,) = expect_gradients(
        fn, args=FIRST, of={"logits": 0}, hint="The encoder learns by this number alone."
    )
    wanted = (logits.softmax(dim=-1) - F.one_hot(targets, logits.shape[-1])) / mask.sum()
    given = f"{shown_call(fn, *FIRST)} has the right value, but"
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


MLM_LOSS = Exercise(
    id="05-4",
    title="The loss of the masked pieces",
    function="mlm_loss",
    minutes=8,
    difficulty=3,
    right=_masked_loss,
    cases=(
        case(
            *FIRST,
            hint="For each masked piece -log of the probability of its target; then the mean of "
            "these. Here three pieces of the first row are masked, and one of the second.",
        ),
        case(
            *random_batch(3, 5, 7, [(0, 1), (2, 0), (2, 1), (2, 4)], dtype=torch.float64),
            hint="Here no piece of the second row is masked.",
        ),
        case(
            *random_batch(3, 3, 3, [(0, 0), (1, 0), (1, 2)]),
            hint="Here all three axes have the same size.",
        ),
        case(*random_batch(1, 4, 6, [(0, 2)]), hint="Here a single piece is masked."),
        case(
            *random_batch(2, 3, 5, [(row, place) for row in range(2) for place in range(3)]),
            hint="Here all pieces are masked.",
        ),
        case(
            *random_batch(2, 4, 5, [(0, 1), (1, 0), (1, 3)], size=1000.0),
            hint="Here the logits are large.",
        ),
    ),
    kind=NUMBER,
    properties=(WRONG_SHAPE,),
    slips=(
        # These two first: on large logits, others become infinite too.
        Slip(
            lambda logits, targets, mask: -_probabilities(logits, targets, mask).log().mean(),
            "overflows",
            "This is right for small logits. Here they are large: a probability rounds to 0, whose "
            "logarithm is infinite. F.cross_entropy and log_softmax take both steps in one.",
        ),
        Slip(
            lambda logits, targets, mask: (
                -(logits.exp() / logits.exp().sum(dim=-1, keepdim=True))
                .gather(2, targets[..., None])[..., 0][mask]
                .log()
                .mean()
            ),
            "overflows",
            "This is right for small logits. Here they are large, and exp(large) is infinite. "
            "F.cross_entropy and log_softmax take off the largest logit first.",
        ),
        Slip(
            lambda logits, targets, mask: _each(logits, targets).mean(),
            "all-pieces",
            "This is the mean over all pieces. Those that are not masked stand in the input: "
            "copying them is no prediction. Choose with the mask: logits[mask], targets[mask].",
        ),
        Slip(
            lambda logits, targets, mask: _masked_loss(logits, targets, ~mask),
            "unmasked-pieces",
            "This is the loss over the pieces that are not masked. mask is True where a piece is "
            "predicted.",
        ),
        Slip(
            _mean_of_rows,
            "mean-of-rows",
            "The mean of each row is taken first, and then the mean of these. A row with few "
            "masked pieces then counts as much as one with many: take one mean, over all masked "
            "pieces of the batch.",
        ),
        Slip(
            lambda logits, targets, mask: _each(logits, targets)[mask].sum() / len(mask),
            "divided-by-batch",
            "The sum is divided by the number of rows. Divide by the number of masked pieces.",
        ),
        Slip(
            lambda logits, targets, mask: _each(logits, targets)[mask].sum(),
            "sum",
            "This is the sum over the masked pieces. Divide it by how many there are.",
        ),
        Slip(
            lambda logits, targets, mask: _each(logits, targets)[mask].sum() / mask.numel(),
            "divided-by-all",
            "The sum over the masked pieces is divided by the number of all pieces. Zeros that "
            "stand in for the others count in .mean(), too: divide by mask.sum().",
        ),
        Slip(
            lambda logits, targets, mask: _masked_loss(logits.softmax(dim=-1), targets, mask),
            "softmax-twice",
            "The softmax is applied twice: F.cross_entropy takes logits and applies it itself. "
            "Twice, it flattens the probabilities, and the loss cannot become small.",
        ),
        Slip(
            _flattened_by_columns,
            "wrong-order",
            "Logits and targets do not belong together: one of them was flattened in another "
            "order. logits[mask] and targets[mask] keep the same one, row by row.",
        ),
        Slip(
            lambda logits, targets, mask: F.cross_entropy(
                logits.reshape(len(logits), logits.shape[2], -1), targets, reduction="none"
            )[mask].mean(),
            "axes-reshaped",
            "The axes are exchanged by reshape (or view), which puts the numbers in other places; "
            "only transpose(1, 2) moves an axis. Or choose first: logits[mask] has two axes only.",
        ),
        Slip(
            lambda logits, targets, mask: F.cross_entropy(logits, targets),
            "axes-of-cross-entropy",
            "F.cross_entropy expects the vocabulary on the second axis: (pieces, vocabulary). "
            "logits[mask] has this shape, and targets[mask] has (pieces,).",
        ),
        Slip(
            lambda logits, targets, mask: (
                (logits.argmax(dim=-1) == targets)[mask].to(logits.dtype).mean()
            ),
            "accuracy",
            "This is the accuracy: the share of masked pieces whose largest logit is the right "
            "one. It moves in jumps, so that no gradient says where to go. Return the "
            "cross-entropy.",
        ),
        Slip(
            lambda logits, targets, mask: _masked_loss(logits, targets, mask) / math.log(2),
            "bits",
            "This is in bits, with the logarithm to base 2. The loss is in nats: the natural "
            "logarithm, torch.log.",
        ),
        Slip(
            lambda logits, targets, mask: _masked_loss(logits, targets, mask) / math.log(10),
            "base-10",
            "This is the logarithm to base 10. The loss is in nats: the natural logarithm, "
            "torch.log.",
        ),
        Slip(
            lambda logits, targets, mask: _masked_loss(logits, targets, mask).exp(),
            "perplexity",
            "This is the perplexity, exp of the loss. Return the loss itself.",
        ),
        Slip(
            lambda logits, targets, mask: -_masked_loss(logits, targets, mask),
            "wrong-sign",
            "The sign is wrong: the logarithm of a probability is never above 0, the loss never "
            "below.",
        ),
        Slip(
            lambda logits, targets, mask: _probabilities(logits, targets, mask).mean(),
            "no-logarithm",
            "This is the mean probability of the right pieces. The loss is the mean of -log of "
            "each.",
        ),
        Slip(
            lambda logits, targets, mask: -_probabilities(logits, targets, mask).mean().log(),
            "logarithm-of-the-mean",
            "This is the logarithm of the mean probability. First the logarithm of each, then the "
            "mean.",
        ),
        Slip(
            lambda logits, targets, mask: (
                -_probabilities(logits, targets, mask, dim=1).log().mean()
            ),
            "softmax-over-pieces",
            "The softmax runs over the pieces. It runs over the vocabulary, the last axis: dim=-1.",
        ),
        Slip(
            lambda logits, targets, mask: F.nll_loss(logits[mask], targets[mask]),
            "no-softmax",
            "The softmax is missing: this is the mean of the logits with a minus. F.nll_loss wants "
            "log_softmax of them; F.cross_entropy does both.",
        ),
        Slip(
            lambda logits, targets, mask: _each(logits, targets)[mask],
            "not-averaged",
            "These are the losses of the masked pieces, one by one. Return their mean.",
        ),
        Slip(
            lambda logits, targets, mask: _each(logits, targets) * mask,
            "not-averaged",
            "These are the losses of all pieces, 0 where none is masked. Return one number: their "
            "sum, divided by mask.sum().",
        ),
        Slip(
            lambda logits, targets, mask: F.cross_entropy(
                logits[mask], targets[mask], ignore_index=0
            ),
            "ignores-id-0",
            "Masked pieces whose id is 0 are left out. Only the mask says what counts.",
        ),
        Slip(
            lambda logits, targets, mask: _each(logits * mask[..., None], targets).mean(),
            "others-set-to-0",
            "The logits of the other pieces are set to 0. They still count: with all logits equal "
            "the loss is the logarithm of the vocabulary's size. Leave them out instead.",
        ),
        Slip(
            lambda logits, targets, mask: _each(logits, targets * mask).mean(),
            "others-set-to-0",
            "The targets of the other pieces are set to 0. They still count: 0 is an id like any "
            "other. Leave them out instead.",
        ),
        Slip(_loss_ignoring_in_place, CHANGES, IN_PLACE),
        Slip(lambda *batch: _masked_loss(*batch).item(), NO_GRADIENT),
        Slip(
            lambda logits, targets, mask: _masked_loss(logits.detach(), targets, mask),
            NO_GRADIENT,
        ),
        Slip(lambda *batch: _masked_loss(*batch).detach().numpy(), "not-a-number"),
    ),
    more=expect_gradient,
    alternative=_loss_alternative,
)
