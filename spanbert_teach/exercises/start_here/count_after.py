"""Exercise 00-1: which words follow a word?"""

import operator
from collections import Counter
from itertools import pairwise

from spanbert_teach.exercises.checking import CHANGES, expect, shown
from spanbert_teach.exercises.form import Exercise, Kind, Property, Slip, case

EARLIER = Counter()  # what a counter outside of the function remembers


def _pairs(paragraphs):
    return [pair for p in paragraphs for pair in pairwise(p)]


def _counting(is_it):
    """The answer that counts what stands after each w of which `is_it(w, word)` is true."""
    return lambda paragraphs, word: Counter(b for a, b in _pairs(paragraphs) if is_it(a, word))


_count = _counting(operator.eq)


def _read_counts(got: object, given: str, *args: object) -> dict:
    """The counts that are not 0; raise `Wrong` unless the result is a dictionary."""
    expect(
        isinstance(got, dict),
        f"{given} should return a dictionary or a Counter (word → count), not a "
        f"{type(got).__name__}: {shown(got)}.",
        "not-counts",
    )
    return {word: count for word, count in got.items() if count != 0}


def _count_alternative(paragraphs, word):
    after = [p[i + 1] for p in paragraphs for i, w in enumerate(p[:-1]) if w == word]
    return {w: after.count(w) for w in after}


COUNT_AFTER = Exercise(
    id="00-1",
    title="Which words follow a word?",
    function="count_after",
    minutes=6,
    difficulty=2,
    right=_count,
    cases=(
        case([["the", "sea", "is", "deep"]], "sea"),
        case([["no", "man", "no", "cry"], ["no", "way"]], "no"),
        case(
            [["a", "long", "war"], ["peace", "at", "last"]],
            "war",
            hint="A paragraph's last word has none after it: the next paragraph is another text.",
            misconception="crosses-paragraphs",
        ),
        case(
            [["May", "is", "warm"], ["we", "may", "go"]],
            "may",
            hint='"May" and "may" are two words: the course keeps capitals, names depend on them.',
            misconception="ignores-case",
        ),
        case([["we", "met", "in", "May"]], "in"),
        case(
            [["also", "good", "and", "so", "far"]],
            "so",
            hint='"also" ends in "so" but is another word: compare whole words, not text.',
            misconception="inside-words",
        ),
        case([["so", "far", "so", "far", "so", "good"], ["so", "far"], ["so", "so", "far"]], "so"),
        case([["a"], [], ["b", "a"]], "a", hint="Paragraphs may be empty.", misconception="edges"),
    ),
    kind=Kind(_read_counts),
    properties=(
        Property(
            lambda got, expected, *_: [w for w in expected if w not in got and w.lower() in got],
            "ignores-case",
            "Count the words as they are: {} stays {}.",
        ),
        Property(
            lambda got, expected, ps, word: [w for w in got if not any(w in p for p in ps)],
            "remembers-calls",
            "{} stands nowhere in these paragraphs. If it comes from an earlier call: make the "
            "counter inside the function.",
        ),
        Property(
            lambda got, expected, ps, word: [
                a for a, b in _pairs(ps) if b == word and a in got.keys() - expected
            ],
            "counts-before",
            "{} stands before the word. Look one place to the right.",
        ),
        Property(
            lambda got, expected, *_: [w for w in expected if got.get(w, 0) < expected[w]],
            "not-every-pair",
            "{} follows more often than that. Do you look at every pair of neighbours, in every "
            "paragraph?",
        ),
    ),
    slips=(
        Slip(lambda ps, word: Counter(a for a, b in _pairs(ps) if b == word), "counts-before"),
        Slip(
            lambda ps, word: Counter(p[p.index(word) + 1] for p in ps if word in p[:-1]),
            "first-only",
            "A word can stand in a paragraph often: `.index(word)` finds the first only.",
        ),
        Slip(lambda ps, word: EARLIER.update(_count(ps, word)) or EARLIER, "remembers-calls"),
        Slip(lambda ps, word: _count([[w for p in ps for w in p]], word), "crosses-paragraphs"),
        Slip(_counting(lambda w, word: w.lower() == word.lower()), "ignores-case"),
        Slip(
            lambda ps, word: dict.fromkeys(_count(ps, word), 1),
            "not-added-up",
            "Count every time a word follows, not only that it does.",
        ),
        Slip(
            lambda ps, word: _count(ps, word).most_common(1)[0],
            "not-counts",
            "If it is made of pairs or words, put Counter(…) around it.",
        ),
        Slip(
            lambda ps, word: Counter(p[i + 1] for p in ps for i, w in enumerate(p) if w == word),
            "past-the-end",
            "The last word of a paragraph has no word after it: stop one place earlier.",
        ),
        Slip(_counting(lambda w, word: word in w), "inside-words"),
        Slip(
            lambda ps, word: Counter(b for a, b in _pairs(ps)[::2] if a == word), "not-every-pair"
        ),
        Slip(lambda ps, word: _count([ps.pop() for _ in [*ps]], word), CHANGES),
    ),
    hint="Each word that stands directly after the word, and how often it does.",
    alternative=_count_alternative,
)
