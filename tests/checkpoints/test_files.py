"""A bad file is refused by name, and no code of a file ever runs."""

import argparse
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spanbert_teach.checkpoints import load_encoder, open_weights, save_checkpoint

from .tiny import assert_same, tiny, write_folder


def test_weights_in_several_files(tmp_path):
    tensors = tiny().state_dict()
    folder = write_folder(tmp_path / "parts", {"none": torch.ones(1)})
    (folder / "model.safetensors").unlink()
    parts = {n: f"model-0000{1 + (i > 9)}-of-00002.safetensors" for i, n in enumerate(tensors)}
    for part in set(parts.values()):
        save_file({n: tensors[n] for n in tensors if parts[n] == part}, folder / part)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": parts}))
    assert_same(load_encoder(folder).state_dict(), tensors)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"names 'model-00002.*', but it is not there"):
        load_encoder(folder)
    index.write_text(json.dumps({"weight_map": {"a": "../a.safetensors"}}))
    with pytest.raises(ValueError, match="not a file beside it"):
        load_encoder(folder)


def test_a_torch_file_in_several_files(tmp_path):
    """As transformers wrote large models before safetensors: pytorch_model.bin.index.json."""
    tensors = tiny().state_dict()
    folder = write_folder(tmp_path / "parts", {"none": torch.ones(1)})
    (folder / "model.safetensors").unlink()
    parts = {n: f"pytorch_model-0000{1 + (i > 9)}-of-00002.bin" for i, n in enumerate(tensors)}
    for part in set(parts.values()):
        torch.save({n: tensors[n] for n in tensors if parts[n] == part}, folder / part)
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": parts}))
    assert_same(load_encoder(folder).state_dict(), tensors)
    (folder / "pytorch_model-00001-of-00002.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"names 'pytorch_model-00001.*not there"):
        load_encoder(folder)


# --- bad checkpoints -----------------------------------------------------------------------------


def change(folder: Path, **changes) -> None:
    """Change entries of config.json; ... takes one out."""
    path = folder / "config.json"
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({n: v for n, v in content.items() if v is not ...}))


