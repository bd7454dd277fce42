"""Pretraining: rates, batches, gradients, and runs that stop and go on as if they never had."""

import functools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from transformers import BertConfig, BertForMaskedLM

from spanbert_teach import SENTENCE
from spanbert_teach.checkpoints import load_model, save_model
from spanbert_teach.corpus import Block, BlockTable, blocks, read_documents
from spanbert_teach.evaluation import (
    MASKINGS,
    hidden_states,
    hide,
    sbo_answers,
    shuffled_boundaries,
)
from spanbert_teach.filling import fill
from spanbert_teach.masking import KINDS
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import SpanBert, joint_loss
from spanbert_teach.pretraining import (
    FILM,
    LOG,
    SETTINGS,
    STATE,
    Batches,
    Run,
    Settings,
    Stage,
    from_preset,
    learning_rate,
    pretrain,
)
from spanbert_teach.pretraining.data import block_order, documents
from spanbert_teach.pretraining.run import Loop, Stop, new_model, sinusoids
from spanbert_teach.pretraining.settings import PRESETS
from spanbert_teach.pretraining.step import gradients, parameter_groups, step_seed
from spanbert_teach.pretraining.watch import add_frame, film_frame, film_steps, measure
from spanbert_teach.tokenization import WordPieceTokenizer, load_tokenizer, train_tokenizer

TEXT = [
    "the old king of france lost his golden crown near the river on a cold winter morning",
    "a small grey cat slept under the kitchen table while rain fell over the quiet village",
    "seven sailors from norway bought fresh bread and salt fish at the busy harbour market",
    "my uncle built two wooden boats for his daughters during the long summer of that year",
    "every student must bring three pencils one ruler and some paper to the first lesson",
    "doctors in the city hospital worked all night after the terrible fire at the station",
    "her brother plays violin very well but never practises before breakfast or late at night",
    "farmers planted corn along both sides of the dusty road leading south toward mexico",
]
TOKENIZER = train_tokenizer(TEXT, 400)
STEPS = 12


