"""Exercise 03-5: how much looks at the neighbour."""

import torch

from spanbert_teach.exercises.form import Exercise, Slip, case
from spanbert_teach.exercises.tensors import NUMBER, WRONG_SHAPE, random_tensor

SMALL = torch.tensor([[0.55, 0.3, 0.15], [0.4, 0.5, 0.1], [0.2, 0.3, 0.5]])
LARGE = random_tensor(6, 6, seed=1, dtype=torch.float64).softmax(dim=1)


def _at(probabilities, offset):
    return probabilities.diagonal(offset)


def _share(probabilities, offset):
    return _at(probabilities, offset).mean()


def _share_where(counts):
    """The mean over the pieces whose neighbour's place `counts`, as people write it."""

    def share(probabilities, offset):
        rows = enumerate(probabilities)
        found = [row[i + offset] for i, row in rows if counts(i + offset, len(row))]
        return sum(found) / len(found)

    return share


def _share_alternative(probabilities, offset):
    places = torch.arange(len(probabilities))
    return float(probabilities[places - places[:, None] == offset].mean())


SHARE_AT = Exercise(
    id="03-5",
    title="How much looks at the neighbour?",
    function="share_at",
    minutes=6,
    difficulty=2,
    right=_share,
    cases=(
        case(SMALL, -1),
        case(
            SMALL,
            1,
            hint="A piece without such a neighbour is left out, in the sum and in the count.",
            misconception="past-the-end",
        ),
        *(case(SMALL, offset) for offset in (0, 2, -2)),
        *(case(LARGE, offset) for offset in (1, -1, 2, -2, 0, 5, -5, 3, -3)),
        case(torch.tensor([[1.0]]), 0),
    ),
    kind=NUMBER,
    properties=(WRONG_SHAPE,),
    slips=(
        Slip(
            lambda p, offset: _at(p, -offset).mean(),
            "other-direction",
            "This is the neighbour on the other side. Piece i gives probabilities[i, j] to piece "
            "j, so j is i + offset.",
        ),
        Slip(
            lambda p, offset: _at(p, offset).sum() / len(p),
            "divided-by-the-length",
            "The sum is divided by the number of all pieces. Some have no such neighbour: divide "
            "by the number of those that do.",
        ),
        Slip(
            lambda p, offset: _at(p, offset).sum(),
            "sum",
            "This is the sum. On average: divide by the number of pieces that have such a "
            "neighbour.",
        ),
        Slip(
            lambda p, offset: p.roll(-offset, dims=1).diagonal().mean(),
            "wraps-around",
            "At an edge it goes on at the other end: in Python [-1] is the last one. A piece "
            "without such a neighbour does not count at all.",
        ),
        Slip(
            lambda p, offset: p[:, offset].mean(),
            "column",
            "This is the mean of one column, the same piece for all. The neighbour moves along "
            "with the piece: row i, column i + offset.",
        ),
        Slip(
            lambda p, offset: p[offset].mean(),
            "row",
            "This is the mean of one row. Take one number from every row: column i + offset.",
        ),
        Slip(
            lambda p, offset: p.diagonal().mean(),
            "offset-ignored",
            "This is what the pieces give to themselves: `offset` is not used.",
        ),
        Slip(
            lambda p, offset: _at(p, offset).sum() / (len(p) - 1),
            "always-one-less",
            "With an offset of k, there are k pieces at an edge without such a neighbour: not "
            "always one.",
        ),
        Slip(
            lambda p, offset: _at(p, offset).max(),
            "largest",
            "This is the largest of them. The mean is asked for.",
        ),
        Slip(
            _share_where(lambda place, length: 0 < place < length),
            "edges",
            "A neighbour is missing: the first piece, at 0, is one too.",
        ),
        Slip(
            _at,
            "not-averaged",
            "These are the shares one by one. Return their mean, one number.",
        ),
        Slip(_share_where(lambda place, length: place >= 0), "past-the-end"),
        Slip(lambda p, offset: f"{_share(p, offset):.1%}", "not-a-number"),
    ),
    hint="The mean of probabilities[i, i + offset] over all i for which i + offset is a piece.",
    alternative=_share_alternative,
)
