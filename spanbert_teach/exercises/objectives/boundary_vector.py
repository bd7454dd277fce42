"""Exercise 05-3: what the span boundary head reads."""

from functools import partial

import torch

from spanbert_teach.exercises.checking import CHANGES
from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.objectives.gradients import NO_GRADIENT, expect_gradients
from spanbert_teach.exercises.tensors import IN_PLACE, TENSOR, WRONG_SHAPE, random_tensor

PAIRS = (
    "Two tensors of indices stand in the same brackets: hidden[row, left] takes the pair (row, "
    "left) of each target."
)


def _vector(hidden, row, left, right, position, table):
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


def _vector_of_numbers(hidden, row, left, right, position, table):
    rows = [
        hidden[r, a].tolist() + hidden[r, b].tolist() + table[p].tolist()
        for r, a, b, p in zip(row, left, right, position, strict=True)
    ]
    return torch.tensor(rows)


def _vector_in_place(hidden, row, left, right, position, table):
    states = torch.cat([hidden[row, left], hidden[row, right]], dim=1)
    left += 1 + position  # the piece's own place, for a print
    return torch.cat([states, table[position]], dim=1)


def _vector_alternative(hidden, row, left, right, position, table):
    found = [
        torch.cat((hidden[r][a], hidden[r][b], table[p]))
        for r, a, b, p in zip(row, left, right, position, strict=True)
    ]
    return torch.stack(found)


def _random_case(batch, length, hidden, rows, size, targets):
    """Random states, the targets (row, left, right, position), and a random table."""
    table = random_tensor(rows, size, seed=rows).double()
    states = random_tensor(batch, length, hidden, seed=length).double()
    return states, *torch.tensor(targets).T, table


def _readable(batch, length, rows, targets):
    """Numbers that tell where they come from: hundreds the row of the batch, ones the place."""
    place = torch.arange(length) + 100.0 * torch.arange(1, batch + 1)[:, None]
    hidden = torch.stack([place, place + 0.5], dim=2)
    table = -torch.arange(rows)[:, None] * torch.tensor([1.0, 10.0, 100.0])
    return hidden, *torch.tensor(targets).T, table


READABLE = _readable(2, 9, 9, [(1, 4, 7, 0), (1, 4, 7, 1), (0, 0, 4, 2), (1, 1, 3, 0)])