@pytest.fixture(scope="session")
def here(tmp_path_factory) -> Path:
    """A text of eight documents and its vocabulary."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "text.txt").write_text("\n\n".join(TEXT) + "\n", encoding="utf-8")
    TOKENIZER.save(folder / "vocab.txt")
    return folder


@pytest.fixture
def tiny(here):
    """Settings of a run that takes a second; changes by name."""

    def settings(**changes) -> Settings:
        found = {
            "stages": (Stage(12, 4, 5), Stage(20, 4, STEPS - 5)),
            "text": (str(here / "text.txt"),),
            "vocabulary": str(here / "vocab.txt"),
            "layers": 1,
            "hidden": 16,
            "heads": 2,
            "warmup": 3,
            "precision": "fp32",
        }
        return Settings(**found | changes)

    return settings


def weights(model: SpanBert) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a: SpanBert, b: SpanBert) -> bool:
    """Bit for bit."""
    a, b = weights(a), weights(b)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def equal(a, b) -> bool:
    """Tensors bit for bit, in dicts and lists of whatever depth."""
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def without_speed(log: list[dict]) -> list[dict]:
    return [{k: v for k, v in record.items() if k != "pieces_per_second"} for record in log]


def assert_same_run(folder: Path, other: Path) -> None:
    """Two folders tell of the same run: weights and moments in full precision, log and film."""
    states = [torch.load(f / STATE, weights_only=True) for f in (folder, other)]
    assert equal(*states) and states[0]["model"]["mlm.bias"].dtype == torch.float32
    weights_file = Path("checkpoint", "model.safetensors")
    assert (folder / weights_file).read_bytes() == (other / weights_file).read_bytes()
    logs = [(f / LOG).read_text(encoding="utf-8").splitlines() for f in (folder, other)]
    a, b = (without_speed(map(json.loads, log)) for log in logs)
    assert a == b and len(a) >= 2
    with np.load(folder / FILM) as a, np.load(other / FILM) as b:
        assert a.files == b.files and all(np.array_equal(a[name], b[name]) for name in a.files)
    left = [path.name for path in folder.iterdir() if "unfinished" in path.name]
    assert not left


# --- the learning rate (point 26) ----------------------------------------------------------------


def test_the_official_schedule():
    rate = [learning_rate(step, 1e-4, 10_000, 2_400_000) for step in (1, 10_000, 10_001, 2_400_000)]
    assert rate == pytest.approx([1e-8, 1e-4, 9.9583e-5, 0], rel=1e-5, abs=1e-15)


@given(warmup=st.integers(0, 50), more=st.integers(1, 100))
def test_the_rate_rises_in_a_line_and_falls_in_a_line_to_0(warmup, more):
    steps = warmup + more
    rates = np.array([learning_rate(step, 2.0, warmup, steps) for step in range(1, steps + 1)])
    assert np.allclose(np.diff(rates[:warmup], prepend=0), 2.0 / max(warmup, 1))
    assert np.allclose(np.diff(rates[warmup:]), -2.0 / steps)
    assert rates[-1] == 0 and (rates >= 0).all() and (rates <= 2).all()


def test_a_run_has_the_rates_of_its_schedule(tiny):
    seen = []
    pretrain(tiny(peak_rate=1e-3), watch=seen.append)
    assert [record["step"] for record in seen] == list(range(1, STEPS + 1))
    expected = [learning_rate(step, 1e-3, 3, STEPS) for step in range(1, STEPS + 1)]
    assert [record["rate"] for record in seen] == expected


# --- what decays ---------------------------------------------------------------------------------


def test_matrices_decay_and_vectors_do_not(tiny):
    model = new_model(tiny(), TOKENIZER)
    decayed, others = parameter_groups(model, 0.01, decay_all=False)
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.01, 0.0)
    ids = [id(p) for group in (decayed, others) for p in group["params"]]
    assert len(set(ids)) == len(ids) and set(ids) == {id(p) for p in model.parameters()}
    of_decayed = {id(p) for p in decayed["params"]}
    for name, parameter in model.named_parameters():
        vector = name.endswith("bias") or "LayerNorm" in name or "norm" in name
        assert (id(parameter) in of_decayed) == (not vector), name
    [all_of_them] = parameter_groups(model, 0.1, decay_all=True)
    assert all_of_them["weight_decay"] == 0.1
    assert len(all_of_them["params"]) == len(ids)


# --- positions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "size"), [(40, 16), (7, 5), (1, 1)])
def test_sinusoids_are_those_of_the_transformer(rows, size):
    found = sinusoids(rows, size, amplitude=1.0)
    assert found.shape == (rows, size)
    for t in range(rows):
        for i in range(size):
            angle = t / 10_000 ** (2 * (i // 2) / size)
            expected = math.cos(angle) if i % 2 else math.sin(angle)
            assert found[t, i] == pytest.approx(expected, abs=1e-5)
    assert sinusoids(rows, size).abs().max() <= 0.04


def test_position_tables_start_as_asked_and_are_learned(tiny):
    tables = {}
    for positions in ("sinusoids", "random"):
        model = new_model(tiny(positions=positions), TOKENIZER)
        table = model.encoder.embeddings.position_embeddings.weight
        assert table.requires_grad
        tables[positions] = table.detach()
    assert torch.equal(tables["sinusoids"], sinusoids(512, 16))
    assert float(tables["random"].std()) == pytest.approx(0.02, rel=0.1)
    moved = pretrain(tiny()).model.encoder.embeddings.position_embeddings.weight
    assert not torch.equal(moved[:12], sinusoids(512, 16)[:12])


# --- batches (point 23) --------------------------------------------------------------------------


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
        _, numbers, epoch = found.numbers(step)
        assert len(numbers) == min(batch, count)
        epochs.setdefault(epoch, []).extend(numbers.tolist())
    assert list(epochs) == [0, 1, 2]
    for numbers in epochs.values():
        assert len(set(numbers)) == len(numbers) and set(numbers) <= set(range(count))
        assert count - len(numbers) < batch  # what is left over is less than a batch


def test_no_batch_comes_twice_and_all_blocks_are_read():
    found = batches_of(50, Stage(3, 8, 60))
    seen = [tuple(sorted(found.numbers(step)[1].tolist())) for step in range(60)]
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
        _, numbers, of_epoch = found.numbers(step)
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


def test_documents_of_several_files_and_of_the_course(here, tmp_path):
    (tmp_path / "more.txt").write_text("one\n\ntwo\n", encoding="utf-8")
    paths = (str(here / "text.txt"), str(tmp_path))
    found = [" ".join(document.paragraphs) for document in documents(paths, "train")]
    assert found == [*TEXT, "one", "two"]
    assert next(documents((), "validation")).source != ""


# --- gradients of parts --------------------------------------------------------------------------


def gradients_of(settings: Settings) -> tuple[dict[str, torch.Tensor], dict]:
    loop = Loop(settings)
    parts = loop.batches.parts(6)
    found = gradients(loop.parallel, parts, settings, "fp32", loop.scaler, False)
    return {name: p.grad for name, p in loop.model.named_parameters()}, found


def difference(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest difference of any number."""
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.mark.parametrize("normalisation", ["official", "paper"])
def test_parts_of_a_batch_add_up_to_its_gradient(tiny, normalisation):
    same_for_all = {"dropout": 0.0, "normalisation": normalisation}
    whole, told = gradients_of(tiny(**same_for_all))
    assert max(g.abs().max() for g in whole.values()) > 0.01
    for accumulate in (2, 4):
        parts, told_by_parts = gradients_of(tiny(accumulate=accumulate, **same_for_all))
        assert difference(whole, parts) < 1e-6
        assert told_by_parts == pytest.approx(told, rel=1e-5)
    if normalisation == "official":  # the parts have different numbers of boundary targets
        local, _ = gradients_of(tiny(accumulate=4, counts="local", **same_for_all))
        assert difference(whole, local) > 1e-3
    alone, _ = gradients_of(tiny(counts="local", **same_for_all))
    assert difference(whole, alone) < 1e-6  # one part is the whole


