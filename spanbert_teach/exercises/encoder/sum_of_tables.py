"""Exercise 04-1: what the encoder reads, a sum of three tables."""

import torch
from torch import Tensor
from torch.nn import functional as F

from spanbert_teach.exercises.checking import CHANGES
from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.tensors import IN_PLACE, TENSOR, WRONG_SHAPE, random_tensor


def _sum(ids, words, positions, segments):
    return words[ids] + positions[: len(ids)] + segments[0]


def _rows(ids, words, positions, segments):
    return words[ids], positions[: len(ids)], segments[:1].expand(len(ids), -1)


def _sum_in_place(ids, words, positions, segments):
    hidden = positions[: len(ids)]
    hidden += words[ids]
    hidden += segments[0]
    return hidden


def _sum_as_lists(ids, words, positions, segments):
    return [(words[i] + positions[at] + segments[0]).tolist() for at, i in enumerate(ids)]


def _sum_alternative(ids, words, positions, segments):
    places = torch.arange(ids.shape[0])
    return (
        F.embedding(ids, words)
        + F.embedding(places, positions)
        + F.embedding(torch.zeros_like(ids), segments)
    )


def _table(*rows: int) -> Tensor:
    return torch.tensor([[float(row), row / 2] for row in rows])


SMALL = _table(0, 100, 200, 300), _table(10, 20, 30, 40), _table(1, 2)

SUM_OF_TABLES = Exercise(
    id="04-1",
    title="The sum of three tables",
    function="sum_of_tables",
    minutes=6,
    difficulty=2,
    right=_sum,
    cases=(
        case(
            torch.tensor([3, 1, 3]),
            *SMALL,
            hint="Hundreds tell the word row, tens the position row, ones the segment row.",
        ),
        case(torch.tensor([2, 2, 0, 1]), *SMALL, hint="As many pieces as positions."),
        case(torch.tensor([1]), *SMALL, hint="One piece is a text too."),
        case(
            torch.tensor([7, 0, 7, 2, 5]),
            *(random_tensor(n, 6, seed=n).double() for n in (9, 8, 2)),
        ),
    ),
    kind=TENSOR,
    properties=(WRONG_SHAPE,),
    slips=(
        Slip(
            lambda ids, w, p, s: w[ids] + p[: len(ids)],
            "segment-forgotten",
            "The segment row is missing. SpanBERT has one segment only, but its row 0 is in every "
            "sum.",
        ),
        Slip(
            lambda ids, w, p, s: w[ids] + s[0],
            "position-forgotten",
            "The positions are missing: without them the order of the pieces would not matter.",
        ),
        Slip(
            lambda ids, w, p, s: w[ids],
            "words-only",
            "These are the word rows only. Add the position row and the segment row.",
        ),
        Slip(
            lambda ids, w, p, s: w[ids] + p[ids] + s[0],
            "position-by-id",
            "The position row is looked up by id. It goes by place: 0, 1, 2 … from left to right.",
        ),
        Slip(
            lambda ids, w, p, s: w[ids] + p[1 : len(ids) + 1] + s[0],
            "positions-from-1",
            "The positions begin at 1. The first piece has position 0.",
        ),
        Slip(
            lambda ids, w, p, s: w[ids] + p + s[0],
            "all-positions",
            "The position table has more rows than there are pieces: take the first len(ids) of "
            "them.",
        ),
        Slip(
            lambda ids, w, p, s: w[ids] + p[0] + s[0],
            "one-position",
            "Every piece has position 0 here. The second has position 1, and so on.",
        ),
        Slip(
            lambda ids, w, p, s: w[: len(ids)] + p[: len(ids)] + s[0],
            "word-by-place",
            "The word row is looked up by place. It goes by id: words[ids].",
        ),
        Slip(
            lambda ids, w, p, s: w[ids] + p[: len(ids)] + s.sum(dim=0),
            "both-segments",
            "Both segment rows are added. Only row 0 is.",
        ),
        Slip(
            lambda ids, w, p, s: w[ids] + p[: len(ids)] + s[1],
            "segment-1",
            "This is segment row 1. SpanBERT reads one stretch of text, segment 0.",
        ),
        Slip(
            lambda *args: _sum(*args) / 3,
            "mean",
            "This is the mean of the three rows. Return their sum.",
        ),
        Slip(
            lambda *args: torch.cat(_rows(*args), dim=1),
            "concatenated",
            "The three rows stand side by side. They are added, so that the size stays.",
        ),
        Slip(
            lambda *args: torch.stack(_rows(*args)),
            "stacked",
            "The three rows lie on top of each other. Add them.",
        ),
        Slip(
            lambda *args: _sum(*args).sum(dim=0),
            "one-row",
            "Everything is added up to one row. Each piece keeps a row of its own.",
        ),
        Slip(_sum_in_place, CHANGES, IN_PLACE),
        Slip(_sum_as_lists, "not-a-tensor"),
    ),
    hint="Word row of the id, position row of the place, segment row 0.",
    alternative=_sum_alternative,
)
