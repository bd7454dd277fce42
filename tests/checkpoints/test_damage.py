"""A small checkpoint is damaged in a thousand ways: it loads, or one sentence names the file.

Nothing else may happen: no error of a library, no wait, no memory that the file could not fill.
"""

import json
import math
import shutil
import struct
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from spanbert_teach.checkpoints import load_checkpoint, load_model, our_name, save_model
from spanbert_teach.objectives import SpanBert
from spanbert_teach.xray import xray

from .layouts import to_layout
from .tiny import TINY, tokenizer, write_folder

try:
    from resource import RUSAGE_SELF, getrusage
except ImportError:  # Windows does not tell
    getrusage = None

# Words of Python's, Rust's and torch's errors, which say nothing to a reader.
BARE = (
    "Traceback",
    "Errno",
    "os error",
    "not supported between",
    "object is not",
    "object has no",
    "NoneType",
    "unhashable",
    "must be",
    "out of range for",
    "enforce fail",
    "size mismatch",
    "state_dict for",
    "deserializing",
    "recursion",
)
KINDS = ("ours", "theirs", "torch", "old torch")
SECONDS, MEGABYTES = 2, 64  # of one load; and how far the peak of memory may rise in a test


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A model of ours with both heads and a vocabulary, and the same as transformers names it."""
    folder = tmp_path_factory.mktemp("whole")
    model = SpanBert(TINY, generator=torch.Generator().manual_seed(1))
    model.tokenizer = tokenizer()
    save_model(folder / "ours", model, provenance={})
    tensors = load_file(folder / "ours" / "model.safetensors")
    write_folder(folder / "theirs", to_layout(tensors, "masked_lm"))
    write_folder(folder / "torch", tensors)
    (folder / "torch" / "model.safetensors").unlink()
    shutil.copytree(folder / "torch", folder / "old torch")
    named = to_layout(tensors, "masked_lm")
    torch.save(named, folder / "torch" / "pytorch_model.bin")
    old = folder / "old torch" / "pytorch_model.bin"
    torch.save(named, old, _use_new_zipfile_serialization=False)
    for kind in KINDS:  # what a first load imports is not counted below
        load_model(folder / kind)
        xray(folder / kind)
    return folder


@pytest.fixture(autouse=True)
def little_memory(whole):
    """Whatever a test tried, the peak of memory rose by no more than `MEGABYTES`."""
    before = peak()
    yield
    assert peak() - before < MEGABYTES


def peak() -> float:
    """The most memory that this process had up to now, in MB (Linux counts in KB)."""
    return getrusage(RUSAGE_SELF).ru_maxrss / 1024 if getrusage else 0.0


def copied(whole: Path, tmp_path: Path, kind: str = "ours") -> Path:
    folder = tmp_path / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    return Path(shutil.copytree(whole / kind, folder))


def said(folder: Path, load=load_model) -> str | None:
    """What loading says, which is fit to be read; None when it loads."""
    begin = time.process_time()
    try:
        str(load(folder))
        return None
    except (ValueError, OSError) as error:
        message = str(error)
        assert type(error).__module__ == "builtins" and str(folder) in message, message
        assert not [word for word in BARE if word in message], message
        assert len(message) < 1500, message
        return message
    finally:
        assert time.process_time() - begin < SECONDS


def test_undamaged_they_load(whole):
    for kind in KINDS:
        assert said(whole / kind) is None and said(whole / kind, xray) is None


# --- tensors -------------------------------------------------------------------------------------

SHAPES = {
    "left out": lambda x: None,
    "a scalar": lambda x: x.sum(),
    "a row more": lambda x: torch.cat([x, x[:1]]),
    "a row less": lambda x: x[1:],
    "no row": lambda x: x[:0],
    "an axis more": lambda x: x[None],
    "flat": lambda x: x.flatten() if x.ndim > 1 else x[:, None],
    "whole numbers": lambda x: x.to(torch.int8),
}
# One of each kind: what holds for layer 1 holds for layer 0.
TOLD = ("embeddings.", "encoder.layer.1.", "mlm.", "sbo.", "bert.", "cls.")


@pytest.mark.parametrize("kind", ["ours", "theirs"])
@pytest.mark.parametrize("change", SHAPES)
def test_a_tensor_of_another_shape(whole, tmp_path, kind, change):
    path = copied(whole, tmp_path, kind) / "model.safetensors"
    tensors = load_file(path)
    names = [name for name in tensors if name.startswith(TOLD) and ".layer.0." not in name]
    assert len(names) > 30
    for name in names:
        changed = dict(tensors) | {name: SHAPES[change](tensors[name])}
        save_file({n: t.contiguous() for n, t in changed.items() if t is not None}, path)
        fits = ".decoder." in name and change in ("left out", "whole numbers")  # a tied copy
        # What has a tied copy is found under the copy's name.
        copies = {"cls.predictions.bias", "bert.embeddings.word_embeddings.weight"}
        fits |= name in copies and change == "left out"
        fits |= "position" in name and "sbo" in our_name(name) and change.startswith("a row")
        for load in (load_model, load_checkpoint):
            assert said(path.parent, load) or fits, name
        said(path.parent, xray)


@pytest.mark.parametrize(
    "name",
    [
        "mlm.more.weight",
        "sbo.more",
        "encoder.layer.1.more",
        "encoder.layer.2.output.dense.bias",
        "embeddings.more",
        "bert.embeddings.LayerNorm.gamma",
        "cls.predictions.transform.dense.weight",
    ],
)
def test_a_tensor_too_many(whole, tmp_path, name):
    """Of ours, or a second one by a name of another layout."""
    for kind in ("ours", "theirs"):
        path = copied(whole, tmp_path, kind) / "model.safetensors"
        tensors = load_file(path)
        taken = name in tensors
        save_file(tensors | {name: torch.ones(2)}, path)
        for load in (load_model, load_checkpoint):
            message = said(path.parent, load)
            foreign = name.startswith(("bert.", "cls.")) and kind == "ours"  # no names of ours
            assert foreign or taken or message, name
        said(path.parent, xray)


# --- config.json ---------------------------------------------------------------------------------

VALUES = [None, True, False, -1, 0, 1, 3, 1.5, 8.0, "8", "", [], [8], {}, math.nan, math.inf]
VALUES += [-math.inf, 10**6, 10**9, 2**31, 10**18, -(10**18), 2**63, 10**30, 10**400, 1e300]
SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
SIZES += ("intermediate_size", "max_position_embeddings", "type_vocab_size")
RATES = ("layer_norm_eps", "hidden_dropout_prob", "attention_probs_dropout_prob")
RATES += ("initializer_range", "pad_token_id")
OTHERS = ("model_type", "hidden_act", "position_embedding_type", "is_decoder", "spanbert_teach")


@pytest.mark.parametrize("entry", [*SIZES, *RATES, *OTHERS])
def test_an_entry_of_the_config(whole, tmp_path, entry):
    path = copied(whole, tmp_path) / "config.json"
    content = json.loads(path.read_text())
    for value in VALUES:
        path.write_text(json.dumps(content | {entry: value}))
        message = said(path.parent)
        if entry in SIZES and value is not None:
            # 18 pieces of 8 numbers, 2 heads; None: what is not said is BERT's own.
            fits = value == content[entry] or (entry == "num_attention_heads" and value == 1)
            assert message or (fits and type(value) is int), value
        said(path.parent, xray)


@pytest.mark.parametrize("entry", ["format_version", "vocabulary", "provenance", "lowercase"])
def test_an_entry_of_our_record(whole, tmp_path, entry):
    path = copied(whole, tmp_path) / "config.json"
    content = json.loads(path.read_text())
    for value in VALUES:
        path.write_text(
            json.dumps(content | {"spanbert_teach": content["spanbert_teach"] | {entry: value}})
        )
        said(path.parent)
    for part in ("file", "size", "sha256"):
        for value in VALUES:
            vocabulary = content["spanbert_teach"]["vocabulary"] | {part: value}
            record = content["spanbert_teach"] | {"vocabulary": vocabulary}
            path.write_text(json.dumps(content | {"spanbert_teach": record}))
            assert said(path.parent), (part, value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '{"hidden_size": 1' + "0" * 5000 + "}",
        "[" * 100_000,
        '{"a": ' * 900 + "1" + "}" * 900,
        '{"hidden_act": ' + "[" * 900 + "]" * 900 + "}",
        '{"a": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"a": "\ud800"}',
    ],
)
@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
def test_a_text_that_is_no_config_and_no_index(whole, tmp_path, name, text):
    folder = copied(whole, tmp_path)
    (folder / "model.safetensors").rename(folder / "model.old")
    if name == "config.json":
        (folder / "model.old").rename(folder / "model.safetensors")
    (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    assert said(folder)
    assert name == "config.json" or said(folder, xray)


# --- the header of the file ----------------------------------------------------------------------

NAME = "mlm.dense.weight"


def with_header(path: Path, change) -> None:
    """Write the file again with another header; `change` may return text."""
    raw = path.read_bytes()
    [length] = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    header = change(header) or header
    text = header if isinstance(header, str) else json.dumps(header)
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode() + raw[8 + length :])


def entry(**changes):
    return lambda header: header[NAME].update(changes)


HEADERS = {
    "another dtype": (entry(dtype="F31"), "'mlm.dense.weight' is of the dtype 'F31', which is not"),
    "no dtype": (entry(dtype=None), "'mlm.dense.weight' has no proper dtype"),
    "a larger dtype": (entry(dtype="F64"), "has 128 bytes, and (8, 8) of F64 needs 512"),
    "a larger shape": (entry(shape=[8, 10**6]), "(8, 1000000) of F16 needs 16,000,000"),
    "beyond all sense": (entry(shape=[10**18, 10**18]), "needs 2,000"),
    "2^64": (entry(shape=[2**64]), "no proper dtype, shape"),
    "65 axes": (entry(shape=[1] * 65), "no proper dtype, shape"),
    "a shape of words": (entry(shape=["8", 8]), "no proper dtype, shape"),
    "a shape of truths": (entry(shape=[True, 64]), "no proper dtype, shape"),
    "a shape below 0": (entry(shape=[-8, -8]), "no proper dtype, shape"),
    "no shape": (entry(shape=8), "no proper dtype, shape"),
    "one offset": (entry(data_offsets=[0]), "no proper dtype, shape"),
    "turned offsets": (entry(data_offsets=[128, 0]), "has -128 bytes"),
    "floats": (entry(data_offsets=[0.0, 128.0]), "no proper dtype, shape"),
    "overlap": (entry(data_offsets=[0, 128]), "overlap"),
    "a hole": (lambda h: h.pop(NAME) and None, "have 128 bytes between them"),
    "past the end": (entry(data_offsets=[10**12, 10**12 + 128]), "bytes between them"),
    "no tensor": (lambda h: "{}", "belong to none"),
    "a list": (lambda h: "[]", "no list of tensors"),
    "a number for a tensor": (lambda h: h.update({NAME: 7}), "no proper dtype"),
    "notes of numbers": (lambda h: h.update(__metadata__={"a": 1}), "no list of tensors"),
    "too deep": (lambda h: "[" * 50_000, "nested too deep"),
    "deep": (lambda h: h.update(__metadata__=[[[[[[]]]]]]), "no list of tensors"),
    "twice": (
        lambda h: json.dumps(h)[:-1] + f', "{NAME}": {json.dumps(h[NAME])}}}',
        "a name twice",
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_does_not_fit(whole, tmp_path, name):
    change, words = HEADERS[name]
    path = copied(whole, tmp_path) / "model.safetensors"
    with_header(path, change)
    for load in (load_model, load_checkpoint, xray):
        assert words in said(path.parent, load)


def test_a_layer_of_any_number_is_seen_through_at_once(whole, tmp_path):
    """The X-ray counts layers, and never up to the number that a name says."""
    path = copied(whole, tmp_path) / "model.safetensors"
    more = {f"encoder.layer.{n}.output.dense.bias": torch.ones(8) for n in (5, 999_999_999)}
    more |= {f"encoder.layer.{'9' * n}.output.dense.bias": torch.ones(8) for n in (18, 5000)}
    more |= {"encoder.layer.²._": torch.ones(8), "h.٣.b": torch.ones(1), "h.1.b": torch.ones(1)}
    save_file(load_file(path) | more, path)
    assert said(path.parent, xray) is None
    finding = "Of the layers 0 to 999,999,999 999,999,996 are missing, the first is layer 2."
    assert finding in xray(path).findings
    assert said(path.parent)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_bytes_that_were_changed(whole, tmp_path_factory, data):
    """In the header of a file of safetensors, in all of one of torch; or the end is lost."""
    kind = data.draw(st.sampled_from(KINDS))
    folder = copied(whole, tmp_path_factory.mktemp("bytes"), kind)
    path = folder / ("pytorch_model.bin" if "torch" in kind else "model.safetensors")
    raw = bytearray(path.read_bytes())
    end = len(raw) if "torch" in kind else 8 + int.from_bytes(raw[:8], "little")
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        raw = raw[: data.draw(st.integers(0, len(raw)))]
    path.write_bytes(raw)
    said(folder)
    said(folder, xray)
