"""The spans of many rows at once: the candidates, and which pieces they give."""

import numpy as np
import pytest
import torch

from spanbert_teach.masking import OFFICIAL, PAPER, MaskOptions, masking_budget
from spanbert_teach.masking.batch_spans import draw_candidates, find_words
from spanbert_teach.masking.block import spend, word_edges
from spanbert_teach.masking.rows import check_rows
from spanbert_teach.masking.streams import example_keys

from .laws import assert_anchor_law, assert_fits, assert_follows_length_law
from .texts import SAME_LAW, STARTS, batch, everything, masked


@pytest.mark.parametrize("name", ["official", "paper", "word", "half of it"])
def test_the_same_candidates_give_the_same_mask_as_a_plain_loop(name):
    """Not only the same law: draw by draw what the readable loop does with these candidates."""
    options = SAME_LAW[name]
    lengths = list(range(1, 121))
    ids, starts, maskable = batch(lengths, share=0.7)
    found = masked(ids, starts, maskable, options, seed=3).mask
    rows = check_rows(ids, starts, maskable, example_keys(3, 0, np.arange(120)))
    words = find_words(rows, options.whole_words)
    numbers = np.arange(600, dtype=np.uint64)
    start, end = draw_candidates(rows, words, np.arange(120), numbers, options)
    for row, length in enumerate(lengths):
        edges, budget = word_edges(starts[row, 1 : length + 1]), masking_budget(length, options)
        plain: set[int] = set()
        spans = np.stack([start[:, row], end[:, row]], axis=1) - rows.begin[row]
        for first, last in spans.tolist():
            if len(plain) < budget and first not in plain:
                spend(plain, (first, last), budget, edges, options.complete_words)
        assert np.flatnonzero(found[row, 1 : length + 1]).tolist() == sorted(plain)


def candidates(starts, options=OFFICIAL, draws=20):
    """The first candidates of 2,000 rows of the same text: word number, length in words."""
    shape = (2000, len(starts))
    ids, text = np.full(shape, 7), np.ones(shape, dtype=bool)
    rows = check_rows(
        ids, np.broadcast_to(starts, shape), text, example_keys(1, 0, np.arange(2000))
    )
    words = find_words(rows, options.whole_words)
    numbers = np.arange(draws, dtype=np.uint64)
    start, end = draw_candidates(rows, words, np.arange(2000), numbers, options)
    first = words.of_piece[start]
    return (first - words.first), np.searchsorted(words.edges, end) - first, start - rows.begin


def test_the_batchs_candidates_follow_the_length_law_and_the_anchor_law():
    _, lengths, start = candidates(np.ones(500, dtype=bool))
    assert_follows_length_law(lengths[start < 490].ravel()[:38_000])
    with pytest.raises(AssertionError):
        _, lengths, start = candidates(np.ones(500, dtype=bool), MaskOptions(length_law="clip"))
        assert_follows_length_law(lengths[start < 490].ravel())
    pieces = np.diff(np.flatnonzero(np.append(STARTS, True)))
    words, _, _ = candidates(STARTS)
    assert_anchor_law(words.ravel(), pieces)
    words, _, _ = candidates(STARTS, MaskOptions(anchor="word"))
    assert_fits(np.bincount(words.ravel()), np.full(len(pieces), 1 / len(pieces)), "anchors")


def test_how_many_candidates_are_drawn_at_once_changes_nothing(monkeypatch):
    ids, starts, maskable = batch(list(range(1, 100)))
    for options in (OFFICIAL, PAPER, MaskOptions(scheme="word", budget=0.8)):
        whole = masked(ids, starts, maskable, options)
        with monkeypatch.context() as patch:
            patch.setattr("spanbert_teach.masking.batch_spans.TOGETHER", 1)
            one_by_one = masked(ids, starts, maskable, options)
        assert all(map(torch.equal, everything(whole), everything(one_by_one)))
