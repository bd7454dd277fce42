"""Masking one block: exact laws, edges, presets. Its laws of chance: test_statistics.py."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spanbert_teach.corpus import blocks, course_documents
from spanbert_teach.masking import (
    ARTICLE,
    IGNORE,
    KINDS,
    OFFICIAL,
    PAPER,
    MaskOptions,
    block_rng,
    length_probabilities,
    mask_block,
    masking_budget,
    merge_spans,
    piece_unigram,
    sbo_targets,
    span_length_pmf,
)
from spanbert_teach.masking.block import choose_spans, spend, word_edges
from spanbert_teach.tokenization import load_tokenizer

from .laws import (
    ANY_OPTIONS,
    MEAN,
    PMF,
    SCHEMES,
    assert_budget,
    assert_merged,
    assert_sbo,
    assert_specials_left_alone,
    assert_targets,
    assert_whole_words,
    at_most,
    cut_words,
    runs,
)
from .texts import MASK_ID, UNIGRAM, mask, text

# --- the law and the budget ----------------------------------------------------------------------


def test_the_length_law_is_the_ten_numbers_of_the_paper():
    pmf = span_length_pmf()
    assert pmf.shape == (10,) and pmf.dtype == np.float64
    assert np.abs(pmf - PMF).max() < 1e-4
    assert abs(pmf.sum() - 1) < 1e-12
    assert pmf @ np.arange(1, 11) == pytest.approx(MEAN, abs=5e-4)


def test_the_length_law_for_other_numbers():
    assert span_length_pmf(1.0, 4).tolist() == [1, 0, 0, 0]
    assert span_length_pmf(0.5, 1).tolist() == [1]
    assert span_length_pmf(0.5, 2) == pytest.approx([2 / 3, 1 / 3])
    assert span_length_pmf(0.3, 5) == pytest.approx(
        length_probabilities(MaskOptions(p=0.3, max_words=5))[1:]
    )


@pytest.mark.parametrize(
    ("law", "mean", "at_ten"),
    [
        ("renormalise", 3.797, 0.0301),
        ("clip", 4.463, 0.1342),  # what "clip" would mean; the paper prints a mean of 3.8
        ("unlimited", 5.0, 0.0268),
        ("exponential", 1 / (1 - math.exp(-1 / 3)), 0.0141),
    ],
)
def test_other_length_laws_have_other_means(law, mean, at_ten):
    probabilities = length_probabilities(MaskOptions(length_law=law))
    assert probabilities[0] == 0 and probabilities.sum() == pytest.approx(1)
    assert probabilities @ np.arange(len(probabilities)) == pytest.approx(mean, abs=5e-4)
    assert probabilities[10] == pytest.approx(at_ten, abs=5e-5)


def test_the_articles_lengths_begin_with_zero():
    probabilities = length_probabilities(ARTICLE)
    assert probabilities[:3] == pytest.approx([0.2, 0.16, 0.128])
    assert probabilities @ np.arange(len(probabilities)) == pytest.approx(4)


def test_only_spans_have_a_length_law():
    for scheme in SCHEMES[:-1]:
        assert length_probabilities(MaskOptions(scheme=scheme)).tolist() == [0, 1]


def test_budgets():
    known = {1: 1, 2: 1, 6: 1, 7: 2, 10: 2, 20: 3, 21: 4, 30: 5, 62: 10, 126: 19, 510: 77}
    assert {n: masking_budget(n) for n in known} == known
    # In floating-point numbers .07 * 100 is a little more than 7.
    assert masking_budget(100, MaskOptions(budget=0.07)) == 7
    assert masking_budget(100, MaskOptions(budget=1)) == 100
    assert masking_budget(512, MaskOptions(budget=1e-9)) == 1
    assert masking_budget(20, MaskOptions(budget=np.float64(0.15))) == 3


def test_google_berts_budget_is_rounded_and_counts_specials():
    rule = MaskOptions(budget_rule="google_bert")
    # round(.15 (n + 2)); 126 and 510 happen to be the same under both rules.
    known = {1: 1, 6: 1, 7: 1, 21: 3, 25: 4, 126: 19, 510: 77}
    assert {n: masking_budget(n, rule) for n in known} == known
    assert masking_budget(1, replace(rule, budget=1.0)) == 1


# --- conformance, on every length and on random blocks -------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_budget_is_exact_for_every_length(scheme):
    options = MaskOptions(scheme=scheme)
    for n in range(1, 513):
        ids, starts = text(n, n)
        masked = mask(ids, starts, n, options, tagged=[(0, 1), (n // 2, n)])
        assert_budget(masked.mask)
        assert_targets(ids, masked)


@settings(max_examples=200, deadline=None)
@given(
    pieces=st.integers(1, 512),
    share=st.sampled_from([0.02, 0.3, 0.8, 1.0]),
    seed=st.integers(0, 999),
)
def test_a_random_block_obeys_every_exact_law(pieces, share, seed):
    ids, starts = text(pieces, seed, share)
    masked = mask(ids, starts, seed)
    assert_budget(masked.mask)
    assert_whole_words(masked.mask, starts)
    assert_merged(masked)
    assert_targets(ids, masked)
    assert_sbo(ids, masked)
    assert set(masked.replacements) <= {"mask", "random", "keep"}
    for (start, end), kind in zip(masked.spans, masked.replacements, strict=True):
        assert masked.kinds[start:end] == (kind,) * (end - start)
    assert np.array_equal(np.array(masked.kinds) != "", masked.mask)


@settings(max_examples=200, deadline=None)
@given(
    data=st.data(),
    options=ANY_OPTIONS,
    pieces=st.integers(1, 512),
    seed=st.integers(0, 99),
)
def test_no_options_hang_and_all_give_a_sound_block(data, options, pieces, seed):
    ids, starts = text(pieces, seed, data.draw(st.sampled_from([0.02, 0.8, 1.0])))
    spans = st.tuples(st.integers(0, pieces - 1), st.integers(1, 30))
    tagged = [(a, min(a + k, pieces)) for a, k in data.draw(st.lists(spans, max_size=4))]
    with at_most(5):
        masked = mask(ids, starts, seed, options, tagged=tagged)
    assert_targets(ids, masked)
    assert merge_spans(masked.spans) == runs(masked.mask)
    budget = masking_budget(pieces, options)
    if options.anchor != "every":
        assert masked.mask.sum() >= budget
        if not (options.complete_words and options.whole_words):
            assert masked.mask.sum() == budget
    assert set(masked.replacements) <= set(KINDS)
    if options.replacement != "piece":
        assert "mixed" not in masked.replacements


# --- edges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [OFFICIAL, PAPER, *(MaskOptions(scheme=s) for s in SCHEMES)])
def test_a_block_of_one_piece_is_masked_and_has_no_boundary(options):
    masked = mask([7], [True], 0, replace(options, sbo_at_edges=False))
    assert masked.mask.tolist() == [True] and masked.spans == ((0, 1),)
    assert masked.mlm_targets.tolist() == [7]
    assert len(masked.sbo.target) == 0


def test_a_block_may_begin_inside_a_word():
    starts = np.zeros(40, dtype=bool)
    masked = mask(np.arange(40) % 25 + 5, starts)
    assert masked.spans == ((0, 6),)  # one word, cut where the budget ends
    assert word_edges(starts).tolist() == [0, 40]


def test_lists_are_as_good_as_arrays_and_nothing_given_is_changed():
    ids, starts = text(50)
    before = ids.copy(), starts.copy()
    one, other = mask(ids, starts), mask(ids.tolist(), [int(s) for s in starts])
    assert np.array_equal(one.input_ids, other.input_ids) and one.spans == other.spans
    assert np.array_equal(ids, before[0]) and np.array_equal(starts, before[1])
    assert one.input_ids.dtype == one.mlm_targets.dtype == one.sbo.left.dtype == np.int64
    assert one.mask.dtype == bool


def test_a_span_grows_over_masked_pieces_and_they_cost_nothing():
    edges = np.arange(11)
    masked = {4, 5}
    assert spend(masked, (2, 8), 6, edges, complete_words=False) == (2, 8)
    assert masked == {2, 3, 4, 5, 6, 7}
    assert spend(masked, (0, 2), 6, edges, complete_words=False) == (0, 0)


def test_the_budget_cuts_inside_a_word_or_lets_it_be_finished():
    edges = np.array([0, 2, 6, 8])
    assert spend(set(), (0, 8), 3, edges, complete_words=False) == (0, 3)
    assert spend(set(), (0, 8), 3, edges, complete_words=True) == (0, 6)
    assert spend(set(), (0, 8), 6, edges, complete_words=True) == (0, 6)


def test_merging():
    spans = [(8, 9), (0, 2), (2, 4), (5, 7), (6, 8), (12, 13)]
    assert merge_spans(spans) == [(0, 4), (5, 9), (12, 13)]
    assert merge_spans(spans, adjacent=False) == [(0, 2), (2, 4), (5, 8), (8, 9), (12, 13)]
    assert merge_spans([(0, 9), (2, 3)]) == [(0, 9)]
    assert merge_spans([]) == []


# --- the span boundary objective -----------------------------------------------------------------


def test_the_case_of_the_papers_figure_1():
    """ "an American football game": x5 .. x8; x7 is predicted from x4, x9 and the third row."""
    words = ["Super", "Bowl", "50", "was", "an", "American", "football", "game", "to", "determine"]
    ids = np.arange(100, 100 + len(words))
    sbo = sbo_targets(ids, [(4, 8)])  # x5 is piece 4
    entry = words.index("football") - 4
    with_cls = 1  # pieces from 0, [CLS] in front: x4 has the output number 4
    assert sbo.left[entry] + with_cls == 4 and sbo.right[entry] + with_cls == 9
    assert sbo.position.tolist() == [0, 1, 2, 3] and sbo.position[entry] == 2
    assert sbo.target.tolist() == ids[4:8].tolist()


def test_spans_at_the_edges_have_no_targets_unless_asked_for():
    ids = np.arange(5, 15)
    assert len(sbo_targets(ids, [(0, 2), (9, 10)]).left) == 0
    at_edges = sbo_targets(ids, [(0, 2), (9, 10)], MaskOptions(sbo_at_edges=True))
    assert at_edges.left.tolist() == [-1, -1, 8] and at_edges.right.tolist() == [2, 2, 10]


@pytest.mark.parametrize(("most", "count"), [(15, 15), (20, 20), (None, 27), (0, 0)])
def test_only_the_first_pieces_of_a_long_span_are_predicted(most, count):
    ids = np.arange(5, 35)
    sbo = sbo_targets(ids, [(1, 28)], MaskOptions(max_sbo=most))
    assert sbo.position.tolist() == list(range(count))
    assert sbo.target.tolist() == ids[1 : 1 + count].tolist()


def test_kept_spans_have_targets_of_both_kinds():
    kept = 0
    for seed in range(300):
        ids, starts = text(60, seed)
        masked = mask(ids, starts, seed)
        assert_sbo(ids, masked)
        for (start, end), kind in zip(masked.spans, masked.replacements, strict=True):
            if kind == "keep" and start > 0 and end < 60:
                kept += 1
                assert (masked.input_ids[start:end] == ids[start:end]).all()
                assert (masked.mlm_targets[start:end] == ids[start:end]).all()
                assert (masked.sbo.left == start - 1).sum() == min(15, end - start)
    assert kept > 20


# --- schemes and options -------------------------------------------------------------------------


def test_subword_tokens_are_distinct_pieces_without_boundaries():
    ids, starts = text(100, 1, 0.5)
    options = MaskOptions(scheme="subword")
    for seed in range(50):
        masked = mask(ids, starts, seed, options)
        assert_budget(masked.mask)
        assert all(end - start == 1 for start, end in masked.spans)
        assert len(masked.sbo.left) == 0


def test_whole_words_have_no_neighbours_by_length():
    ids, starts = np.arange(5, 25).repeat(5), np.tile([True, False, False, False, False], 20)
    for seed in range(50):
        masked = mask(ids, starts, seed, MaskOptions(scheme="word"))
        assert {end - start for start, end in masked.spans} <= {5, 10, 15}
        assert_whole_words(masked.mask, starts, cut=0)


@pytest.mark.parametrize("scheme", ["entity", "noun_phrase"])
def test_tagged_spans_are_masked_as_a_whole_in_half_of_the_draws(scheme):
    starts = np.ones(200, dtype=bool)
    tagged = [(at, at + 4) for at in range(10, 190, 9)]
    drawn = [
        span
        for seed in range(400)
        for span in choose_spans(starts, block_rng(1, 0, seed), MaskOptions(scheme=scheme), tagged)[
            :3
        ]
    ]
    of_entities = sum(span in tagged for span in drawn)
    # 600 expected, 5.2 standard deviations of the exact half.
    assert abs(of_entities - len(drawn) / 2) < 90 and len(drawn) == 1200
    assert {end - start for start, end in drawn} == {1, 4}


def test_tagged_spans_are_widened_to_whole_words():
    starts = np.ones(100, dtype=bool)
    starts[[11, 14, 15]] = False
    options = MaskOptions(scheme="entity")
    drawn = [choose_spans(starts, block_rng(1, 0, i), options, [(11, 15)])[0] for i in range(50)]
    assert (10, 16) in drawn and {start for start, end in drawn if end - start > 3} <= {10}


def test_entities_can_not_loop_for_ever():
    """One entity, which is masked at once, and a budget of everything."""
    ids, starts = text(512)
    for tagged in ([(0, 1)], [], [(0, 512)]):
        with at_most(5):
            assert mask(
                ids, starts, 0, MaskOptions(scheme="entity", budget=1.0), tagged=tagged
            ).mask.all()


def test_the_paper_leaves_every_word_whole():
    overrun = 0
    for seed in range(300):
        ids, starts = text(80, seed, 0.6)
        masked = mask(ids, starts, seed, PAPER)
        assert_whole_words(masked.mask, starts, cut=0)
        longest = int(np.diff(word_edges(starts)).max())
        assert 12 <= masked.mask.sum() < 12 + longest
        overrun += masked.mask.sum() > 12
        assert len(masked.sbo.target) == masked.mask.sum()  # every masked piece is predicted
    assert overrun > 30
    one_word = mask(np.arange(5, 15), [True] + [False] * 9, 0, PAPER)
    assert one_word.mask.all()


def test_the_article_masks_nearly_everything():
    ids, starts = text(400, 0)
    masked = mask(ids, starts, 0, ARTICLE)
    assert masked.mask.mean() > 0.97
    assert (masked.input_ids[masked.mask] == MASK_ID).all()
    with pytest.raises(AssertionError):
        assert_budget(masked.mask)
    # Lengths from 1 would leave nothing at all; p = .87 would give the 15%.
    assert mask(ids, starts, 0, replace(ARTICLE, length_law="unlimited")).mask.all()
    assert (
        0.1
        < np.mean([mask(ids, starts, s, replace(ARTICLE, p=0.87)).mask.mean() for s in range(9)])
        < 0.2
    )


def test_spans_that_touch_stay_apart_when_asked():
    options = MaskOptions(merge_adjacent=False, budget=0.5)
    touching = 0
    for seed in range(30):
        ids, starts = text(100, seed)
        masked = mask(ids, starts, seed, options)
        assert all(a[1] <= b[0] for a, b in zip(masked.spans[:-1], masked.spans[1:], strict=True))
        touching += list(masked.spans) != runs(masked.mask)
    assert touching > 20


def test_replacement_by_piece_is_mixed_and_by_mask_alone_is_not():
    ids, starts = text(200)
    by_piece = [mask(ids, starts, s, MaskOptions(replacement="piece")) for s in range(50)]
    assert {kind for m in by_piece for kind in m.replacements} == set(KINDS)
    assert set(mask(ids, starts, 0, MaskOptions(replacement="mask")).replacements) == {"mask"}


# --- specials, blocks of the corpus, epochs ------------------------------------------------------


def test_specials_of_real_blocks_are_left_alone_and_blocks_keep_to_a_document():
    tokenizer = load_tokenizer()
    specials = [tokenizer.id(t) for t in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")]
    found = list(blocks(course_documents("validation"), tokenizer, 62))[::5]
    unigram = piece_unigram((b.ids for b in found), len(tokenizer), specials)
    assert unigram[specials].tolist() == [0, 0, 0, 0]
    for number, block in enumerate(found):
        masked = mask_block(
            block.ids[1:-1],
            block.word_starts[1:-1],
            block_rng(0, 0, number),
            mask_id=specials[3],
            unigram=unigram,
        )
        framed = np.r_[False, masked.mask, False]
        assert len(block.ids) <= 62
        assert_budget(masked.mask)
        assert_specials_left_alone(
            block.ids, specials[:3], framed, masked.sbo.left + 1, masked.sbo.right + 1
        )
        assert not np.isin(masked.input_ids, specials[:3]).any()


def test_masks_differ_between_epochs_and_are_the_same_for_the_same_visit():
    ids, starts = text(126)

    def masks(seed, epoch):
        return [
            mask_block(
                ids, starts, block_rng(seed, epoch, i), mask_id=MASK_ID, unigram=UNIGRAM
            ).spans
            for i in range(20)
        ]

    first = masks(1, 0)
    assert first == masks(1, 0)
    assert all(a != b for a, b in zip(first, masks(1, 1), strict=True))
    assert all(a != b for a, b in zip(first, masks(2, 0), strict=True))
    assert len(set(first)) == 20


def test_the_unigram_counts_pieces():
    rows = [[2, 5, 5, 1, 3, 0], [2, 6, 3], []]
    assert piece_unigram(iter(rows), 8, [0, 2, 3, 4]) == pytest.approx(
        [0, 0.25, 0, 0, 0, 0.5, 0.25, 0]
    )
    with pytest.raises(ValueError, match="do not fit a vocabulary of 6"):
        piece_unigram(rows, 6, [0])
    with pytest.raises(ValueError, match="nothing to count"):
        piece_unigram([[2, 3]], 8, [2, 3])


def test_ignore_is_what_torch_ignores():
    assert torch.nn.CrossEntropyLoss().ignore_index == IGNORE


def test_cut_words_happen_in_a_quarter_of_long_blocks():
    """A property of the official code that the paper's text rules out."""
    cut = 0
    for seed in range(200):
        ids, starts = text(510, seed, 0.78)
        cut += cut_words(mask(ids, starts, seed).mask, starts)
    assert 25 < cut < 80
