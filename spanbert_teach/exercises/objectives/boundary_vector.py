"""Exercise 05-3: what the span boundary head reads."""

import torch

from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.objectives.boundary_vector_wrong import SLIPS, boundary_vector
from spanbert_teach.exercises.objectives.gradients import NO_GRADIENT, expect_gradients
from spanbert_teach.exercises.tensors import expect_tensor, random_tensor


def _case(batch, length, hidden, rows, size, targets):
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


def check_boundary_vector(fn) -> None:
    """`boundary_vector(hidden, row, left, right, position, table)`: three parts side by side."""
    readable = _readable(2, 9, 9, [(1, 4, 7, 0), (1, 4, 7, 1), (0, 0, 4, 2), (1, 1, 3, 0)])
    for case, hint in (
        (
            readable,
            "For each target the state at (row, left), the state at (row, right), and the row "
            "`position` of the table. Here the state at place 4 of row 0 holds 104 and 104.5, that "
            "at place 4 of row 1 holds 204 and 204.5; the table holds -1, -10, -100 times its row.",
        ),
        (
            _case(3, 8, 4, 3, 4, [(0, 1, 4, 1), (2, 3, 6, 0), (2, 3, 6, 1)]),
            "As many targets as rows in the batch, and the table's rows as long as a state.",
        ),
        (_case(1, 5, 3, 4, 2, [(0, 0, 2, 0)]), "Here there is one target only."),
        (
            _case(2, 12, 2, 9, 5, [(1, 0, 10, place) for place in range(9)]),
            "Here one long span is hidden: nine pieces share two boundaries.",
        ),
    ):
        expect_tensor(fn, *case, right=boundary_vector, slips=SLIPS, hint=hint)
    expect_gradients(
        fn,
        *readable,
        of={"hidden": 0, "table": 5},
        hint="Both the encoder and the table learn through this vector.",
    )


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


def _vector_as_a_tuple(hidden, row, left, right, position, table):
    return hidden[row, left], hidden[row, right], table[position]


def _vector_alternative(hidden, row, left, right, position, table):
    found = [
        torch.cat((hidden[r][a], hidden[r][b], table[p]))
        for r, a, b, p in zip(row, left, right, position, strict=True)
    ]
    return torch.stack(found)


BOUNDARY_VECTOR = Exercise(
    id="05-3",
    title="What the span boundary head reads",
    function="boundary_vector",
    minutes=8,
    difficulty=3,
    more=check_boundary_vector,
    slips=(
        *SLIPS,
        Slip(_vector_of_numbers, NO_GRADIENT),
        Slip(_vector_in_place, "changes-its-input"),
        Slip(_vector_as_a_tuple, "not-a-tensor"),
    ),
    alternative=_vector_alternative,
)