def test_the_gradient_is_that_of_the_joint_loss(tiny):
    settings = tiny(dropout=0.0, sbo_weight=0.5)
    found, told = gradients_of(settings)
    model = new_model(settings, TOKENIZER)
    [part] = Batches.from_text(settings, TOKENIZER).parts(6)
    sums = model(part.masked, part.attention_mask)
    counts = int(part.masked.mask.sum()), len(part.masked.sbo.target)
    joint_loss(sums.mlm, sums.sbo, *counts, sbo_weight=0.5).backward()
    assert difference(found, {n: p.grad for n, p in model.named_parameters()}) < 1e-6
    expected = {"mlm": sums.mlm.item(), "sbo": sums.sbo.item()}
    expected |= dict(zip(("mlm_count", "sbo_count"), counts, strict=True))
    assert told == pytest.approx(expected | {"pieces": part.pieces, "stop": 0}, rel=1e-5)


def test_local_counts_are_the_mean_of_the_losses_of_the_parts(tiny):
    settings = tiny(dropout=0.0, accumulate=4, counts="local")
    found, _ = gradients_of(settings)
    model = new_model(settings, TOKENIZER)
    for part in Batches.from_text(settings, TOKENIZER).parts(6):
        sums = model(part.masked, part.attention_mask)
        (joint_loss(sums.mlm, sums.sbo, sums.mlm_count, sums.sbo_count) / 4).backward()
    assert difference(found, {n: p.grad for n, p in model.named_parameters()}) < 1e-6


def test_a_large_gradient_is_clipped(tiny):
    """With plain steps, as long as the gradient, the first step is as long as rate * clip."""
    loop = Loop(tiny(clip=1e-3, dropout=0.0))
    loop.optimizer = torch.optim.SGD(loop.model.parameters(), 1.0)
    before = [p.detach().clone() for p in loop.model.parameters()]
    loop.take_step(False)
    moved = zip(before, loop.model.parameters(), strict=True)
    length = math.sqrt(sum(float(((a - b.detach()) ** 2).sum()) for a, b in moved))
    assert length == pytest.approx(1e-3 * loop.rate, rel=0.01)
    assert loop.norm > 0.1  # what is written down is the norm before


# --- it learns (point 27) ------------------------------------------------------------------------


def test_a_tiny_text_is_learned_and_the_boundaries_are_what_sbo_reads(tiny, here):
    settings = tiny(stages=(Stage(24, 8, 300),), hidden=64, peak_rate=3e-3, warmup=25, dropout=0.0)
    run = pretrain(settings)
    last = run.log[-1]
    table = BlockTable.of(blocks(read_documents(here / "text.txt"), TOKENIZER, 24))
    share = np.bincount(table.ids[table.ids > 4]) / (table.ids > 4).sum()
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    assert 4 < entropy < 5
    assert last["mlm"] + last["sbo"] < entropy
    many = [Block(ids.tolist(), starts.tolist(), "") for ids, starts in rows_of(table)] * 10
    held = hide(BlockTable.of(many), TOKENIZER, "spans")
    hidden = hidden_states(run.model, held)
    shuffled = shuffled_boundaries(held.masked.sbo, np.random.default_rng(0))
    true, other = (sbo_answers(run.model, held, hidden, sbo) for sbo in (None, shuffled))
    assert len(true.target) > 200
    assert true.accuracy > 0.8 and other.accuracy < 0.3


def rows_of(table: BlockTable):
    rows = table.rows(range(len(table)))
    for ids, starts, real in zip(rows.ids, rows.word_starts, rows.real, strict=True):
        yield ids[real], starts[real]


# --- one run -------------------------------------------------------------------------------------


def test_a_run_depends_on_its_settings_alone(tiny):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    a = pretrain(tiny())
    assert torch.equal(torch.get_rng_state(), state)  # nor does it change what others draw
    torch.manual_seed(2)
    b = pretrain(tiny())
    assert same(a.model, b.model) and without_speed(a.log) == without_speed(b.log)
    assert not same(a.model, pretrain(tiny(seed=2)).model)
    assert not same(a.model, pretrain(tiny(dropout=0.2)).model)
    assert not a.model.training and a.settings == tiny()
    assert a.model.tokenizer.tokens == TOKENIZER.tokens


