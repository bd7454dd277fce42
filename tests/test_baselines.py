"""The counting guesser against counting by brute force."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach.baselines import BoundaryCounts, guess_hidden

WORD = st.sampled_from(["a", "b", "c", "the", "The", "é", "中"])
PARAGRAPHS = st.lists(st.lists(WORD, max_size=8), min_size=1, max_size=5).filter(any)


@given(PARAGRAPHS, WORD, st.integers(-4, 4))
def test_counts_at_a_distance(paragraphs, word, offset):
    expected = Counter(
        p[i + offset]
        for p in paragraphs
        for i in range(len(p))
        if p[i] == word and 0 <= i + offset < len(p)
    )
    counts = BoundaryCounts(paragraphs)
    got = dict(zip(counts.vocabulary, counts.at(word, offset).tolist(), strict=True))
    assert {w: n for w, n in got.items() if n} == expected


@given(PARAGRAPHS, st.one_of(st.none(), WORD), st.one_of(st.none(), WORD), st.integers(1, 4))
def test_shares_are_a_distribution_and_sorted(paragraphs, left, right, length):
    counts = BoundaryCounts(paragraphs)
    everything = guess_hidden(counts, left, right, length, length, top=len(counts.vocabulary))
    shares = [share for _, share in everything]
    assert sum(shares) == pytest.approx(1)
    assert everything == sorted(everything, key=lambda pair: (-pair[1], pair[0]))
    assert sorted(word for word, _ in everything) == counts.vocabulary


def test_position_decides_which_neighbour_counts():
    counts = BoundaryCounts([["left", "one", "two", "three", "right"]] * 50 + [["x", "y"]] * 9)
    for position, word in enumerate(["one", "two", "three"], start=1):
        assert guess_hidden(counts, "left", "right", 3, position)[0][0] == word
        assert guess_hidden(counts, "left", None, 3, position)[0][0] == word
        assert guess_hidden(counts, None, "right", 3, position)[0][0] == word


def test_without_neighbours_the_frequency_decides():
    counts = BoundaryCounts([["a", "b", "b", "c"]])
    assert guess_hidden(counts, None, None, 1, 1) == [("b", pytest.approx(0.5))]
    np.testing.assert_allclose(counts.frequency, [0.25, 0.5, 0.25])


def test_score_is_the_product_over_the_frequency():
    counts = BoundaryCounts([["l", "a", "r"], ["l", "b", "x"], ["y", "b", "r"]])
    prior = 2.0
    frequency = dict(zip(counts.vocabulary, counts.frequency, strict=True))
    seen = {"a": (1, 1), "b": (1, 1), "l": (0, 0), "r": (0, 0), "x": (0, 0), "y": (0, 0)}
    scores = {
        w: (n + prior * frequency[w]) * (m + prior * frequency[w]) / frequency[w]
        for w, (n, m) in seen.items()
    }
    for word, share in guess_hidden(counts, "l", "r", 1, 1, top=6, prior=prior):
        assert share == pytest.approx(scores[word] / sum(scores.values()))


@pytest.mark.parametrize("position", [0, 4, -1])
def test_a_position_outside_the_span_is_refused(position):
    with pytest.raises(ValueError, match="not in a span of 3"):
        guess_hidden(BoundaryCounts([["a"]]), None, None, 3, position)


def test_nothing_to_count_is_refused():
    with pytest.raises(ValueError, match="at least one word"):
        BoundaryCounts([[], []])
