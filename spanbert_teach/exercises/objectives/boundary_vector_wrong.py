"""Wrong answers to exercise 05-3, and what they tell of."""

import torch

from spanbert_teach.exercises.form import Slip

PAIRS = (
    "Two tensors of indices stand in the same brackets: hidden[row, left] takes the pair (row, "
    "left) of each target."
)


def boundary_vector(hidden, row, left, right, position, table):
    return torch.cat([hidden[row, left], hidden[row, right], table[position]], dim=1)


def _of_states(choose):
    """The vector as people build it, with other states than those of the two boundaries."""

    def vector(hidden, row, left, right, position, table):
        states = choose(hidden, row, left, right, position)
        return torch.cat([*states, table[position]], dim=-1)

    return vector


def _of_table(choose):
    """The vector with something else than the position's row of the table."""

    def vector(hidden, row, left, right, position, table):
        part = choose(left, right, position, table)
        return torch.cat([hidden[row, left], hidden[row, right], part], dim=-1)

    return vector


SLIPS = (
    Slip(
        _of_states(lambda h, row, left, right, position: (h[row, right], h[row, left])),
        "right-before-left",
        "The state on the right stands first. The order is left, right, position.",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[row, left + 1], h[row, right - 1])),
        "inside",
        "These are the states at left + 1 and right - 1, inside the span: hidden pieces. left and "
        "right are the boundaries themselves.",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[row, left - 1], h[row, right + 1])),
        "too-far-outside",
        "These are the states at left - 1 and right + 1. left and right are the boundaries "
        "themselves, just outside the span.",
    ),
    Slip(
        _of_table(lambda left, right, position, table: table[position + 1]),
        "position-plus-1",
        "The row of the table is one too far down: positions count from 0, so that table[position] "
        "is the row.",
    ),
    Slip(
        _of_table(lambda left, right, position, table: table[position - 1]),
        "position-minus-1",
        "The row of the table is one too far up: positions count from 0, so that table[position] "
        "is the row. (Row -1 is the last one.)",
    ),
    Slip(
        lambda hidden, row, left, right, position, table: torch.cat(
            [table[position], hidden[row, left], hidden[row, right]], dim=1
        ),
        "position-first",
        "The row of the table stands first. The order is left, right, position.",
    ),
    Slip(
        lambda hidden, row, left, right, position, table: torch.cat(
            [hidden[row, left], table[position], hidden[row, right]], dim=1
        ),
        "position-between",
        "The row of the table stands in the middle. The order is left, right, position.",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[row, left] + h[row, right],)),
        "sum",
        "The two states are added. They stand side by side, so that the head can tell left from "
        "right: torch.cat.",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: ((h[row, left] + h[row, right]) / 2,)),
        "mean",
        "This is the mean of the two states. They stand side by side, so that the head can tell "
        "left from right: torch.cat.",
    ),
    Slip(
        lambda hidden, row, left, right, position, table: (
            hidden[row, left] + hidden[row, right] + table[position]
        ),
        "sum",
        "All three are added. They stand side by side, and their sizes may differ: torch.cat.",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[0, left], h[0, right])),
        "always-row-0",
        f"All states come from row 0 of the batch; the argument row is not used. {PAIRS}",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[row][left], h[row][right])),
        "one-bracket-after-the-other",
        f"hidden[row] has one entry for each target, and [left] then chooses among these. {PAIRS}",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[:, left], h[:, right])),
        "not-in-pairs",
        f"hidden[:, left] takes every place from every row of the batch, hidden[row][:, left] "
        f"every place for every target. {PAIRS}",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[row][:, left], h[row][:, right])),
        "not-in-pairs",
        f"hidden[row][:, left] takes every place for every target. {PAIRS}",
    ),
    Slip(
        _of_states(
            lambda h, row, left, right, position: (
                h[torch.arange(len(left)), left],
                h[torch.arange(len(left)), right],
            )
        ),
        "row-by-target",
        "The first target is looked up in row 0, the second in row 1, and so on. A row of the "
        f"batch may have several targets, or none. {PAIRS}",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[left, row], h[right, row])),
        "axes-swapped",
        "The indices are swapped: hidden has the axes (batch, length, hidden), so the row comes "
        "first and the place second.",
    ),
    Slip(
        _of_states(
            lambda h, row, left, right, position: (
                h[row, left],
                h[row, right],
                h[row, left + 1 + position],
            )
        ),
        "own-state-added",
        "The piece's own state stands there too. The head must do without: it predicts the piece "
        "from the two boundaries and its position.",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[row, left + 1 + position],)),
        "own-state",
        "This is the piece's own state. The head reads the states of the two boundaries instead.",
    ),
    Slip(
        _of_states(
            lambda h, row, left, right, position: (
                h[row, left + position],
                h[row, left + position + 2],
            )
        ),
        "neighbours",
        "These are the neighbours of the piece, and most of them are hidden too. All pieces of a "
        "span share its boundaries, left and right.",
    ),
    Slip(
        _of_table(lambda left, right, position, table: table[left + 1 + position]),
        "place-in-the-row",
        "The table is looked up by the piece's place in the row. Its rows go by position, counted "
        "from the first piece of the span.",
    ),
    Slip(
        _of_table(lambda left, right, position, table: table[right - left - 2 - position]),
        "from-the-right",
        "The position is counted from the right end of the span. Take table[position] as it is.",
    ),
    Slip(
        _of_table(lambda left, right, position, table: table[: len(position)]),
        "table-in-order",
        "The first rows of the table are taken, whatever the positions are: table[position] looks "
        "them up.",
    ),
    Slip(
        _of_table(lambda left, right, position, table: position[:, None].to(table)),
        "position-as-a-number",
        "The position stands there as a number. Look up its row: table[position].",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[row, left],)),
        "left-only",
        "The state on the right is missing.",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[row, right],)),
        "right-only",
        "The state on the left is missing.",
    ),
    Slip(
        _of_states(lambda h, row, left, right, position: (h[row, left], h[row, left])),
        "left-twice",
        "The state on the left stands there twice. The second is the one on the right.",
    ),
    Slip(
        lambda hidden, row, left, right, position, table: torch.cat(
            [hidden[row, left], hidden[row, right]], dim=1
        ),
        "no-position",
        "The position is missing: without it all pieces of a span would get the same prediction.",
    ),
    Slip(
        lambda hidden, row, left, right, position, table: torch.cat(
            [hidden[row, left], hidden[row, right], table[position]]
        ),
        "below-each-other",
        "torch.cat lays them below each other, along the first axis. Side by side is the last: "
        "dim=-1.",
    ),
    Slip(
        lambda hidden, row, left, right, position, table: torch.stack(
            [hidden[row, left], hidden[row, right], table[position]]
        ),
        "stacked",
        "torch.stack wants equal sizes and makes a new axis. torch.cat puts them side by side.",
    ),
)
