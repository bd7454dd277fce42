"""The text of eight documents, settings of a run of a second, and one such run."""

from functools import partial
from pathlib import Path

import pytest

from spanbert_teach.pretraining import Settings, Stage, pretrain

from .runs import STEPS, TEXT, TOKENIZER


@pytest.fixture(scope="session")
def here(tmp_path_factory) -> Path:
    """A text of eight documents and its vocabulary."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "text.txt").write_text("\n\n".join(TEXT) + "\n", encoding="utf-8")
    TOKENIZER.save(folder / "vocab.txt")
    return folder


def settings_in(here: Path, **changes) -> Settings:
    """Settings of a run that takes a second; changes by name."""
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


@pytest.fixture
def tiny(here):
    """Settings of a run that takes a second; changes by name."""
    return partial(settings_in, here)


@pytest.fixture(scope="session")
def whole(here, tmp_path_factory) -> tuple[Settings, Path]:
    """Settings, dropout on, and the folder of a run that nobody disturbed."""
    settings = settings_in(here)
    folder = tmp_path_factory.mktemp("whole") / "run"
    pretrain(settings, folder)
    return settings, folder
