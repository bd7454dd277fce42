"""The exercises of lesson 00: counting neighbours, hiding a span, naming its boundaries."""

from collections import Counter
from itertools import pairwise

from spanbert_teach.exercises.checking import (
    Exercise,
    Wrong,
    WrongAnswer,
    call,
    expect,
    expect_call,
    expect_equal,
    shown_call,
)

# --- 00-1: which words follow a word? -----------------------------------------------------------


def check_count_after(fn) -> None:
    """`count_after(paragraphs, word)`: how often each word stands directly after `word`."""

    def expect_counts(paragraphs, word, expected, hint, misconception):
        got = call(fn, paragraphs, word)
        given = shown_call(fn, paragraphs, word)
        if not isinstance(got, dict):
            raise Wrong(
                f"{given} should return a dictionary or a Counter (word → count), not {got!r}.",
                "not-counts",
            )
        counts = {key: n for key, n in got.items() if n != 0}
        expect_equal(counts, expected, given=given, hint=hint, misconception=misconception)

    expect_counts(
        [["the", "sea", "is", "deep"]],
        "sea",
        {"is": 1},
        'After "sea" stands "is"; "the" stands before it. Look one place to the right.',
        "counts-before",
    )
    expect_counts(
        [["no", "man", "no", "cry"], ["no", "way"]],
        "no",
        {"man": 1, "cry": 1, "way": 1},
        "A word can stand in a paragraph several times: `.index(word)` finds only the first.",
        "first-only",
    )
    expect_counts(
        [["a", "long", "war"], ["peace", "at", "last"]],
        "war",
        {},
        "A paragraph's last word has no word after it; the next paragraph is another text.",
        "crosses-paragraphs",
    )
    expect_counts(
        [["May", "is", "warm"], ["we", "may", "go"]],
        "may",
        {"go": 1},
        '"May" and "may" are two words: the course keeps capitals, names depend on them.',
        "ignores-case",
    )
    expect_counts(
        [["so", "far", "so", "far", "so", "good"], ["so", "far"]],
        "so",
        {"far": 3, "good": 1},
        "Count every time a word follows, over all paragraphs, not only that it does.",
        "not-added-up",
    )
    expect_counts([["a"], [], ["b", "a"]], "a", {}, "Paragraphs may be short or empty.", "edges")


def _count_before(paragraphs, word):
    return Counter(p[i - 1] for p in paragraphs for i in range(1, len(p)) if p[i] == word)


def _count_first_only(paragraphs, word):
    found = [p.index(word) + 1 for p in paragraphs if word in p]
    owners = [p for p in paragraphs if word in p]
    return Counter(p[i] for p, i in zip(owners, found, strict=True) if i < len(p))


def _count_across(paragraphs, word):
    text = [w for p in paragraphs for w in p]
    return Counter(b for a, b in pairwise(text) if a == word)


def _count_lowered(paragraphs, word):
    return Counter(b for p in paragraphs for a, b in pairwise(p) if a.lower() == word.lower())


def _count_a_set(paragraphs, word):
    return dict.fromkeys((b for p in paragraphs for a, b in pairwise(p) if a == word), 1)


def _most_common_word(paragraphs, word):
    return _count_alternative(paragraphs, word).most_common(1)[0][0]


def _count_past_the_end(paragraphs, word):
    return Counter(p[i + 1] for p in paragraphs for i in range(len(p)) if p[i] == word)


def _count_alternative(paragraphs, word):
    return Counter(b for p in paragraphs for a, b in pairwise(p) if a == word)


# --- 00-2: hide a span --------------------------------------------------------------------------

ISLAND = ["The", "island", "of", "New", "Guinea", "lies", "north", "of", "Australia", "."]