def test_without_a_folder_nothing_is_written(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pretrain(tiny())
    assert not list(tmp_path.iterdir())


def test_the_log_tells_the_losses_of_all_pieces(tiny):
    settings = tiny(dropout=0.0)
    run = pretrain(settings)
    found = Batches.from_text(settings, TOKENIZER)
    parts = [found.parts(step)[0] for step in range(STEPS)]
    assert [r["pieces"] for r in run.log] == [part.pieces for part in parts]
    with torch.no_grad():
        first = new_model(settings, TOKENIZER)(parts[0].masked, parts[0].attention_mask)
    assert run.log[0]["mlm"] == pytest.approx(float(first.mlm) / first.mlm_count, abs=1e-4)
    assert run.log[0]["sbo"] == pytest.approx(float(first.sbo) / first.sbo_count, abs=1e-4)
    assert all(record["held_out"] == {} for record in run.log)  # own text, nothing to measure on
    # Between the frames of the film, every 50 steps, and means over all steps in between.
    long = pretrain(tiny(stages=(Stage(12, 4, 130),)), watch=lambda record: None)
    steps = [record["step"] for record in long.log]
    assert steps == sorted({50, 100, *film_steps(130)})
    found = Batches.from_text(tiny(stages=(Stage(12, 4, 130),)), TOKENIZER)
    total = sum(found.parts(step)[0].pieces for step in range(130))
    assert sum(record["pieces"] for record in long.log) == total
    mlm = pretrain(tiny(objective="mlm-spans"))
    assert mlm.model.sbo is None and all(record["sbo"] is None for record in mlm.log)


def test_validation_text_is_measured_on_the_way(tiny, here):
    settings = tiny(validation=(str(here / "text.txt"),))
    run = pretrain(settings)
    for record, length in ((run.log[0], 12), (run.log[-1], 20)):
        assert set(record["held_out"]) == set(MASKINGS)
        assert set(record["held_out"]["spans"]) == {"mlm", "sbo"}
        assert set(record["held_out"]["tokens"]) == {"mlm"}
        table = BlockTable.of(blocks(read_documents(here / "text.txt"), TOKENIZER, length))
        asked = {name: hide(table, TOKENIZER, name) for name in MASKINGS}
        if record is run.log[-1]:
            assert measure(run.model, asked, "fp32") == record["held_out"]
    # Measuring changes nothing.
    assert same(run.model, pretrain(tiny()).model)


def test_bf16_runs_too(tiny):
    exact, rough = pretrain(tiny(dropout=0.0)), pretrain(tiny(dropout=0.0, precision="bf16"))
    assert not same(exact.model, rough.model)
    assert rough.log[-1]["mlm"] == pytest.approx(exact.log[-1]["mlm"], rel=0.02)
    assert all(tensor.dtype == torch.float32 for tensor in weights(rough.model).values())


# --- a run in a folder ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def whole(here, tmp_path_factory) -> tuple[Settings, Path]:
    """Settings, dropout on, and the folder of a run that nobody disturbed."""
    settings = Settings(
        stages=(Stage(12, 4, 5), Stage(20, 4, STEPS - 5)),
        text=(str(here / "text.txt"),),
        vocabulary=str(here / "vocab.txt"),
        layers=1,
        hidden=16,
        heads=2,
        warmup=3,
        precision="fp32",
    )
    folder = tmp_path_factory.mktemp("whole") / "run"
    pretrain(settings, folder)
    return settings, folder


def test_a_folder_has_all_of_a_run(whole):
    settings, folder = whole
    shown = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    assert sorted(shown) == ["checkpoint", "film.npz", "log.jsonl", "settings.json", "state.pt"]
    assert Settings.from_json(json.loads((folder / SETTINGS).read_text())) == settings
    loaded = load_model(folder / "checkpoint")
    run = pretrain(settings)
    assert run.settings == settings
    assert (folder / LOG).read_text().count("\n") == len(run.log) == STEPS
    for name, tensor in weights(run.model).items():
        assert torch.equal(tensor.half().float(), loaded.state_dict()[name]), name
    assert loaded.tokenizer.tokens == TOKENIZER.tokens


def ask_to_stop(at: int, number: int = signal.SIGINT):
    """A `watch` that presses Ctrl-C in a step."""

    def watch(record):
        if record["step"] == at:
            os.kill(os.getpid(), number)

    return watch


@pytest.mark.parametrize("at", [1, 4, 5, 9])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(whole, tmp_path, at, number):
    settings, undisturbed = whole
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        pretrain(settings, tmp_path / "run", watch=ask_to_stop(at, number), save_every=1e9)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    state = torch.load(tmp_path / "run" / STATE, weights_only=True)
    assert state["step"] == at + 1
    assert not (tmp_path / "run" / "checkpoint").exists()
    seen = []
    run = pretrain(settings, tmp_path / "run", watch=seen.append)
    assert [record["step"] for record in seen] == list(range(at + 2, STEPS + 1))
    assert_same_run(tmp_path / "run", undisturbed)
    assert same(run.model, pretrain(settings).model)
    assert len(run.log) == STEPS


def test_a_stop_between_two_records_loses_nothing_of_the_next(tiny, tmp_path):
    settings = tiny(stages=(Stage(12, 4, 60),))
    assert film_steps(60)[-3:] == [42, 50, 60]
    undisturbed = pretrain(settings)
    with pytest.raises(KeyboardInterrupt):
        pretrain(settings, tmp_path / "run", watch=ask_to_stop(42))
    assert torch.load(tmp_path / "run" / STATE, weights_only=True)["step"] == 43
    run = pretrain(settings, tmp_path / "run")
    assert without_speed(run.log) == without_speed(undisturbed.log)
    assert same(run.model, undisturbed.model)


def test_stopped_again_and_again(whole, tmp_path):
    settings, undisturbed = whole
    folder = tmp_path / "run"
    for at in (2, 4, 6, 11):
        with pytest.raises(KeyboardInterrupt):
            pretrain(settings, folder, watch=ask_to_stop(at))
            if at == 11:
                raise KeyboardInterrupt  # the last step is done: there is nothing to stop
    assert_same_run(folder, undisturbed)


def strictly(line: str) -> dict:
    """A line of JSON, without Python's own NaN and Infinity."""

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    return json.loads(line, parse_constant=refuse)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_in_16_bits_too_a_stopped_run_goes_on_bit_for_bit(tiny, tmp_path, precision):
    settings = tiny(precision=precision)
    full = pretrain(tiny(precision="fp32"))
    undisturbed = pretrain(settings, tmp_path / "whole")
    assert not same(undisturbed.model, full.model)  # it does compute in 16 bits
    assert undisturbed.log[-1]["mlm"] == pytest.approx(full.log[-1]["mlm"], abs=0.02)
    with pytest.raises(KeyboardInterrupt):
        pretrain(settings, tmp_path / "run", watch=ask_to_stop(3))
    pretrain(settings, tmp_path / "run")
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_with_fp16_a_step_that_overflows_changes_no_weight(tiny, tmp_path, monkeypatch):
    scaler = torch.amp.GradScaler
    monkeypatch.setattr(torch.amp, "GradScaler", functools.partial(scaler, init_scale=2.0**40))
    settings = tiny(precision="fp16", stages=(Stage(12, 4, 60),))
    loop = Loop(settings)
    before = weights(loop.model)
    loop.take_step(False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(loop.model).items())
    assert not math.isfinite(loop.norm) and loop.scaler.get_scale() == 2.0**39
    with pytest.raises(KeyboardInterrupt):  # the scale is part of the state
        pretrain(settings, tmp_path / "run", watch=ask_to_stop(5))
    state = torch.load(tmp_path / "run" / STATE, weights_only=True)
    assert state["scaler"]["scale"] == 2.0 ** (40 - 6)
    run = pretrain(settings, tmp_path / "run")
    lines = (tmp_path / "run" / LOG).read_text().splitlines()
    assert [strictly(line) for line in lines] == run.log
    assert run.log[0]["norm"] is None and run.log[-1]["norm"] > 0
    assert not equal(weights(run.model), before)  # in the end the scale is small enough


class Killed(Exception):
    pass


@pytest.mark.parametrize("save_every", [0, 1e9])
def test_what_was_done_after_the_last_state_is_done_again(whole, tmp_path, save_every):
    settings, undisturbed = whole
    folder = tmp_path / "run"

    def kill(record):
        if record["step"] == 7:
            raise Killed

    with pytest.raises(Killed):
        pretrain(settings, folder, watch=kill, save_every=save_every)
    steps = [json.loads(line)["step"] for line in (folder / LOG).read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6, 7]  # the state is that of step 6, or there is none
    with (folder / LOG).open("a") as file:
        file.write('{"step": 8, "ml')  # half a line
    seen = []

    def look(record):
        lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
        seen.append([line["step"] for line in lines])

    pretrain(settings, folder, watch=look)
    first = 7 if save_every == 0 else 1
    assert seen[0] == list(range(1, first + 1)) and len(seen) == STEPS - first + 1
    assert_same_run(folder, undisturbed)


SCRIPT = """
import json, os, signal, sys, time
from spanbert_teach.pretraining import pretrain
from spanbert_teach.pretraining import Settings
settings = Settings.from_json(json.loads(sys.argv[1]))
replace = os.replace


def killed(unfinished, path):  # the new state is written, and not yet in the old one's place
    if path.name == "state.pt" and path.exists():
        os.kill(os.getpid(), signal.SIGKILL)
    replace(unfinished, path)


if "saving" in sys.argv:
    os.replace = killed
pretrain(settings, sys.argv[2], watch=lambda record: time.sleep(0.1), save_every=0.2)
"""


@pytest.mark.slow
def test_a_process_killed_while_it_saves_loses_the_last_state_only(whole, tmp_path):
    settings, undisturbed = whole
    folder = tmp_path / "run"
    env = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", SCRIPT, json.dumps(settings.as_json()), str(folder), "saving"]
    assert subprocess.run(command, env=env).returncode == -signal.SIGKILL
    assert list(folder.glob(".*unfinished"))
    assert 1 <= torch.load(folder / STATE, weights_only=True)["step"] < STEPS
    pretrain(settings, folder)
    assert_same_run(folder, undisturbed)


@pytest.mark.slow
def test_a_killed_process_goes_on_as_if_it_had_not_been(whole, tmp_path):
    settings, undisturbed = whole
    folder = tmp_path / "run"
    env = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", SCRIPT, json.dumps(settings.as_json()), str(folder)]
    process = subprocess.Popen(command, env=env)
    try:
        until = time.monotonic() + 120
        while not (folder / STATE).exists() or (folder / LOG).read_text().count("\n") < 5:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.02)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert 1 <= torch.load(folder / STATE, weights_only=True)["step"] < STEPS
    pretrain(settings, folder)
    assert_same_run(folder, undisturbed)


