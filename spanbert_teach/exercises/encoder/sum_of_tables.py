"""The exercises of lesson 04, in order; the first, what the encoder reads, is here.

04-2 is in `encoder_norm`, with 04-5; 04-3 in `encoder_layer`, 04-4 in `encoder_count`.
"""

import torch
from torch.nn import functional as F

from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.tensors import expect_tensor, random_tensor


def _sum(ids, words, positions, segments):
    return words[ids] + positions[: len(ids)] + segments[0]


SLIPS = (
    Slip(
        lambda ids, words, positions, segments: words[ids] + positions[: len(ids)],
        "segment-forgotten",
        "The segment row is missing. SpanBERT has one segment only, but its row 0 is in every sum.",
    ),
    Slip(
        lambda ids, words, positions, segments: words[ids] + segments[0],
        "position-forgotten",
        "The positions are missing: without them the order of the pieces would not matter.",
    ),
    Slip(
        lambda ids, words, positions, segments: words[ids],
        "words-only",
        "These are the word rows only. Add the position row and the segment row.",
    ),
    Slip(
        lambda ids, words, positions, segments: words[ids] + positions[ids] + segments[0],
        "position-by-id",
        "The position row is looked up by id. It goes by place: 0, 1, 2 … from left to right.",
    ),
    Slip(
        lambda ids, words, positions, segments: (
            words[ids] + positions[1 : len(ids) + 1] + segments[0]
        ),
        "positions-from-1",
        "The positions begin at 1. The first piece has position 0.",
    ),
    Slip(
        lambda ids, words, positions, segments: words[ids] + positions + segments[0],
        "all-positions",
        "The position table has more rows than there are pieces: take the first len(ids) of them.",
    ),
    Slip(
        lambda ids, words, positions, segments: words[ids] + positions[0] + segments[0],
        "one-position",
        "Every piece has position 0 here. The second has position 1, and so on.",
    ),
    Slip(
        lambda ids, words, positions, segments: (
            words[: len(ids)] + positions[: len(ids)] + segments[0]
        ),
        "word-by-place",
        "The word row is looked up by place. It goes by id: words[ids].",
    ),
    Slip(
        lambda ids, words, positions, segments: (
            words[ids] + positions[: len(ids)] + segments.sum(dim=0)
        ),
        "both-segments",
        "Both segment rows are added. Only row 0 is.",
    ),
    Slip(
        lambda ids, words, positions, segments: words[ids] + positions[: len(ids)] + segments[1],
        "segment-1",
        "This is segment row 1. SpanBERT reads one stretch of text, segment 0.",
    ),
    Slip(
        lambda ids, words, positions, segments: _sum(ids, words, positions, segments) / 3,
        "mean",
        "This is the mean of the three rows. Return their sum.",
    ),
    Slip(
        lambda ids, words, positions, segments: torch.cat(
            [words[ids], positions[: len(ids)], segments[:1].expand(len(ids), -1)], dim=1
        ),
        "concatenated",
        "The three rows stand side by side. They are added, so that the size stays.",
    ),
    Slip(
        lambda ids, words, positions, segments: torch.stack(
            [words[ids], positions[: len(ids)], segments[:1].expand(len(ids), -1)]
        ),
        "stacked",
        "The three rows lie on top of each other. Add them.",
    ),
    Slip(
        lambda ids, words, positions, segments: _sum(ids, words, positions, segments).sum(dim=0),
        "one-row",
        "Everything is added up to one row. Each piece keeps a row of its own.",
    ),
)


def check_sum_of_tables(fn) -> None:
    """`sum_of_tables(ids, words, positions, segments)`: word, position and segment row."""

    def table(*rows):
        return torch.tensor([[float(row), row / 2] for row in rows])

    small = (table(0, 100, 200, 300), table(10, 20, 30, 40), table(1, 2))
    for ids, tables, hint in (
        (
            [3, 1, 3],
            small,
            "Hundreds tell the word row, tens the position row, ones the segment row.",
        ),
        ([2, 2, 0, 1], small, "As many pieces as positions."),
        ([1], small, "One piece is a text too."),
        (
            [7, 0, 7, 2, 5],
            tuple(random_tensor(n, 6, seed=n).double() for n in (9, 8, 2)),
            "Word row of the id, position row of the place, segment row 0.",
        ),
    ):
        expect_tensor(fn, torch.tensor(ids), *tables, right=_sum, slips=SLIPS, hint=hint)


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


SUM_OF_TABLES = Exercise(
    id="04-1",
    title="The sum of three tables",
    function="sum_of_tables",
    minutes=6,
    difficulty=2,
    more=check_sum_of_tables,
    slips=(
        *SLIPS,
        Slip(_sum_in_place, "changes-its-input"),
        Slip(_sum_as_lists, "not-a-tensor"),
    ),
    alternative=_sum_alternative,
)