def check_hide_span(fn) -> None:
    """`hide_span(sentence, start, length)`: each hidden word becomes a `[MASK]` of its own."""
    got = call(fn, ISLAND, 3, 2)
    given = shown_call(fn, ISLAND, 3, 2)
    expect(
        isinstance(got, list),
        f"{given} should return a list of words, but returns {got!r}.",
        "not-a-list",
    )
    expect(
        got != [*ISLAND[:3], "[MASK]", *ISLAND[5:]],
        f"{given} hides two words behind one [MASK].\nEach hidden word gets a [MASK] of its own: "
        "SpanBERT sees how many words are missing, and the sentence keeps its length.",
        "one-mask",
    )
    expect(
        got != [*ISLAND[:3], *ISLAND[5:]],
        f"{given} removes the words.\nHidden is not deleted: put a [MASK] where each one stood.",
        "deleted",
    )
    expect(
        got != [*ISLAND[:3], *["[MASK]"] * 3, *ISLAND[6:]],
        f"{given} hides three words.\nA span of `length` words ends before start + length.",
        "end-included",
    )
    expect(
        got != [*ISLAND[:2], *["[MASK]"] * 2, *ISLAND[4:]],
        f"{given} hides from the word before.\nPlaces are counted from 0: start 3 is the 4th word.",
        "counts-from-one",
    )
    expect(
        got != [*ISLAND[:3], "[MASK]", *ISLAND[4:]],
        f"{given} hides one word.\nAll `length` words of the span are hidden, not only its first.",
        "first-only",
    )
    expect_call(
        fn,
        ISLAND,
        3,
        2,
        expected=["The", "island", "of", "[MASK]", "[MASK]", *ISLAND[5:]],
        hint="The words of the span, and only they, become [MASK].",
        misconception="other",
    )
    for start, length in [(0, 1), (0, 10), (9, 1), (4, 3)]:
        expected = [
            "[MASK]" if start <= i < start + length else word for i, word in enumerate(ISLAND)
        ]
        expect_call(
            fn,
            ISLAND,
            start,
            length,
            expected=expected,
            hint="A span may start with the first word, or end with the last.",
            misconception="edges",
        )
    original = list(ISLAND)
    fn(original, 3, 2)
    expect(
        original == ISLAND,
        "hide_span changed the list it was given: whoever called it has lost the answers.\n"
        "Build a new list, or start from a copy: list(sentence).",
        "changes-its-input",
    )


def _hide_with_one_mask(sentence, start, length):
    return [*sentence[:start], "[MASK]", *sentence[start + length :]]


def _hide_end_included(sentence, start, length):
    return ["[MASK]" if start <= i <= start + length else w for i, w in enumerate(sentence)]


def _hide_in_place(sentence, start, length):
    for i in range(start, start + length):
        sentence[i] = "[MASK]"
    return sentence


def _hide_by_deleting(sentence, start, length):
    return sentence[:start] + sentence[start + length :]


def _hide_from_one(sentence, start, length):
    return ["[MASK]" if start - 1 <= i < start + length - 1 else w for i, w in enumerate(sentence)]


def _hide_the_first(sentence, start, length):
    return [*sentence[:start], "[MASK]", *sentence[start + 1 :]]


def _hide_without_return(sentence, start, length):
    sentence[start : start + length] = ["[MASK]"] * length


def _hide_alternative(sentence, start, length):
    hidden = list(sentence)
    hidden[start : start + length] = ["[MASK]"] * length
    return hidden


# --- 00-3: the boundaries of a span -------------------------------------------------------------


