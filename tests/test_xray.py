"""The X-ray counts right, sees what is missing, and two checkpoints differ by what they should."""

import torch
from checkpoints.layouts import official, to_layout
from checkpoints.tiny import MLM, SBO, TINY, heads, tiny, write_folder
from pytest import approx, fixture, mark
from safetensors.torch import save_file

from spanbert_teach import cli
from spanbert_teach.checkpoints import WORDS, save_checkpoint
from spanbert_teach.model import SpanBertConfig, SpanBertEncoder
from spanbert_teach.xray import difference, relative_difference, xray

SEGMENTS = "embeddings.token_type_embeddings.weight"


@fixture
def saved(tmp_path):
    save_checkpoint(tmp_path / "saved", tiny(pooler=True), provenance={}, extras=heads(MLM | SBO))
    return tmp_path / "saved"


def said(path, words: str) -> bool:
    return any(words in finding for finding in xray(path).findings)


def save(path, tensors):
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, path)
    return path


def test_it_counts_what_is_there(saved):
    ray = xray(saved)
    inside = tiny(pooler=True).state_dict() | heads(MLM | SBO)
    assert ray.parameters == sum(tensor.numel() for tensor in inside.values())
    assert ray.bytes == 4 * ray.parameters and ray.layout == "ours" and ray.source == "saved"
    for fact in ray.tensors:
        assert fact.norm == approx(inside[fact.name].double().norm().item())
        assert fact.shape == inside[fact.name].shape and fact.dtype == "float32"
    assert {part: len(facts) for part, facts in ray.parts().items()} == {
        "embeddings": 5,
        "layers": 32,
        "pooler": 2,
        "MLM head": 5,
        "SBO head": 10,
    }
    assert not any(finding.startswith("No ") for finding in ray.findings)


def test_it_reads_the_same_in_every_layout_and_twice(saved, tmp_path):
    tensors = tiny(pooler=True).state_dict() | heads(MLM | SBO)
    for layout in ("masked_lm", "official"):
        path = save(tmp_path / f"{layout}.safetensors", to_layout(tensors, layout))
        ray = xray(path)
        assert ray.layout == layout and ray.parameters == xray(saved).parameters
        assert any("mlm.decoder.weight is the word embeddings" in f for f in ray.findings)
        assert set(difference(saved, path).relative.values()) == {0}
        assert not difference(saved, path).only_first and not difference(saved, path).only_second
    assert str(xray(saved)) == str(xray(saved)) == repr(xray(saved))
    assert str(tmp_path) not in str(xray(saved))


def test_layers_share_a_line_and_come_in_order(tmp_path):
    config = SpanBertConfig.course(vocab_size=20, num_hidden_layers=11, hidden_size=8)
    save_checkpoint(tmp_path / "deep", SpanBertEncoder(config), provenance={})
    ray = xray(tmp_path / "deep")
    names = [fact.name for fact in ray.parts()["layers"] if "query.weight" in fact.name]
    assert names == [f"encoder.layer.{n}.attention.self.query.weight" for n in range(11)]
    assert "encoder.layer.[0-10].attention.self.query.weight" in str(ray)
    assert max(map(len, str(ray).splitlines())) < 150
    assert said(tmp_path / "deep", "every bias of every layer is 0")


def test_it_says_what_is_missing_and_what_that_means(tmp_path):
    tensors = tiny().state_dict()
    path = tmp_path / "a.safetensors"
    save(path, tensors)
    for words in ("No MLM head: fill-mask would be random", "No SBO head", "No pooler"):
        assert said(path, words)
    del tensors["encoder.layer.1.output.dense.bias"]
    del tensors[SEGMENTS]
    save(path, tensors)
    assert said(path, "Layer 1 is not whole: it lacks output.dense.bias.")
    assert said(path, "No segment embeddings")
    save(path, {WORDS: torch.ones(20, 8)})
    assert said(path, "these are embeddings alone")


