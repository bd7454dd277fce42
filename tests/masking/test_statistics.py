"""The laws of chance: the library follows them, and each wrong version breaks the one it should.

Every test has a fixed seed; with fresh ones a right library would fail one in a million times
(`laws.FALSE_ALARM`).
"""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from spanbert_teach.corpus import blocks, course_documents
from spanbert_teach.masking import (
    ARTICLE,
    OFFICIAL,
    MaskOptions,
    length_probabilities,
    mask_block,
    piece_unigram,
)
from spanbert_teach.masking.block import choose_spans, draw_span, word_edges
from spanbert_teach.tokenization import load_tokenizer

from .laws import (
    EXACT,
    FALSE_ALARM,
    PMF,
    assert_anchor_law,
    assert_budget,
    assert_fits,
    assert_follows_length_law,
    assert_follows_unigram,
    assert_merged,
    assert_replaced_as_spans,
    assert_specials_left_alone,
    assert_whole_words,
    chi_square_tail,
    fit_p,
    two_sample_p,
)

DRAWS = 20_000


@cache
def corpus() -> SimpleNamespace:
    """Blocks of 126 pieces of held-out text as arrays without specials, and the unigram."""
    tokenizer = load_tokenizer()
    special = [tokenizer.id(t) for t in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")]
    found = [b for b in blocks(course_documents("validation"), tokenizer, 128) if len(b.ids) > 100]
    unigram = piece_unigram((b.ids for b in found), len(tokenizer), special)
    texts = [(np.array(b.ids[1:-1]), np.array(b.word_starts[1:-1])) for b in found]
    return SimpleNamespace(texts=texts, framed=found, unigram=unigram, special=special)


def masked_corpus(options=OFFICIAL, rounds=1, seed=0):
    """(ids, word starts, masked) of every text, several times."""
    rng, c = np.random.default_rng(seed), corpus()
    return [
        (
            ids,
            starts,
            mask_block(ids, starts, rng, options, mask_id=c.special[3], unigram=c.unigram),
        )
        for _ in range(rounds)
        for ids, starts in c.texts
    ]


def drawn_lengths(options: MaskOptions, word_starts=None, seed=1) -> np.ndarray:
    """How many words each drawn span has, of those that could not reach the end of the block."""
    rng = np.random.default_rng(seed)
    starts = np.ones(600, dtype=bool) if word_starts is None else word_starts
    words = word_edges(starts)
    edges = words if options.whole_words else np.arange(len(starts) + 1)
    lengths = length_probabilities(options, len(edges) - 1)
    found = []
    while len(found) < DRAWS:
        start, end = draw_span(edges, lengths, rng, options)
        if start < len(starts) - 120:
            touched = np.searchsorted(words, end) - np.searchsorted(words, start, side="right") + 1
            found.append(touched)
    return np.array(found)


# --- the yardsticks themselves -------------------------------------------------------------------


def test_chi_square_probabilities_are_those_of_the_tables():
    """Printed quantiles of 1, 2, 9 and 30 degrees."""
    for statistic, degrees, p in [
        (3.841, 1, 0.05),
        (13.816, 2, 0.001),
        (16.919, 9, 0.05),
        (27.877, 9, 0.001),
        (59.703, 30, 0.001),
    ]:
        assert chi_square_tail(statistic, degrees) == pytest.approx(p, rel=1e-3)


def test_the_tests_accept_what_is_right_and_see_what_is_wrong():
    rng = np.random.default_rng(0)
    p = [fit_p(np.bincount(rng.choice(10, 2000, p=EXACT), minlength=10), EXACT) for _ in range(400)]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09 and abs(np.mean(p) - 0.5) < 0.06
    p = [two_sample_p(rng.poisson(5, 2000), rng.poisson(5, 3000)) for _ in range(400)]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09 and abs(np.mean(p) - 0.5) < 0.06
    assert two_sample_p(rng.poisson(5, 9000), rng.poisson(5.4, 9000)) < FALSE_ALARM
    assert fit_p([9, 0, 5], [0.5, 0, 0.5]) > 0.05 and fit_p([9, 1, 5], [0.5, 0, 0.5]) == 0
    assert np.abs(EXACT - PMF).max() < 1e-4


# --- lengths -------------------------------------------------------------------------------------


def test_drawn_lengths_follow_the_law():
    assert_follows_length_law(drawn_lengths(OFFICIAL))


def test_lengths_are_in_words_of_a_real_text():
    texts = corpus().texts
    starts = np.concatenate([starts for _, starts in texts[:10]])
    assert starts.mean() < 0.95
    # Anchors at random words: long words, hit more often, would not change the lengths anyway.
    assert_follows_length_law(drawn_lengths(OFFICIAL, starts))


def test_the_first_span_of_a_masked_block_follows_the_law():
    """100 words, of which 10 are masked: the first span is never cut."""
    rng, starts = np.random.default_rng(2), np.ones(100, dtype=bool)
    options = MaskOptions(budget=0.1)
    first = (choose_spans(starts, rng, options)[0] for _ in range(23_000))
    lengths = [end - start for start, end in first if start <= 90]
    assert_follows_length_law(lengths)


WRONG_LENGTHS = {
    "clip": lambda rng: drawn_lengths(MaskOptions(length_law="clip")),
    "clip, by hand": lambda rng: np.minimum(np.maximum(rng.geometric(0.2, DRAWS), 1), 10),
    "unlimited": lambda rng: drawn_lengths(MaskOptions(length_law="unlimited")),
    "exponential": lambda rng: drawn_lengths(MaskOptions(length_law="exponential")),
    "exponential, by hand": lambda rng: np.maximum(
        1, rng.exponential(3, DRAWS).round().astype(int)
    ),
    "from zero": lambda rng: rng.geometric(0.2, DRAWS) - 1,
    "p = .3, the command line's default": lambda rng: drawn_lengths(MaskOptions(p=0.3)),
    "uniform": lambda rng: rng.integers(1, 11, DRAWS),
    "nine words": lambda rng: drawn_lengths(MaskOptions(max_words=9)),
    "pieces instead of words": lambda rng: drawn_lengths(
        MaskOptions(whole_words=False),
        np.concatenate([starts for _, starts in corpus().texts[:10]]),
    ),
}


@pytest.mark.parametrize("name", WRONG_LENGTHS)
def test_wrong_lengths_break_the_law(name):
    with pytest.raises(AssertionError):
        assert_follows_length_law(WRONG_LENGTHS[name](np.random.default_rng(0)))


# --- anchors -------------------------------------------------------------------------------------

PIECES_OF_WORD = [1, 1, 3, 1, 2, 1, 1, 4, 1, 1, 2, 1, 1, 1, 5, 1, 1, 1, 1, 10]
STARTS = np.concatenate([np.arange(k) == 0 for k in PIECES_OF_WORD])


def first_words(options, draws=DRAWS) -> list[int]:
    """The word in which the first span of a block starts."""
    rng, edges = np.random.default_rng(3), word_edges(STARTS)
    firsts = (choose_spans(STARTS, rng, options)[0][0] for _ in range(draws))
    return [int(np.searchsorted(edges, first, side="right")) - 1 for first in firsts]


def test_a_word_of_k_pieces_starts_a_span_k_times_as_often():
    assert_anchor_law(first_words(replace(OFFICIAL, budget=0.01)), PIECES_OF_WORD)


def test_the_papers_anchors_are_uniform_over_words():
    found = first_words(MaskOptions(anchor="word", budget=0.01))
    assert_fits(np.bincount(found, minlength=20), np.full(20, 1 / 20), "anchors")
    with pytest.raises(AssertionError):
        assert_anchor_law(found, PIECES_OF_WORD)


def test_later_anchors_are_uniform_over_what_is_not_masked():
    """Twelve single words, spans of one, half of them masked: the last is any of the seven left."""
    rng, options = np.random.default_rng(4), MaskOptions(scheme="word", budget=0.5)
    rank = []
    for _ in range(DRAWS):
        *earlier, last = [start for start, _ in choose_spans(np.ones(12, dtype=bool), rng, options)]
        assert len(earlier) == 5
        rank.append(last - sum(start < last for start in earlier))
    assert_fits(np.bincount(rank, minlength=7), np.full(7, 1 / 7), "later anchors")


def test_a_start_that_is_no_word_start_fails():
    options = MaskOptions(whole_words=False)
    with pytest.raises(AssertionError):
        for _, starts, masked in masked_corpus(options):
            assert_whole_words(masked.mask, starts, cut=len(starts))


# --- replacements --------------------------------------------------------------------------------


def replaced(options=OFFICIAL):
    return [(ids, masked) for ids, _, masked in masked_corpus(options, rounds=2)]


def test_whole_spans_are_replaced_eighty_ten_ten():
    shares = assert_replaced_as_spans(replaced(), corpus().special[3])
    assert shares["mask"] == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("replacement", ["piece", "mask"])
def test_replacement_by_piece_and_by_mask_alone_fail(replacement):
    with pytest.raises(AssertionError):
        assert_replaced_as_spans(
            replaced(MaskOptions(replacement=replacement)), corpus().special[3]
        )


def test_replacement_by_piece_is_eighty_ten_ten_of_pieces():
    for options in (MaskOptions(replacement="piece"), MaskOptions(scheme="subword")):
        kinds = [kind for _, m in replaced(options) for kind in m.kinds if kind]
        counts = [kinds.count(kind) for kind in ("mask", "random", "keep")]
        assert_fits(counts, [0.8, 0.1, 0.1], "pieces")


def test_spans_spread_the_masks_of_a_block_more_than_pieces_do():
    """The share of [MASK] among the masked: the same mean, more than twice the spread."""

    def shares(options):
        return [np.mean([k == "mask" for k in m.kinds if k]) for _, m in replaced(options)]

    by_span, by_piece = shares(OFFICIAL), shares(MaskOptions(replacement="piece"))
    assert np.mean(by_span) == pytest.approx(np.mean(by_piece), abs=0.03)
    assert np.std(by_span) > 1.8 * np.std(by_piece)


def random_pieces(unigram, draws=DRAWS) -> np.ndarray:
    """What stands in the place of pieces that were replaced by random ones."""
    rng, options, found = np.random.default_rng(5), MaskOptions(scheme="subword", budget=1.0), []
    ids, starts = np.full(500, 29), np.ones(500, dtype=bool)
    while sum(map(len, found)) < draws:
        masked = mask_block(ids, starts, rng, options, mask_id=4, unigram=unigram)
        found.append(masked.input_ids[np.array(masked.kinds) == "random"])
    return np.concatenate(found)


def test_random_pieces_follow_the_unigram_and_uniform_ones_do_not():
    unigram = np.r_[np.zeros(5), 1 / np.arange(1, 26)]
    unigram /= unigram.sum()
    found = random_pieces(unigram)
    assert_follows_unigram(found, unigram)
    assert found.min() >= 5  # no special token
    uniform = np.r_[np.zeros(5), np.full(25, 1 / 25)]
    with pytest.raises(AssertionError):
        assert_follows_unigram(random_pieces(uniform, 5000), unigram)
    with pytest.raises(AssertionError):
        assert_follows_unigram(random_pieces(np.roll(unigram, 1), 5000), unigram)


# --- wrong versions against the exact laws -------------------------------------------------------


def check_exact(examples) -> None:
    """The exact laws on (ids, word starts, masked) of many blocks."""
    for _, starts, masked in examples:
        assert_budget(masked.mask)
        assert_whole_words(masked.mask, starts)
        assert_merged(masked)


def test_the_library_obeys_the_exact_laws_on_held_out_text():
    check_exact(masked_corpus())


@pytest.mark.parametrize(
    "options",
    [
        ARTICLE,
        MaskOptions(whole_words=False),
        MaskOptions(budget_rule="google_bert"),
        MaskOptions(scheme="subword"),
        MaskOptions(merge_adjacent=False, budget=0.15, max_words=1),
    ],
    ids=["article", "no whole words", "budget over specials", "subword", "not merged"],
)
def test_wrong_options_break_an_exact_law(options):
    with pytest.raises(AssertionError):
        check_exact(masked_corpus(options))


def test_more_than_one_cut_word_fails():
    """Spans that stop inside words: each drawn length in words, then shortened by one piece."""

    def shorten(masked):
        mask = masked.mask.copy()
        for start, end in masked.spans:
            mask[end - 1] &= end - start == 1
        return mask

    with pytest.raises(AssertionError, match="inside words"):
        for _, starts, masked in masked_corpus():
            assert_whole_words(shorten(masked), starts)


def test_word_starts_guessed_from_the_ids_fail():
    """ "An id above 256 starts a word": seen in the wild, true of no vocabulary."""
    c, rng = corpus(), np.random.default_rng(0)
    with pytest.raises(AssertionError, match="inside"):
        for ids, starts in c.texts:
            guessed = mask_block(ids, ids > 256, rng, mask_id=c.special[3], unigram=c.unigram)
            assert_whole_words(guessed.mask, starts)


def masked_framed(block, rng):
    """Masking with [CLS] and [SEP] among the pieces: a mistake."""
    c = corpus()
    starts = np.array(block.word_starts)
    starts[[0, -1]] = True
    return mask_block(block.ids, starts, rng, mask_id=c.special[3], unigram=c.unigram)


def test_masked_specials_and_special_boundaries_fail():
    c, rng = corpus(), np.random.default_rng(0)
    masked = [(block, masked_framed(block, rng)) for block in c.framed]
    with pytest.raises(AssertionError, match="is masked"):
        for block, found in masked:
            assert_specials_left_alone(block.ids, c.special, found.mask, [], [])
    with pytest.raises(AssertionError, match="is a boundary"):
        for block, found in masked:
            nothing = np.zeros(len(block.ids), dtype=bool)
            assert_specials_left_alone(
                block.ids, c.special, nothing, found.sbo.left, found.sbo.right
            )


def test_a_budget_over_the_specials_fails():
    c, rng = corpus(), np.random.default_rng(0)
    with pytest.raises(AssertionError):
        for block in c.framed:
            text = masked_framed(block, rng).mask[1:-1]
            assert_budget(text)
