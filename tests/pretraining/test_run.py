"""Pretraining: a run depends on its settings alone, learns, stops, and can start from another."""

import functools
import json
import math
import os
import signal
import string
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from spanbert_teach.checkpoints import load_model, load_tokenizer_of, save_model
from spanbert_teach.corpus import Block, BlockTable, blocks
from spanbert_teach.evaluation import (
    hidden_states,
    hide,
    mlm_answers,
    sbo_answers,
    shuffled_boundaries,
)
from spanbert_teach.filling import fill
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import SpanBert
from spanbert_teach.pretraining import LOG, STATE, Run, Stage, pretrain
from spanbert_teach.pretraining import run as run_module
from spanbert_teach.pretraining.run import Loop, Stop
from spanbert_teach.pretraining.start import new_model, run_tokenizer, sinusoids
from spanbert_teach.pretraining.watch import film_frame, film_steps, held_out_questions
from spanbert_teach.reading import read_documents
from spanbert_teach.tokenization import WordPieceTokenizer, load_tokenizer

from .runs import (
    STEPS,
    TEXT,
    TOKENIZER,
    ask_to_stop,
    assert_same_run,
    equal,
    same,
    weights,
    without_speed,
)

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


def test_bf16_runs_too(tiny):
    exact, rough = pretrain(tiny(dropout=0.0)), pretrain(tiny(dropout=0.0, precision="bf16"))
    assert not same(exact.model, rough.model)
    assert rough.log[-1]["mlm"] == pytest.approx(exact.log[-1]["mlm"], rel=0.02)
    assert all(tensor.dtype == torch.float32 for tensor in weights(rough.model).values())


# --- stopped, and going on -----------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 4, 5, 9])
@pytest.mark.parametrize("number", Stop.SIGNALS)
def test_a_stopped_run_goes_on_as_if_it_had_not_been(whole, tmp_path, at, number):
    settings, undisturbed = whole
    before = [signal.getsignal(number) for number in Stop.SIGNALS]
    with pytest.raises(KeyboardInterrupt):
        pretrain(settings, tmp_path / "run", watch=ask_to_stop(at, number), save_every=1e9)
    assert [signal.getsignal(number) for number in Stop.SIGNALS] == before
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


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_under_nohup_a_closed_terminal_changes_nothing():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.01)
        assert not stop.wanted
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("at", [5, STEPS])
def test_a_run_whose_reader_went_away_is_saved_first(whole, tmp_path, at):
    settings, undisturbed = whole
    seen = []

    def unheard(record):
        seen.append(record["step"])
        if record["step"] == at:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        pretrain(settings, tmp_path / "run", watch=unheard, save_every=1e9)
    assert seen[-1] == min(at + 1, STEPS)
    assert torch.load(tmp_path / "run" / STATE, weights_only=True)["step"] == seen[-1]
    assert (tmp_path / "run" / "checkpoint").exists() == (at == STEPS)  # it was done all the same
    pretrain(settings, tmp_path / "run")
    assert_same_run(tmp_path / "run", undisturbed)


# --- a loss that is no number --------------------------------------------------------------------


def rate_too_high_from(step: int, monkeypatch) -> None:
    """From a step on the learning rate is far too high."""
    rate = run_module.learning_rate
    high = lambda s, *rest: 1e30 if s >= step else rate(s, *rest)  # noqa: E731
    monkeypatch.setattr(run_module, "learning_rate", high)


@pytest.mark.parametrize("save_every", [0, 1e9])
def test_a_run_that_fails_stops_at_once_and_keeps_the_last_good_state(
    whole, tmp_path, monkeypatch, save_every
):
    settings, undisturbed = whole
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        rate_too_high_from(6, patch)
        with pytest.raises(FloatingPointError) as said:
            pretrain(settings, folder, save_every=save_every)
    message = str(said.value)
    assert "stopped at step 7: the loss is nan" in message or "the loss is inf" in message
    assert "a lower rate (--rate), a longer warm-up (--warmup), or --precision fp32" in message
    assert "no checkpoint was written" in message and not (folder / "checkpoint").exists()
    if save_every:
        assert "there is no state" in message and not (folder / STATE).exists()
    else:  # that of step 6 is made of numbers, but nothing can be done with them
        assert "there is the last good state" in message
        assert torch.load(folder / STATE, weights_only=True)["step"] == 5
    pretrain(settings, folder)  # with the right rate again
    assert_same_run(folder, undisturbed)


def test_a_stop_just_after_the_weights_were_spoilt_keeps_the_state_before(
    whole, tmp_path, monkeypatch
):
    settings, undisturbed = whole
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        rate_too_high_from(6, patch)
        with pytest.raises(FloatingPointError, match="stopped at step 6: it has spoilt the weigh"):
            pretrain(settings, folder, watch=ask_to_stop(5), save_every=0)
    assert torch.load(folder / STATE, weights_only=True)["step"] == 5
    pretrain(settings, folder)
    assert_same_run(folder, undisturbed)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_without_a_folder_a_failure_is_said_too(tiny, precision):
    with pytest.raises(FloatingPointError, match=r"stopped at step \d: the") as said:
        pretrain(tiny(peak_rate=1e30, precision=precision))
    assert "checkpoint" not in str(said.value)


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


