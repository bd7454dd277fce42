"""Exercise 03-3: attention that leaves padding out."""

import math

import torch
from torch import Tensor

from spanbert_teach.exercises.checking import CHANGES
from spanbert_teach.exercises.form import Case, Exercise, Kind, Slip, case
from spanbert_teach.exercises.tensors import IN_PLACE, TENSOR, WRONG_SHAPE, random_tensor

BEFORE = (
    "Put -math.inf where a key is padding, before the softmax: scores.masked_fill(~real, "
    "-math.inf)."
)


def _scores(q, k):
    return q @ k.T / math.sqrt(q.shape[1])


def _hide_padding(scores, real):
    return scores.masked_fill(~real, -math.inf)


def _attending(score=_scores, mask=_hide_padding, share=lambda scores, real: scores.softmax(dim=1)):
    """Attention, put together from its three steps before the weighted sum."""

    def attend_to_real(queries, keys, values, real):
        return share(mask(score(queries, keys), real), real) @ values

    return attend_to_real


_attend = _attending()


def _masked_after(scores, real):
    return scores.softmax(dim=1) * real


def _renormalised(scores, real, little=0.0):
    shares = _masked_after(scores, real)
    return shares / (shares.sum(dim=1, keepdim=True) + little)


def _unmasked(scores, real):
    return scores


def _attend_clearing_in_place(queries, keys, values, real):
    out = _attend(queries, keys, values, real)
    values[~real] = 0
    return out


def _attend_alternative(queries, keys, values, real):
    scores = _scores(queries, keys[real])
    weights = (scores - scores.amax(dim=1, keepdim=True)).exp()
    return weights @ values[real] / weights.sum(dim=1, keepdim=True)


# --- cases --------------------------------------------------------------------------------------


def _where_real(length: int, *padding: int) -> Tensor:
    return torch.tensor([place not in padding for place in range(length)])


def _random_case(length: int, size: int, width: int, *padding: int) -> Case:
    queries, keys = random_tensor(2, length, size, seed=length).double()
    values = random_tensor(length, width, seed=1).double()
    return case(queries, keys, values, _where_real(length, *padding))


SENTENCE = tuple(random_tensor(4, 3, seed=seed) for seed in (5, 6, 7))


def _with_padding(size: float) -> Case:
    """The sentence with three pieces of padding, whose keys and values are of about this size."""
    after = random_tensor(3, 3, seed=9), *[size * random_tensor(3, 3, seed=8)] * 2
    return case(
        *(torch.cat(both) for both in zip(SENTENCE, after, strict=True)),
        _where_real(7, 4, 5, 6),
        hint="This is the sentence of before with three pieces of padding after it; in their "
        f"keys and values are numbers of about {size:g}. Whatever padding holds, the rows of "
        f"the real pieces stay the same. {BEFORE}",
    )


# --- a result: of the rows of padding counts only that they are finite ----------------------------


def _read_rows(got, given, queries, keys, values, real):
    """The result; the rows of padding are 0, or nan where they hold nan or inf."""
    numbers = TENSOR.read(got, given).clone()
    if numbers.ndim and len(numbers) == len(real):
        numbers[~real] *= 0
    return numbers


def _difference(got: Tensor, expected: Tensor, given: str) -> str:
    if got.shape == expected.shape:
        elsewhere = got.masked_fill(got.isnan() & (expected == 0), 0)
        if TENSOR.same(elsewhere, expected):
            return (
                f"{given} has nan or inf in the rows of padding. Nobody reads these rows, but in "
                "the next layer they are values, and 0 times nan is nan."
            )
    return TENSOR.difference(got, expected, given, by_place=True)


