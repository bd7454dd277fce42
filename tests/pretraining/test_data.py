"""Which blocks a step reads, and what is hidden in them."""

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach.corpus import Block, BlockTable
from spanbert_teach.masking import KINDS
from spanbert_teach.pretraining import Batches, Settings, Stage, pretrain
from spanbert_teach.pretraining.data import block_order, documents
from spanbert_teach.pretraining.start import new_model

from .runs import STEPS, TEXT, TOKENIZER, same


def numbered(count: int) -> BlockTable:
    """Blocks of one piece, which is the number of the block."""
    return BlockTable.of(Block([2, 5 + n, 3], [False, True, False], "n") for n in range(count))


def batches_of(count: int, *stages: Stage, **changes) -> Batches:
    settings = Settings(stages=stages, warmup=0, **changes)
    unigram = np.r_[np.zeros(5), np.full(count, 1 / count)]
    return Batches(settings, [numbered(count)] * len(stages), unigram, 4)


@given(count=st.integers(1, 60), batch=st.integers(1, 20), seed=st.integers(0, 999))
def test_an_epoch_has_each_block_at_most_once(count, batch, seed):
    steps = 3 * (count // min(batch, count))
    found = batches_of(count, Stage(3, batch, steps), seed=seed)
    epochs: dict[int, list[int]] = {}
    for step in range(steps):
        _, numbers, epoch = found.blocks_of(step)
        assert len(numbers) == min(batch, count)
        epochs.setdefault(epoch, []).extend(numbers.tolist())
    assert list(epochs) == [0, 1, 2]
    for numbers in epochs.values():
        assert len(set(numbers)) == len(numbers) and set(numbers) <= set(range(count))
        assert count - len(numbers) < batch  # what is left over is less than a batch


def test_no_batch_comes_twice_and_all_blocks_are_read():
    found = batches_of(50, Stage(3, 8, 60))
    seen = [tuple(sorted(found.blocks_of(step)[1].tolist())) for step in range(60)]
    assert len(set(seen)) == 60
    assert {number for batch in seen for number in batch} == set(range(50))


@given(count=st.integers(1, 200), seed=st.integers(0, 99))
def test_the_order_is_a_permutation_of_seed_and_epoch(count, seed):
    orders = [block_order(count, epoch, seed) for epoch in range(3)]
    assert all(sorted(order) == list(range(count)) for order in orders)
    assert (orders[1] == block_order(count, 1, seed)).all()
    if count > 10:
        assert (orders[0] != orders[1]).any() and (orders[1] != orders[2]).any()
        assert (orders[0] != block_order(count, 0, seed + 1)).any()


def test_stages_follow_each_other(tiny):
    settings = tiny()
    found = Batches.from_text(settings, TOKENIZER)
    widths = [found.parts(step)[0].masked.input_ids.shape[1] for step in range(STEPS)]
    assert max(widths[:5]) == 12 and 12 < max(widths[5:]) <= 20
    assert [settings.length_at(step) for step in range(1, STEPS + 1)] == [12] * 5 + [20] * 7
    for ask in (found.parts, lambda step: settings.length_at(step + 1)):
        with pytest.raises(ValueError, match="no such step: the run has 12"):
            ask(STEPS)


def letters(count: int, length: int, **changes) -> Batches:
    """Batches of 8 random blocks of `length` pieces of text."""
    rng = np.random.default_rng(0)
    table = BlockTable.of(
        Block([2, *rng.integers(5, 30, length), 3], [False, *[True] * length, False], "letters")
        for _ in range(count)
    )
    settings = Settings(stages=(Stage(length + 2, 8, 100),), warmup=0, **changes)
    return Batches(settings, [table], np.r_[np.zeros(5), np.full(25, 1 / 25)], 4)


def masks_of_epoch(found: Batches, epoch: int) -> dict[int, tuple]:
    """Block -> what was read and its mask."""
    steps = len(found.tables[0]) // 8
    seen = {}
    for step in range(epoch * steps, (epoch + 1) * steps):
        _, numbers, of_epoch = found.blocks_of(step)
        assert of_epoch == epoch
        masked = found.parts(step)[0].masked
        for number, ids, mask in zip(numbers, masked.input_ids, masked.mask, strict=True):
            seen[int(number)] = (tuple(ids.tolist()), tuple(mask.tolist()))
    return seen


def test_masks_are_new_in_each_epoch_and_the_same_for_seed_epoch_and_index():
    first, again, other = letters(24, 40), letters(24, 40), letters(24, 40, seed=2)
    a, b = masks_of_epoch(first, 0), masks_of_epoch(first, 1)
    assert sorted(a) == sorted(b) == list(range(24))
    assert all(a[number][1] != b[number][1] for number in a)
    assert masks_of_epoch(again, 0) == a and masks_of_epoch(again, 1) == b
    assert all(a[number][1] != masks_of_epoch(other, 0)[number][1] for number in a)
    # Asked for in any order: nothing is remembered.
    assert masks_of_epoch(first, 0) == a


@pytest.mark.parametrize(("processes", "accumulate"), [(2, 1), (1, 4), (2, 2), (8, 1)])
def test_all_parts_together_are_the_batch_with_the_same_masks(processes, accumulate):
    [whole] = letters(24, 40).parts(4)
    shared = letters(24, 40, accumulate=accumulate)
    parts = [p for rank in range(processes) for p in shared.parts(4, rank, processes)]
    assert len(parts) == processes * accumulate
    assert sum(part.pieces for part in parts) == whole.pieces == 8 * 42
    rows = sorted(row for part in parts for row in part.masked.input_ids.tolist())
    assert rows == sorted(whole.masked.input_ids.tolist())
    sbo = sorted(t for part in parts for t in part.masked.sbo.target.tolist())
    assert sbo == sorted(whole.masked.sbo.target.tolist())


def test_a_batch_that_cannot_be_shared_is_refused_before_the_first_step(tiny, tmp_path):
    with pytest.raises(ValueError, match=r"batch of 8 .* 3 processes in 2 parts.*multiple of 6"):
        letters(24, 40, accumulate=2).check_shares(3)
    # In the second stage there are fewer blocks than a batch: known before the first is trained.
    stages = (Stage(12, 16, 3), Stage(20, 16, 3))
    table = [len(t) for t in Batches.from_text(tiny(stages=stages), TOKENIZER).tables]
    assert table == [16, 8]
    with pytest.raises(ValueError, match="batch of 8 blocks cannot be shared by 1 processes in 16"):
        pretrain(tiny(stages=stages, accumulate=16, warmup=0), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_each_objective_hides(tiny):
    for objective, most in (("mlm-tokens", 1), ("mlm-spans", 10), ("spanbert", 10)):
        [part] = letters(24, 100, objective=objective).parts(0)
        sizes = part.masked.spans[:, 2] - part.masked.spans[:, 1]
        assert (sizes.max() > 1) == (most > 1) and sizes.sum() == 8 * 15
        assert (len(part.masked.sbo.target) > 0) == (objective == "spanbert")
        kinds = {KINDS[kind] for kind in part.masked.replacements}
        assert {"mask", "random", "keep"} >= kinds and "mask" in kinds
        assert part.attention_mask is None  # nothing is padded here
        model = new_model(tiny(objective=objective), TOKENIZER)
        assert (model.sbo is not None) == (objective == "spanbert")
    both = (letters(24, 100, objective=objective) for objective in ("mlm-spans", "spanbert"))
    spans, spanbert = (found.parts(0)[0].masked for found in both)
    assert torch.equal(spans.input_ids, spanbert.input_ids)
    assert torch.equal(spans.mlm_targets, spanbert.mlm_targets)
    [padded] = Batches.from_text(tiny(), TOKENIZER).parts(6)
    assert padded.attention_mask.sum() == padded.pieces < padded.attention_mask.numel()


def test_at_first_single_pieces_are_hidden_whatever_the_objective(tiny):
    """The first steps are those of the MLM on tokens; then the objective's own begin."""
    settings = tiny(token_steps=5)
    kinds = {"spanbert": settings, **{n: tiny(objective=n) for n in ("mlm-tokens", "mlm-spans")}}
    batches = {name: Batches.from_text(of, TOKENIZER) for name, of in kinds.items()}
    for step in (0, 4, 5, STEPS - 1):
        parts = {name: of.parts(step)[0].masked for name, of in batches.items()}
        like = "mlm-tokens" if step < 5 else "mlm-spans"
        assert torch.equal(parts["spanbert"].input_ids, parts[like].input_ids), step
        assert (parts["spanbert"].sbo.count > 0) == (step >= 5)
    run = pretrain(settings)
    assert [record["sbo"] is None for record in run.log] == [True] * 5 + [False] * (STEPS - 5)
    assert not same(run.model, pretrain(tiny()).model)


# --- text outside the vocabulary -----------------------------------------------------------------


def text_of(tmp_path, unknown: int, known: int) -> tuple[str, ...]:
    """A file of so many words outside the vocabulary of the tests, and so many that are a piece."""
    path = tmp_path / "mixed.txt"
    path.write_text(" ".join(["語"] * unknown + ["the"] * known), encoding="utf-8")
    return (str(path),)


def test_the_share_outside_the_vocabulary_is_said_before_the_first_step(tiny, tmp_path):
    said = []
    settings = tiny(text=text_of(tmp_path, 8, 72))
    pretrain(settings, watch=lambda record: said.append("step"), say=said.append)
    expected = "The text: 80 pieces, 10.00% of them [UNK], outside the vocabulary."
    assert said[:2] == [expected, "step"] and said.count(expected) == 1


def test_mostly_unknown_text_is_refused_unless_it_is_asked_for(tiny, tmp_path):
    settings = tiny(text=text_of(tmp_path, 17, 63))  # 21%
    with pytest.raises(ValueError, match=r"^21\.2% of the pieces.*at most 20%.*unknown_share=1"):
        pretrain(settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert pretrain(settings, unknown_share=0.22).log
    assert pretrain(tiny(text=text_of(tmp_path, 16, 64))).log  # 20%
    with pytest.raises(ValueError, match=r"17\.5% .* at most 10%"):
        pretrain(tiny(text=text_of(tmp_path, 14, 66)), unknown_share=0.1)
    for share in (1.5, -1, float("nan")):
        with pytest.raises(ValueError, match=r"unknown_share=.*from 0 to 1"):
            pretrain(tiny(), unknown_share=share)


def test_what_is_left_out_of_a_folder_is_said(tiny, whole, here, tmp_path):
    """Also an earlier run of one's own: its vocab.txt is no text, and a run reads the same."""
    shutil.copytree(whole[1], tmp_path / "runs" / "first")
    shutil.copy(here / "text.txt", tmp_path)
    said = []
    run = pretrain(tiny(text=(str(tmp_path),)), say=said.append)
    assert said[1:] == [f"Runs and checkpoints are left out: {str(tmp_path / 'runs' / 'first')!r}."]
    assert same(run.model, pretrain(tiny()).model)


def test_text_and_validation_may_have_another_field(tiny, tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"body": text}) + "\n" for text in TEXT), encoding="utf-8")
    settings = tiny(text=(str(path),), validation=(str(path),), text_field="body")
    run = pretrain(settings)
    assert "held_out" in run.log[-1] and same(run.model, pretrain(tiny()).model)


def test_documents_of_several_files_and_of_the_course(here, tmp_path):
    (tmp_path / "more.txt").write_text("one\n\ntwo\n", encoding="utf-8")
    paths = (str(here / "text.txt"), str(tmp_path))
    found = [" ".join(document.paragraphs) for document in documents(paths, "train")]
    assert found == [*TEXT, "one", "two"]
    assert next(documents((), "validation")).source != ""
