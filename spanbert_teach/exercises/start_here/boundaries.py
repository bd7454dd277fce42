"""Exercise 00-3: the boundaries of a span."""

from typing import Any

from spanbert_teach.exercises.checking import CHANGES, NO_RETURN, expect, shown
from spanbert_teach.exercises.form import Exercise, Kind, Property, Slip, case
from spanbert_teach.exercises.start_here.hide_span import ISLAND

BESIDE = "The word before the span is at start − 1, the one after it at start + length."
MISSING = "Only the side that is missing is None (None itself, not a text)."


def _at(sentence, place):
    return sentence[place] if 0 <= place < len(sentence) else None


def _boundaries(sentence, start, length):
    return _at(sentence, start - 1), _at(sentence, start + length)


def _read_pair(got: Any, given: str, *args: Any) -> tuple[str | None, str | None]:
    expect(
        isinstance(got, tuple | list)
        and len(got) == 2
        and all(isinstance(word, str | None) for word in got),
        f"{given} should return two words in this order, (left, right), not {shown(got)}.",
        "not-a-pair",
    )
    return tuple(got)


def _padding_in_place(sentence, start, length):
    sentence.insert(0, None)
    sentence.append(None)
    return sentence[start], sentence[start + length + 1]


def _boundaries_alternative(sentence, start, length):
    padded = [None, *sentence, None]
    return [padded[start], padded[start + length + 1]]


BOUNDARIES = Exercise(
    id="00-3",
    title="The boundaries of a span",
    function="boundaries",
    minutes=6,
    difficulty=2,
    right=_boundaries,
    cases=(
        case(ISLAND, 3, 2, misconception="off-by-one"),
        case(ISLAND, 4, 1, hint="One word has two boundaries too.", misconception="off-by-one"),
        case(ISLAND, 1, 2, hint="The first word can be a boundary.", misconception="edges"),
        case(ISLAND, 7, 1, hint='"of" stands twice: go by place.', misconception="by-value"),
        case(ISLAND, 7, 2, hint="The last token can be a boundary.", misconception="edges"),
        case(ISLAND, 0, 2, hint=MISSING, misconception="wrong-at-the-left-edge"),
        case(ISLAND, 8, 2, hint=MISSING, misconception="wrong-at-the-right-edge"),
        case(ISLAND, 0, 10, hint="A span may be the whole sentence.", misconception="edges"),
    ),
    kind=Kind(_read_pair),
    properties=(
        Property(
            lambda got, expected, *_: got == expected[::-1],
            "swapped",
            "The two are swapped: first the word before the span, then the one after it.",
        ),
        Property(
            lambda got, expected, s, start, length: [w for w in got if w in s[start:][:length]],
            "inside",
            "{} is a word of the span itself, and hidden. SpanBERT's boundaries stand outside the "
            "span, one before and one after it.",
        ),
        Property(
            lambda got, expected, sentence, start, *_: start == 0 and got[0] == sentence[-1],
            "wraps-around",
            "Before the first word there is nothing. In Python sentence[-1] is the last word, so a "
            "span at the start quietly gets the end of the sentence as its neighbour.",
        ),
    ),
    # s is the sentence, i the start, n the length.
    slips=(
        Slip(lambda s, i, n: (s[i], s[i + n - 1]), "inside"),
        Slip(lambda s, i, n: _boundaries(s, i, n)[::-1], "swapped"),
        Slip(lambda s, i, n: (s[i - 1], _at(s, i + n)), "wraps-around"),
        Slip(
            lambda s, i, n: (_at(s, i - 1), _at(s, i + n + 1)),
            "off-by-one",
            BESIDE,
        ),
        Slip(
            lambda s, i, n: (_at(s, i - 1), s[i + n]),
            "past-the-end",
            "After the last word there is nothing: return None for that side.",
        ),
        Slip(lambda s, i, n: _boundaries(s[:-1], i, n), "edges"),
        Slip(lambda s, i, n: _boundaries(s, s.index(s[i]), n), "by-value"),
        Slip(
            lambda s, i, n: tuple(w or "" for w in _boundaries(s, i, n)), "wrong-at-the-left-edge"
        ),
        Slip(_padding_in_place, CHANGES),
        Slip(
            lambda s, i, n: _at(s, i + n),
            "not-a-pair",
            "Return both words, with a comma between them.",
        ),
        Slip(
            lambda s, i, n: _boundaries(s, i, n) if i else None,
            NO_RETURN,
            "Where a side is missing, return a pair all the same, with None on that side.",
        ),
    ),
    hint=BESIDE,
    alternative=_boundaries_alternative,
)