def test_a_run_that_is_under_way_is_not_begun_a_second_time(tiny, tmp_path):
    settings, said = tiny(), []

    def again(record):
        if record["step"] == 3:
            with pytest.raises(
                ValueError, match=r"run' is under way in another process\. Expected"
            ):
                pretrain(settings, tmp_path / "run", watch=said.append)

    pretrain(settings, tmp_path / "run", watch=again)
    pretrain(settings, tmp_path / "undisturbed")
    assert said == []
    assert_same_run(tmp_path / "run", tmp_path / "undisturbed")


def test_a_finished_run_called_again_does_nothing(whole, tmp_path):
    settings, undisturbed = whole
    folder = shutil.copytree(undisturbed, tmp_path / "run")
    (folder / "checkpoint" / "notes.txt").write_text("mine")
    kept = [folder / STATE, folder / FILM, *(folder / "checkpoint").iterdir()]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept}
    seen = []
    run = pretrain(settings, folder, watch=seen.append)
    assert seen == [] and len(run.log) == STEPS and not run.model.training
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept} == before
    assert same(run.model, pretrain(settings).model)
    # Where a kill fell between the last state and the checkpoint, it is written.
    shutil.rmtree(folder / "checkpoint")
    pretrain(settings, folder)
    assert_same_run(folder, undisturbed)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_damaged_state_says_what_to_do(whole, tmp_path, keep):
    settings, undisturbed = whole
    folder = shutil.copytree(undisturbed, tmp_path / "run")
    content = (folder / STATE).read_bytes()
    kept = content[: int(keep * len(content)) if keep < 1 else keep]
    (folder / STATE).write_bytes(kept)
    with pytest.raises(ValueError, match=r"state.pt' is damaged.*Remove the file to start") as said:
        pretrain(settings, folder)
    assert "\n" not in str(said.value)
    assert (folder / STATE).read_bytes() == kept
    (folder / STATE).unlink()
    pretrain(settings, folder)
    assert_same_run(folder, undisturbed)


