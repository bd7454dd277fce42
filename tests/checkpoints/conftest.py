"""No test here has a network; a checkpoint of ours to read."""

from pathlib import Path

import pytest

from spanbert_teach.checkpoints import save_checkpoint

from .tiny import MLM, heads, tiny, tokenizer


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def saved(tmp_path) -> Path:
    save_checkpoint(
        tmp_path / "saved",
        tiny(),
        tokenizer=tokenizer(),
        provenance={"steps": 3},
        extras=heads(MLM),
    )
    return tmp_path / "saved"
