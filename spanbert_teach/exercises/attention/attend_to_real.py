"""Exercise 03-3: attention that leaves padding out."""

import math

import torch

from spanbert_teach.exercises.checking import expect
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.tensors import (
    expect_tensor,
    random_tensor,
    tensor_call,
)

BEFORE = (
    "Put -math.inf where a key is padding, before the softmax: scores.masked_fill(~real, "
    "-math.inf)."
)
MASKS_ROWS = (
    "The rows of padding are masked: that takes their questions away, and the real pieces still "
    "look at padding. Mask columns, one for each key: real, not real[:, None]."
)


def _scores(queries, keys):
    return queries @ keys.T / math.sqrt(queries.shape[1])


def _attend(queries, keys, values, real):
    return _scores(queries, keys).masked_fill(~real, -math.inf).softmax(dim=1) @ values


def _renormalised(queries, keys, values, real):
    shares = _scores(queries, keys).softmax(dim=1) * real
    return shares / shares.sum(dim=1, keepdim=True) @ values


SLIPS = (
    Slip(
        lambda queries, keys, values, real: _scores(queries, keys).softmax(dim=1) @ values,
        "mask-ignored",
        f"Padding is attended to like any piece: `real` is not used. {BEFORE}",
    ),
    Slip(
        lambda queries, keys, values, real: _scores(queries, keys).softmax(dim=1) * real @ values,
        "masked-after-softmax",
        "The probabilities on padding are set to 0 after the softmax (or its values are), so the "
        f"rest sums to less than 1. {BEFORE}",
    ),
    Slip(
        _renormalised,
        "masked-after-softmax",
        "Padding is masked after the softmax. Dividing again repairs the sum, but a large score "
        f"on padding has left nothing to divide: 0 / 0 is nan. {BEFORE}",
    ),
    Slip(
        lambda queries, keys, values, real: (_scores(queries, keys) * real).softmax(dim=1) @ values,
        "score-0",
        "The scores of padding are 0, but exp(0) is 1: padding still gets a share. Only the score "
        f"minus infinity gives exp = 0. {BEFORE}",
    ),
    Slip(
        lambda queries, keys, values, real: (
            (_scores(queries, keys) - 1.0 * ~real).softmax(dim=1) @ values
        ),
        "too-little-taken-off",
        f"1 is taken off the scores of padding: exp makes that a third, not 0. {BEFORE}",
    ),
    Slip(
        lambda queries, keys, values, real: (
            (_scores(queries, keys) - 10_000.0 * ~real).softmax(dim=1) @ values
        ),
        "too-little-taken-off",
        "10,000 is taken off the scores of padding (as BERT's first code did). That is enough for "
        f"everyday scores, but here padding holds larger ones. {BEFORE}",
    ),
    Slip(
        lambda queries, keys, values, real: (
            _scores(queries, keys).masked_fill(real, -math.inf).softmax(dim=1) @ values
        ),
        "mask-inverted",
        "It is the other way round: only padding is attended to. `real` is True for the pieces "
        "that stay, so ~real says where the scores go.",
    ),
    Slip(
        lambda queries, keys, values, real: (
            _scores(queries, keys).masked_fill(~real[:, None], -math.inf).softmax(dim=1) @ values
        ),
        "masks-rows",
        MASKS_ROWS,
    ),
    Slip(
        lambda queries, keys, values, real: (
            _scores(queries, keys).masked_fill(~real[:, None], -1e9).softmax(dim=1) @ values
        ),
        "masks-rows",
        MASKS_ROWS,
    ),
    Slip(
        lambda queries, keys, values, real: (
            (_scores(queries, keys) + ~real * -math.inf).softmax(dim=1) @ values
        ),
        "0-times-infinity",
        "Everything is nan: where a key is real, False * -math.inf is 0 times infinity, and that "
        "is nan. Fill instead of multiplying: scores.masked_fill(~real, -math.inf).",
    ),
    Slip(
        lambda queries, keys, values, real: (
            (queries @ keys.T).masked_fill(~real, -math.inf).softmax(dim=1) @ values
        ),
        "not-scaled",
        "The dot products are not divided by the root of the head size.",
    ),
    Slip(
        lambda queries, keys, values, real: (
            _scores(queries, keys).masked_fill(~real, -math.inf).softmax(dim=1)
        ),
        "returns-probabilities",
        "These are the probabilities. The mean of the values is still to come: probabilities @ "
        "values.",
    ),
    Slip(
        lambda queries, keys, values, real: (
            _scores(queries, keys).masked_fill(~real, -math.inf).softmax(dim=1).T @ values
        ),
        "wrong-axis",
        "The weighted sum runs over the queries. It runs over the keys, the columns: "
        "probabilities @ values, without a transpose.",
    ),
    Slip(
        lambda queries, keys, values, real: (
            _scores(queries, keys).masked_fill(~real, -math.inf).softmax(dim=0) @ values
        ),
        "columns",
        "The softmax runs down the columns. Each row sums to 1: dim=1.",
    ),
    Slip(
        lambda queries, keys, values, real: (
            _scores(keys, queries).masked_fill(~real, -math.inf).softmax(dim=1) @ values
        ),
        "queries-and-keys-swapped",
        "Queries and keys are swapped: a row of the scores belongs to one query.",
    ),
    Slip(
        lambda queries, keys, values, real: _attend(
            queries[real], keys[real], values[real], real[real]
        ),
        "drops-rows",
        "Rows are missing: there is one for each query, padding's too, so that the shape stays.",
    ),
    Slip(
        lambda queries, keys, values, real: (
            _scores(queries, keys).masked_fill(~real, -math.inf) @ values
        ),
        "no-softmax",
        "The softmax is missing: scores become probabilities before they weigh the values.",
    ),
)