def test_another_run_in_the_folder_is_refused_by_name(whole, tmp_path):
    settings, undisturbed = whole
    folder = shutil.copytree(undisturbed, tmp_path / "run")
    other = replace(settings, seed=5, stages=(Stage(12, 4, 6),))
    with pytest.raises(ValueError, match=r"other settings: stages=.*now.*seed=1, now 5") as said:
        pretrain(other, folder)
    assert "dropout" not in str(said.value)
    assert_same_run(folder, undisturbed)
    (folder / SETTINGS).write_text("{")
    with pytest.raises(ValueError, match=r"settings.json' is damaged"):
        pretrain(settings, folder)


def test_a_folder_of_something_else_is_not_touched(tiny, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"cat")
    with pytest.raises(ValueError, match=r"not the folder of a run, and not empty: cat.png"):
        pretrain(tiny(), tmp_path / "photos")
    with pytest.raises(ValueError, match=r"is a file\. Expected a folder"):
        pretrain(tiny(), tmp_path / "photos" / "cat.png")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.png"]
    # What a kill left while the settings were written, or a system's own files, is nothing.
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".settings.json.unfinished").write_text("{")
    pretrain(tiny(stages=(Stage(12, 4, 2),), warmup=0), str(tmp_path / "new"))
    assert (tmp_path / "new" / "checkpoint").is_dir()


def test_what_cannot_be_trained_leaves_no_folder(tiny, here, tmp_path):
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "latin.txt").write_bytes("fine\ncaf\xe9\n".encode("latin-1"))
    wrong = {
        "There is no file": {"text": (str(tmp_path / "txet.txt"),)},
        "empty.txt' is empty": {"text": (str(tmp_path / "empty.txt"),)},
        "line 2, byte 4": {"text": (str(here / "text.txt"), str(tmp_path / "latin.txt"))},
        "hidden_dropout_prob": {"dropout": 1.5},
        "num_attention_heads=3": {"heads": 3},
        "There is no folder 'nowhere'": {"start": "nowhere"},
        "There is no file or folder 'no'": {"validation": ("no",)},
    }
    for said, changes in wrong.items():
        with pytest.raises((OSError, ValueError), match=said):
            pretrain(tiny(**changes), tmp_path / "run")
        assert not (tmp_path / "run").exists(), said
    pretrain(tiny(), tmp_path / "run")  # and then the folder is free for the right settings


def test_a_second_ctrl_c_ends_it_at_once_and_a_second_polite_kill_does_not():
    with Stop() as stop:
        assert stop.asked is None
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
        assert stop.asked == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)


def test_a_run_in_another_thread_leaves_signals_alone(tiny):
    found: list[Run] = []
    thread = threading.Thread(target=lambda: found.append(pretrain(tiny())))
    thread.start()
    thread.join()
    assert same(found[0].model, pretrain(tiny()).model)


# --- the film ------------------------------------------------------------------------------------


