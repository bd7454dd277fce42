"""What is measured on the way: the log, the film, the bar at a terminal."""

import io
import re
import sys
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach import SENTENCE
from spanbert_teach.corpus import BlockTable, blocks
from spanbert_teach.evaluation import MASKINGS, hide
from spanbert_teach.filling import fill
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import SpanBert
from spanbert_teach.pretraining import FILM, Batches, Settings, Stage, pretrain, show_progress
from spanbert_teach.pretraining.start import new_model
from spanbert_teach.pretraining.watch import add_frame, film_frame, film_steps, measure
from spanbert_teach.reading import read_documents
from spanbert_teach.tokenization import load_tokenizer

from .runs import STEPS, TOKENIZER, same

# --- the log -------------------------------------------------------------------------------------


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


# --- the bar at a terminal -----------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("begins", [1, 100])
def test_on_a_terminal_a_bar_shows_speed_and_time_left(begins, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    record = {"mlm": 5.0, "sbo": 6.25, "pieces_per_second": 12_345}
    with show_progress(Settings(stages=(Stage(128, 32, 200),))) as watch:
        for step in (begins, 150, 200):
            time.sleep(0.12)  # tqdm draws ten times a second at most
            watch(record | {"step": step})
    drawn = terminal.getvalue().split("\r")
    assert any(re.search(rf" {begins}/200 \[", bar) for bar in drawn), drawn
    [middle] = {bar for bar in drawn if "150/200" in bar and "MLM" in bar}
    assert middle.startswith(" 75%|"), middle
    assert re.search(r"\[00:00<00:0\d, +[\d.]+step/s, MLM 5.000 nats, SBO 6.250, 12,345", middle)
    assert "200/200" in drawn[-1]
    # A run that goes on is not faster for what was done before.
    speed = float(re.search(r"([\d.]+)step/s", drawn[-1])[1])
    assert speed < (200 - begins) / 0.2
    assert capsys.readouterr().out == ""
