"""Masking a batch: the same law as one block at a time, and the same masks wherever it is done."""

import multiprocessing
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spanbert_teach.masking import (
    ARTICLE,
    IGNORE,
    KINDS,
    PAPER,
    MaskedBlock,
    MaskOptions,
    mask_block,
    masking_budget,
    merge_spans,
    redraw,
)
from spanbert_teach.masking.block import SboTargets

from .laws import (
    ANY_OPTIONS,
    FALSE_ALARM,
    assert_fits,
    assert_follows_unigram,
    assert_merged,
    assert_sbo,
    assert_targets,
    assert_whole_words,
    at_most,
    runs,
    two_sample_p,
)
from .texts import (
    MASK_ID,
    OTHER_SCHEMES,
    PRESETS,
    SAME_LAW,
    STARTS,
    UNIGRAM,
    VOCABULARY,
    batch,
    everything,
    masked,
    row_of,
)

# --- exact laws ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*OTHER_SCHEMES, "official"])
def test_the_budget_is_exact_for_every_length_and_specials_are_left_alone(name):
    lengths = list(range(1, 513))
    ids, starts, maskable = batch(lengths)
    options = (OTHER_SCHEMES | PRESETS)[name]
    tagged = [[(0, 1), (n // 2, n)] for n in lengths]
    found = masked(ids, starts, maskable, options, tagged=tagged)
    assert found.mask.sum(1).tolist() == [-(-15 * n // 100) for n in lengths]
    assert not (found.mask.numpy() & ~maskable).any()
    assert (found.input_ids.numpy()[~maskable] == ids[~maskable]).all()
    assert (found.mlm_targets.numpy()[~maskable] == IGNORE).all()
    for side in (found.sbo.left, found.sbo.right):
        assert maskable[found.sbo.batch, side].all()


ROWS = st.lists(st.integers(1, 200), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(lengths=ROWS, share=st.sampled_from([0.02, 0.3, 0.8, 1.0]), seed=st.integers(0, 999))
def test_every_row_obeys_the_exact_laws(lengths, share, seed):
    ids, starts, maskable = batch(lengths, seed, share=share)
    found = masked(ids, starts, maskable, seed=seed)
    for row, length in enumerate(lengths):
        text = slice(1, length + 1)
        block = row_of(found, row, 1, length)
        assert block.mask.sum() == masking_budget(length)
        assert_whole_words(block.mask, starts[row, text])
        assert_merged(block)
        assert_targets(ids[row, text], block)
        assert_sbo(ids[row, text], block)
        for (start, end), kind in zip(block.spans, block.replacements, strict=True):
            read = block.input_ids[start:end]
            assert kind != "mask" or (read == MASK_ID).all()
            assert kind != "keep" or (read == ids[row, text][start:end]).all()
            assert kind != "random" or (read >= 5).all()


@settings(max_examples=100, deadline=None)
@given(
    options=ANY_OPTIONS,
    lengths=st.lists(st.integers(1, 512), min_size=1, max_size=3),
    seed=st.integers(0, 99),
)
def test_no_options_hang(options, lengths, seed):
    ids, starts, maskable = batch(lengths, seed)
    tagged = [[(length // 2, length), (0, 1)] for length in lengths]
    with at_most(5):
        found = masked(ids, starts, maskable, options, seed=seed, tagged=tagged)
    for row, length in enumerate(lengths):
        block = row_of(found, row, 1, length)
        assert_targets(ids[row, 1 : length + 1], block)
        assert merge_spans(block.spans) == runs(block.mask)
        if options.anchor == "every":
            continue
        budget = masking_budget(length, options)
        assert block.mask.sum() >= budget
        if not (options.complete_words and options.whole_words):
            assert block.mask.sum() == budget


def test_the_paper_leaves_every_word_whole_and_predicts_every_piece():
    lengths = [80] * 200
    ids, starts, maskable = batch(lengths, share=0.6)
    found = masked(ids, starts, maskable, PAPER)
    for row in range(200):
        assert_whole_words(found.mask[row, 1:-1].numpy(), starts[row, 1:-1], cut=0)
    assert found.mask.sum() == len(found.sbo.target) > 200 * 12
    assert found.sbo.left.min() == 0 and found.sbo.right.max() == 81  # [CLS] and [SEP]


def test_the_article_masks_nearly_everything():
    ids, starts, maskable = batch([100] * 20)
    share = masked(ids, starts, maskable, ARTICLE).mask.numpy()[maskable].mean()
    assert share > 0.95


def test_long_spans_are_predicted_in_part():
    ids, starts, maskable = batch([400], share=0.0)
    found = masked(ids, starts, maskable, MaskOptions(max_sbo=3), seed=2)
    assert [s.tolist() for s in found.spans] == [[0, 1, 61]] and len(found.sbo.left) == 0
    starts[0, 30] = True  # two words: now a span can start inside the text
    found = [masked(ids, starts, maskable, MaskOptions(max_sbo=3), seed=s) for s in range(30)]
    inside = next(f for f in found if f.spans[0, 1] == 30)
    assert inside.sbo.left.tolist() == [29] * 3 and inside.sbo.right.tolist() == [90] * 3
    assert inside.sbo.position.tolist() == [0, 1, 2]
    assert inside.sbo.target.tolist() == ids[0, 30:33].tolist()


def test_rows_without_specials_around_do_not_run_into_each_other():
    for shape in ((50, 7), (50, 20)):
        ids, all_text = np.full(shape, 7), np.ones(shape, dtype=bool)
        found = masked(ids, all_text, all_text, MaskOptions(budget=0.6))
        for row in range(50):
            assert_merged(row_of(found, row, 0, shape[1]))


# --- the same law as one block at a time ---------------------------------------------------------


def statistics(blocks, ids) -> dict[str, np.ndarray]:
    """Whole numbers of each block, so that the sample of each is of independent draws."""
    return {
        "spans": np.array([len(b.spans) for b in blocks]),
        "masked": np.array([b.mask.sum() for b in blocks]),
        "first start": np.array([b.spans[0][0] for b in blocks]),
        "last end": np.array([b.spans[-1][1] for b in blocks]),
        "first length": np.array([b.spans[0][1] - b.spans[0][0] for b in blocks]),
        "longest": np.array([max(e - s for s, e in b.spans) for b in blocks]),
        "targets": np.array([len(b.sbo.target) for b in blocks]),
        "changed": np.array([(b.input_ids != ids).sum() for b in blocks]),
        "[MASK]": np.array([(b.input_ids == MASK_ID).sum() for b in blocks]),
        "first kind": np.array([KINDS.index(b.replacements[0]) for b in blocks]),
    }


@pytest.mark.parametrize("name", SAME_LAW)
def test_the_batch_follows_the_law_of_the_readable_version(name):
    options, rng = SAME_LAW[name], np.random.default_rng(7)
    ids = np.random.default_rng(8).integers(5, VOCABULARY, len(STARTS))
    known = {"mask_id": MASK_ID, "unigram": UNIGRAM, "tagged": [(3, 4), (6, 9), (9, 12), (28, 30)]}
    one = [mask_block(ids, STARTS, rng, options, **known) for _ in range(2000)]
    one = [block for block in one if block.spans]  # the article's may mask nothing
    many = redraw(ids, STARTS, 4000, seed=7, options=options, **known)
    bounds = np.searchsorted(many.spans[:, 0].numpy(), np.arange(4001)).tolist()
    spans = many.spans[:, 1:].tolist()
    targets = np.bincount(many.sbo.batch.numpy(), minlength=4000)
    rows = [
        MaskedBlock(
            many.input_ids[i].numpy(),
            many.mask[i].numpy(),
            spans[bounds[i] : bounds[i + 1]],
            [KINDS[k] for k in many.replacements[bounds[i] : bounds[i] + 1]],
            (),
            None,
            SboTargets(*[np.zeros(targets[i])] * 4),
        )
        for i in range(4000)
        if bounds[i] < bounds[i + 1]
    ]
    first, second = statistics(one, ids), statistics(rows, ids)
    p = {key: two_sample_p(first[key], second[key]) for key in first}
    # Where pieces are masked, piece by piece: one sum of squares would need the covariances.
    for piece in range(len(STARTS)):
        p[piece] = two_sample_p([b.mask[piece] for b in one], [b.mask[piece] for b in rows])
    assert min(p.values()) > FALSE_ALARM, p


def test_two_different_laws_are_told_apart():
    """The comparison above is no empty one: at the word of six pieces, the paper's anchors show."""
    ids = np.full(len(STARTS), 7)
    arguments = {"seed": 7, "mask_id": MASK_ID, "unigram": UNIGRAM}
    one = redraw(ids, STARTS, 3000, **arguments)
    other = redraw(ids, STARTS, 3000, options=MaskOptions(anchor="word"), **arguments)
    assert two_sample_p(one.mask[:, 20].numpy(), other.mask[:, 20].numpy()) < FALSE_ALARM


def random_pieces(found) -> np.ndarray:
    """What stands in the place of randomly replaced spans."""
    of_span = torch.repeat_interleave(found.replacements, found.spans[:, 2] - found.spans[:, 1])
    return found.input_ids[found.mask][of_span == KINDS.index("random")].numpy()


def test_replacements_and_random_pieces_of_the_batch():
    unigram = np.r_[np.zeros(5), 1 / np.arange(1, 26)]
    unigram /= unigram.sum()
    ids, starts, maskable = batch([126] * 3000)
    found = masked(ids, starts, maskable, unigram=unigram)
    counts = np.bincount(found.replacements.numpy(), minlength=4)
    assert_fits(counts, [0.8, 0.1, 0.1, 0], "kinds")
    pieces = random_pieces(found)
    assert len(pieces) > 5000
    assert_follows_unigram(pieces, unigram)
    with pytest.raises(AssertionError):
        assert_follows_unigram(pieces, UNIGRAM)
    by_piece = masked(ids, starts, maskable, MaskOptions(replacement="piece"), unigram=unigram)
    assert set(by_piece.replacements.tolist()) == {0, 1, 2, 3}


# Merged spans a block and their mean length in pieces, by an independent simulation of the
# procedure on 600 to 2,500 blocks; words of 1 piece, or of 1, 2, 3, 4 in the shares given.
SIMULATED = [
    (510, (1.0,), 19.8, 3.90),
    (510, (0.82, 0.10, 0.05, 0.03), 14.6, 5.27),
    (126, (1.0,), 5.3, 3.61),
    (62, (1.0,), 3.2, 3.16),
    (30, (1.0,), 1.9, 2.60),
]


@pytest.mark.parametrize(("pieces", "shares", "spans", "length"), SIMULATED)
def test_the_figures_of_an_independent_simulation(pieces, shares, spans, length):
    rng, rows = np.random.default_rng(0), 3000
    starts = np.zeros((rows, pieces), dtype=bool)
    for row in starts:
        at = np.cumsum(rng.choice(len(shares), pieces, p=shares) + 1)
        row[0] = True
        row[at[at < pieces]] = True
    ids, text = np.full(starts.shape, 7), np.ones_like(starts)
    found = masked(ids, starts, text)
    assert len(found.spans) / rows == pytest.approx(spans, rel=0.05)
    mean = (found.spans[:, 2] - found.spans[:, 1]).double().mean().item()
    assert mean == pytest.approx(length, rel=0.05)


# --- reproducible --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*OTHER_SCHEMES, *PRESETS])
def test_a_row_has_the_same_mask_in_any_batch(name):
    options = (OTHER_SCHEMES | PRESETS)[name]
    lengths = np.random.default_rng(0).integers(1, 130, 24).tolist()
    tagged = [[(n // 2, n)] for n in lengths]
    ids, starts, maskable = batch(lengths)
    whole = masked(ids, starts, maskable, options, tagged=tagged)

    def same(rows, extra=0):
        pad = ((0, 0), (0, extra))
        part = masked(
            *(np.pad(a[rows], pad) for a in (ids, starts, maskable)),
            options,
            index=np.array(rows),
            tagged=[tagged[row] for row in rows],
        )
        for at, row in enumerate(rows):
            one, other = row_of(whole, row, 1, lengths[row]), row_of(part, at, 1, lengths[row])
            assert np.array_equal(one.input_ids, other.input_ids)
            assert one.spans == other.spans and one.replacements == other.replacements
            assert np.array_equal(one.mlm_targets, other.mlm_targets)
            for a, b in zip(vars(one.sbo).values(), vars(other.sbo).values(), strict=True):
                assert np.array_equal(a, b)

    same(list(range(12)))  # one half
    same(list(range(12, 24)), extra=30)  # the other, with more padding
    same(list(np.random.default_rng(1).permutation(24)))
    same([5])


def test_masks_differ_between_epochs_seeds_and_examples():
    ids, starts, maskable = batch([126] * 30)
    ids[:], starts[:] = ids[0], starts[0]
    first = masked(ids, starts, maskable)
    assert all(map(torch.equal, everything(first), everything(masked(ids, starts, maskable))))
    assert len(first.mask.unique(dim=0)) == 30
    for changed in ({"epoch": 1}, {"seed": 2}, {"index": np.arange(30, 60)}):
        other = masked(ids, starts, maskable, **changed)
        assert (first.mask != other.mask).any(1).all(), changed


def in_worker(_):
    """What another process masks; at the top of the module, so that it can be sent there."""
    return [tensor.numpy() for tensor in everything(masked(*batch([126, 50, 3])))]


def test_another_process_gives_the_same_masks():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        [theirs] = pool.map(in_worker, [0])
    ours = in_worker(0)
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_batch_in_parts_is_the_same_as_in_one(monkeypatch):
    ids, starts, maskable = batch([20, 30, 40, 50, 60])
    whole = masked(ids, starts, maskable)
    monkeypatch.setattr("spanbert_teach.masking.batch.PART", 130)
    assert all(map(torch.equal, everything(whole), everything(masked(ids, starts, maskable))))


def test_another_unigram_is_not_mistaken_for_the_one_before():
    ids, starts, maskable = batch([126] * 20)
    only_seven = np.eye(VOCABULARY)[7]
    for unigram in (UNIGRAM, only_seven, UNIGRAM):
        found = masked(ids, starts, maskable, MaskOptions(budget=1.0), unigram=unigram)
        pieces = set(random_pieces(found).tolist())
        assert pieces == ({7} if unigram is only_seven else set(range(5, 30)))


# --- arguments -----------------------------------------------------------------------------------


def test_tensors_and_arrays_give_the_same_tensors():
    ids, starts, maskable = batch([20, 30])
    ours = masked(ids, starts, maskable)
    theirs = masked(*map(torch.from_numpy, (ids, starts, maskable)), index=torch.arange(2))
    assert all(map(torch.equal, everything(ours), everything(theirs)))
    kept = ids.copy()
    assert ours.input_ids.dtype == ours.mlm_targets.dtype == ours.spans.dtype == torch.int64
    assert ours.mask.dtype == torch.bool and ours.sbo.target.dtype == torch.int64
    assert np.array_equal(ids, kept)


def test_a_thousand_masks_of_a_long_text_are_there_at_once():
    ids, starts, _ = batch([500])
    arguments = {"seed": 1, "mask_id": MASK_ID, "unigram": UNIGRAM}
    start = time.perf_counter()
    found = redraw(ids[0, 1:-1], starts[0, 1:-1], 1000, **arguments)
    assert time.perf_counter() - start < 0.5
    assert found.mask.sum(1).tolist() == [75] * 1000 and len(found.mask.unique(dim=0)) == 1000
    tagged = [(5, 9), (40, 43)]
    few = redraw(
        ids[0, 1:-1],
        starts[0, 1:-1],
        3,
        options=OTHER_SCHEMES["entity"],
        tagged=tagged,
        **arguments,
    )
    assert few.mask.sum(1).tolist() == [75] * 3
