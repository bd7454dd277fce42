"""The stored runs in data/runs are what they say: settings, logs, hashes, films."""

import json

import numpy as np
import pytest

from spanbert_teach import SENTENCE
from spanbert_teach.paths import data_path, sha256
from spanbert_teach.pretraining import CHECKPOINT, FILM, LOG, Settings
from spanbert_teach.pretraining.watch import film_steps
from spanbert_teach.tokenization import load_tokenizer
from tools import pretrain_trio
from tools.pretrain_trio import BRANCHES, FIRST_FIVE, PARENTS, ROOT, settings_of

NAMES = sorted(path.name for path in data_path("runs").iterdir() if path.is_dir())
each = pytest.mark.parametrize("name", NAMES)


def told(name: str) -> dict:
    return json.loads((data_path("runs") / name / "run.json").read_text(encoding="utf-8"))


def test_the_first_five_are_there():
    assert set(FIRST_FIVE) < set(NAMES)


@each
def test_the_command_repeats_the_run(name):
    found = told(name)
    assert found["command"] == f"python tools/pretrain_trio.py {name}"
    assert Settings.from_json(found["settings"]) == settings_of(name, ROOT / "runs")
    assert found["precision"] == "bf16" and "2 threads" in found["machine"]


@each
def test_the_log_goes_to_the_end(name):
    steps = Settings.from_json(told(name)["settings"]).steps
    lines = (data_path("runs") / name / LOG).read_text(encoding="utf-8").splitlines()
    log = [json.loads(line) for line in lines]
    assert [r["step"] for r in log] == sorted({*film_steps(steps), *range(50, steps + 1, 50)})
    assert [r["step"] for r in log if "held_out" in r] == film_steps(steps)
    assert all(np.isfinite(r["mlm"]) for r in log)


def test_the_branches_differ_in_their_objective_alone():
    settings = [told(name)["settings"] for name in BRANCHES]
    assert [one.pop("objective") for one in settings] == list(BRANCHES)
    assert settings[0] == settings[1] == settings[2]


@pytest.mark.parametrize("name", [name for name in NAMES if name in PARENTS])
def test_a_branch_begins_where_its_trunk_ends(name):
    assert told(name)["start_sha256"] == told(PARENTS[name])["weights_sha256"]


@pytest.mark.parametrize("name", BRANCHES)
def test_the_checkpoint_is_the_runs(name):
    weights = data_path("checkpoints") / name / "model.safetensors"
    assert sha256(weights) == told(name)["weights_sha256"]


@pytest.mark.parametrize("name", FIRST_FIVE)
def test_the_film(name):
    settings = Settings.from_json(told(name)["settings"])
    path = data_path("runs") / name / FILM
    assert path.stat().st_size < 1_000_000
    length, hidden = len(load_tokenizer().encode(SENTENCE)), 5  # "V ##ot ##ing Rights Act"
    with np.load(path) as film:
        assert film["step"].tolist() == film_steps(settings.steps)
        frames = len(film["step"])
        assert 20 <= frames <= 24  # the first steps of 24 round to the same ones
        seen = film["attention"]
        assert seen.dtype == np.uint8
        assert seen.shape == (frames, settings.layers, settings.heads, length, length)
        assert np.abs(seen.sum(-1) - 255.0).max() < length  # up to rounding
        heads = ("mlm", "sbo") if settings.objective == "spanbert" else ("mlm",)
        names = [f"{head}_{what}" for head in heads for what in ("top", "share")]
        assert sorted(film.files) == sorted(["step", "attention", *names])
        for head in heads:
            assert film[f"{head}_top"].shape == film[f"{head}_share"].shape == (frames, hidden, 5)
            share = film[f"{head}_share"].astype(float)
            assert (np.diff(share, axis=-1) <= 0).all() and share.sum(-1).max() <= 1.001
        if name not in PARENTS:  # from scratch: nothing is likely at first
            assert film["mlm_share"][0].max() < 0.05 < film["mlm_share"][-1].max()


def test_what_a_run_starts_from_is_trained_first(tmp_path, monkeypatch, capsys):
    trained = []

    def pretrain(settings, folder, watch):
        assert settings == settings_of(folder.name, tmp_path)
        trained.append(folder.name)
        (folder / CHECKPOINT).mkdir(parents=True)

    monkeypatch.setattr(pretrain_trio, "pretrain", pretrain)
    monkeypatch.setattr(pretrain_trio, "publish", lambda name, folder: None)
    pretrain_trio.train("spanbert", tmp_path)
    pretrain_trio.train("spanbert-again", tmp_path)
    pretrain_trio.train("plateau-fast", tmp_path)
    assert trained == ["trunk", "trunk-128", "spanbert", "spanbert-again", "plateau-fast"]
