"""Exercise 03-4: one matrix, cut into heads."""

import torch

from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.tensors import TENSOR, WRONG_SHAPE, random_tensor


def _into_heads(x, heads):
    return x.unflatten(1, (heads, -1)).transpose(0, 1)


def _heads_as_a_list(x, heads):
    size = x.shape[1] // heads
    return [x[:, head * size : (head + 1) * size] for head in range(heads)]


def _heads_alternative(x, heads):
    return torch.stack(x.chunk(heads, dim=1))


INTO_HEADS = Exercise(
    id="03-4",
    title="Cut into heads",
    function="into_heads",
    minutes=6,
    difficulty=2,
    right=_into_heads,
    cases=(
        case(torch.arange(24.0).reshape(4, 6), 2),
        case(random_tensor(4, 8, seed=1), 4),
        case(random_tensor(6, 6, seed=2, dtype=torch.float64), 3),
        case(random_tensor(2, 15, seed=3), 3),
        case(random_tensor(3, 4, seed=4), 1),
        case(random_tensor(2, 3, seed=5), 3),
    ),
    kind=TENSOR,
    properties=(WRONG_SHAPE,),
    slips=(
        Slip(
            lambda x, heads: x.reshape(heads, len(x), -1),
            "reshaped-only",
            "The shape is right, but a reshape alone only cuts the numbers anew in reading order, "
            "so that the pieces are mixed. First (length, heads, size), then swap the first two "
            "axes: .transpose(0, 1).",
        ),
        Slip(
            lambda x, heads: x.reshape(len(x), -1, heads).permute(2, 0, 1),
            "interleaved",
            "The columns are dealt out in turn, like cards. A head takes neighbouring columns: "
            "head 0 the first size of them.",
        ),
        Slip(
            lambda x, heads: x.reshape(len(x), heads, -1),
            "not-transposed",
            "This is (length, heads, size). Swap the first two axes, .transpose(0, 1), so that "
            "each head comes as one matrix.",
        ),
        Slip(
            lambda x, heads: x.T.reshape(heads, -1, len(x)),
            "head-transposed",
            "This is (heads, size, length): within a head, rows are pieces and columns are "
            "numbers.",
        ),
        Slip(
            lambda x, heads: x.reshape(len(x), heads, -1).permute(2, 0, 1),
            "size-first",
            "This is (size, length, heads): the heads come first.",
        ),
        Slip(
            lambda x, heads: torch.stack(x.chunk(heads)),
            "cuts-rows",
            "Here the pieces are shared among the heads. Each head sees every piece, and of each a "
            "stretch of its numbers: cut the columns, dim=1.",
        ),
        Slip(
            lambda x, heads: x.expand(heads, *x.shape),
            "not-cut",
            "Each head has all columns. It takes hidden / heads of them.",
        ),
        Slip(
            lambda x, heads: _into_heads(x, heads).flip(0),
            "from-the-right",
            "The heads come in the other order: head 0 takes the first columns.",
        ),
        Slip(
            lambda x, heads: torch.cat(x.chunk(heads, dim=1)),
            "not-stacked",
            "The heads lie below each other in one matrix. torch.stack gives them an axis of their "
            "own, where torch.cat does not.",
        ),
        Slip(_heads_as_a_list, "not-a-tensor"),
        Slip(
            lambda x, heads: torch.stack(x.chunk(2, dim=1)),
            "wrong-shape",
            "Here there are not two heads: use `heads`.",
        ),
    ),
    hint="(heads, length, hidden / heads): head h takes the h-th stretch of columns.",
    alternative=_heads_alternative,
    equivalent_mutants={
        "first two arguments swapped in: return x.reshape(length, heads, hidden // heads)"
        ".transpose(0, 1)": "axis 0 with 1 or 1 with 0: the same two are swapped",
    },
)