def uncased(path: Path, rows: int | None = None) -> SpanBert:
    """A model of small letters, saved as a checkpoint of ours; rows of its word embeddings."""
    tokenizer = WordPieceTokenizer(TOKENIZER.tokens, lowercase=True)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = SpanBertConfig(rows or len(tokenizer), **sizes, intermediate_size=64)
    model = SpanBert(config, generator=torch.Generator().manual_seed(1))
    model.tokenizer = tokenizer
    save_model(path, model, provenance={})
    return model


@pytest.fixture
def capitals(tmp_path) -> tuple[str]:
    """The text with capital letters, which no piece of its vocabulary has."""
    path = tmp_path / "capitals.txt"
    path.write_text("\n\n".join(TEXT).upper() + "\n", encoding="utf-8")
    return (str(path),)


@pytest.mark.parametrize("own", [True, False])
def test_vocabulary_and_casing_come_from_the_checkpoint(tiny, tmp_path, capitals, own):
    """With its vocabulary named as the run's, too, and without."""
    if own:
        uncased(tmp_path / "start")
    else:
        foreign(tmp_path / "start", do_lower_case=True)
    for vocabulary in (tiny().vocabulary, None):
        settings = tiny(start=str(tmp_path / "start"), text=capitals, vocabulary=vocabulary)
        loop = Loop(settings)
        assert loop.tokenizer.lowercase and loop.tokenizer.tokens == TOKENIZER.tokens
        assert not any((table.ids == TOKENIZER.id("[UNK]")).any() for table in loop.batches.tables)
    run = tmp_path / f"run of {own}"
    pretrain(settings, run)
    assert load_tokenizer_of(run / "checkpoint").lowercase


def foreign(path: Path, rows: int | None = None, vocabulary: bool = True, **said) -> None:
    """A BERT of transformers, with the vocabulary of the text."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=rows or len(TOKENIZER), intermediate_size=64, **sizes)
    BertForMaskedLM(config).save_pretrained(path)
    if vocabulary:
        TOKENIZER.save(path / "vocab.txt")
        (path / "tokenizer_config.json").write_text(json.dumps(said))


def test_a_foreign_start_without_a_vocabulary_is_refused(tiny, tmp_path):
    """Of the same size as the course's: its ids would be read as other pieces."""
    foreign(tmp_path / "start", rows=len(load_tokenizer()), vocabulary=False)
    settings = tiny(start=str(tmp_path / "start"), vocabulary=None)
    with pytest.raises(ValueError, match=r"start' has no vocabulary, .*--vocabulary VOCAB"):
        pretrain(settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_casing_of_a_vocabulary_file_is_seen_said_or_in_its_name(tiny, tmp_path, capitals):
    path = tmp_path / "uncased.txt"
    TOKENIZER.save(path)
    plain = tiny().vocabulary
    for settings, lowercase in (
        (tiny(vocabulary=str(path)), True),
        (tiny(vocabulary=str(path), lowercase=False), False),
        (tiny(), False),
        (tiny(lowercase=True), True),
        (tiny(vocabulary=None), False),
        (tiny(vocabulary=None, lowercase=True), True),
    ):
        assert run_tokenizer(settings).lowercase is lowercase, settings
    words = [f"{a}{b}" for a in string.ascii_lowercase for b in string.ascii_lowercase]
    many = [*TOKENIZER.tokens, *(w for w in words if w not in TOKENIZER.tokens)]
    many += [f"x{w}" for w in words]
    Path(tmp_path / "vocab.txt").write_text("\n".join(many), encoding="utf-8")
    assert run_tokenizer(tiny(vocabulary=str(tmp_path / "vocab.txt"))).lowercase
    run = tmp_path / "run"
    pretrain(tiny(vocabulary=plain, lowercase=True, text=capitals), run)
    assert load_tokenizer_of(run / "checkpoint").lowercase


@pytest.mark.parametrize("own", [True, False])
def test_padded_word_embeddings_are_trained_saved_and_never_guessed(tiny, tmp_path, own):
    rows = -(-len(TOKENIZER) // 64) * 64
    assert rows > len(TOKENIZER)
    make = uncased if own else functools.partial(foreign, do_lower_case=True)
    make(tmp_path / "start", rows=rows)
    settings = tiny(start=str(tmp_path / "start"), validation=tiny().text)
    run = pretrain(settings, tmp_path / "run")
    with torch.no_grad():
        run.model.mlm.bias[len(TOKENIZER) :] = 99.0
    save_model(tmp_path / "again", run.model, provenance={})
    for folder in (tmp_path / "run" / "checkpoint", tmp_path / "again"):
        model = load_model(folder)
        assert len(model.mlm.bias) == rows and len(model.tokenizer) == len(TOKENIZER)
        blank = fill("the [MASK] king", model, top=rows).blanks[0]
        assert len(blank.guesses[0]) == len(TOKENIZER)
        held = held_out_questions(settings, model.tokenizer)[0][12]["tokens"]
        found = mlm_answers(model, held)
        assert found.guess.max() < len(TOKENIZER) and found.cross_entropy < 10
        assert film_frame(model, model.tokenizer)["mlm_top"].max() < len(TOKENIZER)


def test_a_start_that_cannot_read_this_text_is_refused(tiny, here, tmp_path):
    model = new_model(tiny(), TOKENIZER)
    model.tokenizer = WordPieceTokenizer(TOKENIZER.tokens[::-1][:-5] + TOKENIZER.tokens[:5])
    save_model(tmp_path / "other", model, provenance={})
    with pytest.raises(ValueError, match=r"with another vocabulary.*give its vocab\.txt"):
        pretrain(tiny(start=str(tmp_path / "other")), tmp_path / "run")
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