def check_boundaries(fn) -> None:
    """`boundaries(sentence, start, length)`: the visible word on either side, or None."""

    def expect_pair(start, length, expected, hint, misconception):
        given = shown_call(fn, ISLAND, start, length)
        got = call(fn, ISLAND, start, length)
        expect(
            isinstance(got, (tuple, list)) and len(got) == 2,
            f"{given} should return two words, (left, right), but returns {got!r}.",
            "not-a-pair",
        )
        expect_equal(tuple(got), expected, given=given, hint=hint, misconception=misconception)

    pair = call(fn, ISLAND, 3, 2)
    given = shown_call(fn, ISLAND, 3, 2)
    expect(
        tuple(pair) != ("New", "Guinea") if isinstance(pair, (tuple, list)) else True,
        f"{given} gives the first and last word of the span itself: they are hidden.\n"
        "SpanBERT's boundaries stand outside the span, one before it and one after it.",
        "inside",
    )
    expect_pair(
        3,
        2,
        ("of", "lies"),
        "The word before the span is at start − 1, the one after it at start + length.",
        "off-by-one",
    )
    expect_pair(4, 1, ("New", "lies"), "A span of one word has two boundaries too.", "off-by-one")
    expect_pair(1, 2, ("The", "New"), "The first word can be a boundary.", "edges")
    expect_pair(
        0,
        2,
        (None, "of"),
        "Before the first word there is nothing: return None. In Python, sentence[-1] is the last "
        "word, so a span at the start quietly gets the end of the sentence as its neighbour.",
        "wraps-around",
    )
    expect_pair(
        8, 2, ("of", None), "After the last word there is nothing: return None.", "no-right-edge"
    )
    expect_pair(0, 10, (None, None), "A span may be the whole sentence.", "edges")


def _boundaries_inside(sentence, start, length):
    return sentence[start], sentence[start + length - 1]


def _boundaries_wrap(sentence, start, length):
    end = start + length
    return sentence[start - 1], sentence[end] if end < len(sentence) else None


def _boundaries_one_late(sentence, start, length):
    end = start + length + 1
    left = sentence[start - 1] if start else None
    return left, sentence[end] if end < len(sentence) else None


def _boundaries_crash(sentence, start, length):
    return sentence[start - 1] if start else None, sentence[start + length]


def _boundaries_right_only(sentence, start, length):
    end = start + length
    return sentence[end] if end < len(sentence) else None


def _boundaries_alternative(sentence, start, length):
    padded = [None, *sentence, None]
    return [padded[start], padded[start + length + 1]]


EXERCISES = (
    Exercise(
        id="00-1",
        title="Which words follow a word?",
        function="count_after",
        minutes=6,
        difficulty=2,
        check=check_count_after,
        wrong=(
            WrongAnswer(_count_before, "counts-before"),
            WrongAnswer(_count_first_only, "first-only"),
            WrongAnswer(_count_across, "crosses-paragraphs"),
            WrongAnswer(_count_lowered, "ignores-case"),
            WrongAnswer(_count_a_set, "not-added-up"),
            WrongAnswer(_most_common_word, "not-counts"),
            WrongAnswer(_count_past_the_end, "crash"),
        ),
        alternative=_count_alternative,
    ),
    Exercise(
        id="00-2",
        title="Hide a span",
        function="hide_span",
        minutes=5,
        difficulty=1,
        check=check_hide_span,
        wrong=(
            WrongAnswer(_hide_with_one_mask, "one-mask"),
            WrongAnswer(_hide_end_included, "end-included"),
            WrongAnswer(_hide_in_place, "changes-its-input"),
            WrongAnswer(_hide_by_deleting, "deleted"),
            WrongAnswer(_hide_from_one, "counts-from-one"),
            WrongAnswer(_hide_the_first, "first-only"),
            WrongAnswer(_hide_without_return, "no-return"),
        ),
        alternative=_hide_alternative,
    ),
    Exercise(
        id="00-3",
        title="The boundaries of a span",
        function="boundaries",
        minutes=6,
        difficulty=2,
        check=check_boundaries,
        wrong=(
            WrongAnswer(_boundaries_inside, "inside"),
            WrongAnswer(_boundaries_wrap, "wraps-around"),
            WrongAnswer(_boundaries_one_late, "off-by-one"),
            WrongAnswer(_boundaries_crash, "crash"),
            WrongAnswer(_boundaries_right_only, "not-a-pair"),
        ),
        alternative=_boundaries_alternative,
    ),
)
