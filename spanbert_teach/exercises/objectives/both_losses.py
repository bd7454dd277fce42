"""Exercise 05-5: both losses in one number."""

from functools import partial

import torch
from torch import Tensor

from spanbert_teach.exercises.checking import CHANGES
from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.objectives.gradients import NO_GRADIENT, expect_gradients
from spanbert_teach.exercises.tensors import IN_PLACE, NUMBER, WRONG_SHAPE


def _joint(mlm_sum, sbo_sum, mlm_count, sbo_count, weight=1.0):
    return mlm_sum / mlm_count + weight * sbo_sum / (sbo_count + 1)


def _joint_in_place(mlm_sum, sbo_sum, mlm_count, sbo_count, weight=1.0):
    mlm_sum /= mlm_count
    mlm_sum += weight * sbo_sum / (sbo_count + 1)
    return mlm_sum


def _joint_alternative(mlm_sum, sbo_sum, mlm_count, sbo_count, weight=1.0):
    sums, counts = torch.stack([mlm_sum, sbo_sum]), torch.tensor([mlm_count, 1 + sbo_count])
    return sums.div(counts) @ torch.tensor([1.0, weight]).to(sums)


def _sums(mlm: float, sbo: float, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    return torch.tensor(mlm, dtype=dtype), torch.tensor(sbo, dtype=dtype)


FIRST = (*_sums(70.0, 12.0), 7, 3, 2.0)

JOINT_LOSS = Exercise(
    id="05-5",
    title="Both losses in one number",
    function="both_losses",
    minutes=5,
    difficulty=2,
    right=_joint,
    cases=(
        case(*FIRST, hint="70 / 7 is 10, 12 / (3 + 1) is 3, and the weight takes the 3 twice."),
        case(*FIRST[:-1], hint="Without a weight, it is 1."),
        case(*_sums(7.0, 0.0), 2, 0, hint="Here there is no SBO target: the MLM's mean is left."),
        case(*_sums(7.0, 9.0), 2, 1, 0.0, hint="With weight 0 the SBO counts nothing."),
        case(
            *_sums(7.0, 0.0),
            2,
            0,
            0.0,
            hint="No SBO target and weight 0: the MLM's mean is left.",
        ),
        case(*_sums(616.5, 412.25, torch.float64), 77, 61, 0.5),
    ),
    kind=NUMBER,
    properties=(WRONG_SHAPE,),
    # mlm and sbo are the sums, n and k their counts.
    slips=(
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm / n + weight * sbo / k,
            "1-forgotten",
            "The SBO's sum is divided by its count alone. One is added to the count, so that a "
            "batch without an SBO target is no division by zero.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm / n + weight * sbo / max(k, 1),
            "1-only-when-empty",
            "This takes care of a count of 0, but leaves other counts as they are. The authors' "
            "code always adds one: divide by sbo_count + 1.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm / (n + 1) + weight * sbo / (k + 1),
            "1-on-both",
            "One is added to both counts. The MLM always has targets: only the SBO's count gets "
            "one.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm / (n + 1) + weight * sbo / k,
            "1-on-the-mlm",
            "One is added to the count of the MLM. It belongs to that of the SBO, which can be 0.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm / n + weight * sbo / k + 1,
            "brackets",
            "Without brackets, one is added to the loss. It belongs to the count: (sbo_count + 1).",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: weight * mlm / n + sbo / (k + 1),
            "weight-on-the-mlm",
            "The weight multiplies the MLM. It multiplies the SBO.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: weight * (mlm / n + sbo / (k + 1)),
            "weight-on-both",
            "The weight multiplies both losses. It multiplies the SBO alone.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: (1 - weight) * mlm / n + weight * sbo / (k + 1),
            "weights-sum-to-1",
            "The MLM is multiplied by 1 - weight. It counts fully, whatever the weight is.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm / n + sbo / (weight * k + 1),
            "weight-on-the-count",
            "The weight multiplies the count of the SBO. It multiplies its loss.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: _joint(mlm, sbo, n, k),
            "weight-ignored",
            "The argument weight is not used.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: (mlm + weight * sbo) / n,
            "both-by-the-mlm-count",
            "Both are divided by the number of masked pieces. That is the sum in the paper; in the "
            "authors' code each loss has its own count.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: (mlm + weight * sbo) / (n + k),
            "both-by-the-total",
            "The sum of both is divided by the sum of the counts. Each loss is divided by its own.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: (mlm + weight * sbo) / (n + k + 1),
            "both-by-the-total",
            "The sum of both is divided by the sum of the counts and 1. Each loss is divided by "
            "its own.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: _joint(mlm, sbo, n, k, weight) / 2,
            "mean-of-both",
            "This is half of it, the mean of the two losses. They are added.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm + weight * sbo,
            "not-divided",
            "These are sums over the targets. Divide each by its count, so that a large batch "
            "does not give a large loss.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm + weight * sbo / (k + 1),
            "mlm-not-divided",
            "The MLM's sum is not divided by its count.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm / n + weight * sbo,
            "sbo-not-divided",
            "The SBO's sum is not divided by its count and 1.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm / k + weight * sbo / (n + 1),
            "counts-swapped",
            "The counts are swapped: each loss is divided by the number of its own targets.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: weight * sbo / (k + 1),
            "sbo-only",
            "The loss of the MLM is missing.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm / n,
            "mlm-only",
            "The loss of the SBO is missing.",
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: mlm / n - weight * sbo / (k + 1),
            "subtracted",
            "The SBO is subtracted: then training would make it worse. Add it.",
        ),
        Slip(_joint_in_place, CHANGES, IN_PLACE),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: _joint(mlm.item(), sbo.item(), n, k, weight),
            NO_GRADIENT,
        ),
        Slip(
            lambda mlm, sbo, n, k, weight=1.0: (mlm / n, weight * sbo / (k + 1)),
            "not-a-number",
        ),
    ),
    hint="Each sum by its own count, one more for the SBO; the weight multiplies the SBO.",
    more=partial(
        expect_gradients,
        args=FIRST,
        of={"mlm_sum": 0, "sbo_sum": 1},
        hint="Both objectives teach the encoder.",
    ),
    alternative=_joint_alternative,
)
