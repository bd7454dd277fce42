"""Exercises 03-4, one matrix cut into heads, and 03-5, how much looks at a neighbour."""

import torch

from spanbert_teach.exercises.checking import CRASH, Wrong
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.tensors import expect_tensor, random_tensor

# --- 03-4: heads --------------------------------------------------------------------------------


def _into_heads(x, heads):
    return x.unflatten(1, (heads, -1)).transpose(0, 1)


HEAD_SLIPS = (
    Slip(
        lambda x, heads: x.reshape(heads, len(x), -1),
        "reshaped-only",
        "The shape is right, but a reshape alone only cuts the numbers anew in reading order, so "
        "that the pieces are mixed. First (length, heads, size), then swap the first two axes: "
        ".transpose(0, 1).",
    ),
    Slip(
        lambda x, heads: x.reshape(len(x), -1, heads).permute(2, 0, 1),
        "interleaved",
        "The columns are dealt out in turn, like cards. A head takes neighbouring columns: head 0 "
        "the first size of them.",
    ),
    Slip(
        lambda x, heads: x.reshape(len(x), heads, -1),
        "not-transposed",
        "This is (length, heads, size). Swap the first two axes, .transpose(0, 1), so that each "
        "head comes as one matrix.",
    ),
    Slip(
        lambda x, heads: x.T.reshape(heads, -1, len(x)),
        "head-transposed",
        "This is (heads, size, length): within a head, rows are pieces and columns are numbers.",
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
)


def check_into_heads(fn) -> None:
    """`into_heads(x, heads)`: (length, hidden) -> (heads, length, hidden / heads)."""
    for x, heads in (
        (torch.arange(24.0).reshape(4, 6), 2),
        (random_tensor(4, 8, seed=1), 4),
        (random_tensor(6, 6, seed=2, dtype=torch.float64), 3),
        (random_tensor(2, 15, seed=3), 3),
        (random_tensor(3, 4, seed=4), 1),
        (random_tensor(2, 3, seed=5), 3),
    ):
        expect_tensor(
            fn,
            x,
            heads,
            right=_into_heads,
            slips=HEAD_SLIPS,
            hint="(heads, length, hidden / heads): head h takes the h-th stretch of columns.",
        )


def _heads_as_a_list(x, heads):
    size = x.shape[1] // heads
    return [x[:, head * size : (head + 1) * size] for head in range(heads)]


def _heads_always_two(x, heads):
    return torch.stack(x.chunk(2, dim=1))


def _heads_alternative(x, heads):
    return torch.stack(x.chunk(heads, dim=1))


# --- 03-5: how much looks at the neighbour ------------------------------------------------------


def _at(probabilities, offset):
    return probabilities.diagonal(offset)


def _share_skips_the_first(probabilities, offset):
    found = [row[i + offset] for i, row in enumerate(probabilities) if 0 < i + offset < len(row)]
    return sum(found) / len(found)


SHARE_SLIPS = (
    Slip(
        lambda probabilities, offset: _at(probabilities, -offset).mean(),
        "other-direction",
        "This is the neighbour on the other side. Piece i gives probabilities[i, j] to piece j, "
        "so j is i + offset.",
    ),
    Slip(
        lambda probabilities, offset: _at(probabilities, offset).sum() / len(probabilities),
        "divided-by-the-length",
        "The sum is divided by the number of all pieces. Some have no such neighbour: divide by "
        "the number of those that do.",
    ),
    Slip(
        lambda probabilities, offset: _at(probabilities, offset).sum(),
        "sum",
        "This is the sum. On average: divide by the number of pieces that have such a neighbour.",
    ),
    Slip(
        lambda probabilities, offset: probabilities.roll(-offset, dims=1).diagonal().mean(),
        "wraps-around",
        "At an edge it goes on at the other end: in Python [-1] is the last one. A piece without "
        "such a neighbour does not count at all.",
    ),
    Slip(
        lambda probabilities, offset: probabilities[:, offset].mean(),
        "column",
        "This is the mean of one column, the same piece for all. The neighbour moves along with "
        "the piece: row i, column i + offset.",
    ),
    Slip(
        lambda probabilities, offset: probabilities[offset].mean(),
        "row",
        "This is the mean of one row. Take one number from every row: column i + offset.",
    ),
    Slip(
        lambda probabilities, offset: probabilities.diagonal().mean(),
        "offset-ignored",
        "This is what the pieces give to themselves: `offset` is not used.",
    ),
    Slip(
        lambda probabilities, offset: _at(probabilities, offset).sum() / (len(probabilities) - 1),
        "always-one-less",
        "With an offset of k, there are k pieces at an edge without such a neighbour: not always "
        "one.",
    ),
    Slip(
        lambda probabilities, offset: _at(probabilities, offset).max(),
        "largest",
        "This is the largest of them. The mean is asked for.",
    ),
    Slip(
        _share_skips_the_first,
        "edges",
        "A neighbour is missing: the first piece, at 0, is one too.",
    ),
    Slip(
        _at,
        "not-averaged",
        "These are the shares one by one. Return their mean, one number.",
    ),
)


def check_share_at(fn) -> None:
    """`share_at(probabilities, offset)`: the mean of one diagonal."""
    small = torch.tensor([[0.55, 0.3, 0.15], [0.4, 0.5, 0.1], [0.2, 0.3, 0.5]])
    large = random_tensor(6, 6, seed=1, dtype=torch.float64).softmax(dim=1)
    for probabilities, offset in (
        *((small, offset) for offset in (-1, 1, 0, 2, -2)),
        *((large, offset) for offset in (1, -1, 2, -2, 0, 5, -5, 3, -3)),
        (torch.tensor([[1.0]]), 0),
    ):
        try:
            expect_tensor(
                fn,
                probabilities,
                offset,
                right=lambda probabilities, offset: _at(probabilities, offset).mean(),
                slips=SHARE_SLIPS,
                hint="The mean of probabilities[i, i + offset] over all i for which i + offset is "
                "a piece.",
            )
        except Wrong as wrong:
            if wrong.misconception != CRASH or "IndexError" not in wrong.message:
                raise
            hint = "A piece without such a neighbour is left out, in the sum and in the count."
            raise Wrong(f"{wrong.message}\n{hint}", "past-the-end") from wrong


def _share_past_the_end(probabilities, offset):
    found = [row[i + offset] for i, row in enumerate(probabilities) if i + offset >= 0]
    return sum(found) / len(found)


def _share_from_behind(probabilities, offset):
    length = len(probabilities)
    return sum(probabilities[i, i + offset] for i in range(length)) / length


def _share_in_percent(probabilities, offset):
    return f"{_at(probabilities, offset).mean():.1%}"


def _share_alternative(probabilities, offset):
    places = torch.arange(len(probabilities))
    return float(probabilities[places - places[:, None] == offset].mean())


INTO_HEADS = Exercise(
    id="03-4",
    title="Cut into heads",
    function="into_heads",
    minutes=6,
    difficulty=2,
    more=check_into_heads,
    slips=(
        *HEAD_SLIPS,
        Slip(_heads_as_a_list, "not-a-tensor"),
        Slip(_heads_always_two, "wrong-shape"),
    ),
    alternative=_heads_alternative,
    equivalent_mutants={
        "first two arguments swapped in: return x.reshape(length, heads, hidden // heads)"
        ".transpose(0, 1)": "axis 0 with 1 or 1 with 0: the same two are swapped",
    },
)

SHARE_AT = Exercise(
    id="03-5",
    title="How much looks at the neighbour?",
    function="share_at",
    minutes=6,
    difficulty=2,
    more=check_share_at,
    slips=(
        *SHARE_SLIPS,
        Slip(_share_from_behind, "wraps-around"),
        Slip(_share_past_the_end, "past-the-end"),
        Slip(_share_in_percent, "not-a-number"),
    ),
    alternative=_share_alternative,
)
