"""A tensor's names in every layout, both ways."""

from dataclasses import asdict

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertModel

from spanbert_teach.checkpoints import (
    WORDS,
    layout_of,
    load_checkpoint,
    load_encoder,
    load_tokenizer_of,
    our_name,
)
from spanbert_teach.checkpoints.tensors import MLM as HEAD

from .layouts import from_layout, name_in, official, to_layout
from .tiny import MLM, SBO, TINY, TOKENS, H, assert_same, heads, tiny, write_folder


def test_the_official_names_both_ways():
    tensors = tiny().state_dict() | heads(MLM | SBO)
    assert_same(to_layout(tensors, "official"), official(tensors))
    assert_same(from_layout(official(tensors)), tensors)
    assert layout_of(official(tensors)) == "official"
    # As transformers would name the same file, with weight and bias.
    newer = {
        n.replace("gamma", "weight").replace("beta", "bias"): t
        for n, t in official(tensors).items()
    }
    assert_same(from_layout(newer), tensors)


def test_the_names_of_transformers_both_ways():
    config = BertConfig(**asdict(TINY))
    theirs = dict(BertForMaskedLM(config).eval().state_dict())
    ours = from_layout(theirs)
    assert layout_of(theirs) == "masked_lm"
    assert {n for n in ours if n.startswith("mlm.")} == set(MLM)
    assert_same(to_layout(ours, "masked_lm"), theirs)
    bare = dict(BertModel(config).state_dict())
    assert layout_of(bare) == "bert"
    assert_same(from_layout(bare), bare)
    assert_same(to_layout(bare | heads(MLM), "bert"), bare)


@pytest.mark.parametrize("layout", ["ours", "masked_lm", "official"])
def test_every_layout_and_back(layout):
    tensors = tiny(pooler=True).state_dict() | heads(MLM | SBO) | heads({"nsp.weight": (2, H)})
    tensors |= heads({"classifier.weight": (3, H)})
    assert_same(from_layout(to_layout(tensors, layout)), tensors)
    assert all(our_name(name_in(layout, name)) == name for name in tensors)


def test_two_names_of_one_tensor_are_refused():
    with pytest.raises(ValueError, match=r"'a\.LayerNorm\.gamma' and 'bert\.a\.LayerNorm\.weight'"):
        from_layout({"a.LayerNorm.gamma": torch.ones(1), "bert.a.LayerNorm.weight": torch.ones(1)})


@pytest.mark.parametrize("alone", ["decoder.weight", "decoder.bias", "both"])
def test_a_tied_tensor_by_its_other_name_alone_is_found(tmp_path, alone):
    """Who stores a tied tensor once may keep either name."""
    ours = tiny().state_dict() | heads(MLM)
    tensors = to_layout(ours, "masked_lm")
    for name, other in (("decoder.weight", f"bert.{WORDS}"), ("decoder.bias", f"{HEAD}.bias")):
        if alone in (name, "both"):
            assert f"{HEAD}.{name}" in tensors
            del tensors[other]
    folder = write_folder(tmp_path / "tied", tensors)
    found = load_checkpoint(folder)
    assert_same(found.encoder.state_dict() | found.extras, ours)
    assert layout_of(tensors) == "masked_lm"
    (folder / "vocab.txt").write_text("\n".join(TOKENS))
    assert len(load_tokenizer_of(folder, lowercase=False)) == len(TOKENS)


def test_a_decoder_of_its_own_is_said(tmp_path):
    tensors = to_layout(tiny().state_dict() | heads(MLM), "masked_lm")
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    tensors["cls.predictions.decoder.weight"] += 1
    folder = write_folder(tmp_path / "untied", tensors)
    with pytest.raises(
        ValueError, match=r"'cls\.predictions\.decoder\.weight', \(18, 8\), is not eq"
    ):
        load_checkpoint(folder)
    assert_same(load_encoder(folder).state_dict(), tiny().state_dict())