def retensor(folder: Path, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def gpt2(folder: Path) -> None:
    names = {"wte.weight": (50, 8), "wpe.weight": (16, 8), "h.0.attn.c_attn.weight": (8, 24)}
    save_file({n: torch.ones(s) for n, s in names.items()}, folder / "model.safetensors")


def weights(raw: bytes):
    return lambda folder: (folder / "model.safetensors").write_bytes(raw)


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def only(*names: str):
    def make(folder: Path) -> None:
        empty(folder)
        for name in names:
            (folder / name).write_text("x")

    return make


QUERY = "encoder.layer.1.attention.self.query.weight"
BAD = {
    "cut off": (
        cut_off,
        r"is cut off: it should have [\d,]+ bytes and has [\d,]+\. \d+ of 42 .*\(8,",
    ),
    "cut in the header": (weights(b'\x40\x02\0\0\0\0\0\0{"a":'), "damaged from its start"),
    "no byte": (weights(b""), r"is empty \(0 bytes\)"),
    "JPEG": (weights(b"\xff\xd8\xff\xe0" + b"J" * 99), "no safetensors file but a JPEG picture"),
    "web page": (weights(b"<!DOCTYPE html><html>"), "a web page, saved in place"),
    "LFS": (weights(b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "torch file": (weights(b"PK\x03\x04" + b"x" * 99), "which is called pytorch_model.bin"),
    "GPT-2": (gpt2, r"holds no BERT: of the 37 tensors .* 'h\.0\.attn\.c_attn\.weight', 'wpe"),
    "other shapes": (
        lambda f: change(f, hidden_size=12, intermediate_size=12),
        r"'embeddings\.word_embeddings\.weight' has the shape \(18, 8\), expected \(18, 12\)",
    ),
    "one shape": (
        lambda f: retensor(f, lambda t: t.update({QUERY: torch.ones(8, 6)})),
        rf"'{QUERY}' has the shape \(8, 6\), expected \(8, 8\)\.$",
    ),
    "other vocabulary": (
        lambda f: change(f, vocab_size=30_522),
        r"word_embeddings\.weight' has the shape \(18, 8\), expected \(30522, 8\)\.$",
    ),
    "missing": (
        lambda f: retensor(f, lambda t: t.pop(QUERY)),
        rf"lacks 1 of .* 37 tensors: '{QUERY}'",
    ),
    "missing layers": (
        lambda f: change(f, num_hidden_layers=4),
        r"has tensors of 2 layers, and the config\.json .* says num_hidden_layers=4\.",
    ),
    "layers too many": (
        lambda f: change(f, num_hidden_layers=1),
        r"does not have: 'encoder\.layer\.1\..* and 11 more.*fewer layers",
    ),
    "adapters": (
        lambda f: retensor(f, lambda t: t.update({"encoder.layer.0.lora_A": torch.ones(2)})),
        r"does not have: 'encoder\.layer\.0\.lora_A'",
    ),
    "another model": (lambda f: change(f, model_type="roberta"), "says model_type='roberta'"),
    "another activation": (lambda f: change(f, hidden_act="gelu_new"), "hidden_act='gelu_new'"),
    "no size": (lambda f: change(f, hidden_size=...), "does not say hidden_size"),
    "odd heads": (
        lambda f: change(f, num_attention_heads=3),
        r"config\.json.*num_attention_heads=3",
    ),
    "no config": (lambda f: (f / "config.json").unlink(), r"There is no config\.json in"),
    "no JSON": (
        lambda f: (f / "config.json").write_text("{,"),
        r"config\.json' is not JSON: .*line 1",
    ),
    "a list": (lambda f: (f / "config.json").write_text("[]"), "holds list: expected an object"),
    "later format": (
        lambda f: change(f, spanbert_teach={"format_version": 2}),
        "is of format 2, from a later spanbert-teach",
    ),
    "no format": (lambda f: change(f, spanbert_teach={}), "has no format_version"),
    "half a record": (lambda f: change(f, spanbert_teach={"format_version": 1}), "is incomplete"),
    "empty folder": (empty, "no weights in .* The folder is empty"),
    "other files": (only("notes.txt", "b"), r"no weights in .* There is: b, notes\.txt"),
    "TensorFlow": (only("tf_model.h5"), r"There is tf_model\.h5: not for torch"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_checkpoint_is_refused_by_name(saved, bad):
    make, message = BAD[bad]
    make(saved)
    with pytest.raises((OSError, ValueError), match=message) as error:
        load_encoder(saved)
    assert str(saved) in str(error.value)


def test_no_permission(saved, monkeypatch):
    """Told by a stand-in, since the user of a test may be allowed everything."""
    for name, what in (("iterdir", "folder"), ("open", "file")):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, refuse)
            with pytest.raises(PermissionError, match=f"The {what} .* may not be read by you"):
                load_encoder(saved)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(PermissionError, match="Nothing may be written in"):
            save_checkpoint(saved, tiny(), provenance={})


def refuse(*arguments, **options):
    raise PermissionError(13, "Permission denied")


# --- no code of a file ever runs -----------------------------------------------------------------


class Evil:
    """Unpickled, it would make a folder."""

    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("kind", ["zipped", "old", "namespace", "plain pickle", "renamed"])
def test_a_pickle_with_code_is_not_run(tmp_path, saved, kind):
    ran = tmp_path / "ran"
    (saved / "model.safetensors").unlink()
    path = saved / "pytorch_model.bin"
    content = {"a": torch.ones(2), "b": Evil(ran)}
    if kind == "namespace":
        content = {"model": {}, "args": argparse.Namespace(evil=Evil(ran))}
    if kind == "plain pickle":
        path.write_bytes(pickle.dumps(content["b"]))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind != "old")
    if kind == "renamed":
        path.rename(saved / "model.safetensors")
    with pytest.raises(ValueError) as error:
        load_encoder(saved)
    assert not ran.exists()
    if kind in ("zipped", "old", "namespace"):
        assert ".mkdir would have to run" in str(error.value)
    if kind != "renamed":
        assert "nothing in it was run" in str(error.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"\xff\xd8\xff\xe0" + b"J" * 99, r"no file of torch\.save\(\) but a JPEG"),
        (b"hello, this is no model", r"is no file of torch\.save"),
        (None, "is cut off or damaged"),
        (..., "is cut off or damaged"),
    ],
)
def test_a_damaged_torch_file(saved, raw, message):
    (saved / "model.safetensors").unlink()
    path = saved / "pytorch_model.bin"
    if not isinstance(raw, bytes):
        content = {"a": torch.ones(2000)}
        torch.save(content, path, _use_new_zipfile_serialization=raw is None)
        raw = path.read_bytes()[:3000]
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=message):
        load_encoder(saved)


def test_a_torch_file_without_tensors(saved):
    torch.save([torch.ones(1)], saved / "pytorch_model.bin")
    with pytest.raises(ValueError, match="holds list, without a tensor"):
        open_weights(saved / "pytorch_model.bin")
