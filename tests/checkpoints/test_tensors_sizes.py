"""What a checkpoint declares: its shapes are the modules' own, and what does not fit is named."""

import json
import os
import re
import socket
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spanbert_teach.checkpoints import (
    load_checkpoint,
    load_encoder,
    load_model,
    open_weights,
    save_checkpoint,
)
from spanbert_teach.checkpoints.tensors import head_shapes, layer_shapes, outer_shapes
from spanbert_teach.model import SpanBertConfig, SpanBertEncoder
from spanbert_teach.objectives import SpanBert
from spanbert_teach.xray import xray

from .tiny import MLM, SBO, TINY, H, V, heads, tiny, write_folder


def test_the_shapes_are_those_of_the_modules():
    config = SpanBertConfig(50, 12, 3, 2, 20, 9, 4)
    for pooler in (True, False):
        shapes = outer_shapes(config, pooler)
        for number in range(3):
            shapes |= layer_shapes(config, number)
        built = SpanBertEncoder(config, pooler=pooler).state_dict()
        assert shapes == {name: tuple(tensor.shape) for name, tensor in built.items()}
    model = SpanBert(config, sbo_positions=5)
    for part, shapes in head_shapes(config, (5, 200)).items():
        own = {f"{part}.{n}": tuple(t.shape) for n, t in getattr(model, part).state_dict().items()}
        assert shapes == {n: shape for n, shape in own.items() if ".decoder." not in n}


# --- heads ---------------------------------------------------------------------------------------


def change(tensors: dict, **changes) -> dict:
    """Tensors by our names with _ for the dots; ... takes one out."""
    named = {name.replace("_", "."): tensor for name, tensor in changes.items()}
    return {name: t for name, t in (tensors | named).items() if t is not ...}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mlm_bias": ...}, "its masked-LM head lacks 'mlm.bias'. load_encoder() alone reads"),
        ({"mlm_dense_weight": ..., "mlm_bias": ...}, "lacks 'mlm.dense.weight', 'mlm.bias'"),
        ({"mlm_more": torch.ones(1)}, "its masked-LM head also has 'mlm.more'"),
        ({"mlm_bias": torch.ones(V + 1)}, f"'mlm.bias' has the shape ({V + 1},), expected ({V},)"),
        ({"mlm_bias": torch.tensor(1.0)}, f"'mlm.bias' has the shape (), expected ({V},)"),
        ({"sbo_linear2_weight": torch.ones(H)}, "'sbo.linear2.weight' has the shape (8,)"),
        ({"sbo_positions_weight": torch.ones(4)}, "has the shape (4,), expected (positions, num"),
        ({"sbo_positions_weight": torch.ones(0, 4)}, "has the shape (0, 4), expected (positions"),
        ({"sbo_positions_weight": ...}, "its SBO head lacks 'sbo.positions.weight'"),
        ({"sbo_positions_weight": torch.ones(15, 5)}, "(8, 20), expected (8, 21)"),
        ({"sbo_norm3_bias": torch.ones(H)}, "its SBO head also has 'sbo.norm3.bias'"),
        ({"mlm_bias": torch.ones(V, dtype=torch.int8)}, "'mlm.bias' is of int8. Expected float64"),
    ],
)
def test_a_head_is_checked_as_the_encoder_is(tmp_path, changes, words):
    save_checkpoint(tmp_path / "a", tiny(), provenance={}, extras=heads(MLM | SBO))
    path = tmp_path / "a" / "model.safetensors"
    save_file(change(load_file(path), **changes), path)
    for load in (load_model, load_checkpoint):
        with pytest.raises(ValueError) as error:
            load(tmp_path / "a")
        assert words in str(error.value) and str(path) in str(error.value)
    assert load_encoder(tmp_path / "a").config == TINY


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    extras = change(heads(MLM), mlm_bias=...)
    with pytest.raises(ValueError, match=r"its masked-LM head lacks 'mlm\.bias'"):
        save_checkpoint(tmp_path / "a", tiny(), provenance={}, extras=extras)
    assert list(tmp_path.iterdir()) == []


def test_positions_of_another_size_are_read_and_are_no_model(tmp_path):
    save_checkpoint(tmp_path / "a", tiny(), provenance={}, extras=heads(MLM | SBO))
    assert load_checkpoint(tmp_path / "a").extras["sbo.positions.weight"].shape == (15, 4)
    with pytest.raises(ValueError, match=r"has 4 numbers for each position. Expected 200"):
        load_model(tmp_path / "a")