def check_attend_to_real(fn) -> None:
    """`attend_to_real(queries, keys, values, real)`: the mean of the values of real pieces."""
    queries = torch.tensor([[2.0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0]])
    keys = torch.tensor([[0.0, 1, 2, 0], [1, 0, 1, 1], [3, 2, 1, 0]])
    values = torch.tensor([[1.0, 10], [2, 20], [4, 80]])
    order = "Score, mask, softmax, weighted sum: in this order."
    _expect_attended(fn, queries, keys, values, torch.tensor([True, True, False]), hint=order)
    for length, size, width, padding in ((5, 3, 5, [1, 4]), (4, 2, 3, [0, 1, 3])):
        real = torch.ones(length, dtype=torch.bool)
        real[padding] = False
        queries, keys = random_tensor(2, length, size, seed=length).double()
        values = random_tensor(length, width, seed=1).double()
        _expect_attended(fn, queries, keys, values, real, hint=order)
    queries, keys, values = (random_tensor(4, 3, seed=seed) for seed in (5, 6, 7))
    real = torch.ones(4, dtype=torch.bool)
    _expect_attended(fn, queries, keys, values, real, hint="Here no piece is padding.")
    for size in (1.0, 20_000.0):
        _expect_attended(
            fn,
            torch.cat([queries, random_tensor(3, 3, seed=9)]),
            *(torch.cat([x, size * random_tensor(3, 3, seed=8)]) for x in (keys, values)),
            torch.cat([real, ~real[:3]]),
            hint="This is the sentence of before with three pieces of padding after it; in their "
            f"keys and values are numbers of about {size:g}. Whatever padding holds, the rows of "
            f"the real pieces stay the same. {BEFORE}",
        )


def _expect_attended(fn, queries, keys, values, real, *, hint) -> None:
    case = queries, keys, values, real
    got = expect_tensor(
        fn,
        *case,
        right=_attend,
        slips=SLIPS,
        hint=hint,
        rows=real,
        apart=(queries, keys, values, torch.ones_like(real)),
    )
    expect(
        bool(got.isfinite().all()),
        f"{tensor_call(fn, *case)} has nan or inf in the rows of padding. Nobody reads these rows, "
        "but in the next layer they are values, and 0 times nan is nan.\nMask keys (columns) "
        "only: a padding query may look at the real pieces like any other.",
        "nan-in-padding-rows",
    )


def _attend_both_masked(queries, keys, values, real):
    both = real[:, None] & real[None, :]
    return _scores(queries, keys).masked_fill(~both, -math.inf).softmax(dim=1) @ values


def _attend_after_with_a_little(queries, keys, values, real):
    shares = _scores(queries, keys).softmax(dim=1) * real
    return shares / (shares.sum(dim=1, keepdim=True) + 1e-9) @ values


def _attend_clearing_in_place(queries, keys, values, real):
    out = _attend(queries, keys, values, real)
    values[~real] = 0
    return out


def _attend_alternative(queries, keys, values, real):
    scores = _scores(queries, keys[real])
    weights = (scores - scores.amax(dim=1, keepdim=True)).exp()
    return weights @ values[real] / weights.sum(dim=1, keepdim=True)


ATTEND_TO_REAL = Exercise(
    id="03-3",
    title="Look at real pieces only",
    function="attend_to_real",
    minutes=10,
    difficulty=3,
    more=check_attend_to_real,
    slips=(
        *SLIPS,
        Slip(_attend_both_masked, "nan-in-padding-rows"),
        Slip(_attend_after_with_a_little, "masked-after-softmax"),
        Slip(_attend_clearing_in_place, "changes-its-input"),
    ),
    alternative=_attend_alternative,
)