@given(steps=st.integers(1, 3_000_000))
def test_frames_are_few_and_further_and_further_apart(steps):
    found = film_steps(steps)
    assert found[0] == 1 and found[-1] == steps and len(found) <= 24
    assert found == sorted(set(found))
    if steps >= 1000:
        ratios = np.array(found[-8:]) / np.array(found[-9:-1])
        assert ratios.min() > 0.9 * steps ** (1 / 23) and ratios.max() < 1.1 * steps ** (1 / 23)


def test_the_film_of_a_run(whole):
    _, folder = whole
    with np.load(folder / FILM) as film:
        assert film["step"].tolist() == film_steps(STEPS)
        length = len(TOKENIZER.encode(SENTENCE))
        frames = len(film["step"])
        assert film["attention"].shape == (frames, 1, 2, length, length)
        hidden = len(TOKENIZER.encode("Voting Rights Act", special_tokens=False))
        for head in ("mlm", "sbo"):
            assert film[f"{head}_top"].shape == film[f"{head}_share"].shape == (frames, hidden, 5)
        assert film["attention"].dtype == np.uint8
        sums = film["attention"].sum(-1, dtype=int)
        assert abs(sums - 255).max() <= length / 2


def test_a_frame_is_what_fill_would_say_and_24_of_them_are_small(tmp_path):
    model = SpanBert(SpanBertConfig.course(), generator=torch.Generator().manual_seed(0)).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 3  # attention that is not nearly even
    model.tokenizer = load_tokenizer()
    frame = film_frame(model, model.tokenizer)
    assert model.training
    hidden = len(model.tokenizer.encode("Voting Rights Act", special_tokens=False))
    blank = SENTENCE.replace("Voting Rights Act", " ".join(["[MASK]"] * hidden))
    for head in ("mlm", "sbo"):
        [found] = fill(blank, model, head).blanks
        ids = [[model.tokenizer.id(piece) for piece, _ in place] for place in found.guesses]
        assert frame[f"{head}_top"].tolist() == ids
        shares = [[share for _, share in place] for place in found.guesses]
        np.testing.assert_allclose(frame[f"{head}_share"], shares, rtol=2e-3)
    ids = torch.tensor([model.tokenizer.encode(SENTENCE).ids])
    with torch.no_grad():
        seen = model.eval().encoder(ids, output_attentions=True).attentions
    assert frame["attention"].shape == (4, 4, ids.shape[1], ids.shape[1])
    for layer, attention in enumerate(seen):
        assert attention.max() > 0.3
        np.testing.assert_allclose(frame["attention"][layer] / 255, attention[0], atol=0.51 / 255)
    noise = np.random.default_rng(0)
    for step in (*film_steps(100_000), 80_000):
        attention = noise.integers(0, 256, frame["attention"].shape, dtype=np.uint8)
        add_frame(tmp_path / FILM, step, frame | {"attention": attention})
    assert (tmp_path / FILM).stat().st_size < 1_000_000
    with np.load(tmp_path / FILM) as film:  # later frames give way to a run that went back
        expected = [step for step in film_steps(100_000) if step < 80_000]
        assert film["step"].tolist() == [*expected, 80_000]
        assert len(film["attention"]) == len(film["step"])
    alone = film_frame(SpanBert(SpanBertConfig.course(), sbo=False), model.tokenizer)
    assert set(alone) == {"attention", "mlm_top", "mlm_share"}


# --- from another checkpoint ---------------------------------------------------------------------


def test_a_run_can_start_from_another(tiny, tmp_path):
    trunk = pretrain(tiny(objective="mlm-tokens"), tmp_path / "trunk").model
    start = str(tmp_path / "trunk" / "checkpoint")
    model = new_model(tiny(start=start, dropout=0.25, layers=3, seed=7), TOKENIZER)
    rounded = {name: tensor.half().float() for name, tensor in weights(trunk).items()}
    found = weights(model)
    assert all(torch.equal(found[name], tensor) for name, tensor in rounded.items())
    assert model.encoder.config.hidden_dropout_prob == 0.25
    assert model.encoder.config.num_hidden_layers == 1
    fresh = {name: tensor for name, tensor in found.items() if name not in rounded}
    assert fresh and all(name.startswith("sbo.") for name in fresh)
    assert abs(fresh["sbo.linear1.weight"].std() - 0.02) < 0.002
    assert model.sbo.decoder.weight is model.encoder.embeddings.word_embeddings.weight
    again = new_model(tiny(start=start, seed=7), TOKENIZER)
    assert same(model, again)
    assert not same(model, new_model(tiny(start=start, seed=8), TOKENIZER))
    run = pretrain(tiny(start=start), tmp_path / "branch")
    assert run.log[-1]["sbo"] is not None
    # From a checkpoint with an SBO head: it is taken, or left where there is none.
    other = str(tmp_path / "branch" / "checkpoint")
    assert new_model(tiny(start=other, objective="mlm-spans"), TOKENIZER).sbo is None
    taken = new_model(tiny(start=other), TOKENIZER)
    assert torch.equal(taken.sbo.linear1.weight, run.model.sbo.linear1.weight.half().float())


