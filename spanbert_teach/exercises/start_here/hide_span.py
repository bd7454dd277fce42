"""Exercise 00-2: hide a span."""

from spanbert_teach.exercises.checking import CHANGES
from spanbert_teach.exercises.form import Exercise, Property, Slip, case
from spanbert_teach.exercises.kinds import texts

ISLAND = ["The", "island", "of", "New", "Guinea", "lies", "north", "of", "Australia", "."]


def _hide(sentence, start, length):
    return [*sentence[:start], *["[MASK]"] * length, *sentence[start + length :]]


def _hide_in_place(sentence, start, length):
    for i in range(start, start + length):
        sentence[i] = "[MASK]"
    return sentence


def _hide_alternative(sentence, start, length):
    return ["[MASK]" if start <= i < start + length else w for i, w in enumerate(sentence)]


HIDE_SPAN = Exercise(
    id="00-2",
    title="Hide a span",
    function="hide_span",
    minutes=5,
    difficulty=1,
    right=_hide,
    cases=(
        case(ISLAND, 3, 2),
        case(ISLAND, 4, 3, hint="Hide three words: use `length`.", misconception="fixed-length"),
        case(ISLAND, 6, 1, hint="Hide one word: use `length`.", misconception="fixed-length"),
        case(ISLAND, 7, 1, hint='"of" stands twice: go by place.', misconception="by-value"),
        case(ISLAND, 0, 1, hint="A span may start with the first word.", misconception="edges"),
        case(ISLAND, 9, 1, hint="A span may end with the last word.", misconception="edges"),
        case(ISLAND, 0, 10, hint="A span may be the whole sentence.", misconception="edges"),
    ),
    kind=texts("words"),
    properties=(
        Property(
            lambda got, *_: "[" in got,
            "letter-by-letter",
            "A text that is put into a slice goes in letter by letter. Put in a list: "
            '["[MASK]"] * length.',
        ),
        Property(
            lambda got, expected, sentence, *_: got == sentence,
            "nothing-hidden",
            "Nothing is hidden. Where does your range or slice end?",
        ),
        Property(
            lambda got, expected, *_: len(got) < len(expected) and "[MASK]" not in got,
            "deleted",
            "Hidden is not deleted: put a [MASK] where each word stood.",
        ),
        Property(
            lambda got, expected, *_: len(got) < len(expected),
            "one-mask",
            "It hides several words behind one [MASK]. Each hidden word gets a [MASK] of its own: "
            "SpanBERT sees how many words are missing, and the sentence keeps its length.",
        ),
        Property(
            lambda got, expected, s, start, length: got == _hide(s, start, length + 1),
            "end-included",
            "It hides one word too many. A span of `length` words ends before start + length.",
        ),
        Property(
            lambda got, expected, s, start, length: got == _hide(s, start - 1, length),
            "counts-from-one",
            "It starts a word early. Places count from 0: start 3 is the fourth word.",
        ),
        Property(
            lambda got, expected, s, start, length: got == _hide(s, start, 1),
            "first-only",
            "It hides one word. All `length` words of the span are hidden, not only its first.",
        ),
    ),
    # s is the sentence, i the start, n the length.
    slips=(
        Slip(lambda s, i, n: [*s[:i], "[MASK]", *s[i + n :]], "one-mask"),
        Slip(lambda s, i, n: _hide(s, i, n + 1), "end-included"),
        Slip(_hide_in_place, CHANGES),
        Slip(lambda s, i, n: s[:i] + s[i + n :], "deleted"),
        Slip(lambda s, i, n: _hide(s, i - 1, n), "counts-from-one"),
        Slip(lambda s, i, n: _hide(s, i, 1), "first-only"),
        Slip(lambda s, i, n: ["[MASK]" if w in s[i:][:n] else w for w in s], "by-value"),
        Slip(lambda s, i, n: [*s[:i], *"[MASK]", *s[i + n :]], "letter-by-letter"),
        Slip(lambda s, i, n: s[:i] + s[i:], "nothing-hidden"),
        Slip(lambda s, i, n: _hide(s, i, 2), "fixed-length"),
    ),
    hint='Each word of the span, and only these, becomes exactly "[MASK]".',
    alternative=_hide_alternative,
)
