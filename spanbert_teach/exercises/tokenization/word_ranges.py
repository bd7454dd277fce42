"""Exercise 01-4: where each word begins and ends."""

from itertools import pairwise

from spanbert_teach.exercises.checking import CHANGES, ENDLESS
from spanbert_teach.exercises.form import Exercise, Property, Slip, case
from spanbert_teach.exercises.kinds import PAIRS


def _starts(word_starts):
    return [place for place, first in enumerate(word_starts) if first]


def _ranges(word_starts):
    return list(pairwise([*_starts(word_starts), len(word_starts)]))


CASES = (
    case([True, False, False, True, True, False]),
    case([True, False, False, True]),
    case([True, False]),
    case([True, True, True]),
    case([True]),
    case([True, False, False, False]),
    case([True, True, False, False, True, False, True, True]),
    case([], hint="A text without pieces has no words: return [].", misconception="empty-text"),
)
PROPERTIES = (
    Property(
        lambda got, right, word_starts: right and not got,
        "nothing-found",
        "There are words, and nothing is found. Does each range get into the list?",
    ),
    Property(
        lambda got, right, _: right and [pair for pair in got if pair[0] not in dict(right)],
        "wrong-starts",
        "{} begins where no word does: words begin where word_starts is True.",
    ),
    Property(
        lambda got, right, word_starts: (
            got and right and (got[:-1], got[-1][0]) == (right[:-1], right[-1][0])
        ),
        "wrong-last-end",
        "The last word ends with the text, at len(word_starts).",
    ),
)


def _add_a_start(word_starts):
    word_starts.append(True)
    return list(pairwise(_starts(word_starts)))


def _for_ever(word_starts):
    ranges, place = [], 0
    while place < len(word_starts):
        end = place if word_starts[place] else place + 1
        ranges += [(place, end)] if end > place else []
        place = end
    return ranges


SLIPS = (
    Slip(
        lambda word_starts: list(pairwise(_starts(word_starts))),
        "last-word-lost",
        "The last word is missing. No word begins after it, so nothing ends it but the end of the "
        "list.",
    ),
    Slip(
        lambda word_starts: _ranges(word_starts)[1:],
        "first-word-lost",
        "The first word is missing. It begins at place 0, and 0 counts as False: after `begin = "
        "None`, ask `begin is not None` instead of `if begin`.",
    ),
    Slip(
        lambda word_starts: [(start, end - 1) for start, end in _ranges(word_starts)],
        "end-included",
        "These ends are the last piece of each word. The end is exclusive, as in a slice: "
        "pieces[start:end] must give the whole word.",
    ),
    Slip(
        lambda word_starts: [(start, end - start) for start, end in _ranges(word_starts)],
        "start-and-length",
        "The second number is how many pieces the word has. Return where it ends.",
    ),
    Slip(
        lambda word_starts: [(a, b) for a, b in _ranges(word_starts) if b - a > 1],
        "only-cut-words",
        "Words of a single piece are words too, and have a range: (3, 4) holds piece 3.",
    ),
    Slip(
        lambda word_starts: [list(range(start, end)) for start, end in _ranges(word_starts)],
        "all-places",
        "This is every place of each word. Two numbers are enough: where it begins, and the place "
        "after its last piece.",
    ),
    Slip(_starts, "starts-only", "This says where words begin. Where does each of them end?"),
    Slip(
        lambda word_starts: [(place, place + 1) for place in range(len(word_starts))],
        "each-piece",
        "Each piece has got its own range. A word goes on while word_starts is False.",
    ),
    Slip(
        lambda word_starts: [(start + 1, end + 1) for start, end in _ranges(word_starts)],
        "counts-from-one",
        "Everything is one place too far: here is no [CLS], the first piece is at place 0.",
    ),
    Slip(
        lambda word_starts: [(start, end + 1) for start, end in _ranges(word_starts)],
        "one-too-far",
        "The ends are one too far: a word ends where the next one begins.",
    ),
    Slip(
        lambda word_starts: [(start + 1, end) for start, end in _ranges(word_starts)],
        "first-piece-left-out",
        "The first piece of each word belongs to it, although it has no ## before it.",
    ),
    Slip(
        lambda word_starts: list(pairwise([*_starts(word_starts), len(word_starts) - 1])),
        "wrong-last-end",
    ),
    Slip(lambda word_starts: _ranges(word_starts) or [(0, 0)], "empty-text"),
    Slip(_add_a_start, CHANGES),
    Slip(lambda word_starts: iter(_ranges(word_starts)), "not-a-list"),
    Slip(_for_ever, ENDLESS, "Each turn must move on: look for the end behind the start."),
)


def _grown_piece_by_piece(word_starts):
    ranges = []
    for place, first in enumerate(word_starts):
        begin = place if first else ranges.pop()[0]
        ranges.append((begin, place + 1))
    return ranges


WORD_RANGES = Exercise(
    id="01-4",
    title="Where each word begins and ends",
    function="word_ranges",
    minutes=6,
    difficulty=2,
    right=_ranges,
    cases=CASES,
    kind=PAIRS,
    properties=PROPERTIES,
    slips=SLIPS,
    hint="A word begins where word_starts is True and ends where the next one begins.",
    alternative=_grown_piece_by_piece,
)
