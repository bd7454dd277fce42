"""Masking a batch: the same law as one block at a time, and the same masks wherever it is done."""

import multiprocessing
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from masking_laws import (
    ANY_OPTIONS,
    FALSE_ALARM,
    assert_anchor_law,
    assert_fits,
    assert_follows_length_law,
    assert_follows_unigram,
    assert_merged,
    assert_sbo,
    assert_targets,
    assert_whole_words,
    at_most,
    runs,
    two_sample_p,
)

from spanbert_teach.masking import (
    ARTICLE,
    IGNORE,
    KINDS,
    OFFICIAL,
    PAPER,
    MaskedBlock,
    MaskOptions,
    mask_batch,
    mask_block,
    masking_budget,
    merge_spans,
    redraw,
)
from spanbert_teach.masking.batch_spans import draw_candidates, find_words
from spanbert_teach.masking.block import SboTargets, spend, word_edges
from spanbert_teach.masking.rows import check_rows
from spanbert_teach.masking.streams import example_keys, random_bits, uniform

VOCABULARY, MASK_ID = 30, 4
UNIGRAM = np.r_[np.zeros(5), np.full(25, 1 / 25)]
PRESETS = {"official": OFFICIAL, "paper": PAPER, "article": ARTICLE}
SCHEMES = {s: MaskOptions(scheme=s) for s in ("subword", "word", "entity", "noun_phrase")}


def batch(lengths, seed=0, width=None, share=0.8):
    """ids, word starts and maskable of rows `[CLS] text [SEP] [PAD] ...`."""
    rng = np.random.default_rng(seed)
    shape = (len(lengths), width or max(lengths) + 2)
    ids, starts = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    maskable = np.zeros(shape, dtype=bool)
    for row, length in enumerate(lengths):
        ids[row, 0], ids[row, length + 1] = 2, 3
        ids[row, 1 : length + 1] = rng.integers(5, VOCABULARY, length)
        starts[row, 1 : length + 1] = rng.random(length) < share
        starts[row, 1] = maskable[row, 1 : length + 1] = True
    return ids, starts, maskable


def masked(ids, starts, maskable, options=OFFICIAL, seed=1, epoch=0, index=None, **others):
    index = np.arange(len(ids)) if index is None else index
    arguments = {"mask_id": MASK_ID, "unigram": UNIGRAM} | others
    return mask_batch(
        ids, starts, maskable, options, seed=seed, epoch=epoch, index=index, **arguments
    )


def row_of(found, row: int, first: int, length: int) -> MaskedBlock:
    """One row as if it had been masked alone, [CLS] taken off."""
    text = slice(first, first + length)
    of_row = found.spans[:, 0] == row
    spans = tuple((int(s) - first, int(e) - first) for _, s, e in found.spans[of_row])
    own = found.sbo.batch == row
    sbo = found.sbo
    boundaries = [(side[own] - first).numpy() for side in (sbo.left, sbo.right)]
    targets = SboTargets(*boundaries, sbo.position[own].numpy(), sbo.target[own].numpy())
    kinds = tuple(KINDS[kind] for kind in found.replacements[of_row])
    read, mask, mlm = (
        a[row, text].numpy() for a in (found.input_ids, found.mask, found.mlm_targets)
    )
    return MaskedBlock(read, mask, spans, kinds, (), mlm, targets)


def everything(found) -> list[torch.Tensor]:
    """All tensors of a masked batch."""
    return [*list(vars(found).values())[:5], *vars(found.sbo).values()]


# --- exact laws ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SCHEMES, "official"])
def test_the_budget_is_exact_for_every_length_and_specials_are_left_alone(name):
    lengths = list(range(1, 513))
    ids, starts, maskable = batch(lengths)
    options = (SCHEMES | PRESETS)[name]
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

SAME_LAW = {
    "official": OFFICIAL,
    "paper": PAPER,
    "word": MaskOptions(scheme="word"),
    "subword": MaskOptions(scheme="subword"),
    "no whole words": MaskOptions(whole_words=False),
    "clip": MaskOptions(length_law="clip"),
    "article": replace(ARTICLE, p=0.7),
    "article, whole words": replace(ARTICLE, p=0.9, whole_words=True),
    "entity": MaskOptions(scheme="entity"),
    "not merged": MaskOptions(merge_adjacent=False, budget=0.4),
    "half of it": MaskOptions(budget=0.5, replacement="piece", length_law="unlimited"),
}
STARTS = np.concatenate(
    [np.arange(k) == 0 for k in (1, 2, 1, 1, 4, 1, 1, 3, 1, 1, 1, 2, 1, 6, 1, 1, 2)]
)


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


def test_two_different_laws_are_told_apart():
    """The comparison above is no empty one: at the word of six pieces, the paper's anchors show."""
    ids = np.full(len(STARTS), 7)
    arguments = {"seed": 7, "mask_id": MASK_ID, "unigram": UNIGRAM}
    one = redraw(ids, STARTS, 3000, **arguments)
    other = redraw(ids, STARTS, 3000, options=MaskOptions(anchor="word"), **arguments)
    assert two_sample_p(one.mask[:, 20].numpy(), other.mask[:, 20].numpy()) < FALSE_ALARM


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


@pytest.mark.parametrize("name", [*SCHEMES, *PRESETS])
def test_a_row_has_the_same_mask_in_any_batch(name):
    options = (SCHEMES | PRESETS)[name]
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