def test_a_start_that_cannot_read_this_text_is_refused(tiny, here, tmp_path):
    model = new_model(tiny(), TOKENIZER)
    others = [TOKENIZER.tokens[::-1][:-5] + TOKENIZER.tokens[:5], TOKENIZER.tokens]
    tokenizers = {"other": others[0], "small letters": others[1]}
    for name, tokens in tokenizers.items():
        model.tokenizer = WordPieceTokenizer(tokens, lowercase=name == "small letters")
        save_model(tmp_path / name, model, provenance={})
        with pytest.raises(ValueError, match=r"with another vocabulary.*give its vocab\.txt"):
            pretrain(tiny(start=str(tmp_path / name)), tmp_path / "run")
    # A BERT of transformers, whose vocabulary has another size, and few positions.
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    for name, rows, positions in (("bert", 999, 512), ("short", len(TOKENIZER), 16)):
        sizes |= {"vocab_size": rows, "max_position_embeddings": positions}
        BertForMaskedLM(BertConfig(**sizes)).save_pretrained(tmp_path / name)
    with pytest.raises(ValueError, match=r"rows .*it is the vocabulary of another model"):
        pretrain(tiny(start=str(tmp_path / "bert")), tmp_path / "run")
    with pytest.raises(ValueError, match=r"Blocks of 20 pieces are too long for .*16 positions"):
        pretrain(tiny(start=str(tmp_path / "short")), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    fits = tiny(start=str(tmp_path / "short"), stages=(Stage(16, 4, 2),), warmup=0)
    assert new_model(fits, TOKENIZER).encoder.config.max_position_embeddings == 16


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective": "nsp"}, "objective='nsp' is not known. Expected mlm-tokens or"),
        ({"positions": "none"}, "positions='none'"),
        ({"normalisation": "sum"}, "normalisation='sum'"),
        ({"counts": "some"}, "counts='some'"),
        ({"precision": "fp8"}, "precision='fp8'"),
        ({"stages": ()}, "stages is empty"),
        ({"stages": (Stage(2, 1, 200),)}, "a stage's length=2"),
        ({"stages": (Stage(32, 0, 200),)}, "a stage's batch=0"),
        ({"stages": (Stage(32, 1, 0),)}, "a stage's steps=0"),
        ({"accumulate": 0}, "accumulate=0"),
        ({"warmup": -1}, "warmup=-1"),
        ({"warmup": 1000}, "warmup=1000, but there are only 1000 steps"),
        ({"peak_rate": 0.0}, "peak_rate=0.0: expected a number above 0"),
        ({"peak_rate": math.nan}, "peak_rate=nan"),
        ({"clip": -1.0}, "clip=-1.0"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1: expected 0 or more"),
        ({"sbo_weight": -1.0}, "sbo_weight=-1.0"),
        ({"seed": -1}, "seed=-1: expected a whole number, 0 or more"),
        ({"text": "my.txt"}, r"text='my.txt': expected several, such as \('my.txt',\)"),
    ],
)
def test_impossible_settings_are_named(changes, said):
    with pytest.raises(ValueError, match=said):
        Settings(**changes)


SETTINGS_OF_ANY_RUN = st.builds(
    Settings,
    stages=st.lists(st.builds(Stage, *[st.integers(3, 999)] * 3), min_size=1).map(tuple),
    text=st.lists(st.text(max_size=5)).map(tuple),
    warmup=st.just(0),
    peak_rate=st.floats(1e-9, 1),
    seed=st.integers(0, 2**40),
    start=st.none() | st.text(),
)


@hypothesis_settings(max_examples=30)
@given(SETTINGS_OF_ANY_RUN)
def test_settings_come_back_from_json(settings):
    assert Settings.from_json(json.loads(json.dumps(settings.as_json()))) == settings


def test_presets_take_changes():
    for name, preset in PRESETS.items():
        assert from_preset(name, text=(), validation=(), seed=None) == preset
    found = from_preset("laptop", steps=10, batch=4, seed=9, text=[Path("a.txt")])
    assert [stage.batch for stage in found.stages] == [4, 4, 4]
    for name in ("laptop", "gpu"):  # single pieces until the longest blocks are known
        preset = PRESETS[name]
        assert preset.token_steps == preset.steps - preset.stages[-1].steps
        assert preset.length_at(preset.token_steps) == preset.length_at(preset.steps)
    assert found.stages[-1].steps == 10 and found.seed == 9 and found.text == ("a.txt",)
    short = from_preset("ci", steps=4)
    assert short.steps == 4 and short.warmup == 2
    with pytest.raises(ValueError, match=r"no preset 'tpu'\. Expected ci or laptop or gpu"):
        from_preset("tpu")


def test_each_step_and_process_has_a_dropout_of_its_own():
    seeds = {
        step_seed(seed, step, rank)
        for seed in (0, 1, 2, 1_764_078_000_000_000_000)
        for step in range(1, 200)
        for rank in (0, 1, 7)
    }
    assert len(seeds) == 4 * 199 * 3
    torch.Generator().manual_seed(max(seeds))  # however large the seed of the run
