"""A checkpoint is saved whole or not at all, and what is saved is ours alone."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from limits import largest_file
from torch import nn
from transformers import BertModel, BertTokenizer

from spanbert_teach.checkpoints import (
    WORDS,
    load_checkpoint,
    load_encoder,
    load_tokenizer_of,
    save_checkpoint,
)
from spanbert_teach.checkpoints import writing as checkpoint_writing

from .tiny import MLM, H, V, assert_same, heads, tiny, tokenizer, write_folder

# --- there and back ------------------------------------------------------------------------------


def test_the_same_checkpoint_is_the_same_bytes(tmp_path, saved):
    again = tmp_path / "again"
    arguments = {"tokenizer": tokenizer(), "provenance": {"steps": 3}, "extras": heads(MLM)}
    save_checkpoint(again, tiny(), **arguments)
    for path in saved.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_a_head_is_stored_without_what_it_shares_with_the_encoder(tmp_path):
    encoder, head = tiny(), nn.Module()
    head.dense = nn.Linear(H, H)
    head.decoder = nn.Linear(H, V)
    head.decoder.weight = encoder.embeddings.word_embeddings.weight
    save_checkpoint(tmp_path / "a", encoder, provenance={}, heads={"own": head})
    found = load_checkpoint(tmp_path / "a")
    assert set(found.part("own")) == {"dense.weight", "dense.bias", "decoder.bias"}
    assert head.load_state_dict(found.part("own"), strict=False).missing_keys == ["decoder.weight"]
    assert found.tokenizer is None
    with pytest.raises(FileNotFoundError, match="saved without a vocabulary"):
        load_tokenizer_of(tmp_path / "a")


def test_transformers_opens_a_checkpoint_of_ours(tmp_path):
    encoder, ids = tiny(pooler=True), torch.tensor([[2, 5, 6, 7, 3]])
    save_checkpoint(tmp_path / "a", encoder, tokenizer=tokenizer(), provenance={"steps": 1})
    theirs = BertModel.from_pretrained(tmp_path / "a", attn_implementation="eager").eval()
    with torch.no_grad():
        expected, ours = theirs(ids), encoder(ids)
    torch.testing.assert_close(ours.hidden, expected.last_hidden_state, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.pooled, expected.pooler_output, atol=1e-5, rtol=0)
    cut = BertTokenizer.from_pretrained(tmp_path / "a")
    assert cut("The abs")["input_ids"] == tokenizer().encode("The abs").ids


# --- whole or not at all -------------------------------------------------------------------------


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("step", ["save_file", "config_text", "replace_folder", "rename"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_old_one(saved, monkeypatch, step, error):
    before = snapshot(saved.parent)
    renamed, rename = [], Path.rename

    def fail(*arguments, **options):
        raise error

    def fail_second(path, target):
        renamed.append(target)
        return fail() if len(renamed) == 2 else rename(path, target)

    if step == "rename":
        monkeypatch.setattr(Path, "rename", fail_second)
    else:
        monkeypatch.setattr(checkpoint_writing, step, fail)
    with pytest.raises(type(error)):
        save_checkpoint(saved, tiny(2), tokenizer=tokenizer(), provenance={"steps": 9})
    monkeypatch.undo()
    assert snapshot(saved.parent) == before
    assert_same(load_encoder(saved).state_dict(), tiny().state_dict())


def test_a_disk_without_room_is_said_in_a_sentence(saved):
    before = snapshot(saved.parent)
    with largest_file(8192), pytest.raises(OSError) as said:
        save_checkpoint(saved, tiny(2), tokenizer=tokenizer(), provenance={"steps": 9})
    expected = "saved' could not be written: a file may not become that large here"
    assert expected in str(said.value)
    assert snapshot(saved.parent) == before


def test_a_save_that_succeeds_replaces_all_of_the_old_one(saved):
    save_checkpoint(saved, tiny(2), provenance={})
    assert sorted(p.name for p in saved.iterdir()) == ["config.json", "model.safetensors"]
    assert [p.name for p in saved.parent.iterdir()] == ["saved"]
    assert_same(load_encoder(saved).state_dict(), tiny(2).state_dict())


def test_killed_between_the_two_renames(saved):
    """What is left then: the old folder under its other name, and the new one, unfinished."""
    saved.rename(saved.with_name(".saved.old"))
    unfinished = saved.with_name(".saved.unfinished-1234abcd")
    unfinished.mkdir()
    assert_same(load_encoder(saved).state_dict(), tiny().state_dict())
    os.utime(unfinished, (1, 1))
    save_checkpoint(saved, tiny(2), provenance={})
    assert [p.name for p in saved.parent.iterdir()] == ["saved"]
    assert_same(load_encoder(saved).state_dict(), tiny(2).state_dict())


def test_nothing_but_a_checkpoint_of_ours_is_replaced(tmp_path, saved):
    (saved / "notes.txt").write_text("mine")
    foreign = write_folder(tmp_path / "hf", tiny().state_dict())
    file = tmp_path / "file"
    file.write_text("mine")
    before = snapshot(tmp_path)
    for folder, message in (
        (saved, r"more than a checkpoint: notes\.txt"),
        (foreign, "did not write"),
        (file, "is a file"),
    ):
        with pytest.raises((OSError, ValueError), match=message):
            save_checkpoint(folder, tiny(2), provenance={})
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"provenance": {"path": Path("a")}}, "cannot be written as JSON.*str"),
        ({"provenance": {"loss": float("nan")}}, "cannot be written as JSON"),
        ({"provenance": ["a"]}, "expected a dictionary"),
        ({"extras": {"encoder.x": torch.ones(1)}}, r"'encoder\.x' belongs to the encoder"),
        ({"extras": {WORDS: torch.ones(1)}}, "two tensors with the name"),
        ({"extras": {"a": np.ones(1)}}, "'a' is ndarray"),
    ],
)
def test_what_cannot_be_saved_is_said(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=f"(?i){message}"):
        save_checkpoint(tmp_path / "a", tiny(), **{"provenance": {}} | arguments)
    assert list(tmp_path.iterdir()) == []
