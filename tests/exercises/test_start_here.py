"""What the proof of every exercise does not show of lesson 00: other styles, mixed mistakes."""

from collections import Counter, defaultdict

import pytest

from spanbert_teach.exercises.checking import CHANGES, CRASH, NO_RETURN
from spanbert_teach.exercises.judging import RIGHT, judge
from spanbert_teach.exercises.start_here import EXERCISES

BY_ID = {exercise.id: exercise for exercise in EXERCISES}


def count_with_zeros(paragraphs, word):
    """Every word of the text has a count, and most are 0."""
    counts = {w: 0 for p in paragraphs for w in p}
    for p in paragraphs:
        for i, w in enumerate(p[1:]):
            counts[w] += p[i] == word
    return counts


def count_with_default(paragraphs, word):
    counts = defaultdict(int)
    for p in paragraphs:
        for i in range(1, len(p)):
            if p[i - 1] == word:
                counts[p[i]] += 1
    return counts


def hide_in_a_copy(sentence, start, length):
    sentence = sentence.copy()
    for i in range(length):
        sentence[start + i] = "[MASK]"
    return sentence


def boundaries_by_cutting(sentence, start, length):
    before, after = sentence[:start], sentence[start + length :]
    return before[-1] if before else None, after[0] if after else None


OTHER_STYLES = [
    ("00-1", count_with_zeros),
    ("00-1", count_with_default),
    ("00-2", hide_in_a_copy),
    ("00-3", boundaries_by_cutting),
]


@pytest.mark.parametrize(("exercise_id", "answer"), OTHER_STYLES)
def test_right_in_another_style(exercise_id, answer):
    verdict = judge(BY_ID[exercise_id], answer)
    assert verdict.state == RIGHT, str(verdict)


def count_both_sides(paragraphs, word):
    right = BY_ID["00-1"].alternative
    return Counter(right(paragraphs, word)) + Counter(right([p[::-1] for p in paragraphs], word))


def count_lowered_followers(paragraphs, word):
    right = BY_ID["00-1"].alternative(paragraphs, word)
    return {w.lower(): count for w, count in right.items()}


def count_without_a_start(paragraphs, word):
    counts = {}
    for p in paragraphs:
        for i, w in enumerate(p[:-1]):
            if w == word:
                counts[p[i + 1]] += 1
    return counts


MIXED = [
    ("00-1", count_both_sides, "counts-before", "'the' stands before the word."),
    ("00-1", count_lowered_followers, "ignores-case", "'May' stays 'May'."),
    ("00-1", lambda ps, word: {}, "not-every-pair", "'is' follows more often than that."),
    ("00-1", lambda ps, word: [p for p in ps if word in p], "not-counts", "put Counter(…) around"),
    ("00-1", count_without_a_start, CRASH, "KeyError: 'is'"),
    ("00-2", lambda s, start, length: s[:start] + s[start + 1 :], "deleted", "is not deleted"),
    ("00-2", lambda s, start, length: ["[MASK]"], "one-mask", "a [MASK] of its own"),
    ("00-2", lambda s, start, length: s[:3] + 2 * ["[MASK]"] + s[5:], "fixed-length", "`length`"),
    ("00-2", lambda s, start, length: [w.strip(w) or "MASK" for w in s], "other", "exactly"),
    ("00-3", lambda s, start, length: (s[start - 1], s[start + length - 1]), "inside", "'Guinea'"),
    ("00-3", lambda s, start, length: (s[start - 2], s[start + length]), "off-by-one", "start − 1"),
    ("00-3", lambda s, start, length: s[start - 1] + s[start + length], "not-a-pair", "two words"),
    (
        "00-3",
        lambda s, start, length: s[start - 1 : start] + s[start + length :][:1],
        "not-a-pair",
        "(left, right), not ['of']",
    ),
    (
        "00-3",
        lambda s, start, length: (s[start - 1], s[start + length]) if start else None,
        NO_RETURN,
        "return a pair all the same",
    ),
    ("00-3", lambda s, start, length: [s.pop(start - 1), s[start + length - 1]], CHANGES, "copy"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "misconception", "hint"), MIXED)
def test_mixed_mistakes_get_a_hint_of_their_own(exercise_id, answer, misconception, hint):
    verdict = judge(BY_ID[exercise_id], answer)
    assert verdict.misconception == misconception, str(verdict)
    assert hint in verdict.message
