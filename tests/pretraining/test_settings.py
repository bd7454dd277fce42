"""Settings: what is impossible is named, and what is written is read."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from spanbert_teach.pretraining import Settings, Stage, from_preset
from spanbert_teach.pretraining.settings import PRESETS


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
        ({"peak_rate": math.inf}, "peak_rate=inf: expected a finite number"),
        ({"weight_decay": math.inf}, "weight_decay=inf"),
        ({"sbo_weight": math.inf}, "sbo_weight=inf"),
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
    assert from_preset("ci", steps=4, warmup=3).warmup == 3
    with pytest.raises(ValueError, match=r"no preset 'tpu'\. Expected ci or laptop or gpu"):
        from_preset("tpu")