BOUNDARY_VECTOR = Exercise(
    id="05-3",
    title="What the span boundary head reads",
    function="boundary_vector",
    minutes=8,
    difficulty=3,
    right=_vector,
    cases=(
        case(
            *READABLE,
            hint="For each target the state at (row, left), the state at (row, right), and the row "
            "`position` of the table. Here the state at place 4 of row 0 holds 104 and 104.5, that "
            "at place 4 of row 1 holds 204 and 204.5; the table holds -1, -10, -100 times its row.",
        ),
        case(
            *_random_case(3, 8, 4, 3, 4, [(0, 1, 4, 1), (2, 3, 6, 0), (2, 3, 6, 1)]),
            hint="As many targets as rows in the batch, and the table's rows as long as a state.",
        ),
        case(*_random_case(1, 5, 3, 4, 2, [(0, 0, 2, 0)]), hint="Here there is one target only."),
        case(
            *_random_case(2, 12, 2, 9, 5, [(1, 0, 10, place) for place in range(9)]),
            hint="Here one long span is hidden: nine pieces share two boundaries.",
        ),
    ),
    kind=TENSOR,
    properties=(WRONG_SHAPE,),
    # h is hidden, r the row, a and b are left and right, p is the position, t the table.
    slips=(
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r, b], h[r, a])),
            "right-before-left",
            "The state on the right stands first. The order is left, right, position.",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r, a + 1], h[r, b - 1])),
            "inside",
            "These are the states at left + 1 and right - 1, inside the span: hidden pieces. left "
            "and right are the boundaries themselves.",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r, a - 1], h[r, b + 1])),
            "too-far-outside",
            "These are the states at left - 1 and right + 1. left and right are the boundaries "
            "themselves, just outside the span.",
        ),
        Slip(
            _of_table(lambda a, b, p, t: t[p + 1]),
            "position-plus-1",
            "The row of the table is one too far down: positions count from 0, so that "
            "table[position] is the row.",
        ),
        Slip(
            _of_table(lambda a, b, p, t: t[p - 1]),
            "position-minus-1",
            "The row of the table is one too far up: positions count from 0, so that "
            "table[position] is the row. (Row -1 is the last one.)",
        ),
        Slip(
            lambda h, r, a, b, p, t: torch.cat([t[p], h[r, a], h[r, b]], dim=1),
            "position-first",
            "The row of the table stands first. The order is left, right, position.",
        ),
        Slip(
            lambda h, r, a, b, p, t: torch.cat([h[r, a], t[p], h[r, b]], dim=1),
            "position-between",
            "The row of the table stands in the middle. The order is left, right, position.",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r, a] + h[r, b],)),
            "sum",
            "The two states are added. They stand side by side, so that the head can tell left "
            "from right: torch.cat.",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: ((h[r, a] + h[r, b]) / 2,)),
            "mean",
            "This is the mean of the two states. They stand side by side, so that the head can "
            "tell left from right: torch.cat.",
        ),
        Slip(
            lambda h, r, a, b, p, t: h[r, a] + h[r, b] + t[p],
            "sum",
            "All three are added. They stand side by side, and their sizes may differ: torch.cat.",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[0, a], h[0, b])),
            "always-row-0",
            f"All states come from row 0 of the batch; the argument row is not used. {PAIRS}",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r][a], h[r][b])),
            "one-bracket-after-the-other",
            "hidden[row] has one entry for each target, and [left] then chooses among these. "
            f"{PAIRS}",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[:, a], h[:, b])),
            "not-in-pairs",
            "hidden[:, left] takes every place from every row of the batch, hidden[row][:, left] "
            f"every place for every target. {PAIRS}",
        ),
        Slip(
            _of_states(
                lambda h, r, a, b, p: (h[torch.arange(len(a)), a], h[torch.arange(len(a)), b])
            ),
            "row-by-target",
            "The first target is looked up in row 0, the second in row 1, and so on. A row of the "
            f"batch may have several targets, or none. {PAIRS}",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[a, r], h[b, r])),
            "axes-swapped",
            "The indices are swapped: hidden has the axes (batch, length, hidden), so the row "
            "comes first and the place second.",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r, a], h[r, b], h[r, a + 1 + p])),
            "own-state-added",
            "The piece's own state stands there too. The head must do without: it predicts the "
            "piece from the two boundaries and its position.",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r, a + 1 + p],)),
            "own-state",
            "This is the piece's own state. The head reads the states of the two boundaries "
            "instead.",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r, a + p], h[r, a + p + 2])),
            "neighbours",
            "These are the neighbours of the piece, and most of them are hidden too. All pieces "
            "of a span share its boundaries, left and right.",
        ),
        Slip(
            _of_table(lambda a, b, p, t: t[a + 1 + p]),
            "place-in-the-row",
            "The table is looked up by the piece's place in the row. Its rows go by position, "
            "counted from the first piece of the span.",
        ),
        Slip(
            _of_table(lambda a, b, p, t: t[b - a - 2 - p]),
            "from-the-right",
            "The position is counted from the right end of the span. Take table[position] as it "
            "is.",
        ),
        Slip(
            _of_table(lambda a, b, p, t: t[: len(p)]),
            "table-in-order",
            "The first rows of the table are taken, whatever the positions are: table[position] "
            "looks them up.",
        ),
        Slip(
            _of_table(lambda a, b, p, t: p[:, None].to(t)),
            "position-as-a-number",
            "The position stands there as a number. Look up its row: table[position].",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r, a],)),
            "left-only",
            "The state on the right is missing.",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r, b],)),
            "right-only",
            "The state on the left is missing.",
        ),
        Slip(
            _of_states(lambda h, r, a, b, p: (h[r, a], h[r, a])),
            "left-twice",
            "The state on the left stands there twice. The second is the one on the right.",
        ),
        Slip(
            lambda h, r, a, b, p, t: torch.cat([h[r, a], h[r, b]], dim=1),
            "no-position",
            "The position is missing: without it all pieces of a span would get the same "
            "prediction.",
        ),
        Slip(
            lambda h, r, a, b, p, t: torch.cat([h[r, a], h[r, b], t[p]]),
            "below-each-other",
            "torch.cat lays them below each other, along the first axis. Side by side is the last: "
            "dim=-1.",
        ),
        Slip(
            lambda h, r, a, b, p, t: torch.stack([h[r, a], h[r, b], t[p]]),
            "stacked",
            "torch.stack wants equal sizes and makes a new axis. torch.cat puts them side by side.",
        ),
        Slip(_vector_of_numbers, NO_GRADIENT),
        Slip(_vector_in_place, CHANGES, IN_PLACE),
        Slip(lambda h, r, a, b, p, t: (h[r, a], h[r, b], t[p]), "not-a-tensor"),
    ),
    more=partial(
        expect_gradients,
        args=READABLE,
        of={"hidden": 0, "table": 5},
        hint="Both the encoder and the table learn through this vector.",
    ),
    alternative=_vector_alternative,
)