def test_how_many_candidates_are_drawn_at_once_changes_nothing(monkeypatch):
    ids, starts, maskable = batch(list(range(1, 100)))
    for options in (OFFICIAL, PAPER, MaskOptions(scheme="word", budget=0.8)):
        whole = masked(ids, starts, maskable, options)
        with monkeypatch.context() as patch:
            patch.setattr("spanbert_teach.masking.batch_spans.TOGETHER", 1)
            one_by_one = masked(ids, starts, maskable, options)
        assert all(map(torch.equal, everything(whole), everything(one_by_one)))


def test_another_unigram_is_not_mistaken_for_the_one_before():
    ids, starts, maskable = batch([126] * 20)
    only_seven = np.eye(VOCABULARY)[7]
    for unigram in (UNIGRAM, only_seven, UNIGRAM):
        found = masked(ids, starts, maskable, MaskOptions(budget=1.0), unigram=unigram)
        pieces = set(random_pieces(found).tolist())
        assert pieces == ({7} if unigram is only_seven else set(range(5, 30)))


# --- random numbers ------------------------------------------------------------------------------


def test_random_bits_are_uniform_and_neighbours_independent():
    keys = example_keys(1, 0, np.arange(1000))
    bits = random_bits(keys[:, None], np.arange(200, dtype=np.uint64))
    for shift in (0, 8, 24, 32, 56):
        counts = np.bincount(((bits >> np.uint64(shift)) & np.uint64(255)).ravel().astype(int))
        assert_fits(counts, np.full(256, 1 / 256), f"bits from {shift}")
    other = {
        "draw": random_bits(keys[:, None], np.arange(1, 201, dtype=np.uint64)),
        "index": random_bits(np.roll(keys, 1)[:, None], np.arange(200, dtype=np.uint64)),
        "epoch": random_bits(example_keys(1, 1, np.arange(1000))[:, None], np.arange(200)),
        "seed": random_bits(example_keys(2, 0, np.arange(1000))[:, None], np.arange(200)),
        "other sort": random_bits(
            keys[:, None], np.arange(200, dtype=np.uint64) + np.uint64(2**32)
        ),
    }
    for name, neighbour in other.items():
        pair = (bits >> np.uint64(60)) * np.uint64(16) + (neighbour >> np.uint64(60))
        assert_fits(np.bincount(pair.ravel().astype(int)), np.full(256, 1 / 256), name)
        pair = (bits & np.uint64(15)) * np.uint64(16) + (neighbour & np.uint64(15))
        assert_fits(np.bincount(pair.ravel().astype(int)), np.full(256, 1 / 256), name)
    share = uniform(bits)
    assert share.min() >= 0 and share.max() < 1
    # Seed 1 of epoch 0 is not seed 0 of epoch 1, and so on.
    few = [example_keys(s, e, np.arange(20)) for s in range(20) for e in range(20)]
    assert len(np.unique(few)) == 20 * 20 * 20


def test_a_published_number_of_splitmix64():
    """The first outputs for the seed 1234567, as the algorithm's reference programs print them."""
    key = np.array([1234567], dtype=np.uint64)
    assert random_bits(key, [0, 1]).tolist() == [6457827717110365317, 3203168211198807973]


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


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ids": np.zeros(5, dtype=int)}, r"ids has the shape \(5,\): expected \(batch, length\)"),
        ({"ids": np.zeros((0, 5), dtype=int)}, r"ids has the shape \(0, 5\)"),
        ({"ids": np.zeros((2, 22))}, "expected whole numbers"),
        ({"word_starts": np.ones((2, 20), bool)}, r"word_starts has the shape \(2, 20\)"),
        ({"maskable": np.zeros((2, 22), bool)}, "Row 0 is empty"),
        ({"maskable": np.tile([True, False], (2, 11))}, "Row 0: maskable marks several stretches"),
        ({"maskable": np.full((2, 22), 2)}, "maskable holds other values"),
        ({"index": np.arange(3)}, "index has 3 entries for 2 rows"),
        ({"index": np.array([0, -1])}, "index must be"),
        ({"seed": -1}, "seed=-1"),
        ({"epoch": 0.5}, "epoch=0.5"),
        ({"unigram": UNIGRAM[:9]}, "unigram is no law|do not fit"),
        ({"unigram": np.r_[0, 0, 0.5, 0, 0, np.full(25, 0.02)]}, "the piece 2 .* outside the text"),
        ({"mask_id": -1}, "mask_id=-1"),
        ({"options": MaskOptions(scheme="entity"), "tagged": [[]]}, "tagged has 1 entries"),
    ],
)
def test_arguments_that_do_not_fit(changed, message):
    ids, starts, maskable = batch([20, 10])
    arguments = {
        "ids": ids,
        "word_starts": starts,
        "maskable": maskable,
        "seed": 0,
        "epoch": 0,
        "index": np.arange(2),
        "mask_id": MASK_ID,
        "unigram": UNIGRAM,
    }
    with pytest.raises(ValueError, match=message):
        mask_batch(**(arguments | changed))


def test_a_thousand_masks_of_a_long_text_are_there_at_once():
    ids, starts, _ = batch([500])
    arguments = {"seed": 1, "mask_id": MASK_ID, "unigram": UNIGRAM}
    start = time.perf_counter()
    found = redraw(ids[0, 1:-1], starts[0, 1:-1], 1000, **arguments)
    assert time.perf_counter() - start < 0.5
    assert found.mask.sum(1).tolist() == [75] * 1000 and len(found.mask.unique(dim=0)) == 1000
    tagged = [(5, 9), (40, 43)]
    few = redraw(
        ids[0, 1:-1], starts[0, 1:-1], 3, options=SCHEMES["entity"], tagged=tagged, **arguments
    )
    assert few.mask.sum(1).tolist() == [75] * 3