def test_it_says_what_is_unusual(tmp_path):
    path = tmp_path / "a.safetensors"
    tensors = tiny(pooler=True).state_dict()
    tensors["pooler.dense.bias"].zero_()
    save(path, {f"bert.{name}": t.half() for name, t in tensors.items()})
    assert said(path, "float16: 39 of 39") and said(path, "Pooler: it looks never trained")
    tensors[WORDS][3, 4] = float("nan")
    save(path, tensors)
    assert said(path, f"Broken: there are NaNs or infinities in {WORDS}.")


@mark.parametrize(
    ("scale", "words"),
    [
        (1, "Row 1 looks never trained: it still has the norm of a fresh one"),
        (0.001, "Row 1 looks never trained: only weight decay"),
        (3, "A fresh row has about 0.55."),
    ],
)
def test_the_segment_row_that_spanbert_never_uses(tmp_path, scale, words):
    path, fresh = tmp_path / "a.safetensors", 0.02 * 768**0.5
    row = torch.full((768,), 0.02)
    save(path, {WORDS: torch.ones(2, 768), SEGMENTS: torch.stack([3 * row, scale * row])})
    [finding] = [f for f in xray(path).findings if f.startswith("Segment")]
    assert f"row 1 has the norm {scale * fresh:.3g}" in finding and words in finding
    assert ("never trained" in finding) == (scale != 3)


def test_a_file_of_another_model(tmp_path):
    path = save(tmp_path / "gpt2.safetensors", {"h.0.attn.weight": torch.ones(8, 24)})
    ray = xray(path)
    assert ray.layout is None and list(ray.parts()) == ["other"]
    assert ray.findings == (
        f"No BERT: there is no {WORDS!r}, by any of its names. It begins 'h.0.attn.weight'.",
    )
    assert "another kind of model" in str(ray)


def test_minilm():
    ray = xray("minilm")
    assert ray.parameters == 22_713_216 and ray.source == "minilm" and ray.layout == "bert"
    assert f"{ray.parts()['embeddings'][0].size}" == "384"
    assert said("minilm", "row 0 has the norm 0.482; row 1 has the norm 0.466")


# --- two checkpoints -----------------------------------------------------------------------------


def test_the_relative_difference():
    a, b = torch.randn(2, 50, 50, generator=torch.Generator().manual_seed(1))
    assert relative_difference(a, a) == 0 == relative_difference(a * 0, a * 0)
    assert relative_difference(a, -a) == approx(2)
    assert relative_difference(a, b) == approx(2**0.5, abs=0.1)
    assert relative_difference(a, b) == relative_difference(b, a)
    assert relative_difference(a, a * 1.01) == approx(0.00995, abs=1e-4)


def test_the_difference_of_two(tmp_path, saved):
    tensors = tiny().state_dict()
    query = "encoder.layer.1.attention.self.query.weight"
    tensors[query] = -tensors[query]
    tensors[WORDS] = torch.ones(30, TINY.hidden_size)
    other = write_folder(tmp_path / "other", official(tensors | heads(MLM | SBO)))
    found = difference(saved, other)
    assert {name for name, value in found.relative.items() if value} == {query}
    assert found.relative[query] == approx(2)
    assert found.shapes == {WORDS: ((18, 8), (30, 8))}
    assert found.only_first == ("pooler.dense.weight", "pooler.dense.bias")
    text = str(found)
    assert "saved and other: 51 tensors compared, 50 of them equal" in text
    assert "shapes are (18, 8) and (30, 8)" in text and "- only in saved: pooler.dense.wei" in text
    assert "encoder.layer.[0-1].attention.self.query.weight            0 to 2" in text
    assert str(tmp_path) not in text


# --- the command line ----------------------------------------------------------------------------


def test_the_command_line(saved, tmp_path, capsys):
    assert cli.main(["xray", str(saved)]) == 0
    assert capsys.readouterr().out == f"{xray(saved)}\n"
    assert cli.main(["xray", str(saved), str(saved)]) == 0
    assert "54 tensors compared, 54 of them equal" in capsys.readouterr().out
    assert cli.main(["xray", str(tmp_path / "nothing")]) == 1
    assert "✗ There is no folder" in capsys.readouterr().out
    (saved / "model.safetensors").write_bytes(b"<html>")
    assert cli.main(["xray", str(saved)]) == 1
    assert "a web page" in capsys.readouterr().out
