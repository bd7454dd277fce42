"""Exercise 01-5: windows over a long text."""

from itertools import starmap

from spanbert_teach.exercises.checking import ENDLESS
from spanbert_teach.exercises.form import Exercise, Property, Slip, case
from spanbert_teach.exercises.kinds import PAIRS
from spanbert_teach.tokenization import window_starts


def _windows(length, size, stride):
    return _cut(window_starts(length, size, stride), length, size)


def _cut(starts, length, size):
    return [(start, min(start + size, length)) for start in starts]


SMALL = [
    (length, size, stride) for size in range(1, 7) for stride in range(size) for length in range(20)
]
CASES = (
    *starmap(case, [(10, 4, 1), (9, 4, 1), (12, 5, 2), (3, 4, 1), (4, 4, 1), (5, 4, 1), (0, 4, 1)]),
    *starmap(case, SMALL),
    case(1000, 384, 128),
)


# --- properties: how neighbours overlap, then how the last window ends ---------------------------


def _shared(got, length, stride):
    """How many pieces the first two windows share, as a list; [] where that is right."""
    if len(got) < 2 or got[0][1] >= length:
        return []
    shared = got[0][1] - got[1][0]
    return [shared] if shared != stride else []


PROPERTIES = (
    Property(
        lambda got, right, length, size, stride: length == 0,
        "empty-text",
        "A text without pieces has one window all the same, an empty one: (0, 0). A question about "
        "it can still be asked.",
    ),
    Property(
        lambda got, *_: not got,
        "no-window",
        "A text that fits into one window has one window, (0, length).",
    ),
    Property(
        lambda got, right, length, size, stride: _shared(got, length, stride) == [size - stride],
        "stride-is-the-step",
        "Each window moves on by `stride`. `stride` is how many pieces neighbours share; a window "
        "moves on by size − stride. (BERT's run_squad.py calls the other one doc_stride, so both "
        "readings are about.)",
    ),
    Property(
        lambda got, right, length, size, stride: 0 in _shared(got, length, stride),
        "no-overlap",
        "Neighbours share nothing; they should share `stride` pieces.",
    ),
    Property(
        lambda got, right, length, size, stride: [
            (got[0][1], got[1][0]) for shared in _shared(got, length, stride) if shared < 0
        ],
        "leaves-gaps",
        "No window holds the pieces {}: neighbours should share `stride` pieces, so a window "
        "begins size − stride after the one before.",
    ),
    Property(
        lambda got, right, length, size, stride: _shared(got, length, stride),
        "wrong-step",
        "The first two windows share {} pieces and should share `stride`: a window begins size − "
        "stride after the one before.",
    ),
    Property(
        lambda got, right, length, size, stride: [end for _, end in got[-1:] if end > length],
        "past-the-end",
        "A window ends at {}, behind the text: the last one may be shorter than `size`.",
    ),
    Property(
        lambda got, right, length, size, stride: [end for _, end in got[-1:] if end < length],
        "last-window-lost",
        "The pieces from {} on are in no window: add windows until one reaches the end, even if it "
        "is shorter.",
    ),
    Property(
        lambda got, right, length, size, stride: [two for two in got[-2:-1] if two[1] >= length],
        "one-too-many",
        "The window before the last, {}, reaches the end already: the last one shows nothing new. "
        "Stop at the first that reaches the end.",
    ),
    Property(
        lambda got, right, length, size, stride: got[-1] == (length - size, length),
        "moves-the-last-back",
        "The last window is moved back to be full, so it shares more pieces with its neighbour. "
        "Let it begin where it should and be shorter.",
    ),
)


# --- slips --------------------------------------------------------------------------------------


def _stepping(step):
    """Windows that begin every so many pieces, until the text ends."""
    return lambda length, size, stride: _cut(
        range(0, max(length, 1), step(size, stride)), length, size
    )


def _for_ever(length, size, stride):
    found, start = [], 0
    while start < length:
        found += _cut([start], length, size)
        start = found[-1][1] - stride
    return found


SLIPS = (
    Slip(_stepping(lambda size, stride: max(stride, 1)), "stride-is-the-step"),
    Slip(_stepping(lambda size, stride: max(size - stride - 1, 1)), "wrong-step"),
    Slip(_stepping(lambda size, stride: size), "no-overlap"),
    Slip(_stepping(lambda size, stride: size + stride), "leaves-gaps"),
    Slip(_stepping(lambda size, stride: size - stride), "one-too-many"),
    Slip(lambda *task: [(a, a + task[1]) for a, _ in _windows(*task)], "past-the-end"),
    Slip(lambda *task: [(a * 2 / 2, b) for a, b in _windows(*task)], "not-whole-numbers"),
    Slip(lambda *task: _windows(*task) if task[0] > task[1] else [], "no-window"),
    Slip(lambda *task: _windows(*task) if task[0] else [], "empty-text"),
    Slip(
        lambda *task: [w for w in _windows(*task) if w[1] - w[0] == task[1]] or _windows(*task),
        "last-window-lost",
    ),
    Slip(
        lambda *task: [*_windows(*task)[:-1], (max(0, task[0] - task[1]), task[0])],
        "moves-the-last-back",
    ),
    Slip(
        lambda *task: [(a, b - 1) for a, b in _windows(*task)],
        "end-included",
        "The end is exclusive, as in a slice: pieces[start:end].",
    ),
    Slip(
        lambda *task: [(a, b - a) for a, b in _windows(*task)],
        "start-and-length",
        "The second number is how long the window is. Return where it ends.",
    ),
    Slip(
        _for_ever,
        ENDLESS,
        "Leave the loop at the first window that reaches the end: after it, end - stride is the "
        "same start again and again. Before it, each start moves on by size − stride.",
    ),
)


def _first_and_then_the_rest(length, size, stride):
    if length <= size:
        return [(0, length)]
    step = size - stride
    rest = _first_and_then_the_rest(length - step, size, stride)
    return [(0, size), *((step + start, step + end) for start, end in rest)]


WINDOWS = Exercise(
    id="01-5",
    title="Windows over a long text",
    function="windows",
    minutes=8,
    difficulty=3,
    right=_windows,
    cases=CASES,
    kind=PAIRS,
    properties=PROPERTIES,
    slips=SLIPS,
    hint="Each window begins size − stride after the one before it.",
    alternative=_first_and_then_the_rest,
    equivalent_mutants={
        f"{change} in: for start in range(0, length + 1, size - stride):": (
            "the loop is left before: the first window that reaches the end is the last"
        )
        for change in ("range argument 2 + 1", "1 to 2")
    }
    | {
        "first two arguments swapped in: end = min(start + size, length)": (
            "the smaller of two numbers is the same in either order"
        ),
    },
)