ATTEND_TO_REAL = Exercise(
    id="03-3",
    title="Look at real pieces only",
    function="attend_to_real",
    minutes=10,
    difficulty=3,
    right=_attend,
    cases=(
        case(
            torch.tensor([[2.0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0]]),
            torch.tensor([[0.0, 1, 2, 0], [1, 0, 1, 1], [3, 2, 1, 0]]),
            torch.tensor([[1.0, 10], [2, 20], [4, 80]]),
            _where_real(3, 2),
        ),
        _random_case(5, 3, 5, 1, 4),
        _random_case(4, 2, 3, 0, 1, 3),
        case(*SENTENCE, _where_real(4), hint="Here no piece is padding."),
        _with_padding(1.0),
        _with_padding(20_000.0),
    ),
    kind=Kind(_read_rows, TENSOR.same, _difference),
    properties=(WRONG_SHAPE,),
    slips=(
        Slip(
            _attending(mask=_unmasked),
            "mask-ignored",
            "Padding is attended to like any piece: `real` is not used, or it masks rows and not "
            f"columns. {BEFORE}",
        ),
        Slip(
            _attending(mask=_unmasked, share=_masked_after),
            "masked-after-softmax",
            "The probabilities on padding are set to 0 after the softmax (or its values are), so "
            f"the rest sums to less than 1. {BEFORE}",
        ),
        Slip(
            _attending(mask=_unmasked, share=_renormalised),
            "masked-after-softmax",
            "Padding is masked after the softmax. Dividing again repairs the sum, but a large "
            f"score on padding has left nothing to divide: 0 / 0 is nan. {BEFORE}",
        ),
        Slip(
            _attending(
                mask=_unmasked, share=lambda scores, real: _renormalised(scores, real, 1e-9)
            ),
            "masked-after-softmax",
            "Padding is masked after the softmax. Dividing again repairs the sum, but a large "
            f"score on padding has left nothing to divide. {BEFORE}",
        ),
        Slip(
            _attending(mask=lambda scores, real: scores * real),
            "score-0",
            "The scores of padding are 0, but exp(0) is 1: padding still gets a share. Only the "
            f"score minus infinity gives exp = 0. {BEFORE}",
        ),
        Slip(
            _attending(mask=lambda scores, real: scores - 1.0 * ~real),
            "too-little-taken-off",
            f"1 is taken off the scores of padding: exp makes that a third, not 0. {BEFORE}",
        ),
        Slip(
            _attending(mask=lambda scores, real: scores - 10_000.0 * ~real),
            "too-little-taken-off",
            "10,000 is taken off the scores of padding (as BERT's first code did). That is enough "
            f"for everyday scores, but here padding holds larger ones. {BEFORE}",
        ),
        Slip(
            _attending(mask=lambda scores, real: _hide_padding(scores, ~real)),
            "mask-inverted",
            "It is the other way round: only padding is attended to. `real` is True for the pieces "
            "that stay, so ~real says where the scores go.",
        ),
        Slip(
            _attending(mask=lambda scores, real: _hide_padding(scores, real[:, None])),
            "masks-rows",
            "The rows of padding are masked: that takes their questions away, and the real pieces "
            "still look at padding. Mask columns, one for each key: real, not real[:, None].",
        ),
        Slip(
            _attending(mask=lambda scores, real: scores + ~real * -math.inf),
            "0-times-infinity",
            "Everything is nan: where a key is real, False * -math.inf is 0 times infinity, and "
            "that is nan. Fill instead of multiplying: scores.masked_fill(~real, -math.inf).",
        ),
        Slip(
            _attending(score=lambda q, k: q @ k.T),
            "not-scaled",
            "The dot products are not divided by the root of the head size.",
        ),
        Slip(
            lambda q, k, v, real: _hide_padding(_scores(q, k), real).softmax(dim=1),
            "returns-probabilities",
            "These are the probabilities. The mean of the values is still to come: probabilities "
            "@ values.",
        ),
        Slip(
            _attending(share=lambda scores, real: scores.softmax(dim=1).T),
            "wrong-axis",
            "The weighted sum runs over the queries. It runs over the keys, the columns: "
            "probabilities @ values, without a transpose.",
        ),
        Slip(
            _attending(share=lambda scores, real: scores.softmax(dim=0)),
            "columns",
            "The softmax runs down the columns. Each row sums to 1: dim=1.",
        ),
        Slip(
            _attending(score=lambda q, k: _scores(k, q)),
            "queries-and-keys-swapped",
            "Queries and keys are swapped: a row of the scores belongs to one query.",
        ),
        Slip(
            lambda q, k, v, real: _attend(q[real], k[real], v[real], real[real]),
            "drops-rows",
            "Rows are missing: there is one for each query, padding's too, so that the shape "
            "stays.",
        ),
        Slip(
            _attending(share=lambda scores, real: scores),
            "no-softmax",
            "The softmax is missing: scores become probabilities before they weigh the values.",
        ),
        Slip(
            _attending(mask=lambda scores, real: _hide_padding(scores, real & real[:, None])),
            "nan-in-padding-rows",
            "Mask keys (columns) only: a padding query may look at the real pieces like any other.",
        ),
        Slip(_attend_clearing_in_place, CHANGES, IN_PLACE),
    ),
    hint="Score, mask, softmax, weighted sum: in this order.",
    alternative=_attend_alternative,
)