def test_two_layouts_in_one_file(tmp_path):
    tensors = tiny().state_dict() | {"bert.embeddings.LayerNorm.gamma": torch.ones(H)}
    folder = write_folder(tmp_path / "a", tensors)
    for load in (load_encoder, load_checkpoint, load_model):
        with pytest.raises(ValueError, match=r"model\.safetensors': '.*: the file mixes two lay"):
            load(folder)


# --- files of torch.save() -----------------------------------------------------------------------


ODD = {
    "sparse": lambda: torch.eye(H).to_sparse(),
    "sparse rows": lambda: torch.eye(H).to_sparse_csr(),
    "quantised": lambda: torch.quantize_per_tensor(torch.eye(H), 0.1, 0, torch.qint8),
    "meta": lambda: torch.empty(10**6, 10**6, device="meta"),
    "complex": lambda: torch.ones(2, dtype=torch.complex64),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "one number, shown often": lambda: torch.ones(1).expand(10**6, 10**6),
    "one number, shown four times": lambda: torch.ones(1)[:, None].expand(1, 4),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ODD)
def test_a_tensor_that_is_not_plain_numbers(tmp_path, kind):
    folder = write_folder(tmp_path / "a", {})
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    torch.save(tiny().state_dict() | {"odd": ODD[kind](), "steps": 3, "names": ["a"]}, path)
    for load in (load_encoder, load_checkpoint, xray):
        with pytest.raises(ValueError) as error:
            load(folder)
        said = str(error.value)
        kinds = rf"'odd' is a {kind.split()[0]} .*tensor\. Expected plain numbers"
        assert re.search(rf"{kinds}|up to 'odd', \(1.*need", said) and str(path) in said


def test_numbers_under_many_names(tmp_path):
    """BERT's word embeddings may have three names; a thousand names would take any memory."""
    path = tmp_path / "pytorch_model.bin"
    table = torch.ones(100, 1000)
    torch.save({f"{n}.weight": table for n in range(3)}, path)
    assert len(open_weights(path)) == 3
    torch.save({f"{n}.weight": table for n in range(1000)}, path)
    with pytest.raises(ValueError, match=r"bytes, and its tensors up to '4\.weight'"):
        open_weights(path)


def test_a_packed_archive_is_not_unpacked(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    torch.save(tiny().state_dict(), path)
    with zipfile.ZipFile(path) as archive:
        files = {file: archive.read(file) for file in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, raw in files.items():
            archive.writestr(file, raw)
    with pytest.raises(ValueError, match=r"pytorch_model\.bin' is no file of torch\.save"):
        open_weights(path)


# --- what is no file -----------------------------------------------------------------------------


def index(folder: Path, parts: dict) -> None:
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))


def test_an_index_that_names_itself_or_another(saved):
    index(saved, {"a": "model.safetensors.index.json"})
    for load in (load_encoder, xray):
        with pytest.raises(ValueError, match=r"names 'model\.safetensors\.index\.json', an index"):
            load(saved)


def test_an_index_of_files_that_hold_the_same_tensor(saved):
    index(saved, {"a": "part.safetensors", "b": "twin.safetensors"})
    (saved / "twin.safetensors").write_bytes((saved / "part.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"index\.json' names two files that hold"):
        load_encoder(saved)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(path.parent)  # the name of a socket must be short
        made.bind(path.name)
        os.chdir(here)


POSIX = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes by name")


@POSIX
@pytest.mark.parametrize(
    ("make", "kind"),
    [(pipe, "a pipe"), (device, "a device"), (unix_socket, "a socket"), (Path.mkdir, "a folder")],
)
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "config.json"])
def test_what_is_no_file_is_not_opened(saved, make, kind, name):
    if name == "pytorch_model.bin":
        (saved / "model.safetensors").unlink()
    (saved / name).unlink(missing_ok=True)
    make(saved / name)
    for load in (load_encoder, load_model, xray):
        if load is xray and name == "config.json":
            continue  # which it does not need
        with pytest.raises(OSError) as error:
            load(saved)
        assert str(error.value) == f"{str(saved / name)!r} is {kind}. Expected a file."


@POSIX
def test_what_is_no_folder_is_not_opened(tmp_path):
    pipe(tmp_path / "pipe")
    with pytest.raises(NotADirectoryError, match=r"pipe' is a pipe\. Expected the folder"):
        load_model(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"pipe' is a pipe\. Expected a file"):
        xray(tmp_path / "pipe")


@POSIX
def test_a_file_of_settings_of_any_size(saved):
    os.truncate(saved / "config.json", 10**12)  # which is nearly all hole, and takes no room
    with pytest.raises(ValueError, match=r"config\.json' is longer than 100,000,000 bytes"):
        load_encoder(saved)
