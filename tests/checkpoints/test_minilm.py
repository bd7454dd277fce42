"""MiniLM: its real weights, and the stand-in where the package is missing."""

import torch
from transformers import BertModel

from spanbert_teach import SENTENCE
from spanbert_teach.checkpoints import load_encoder, load_tokenizer_of, minilm, places


def test_the_stand_in_has_the_names_and_shapes_of_the_real_one(monkeypatch, capsys):
    real = minilm.load_minilm()
    assert real.is_real and len(real.tokenizer) == 30_522 and real.tokenizer.lowercase
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(places, "find_spec", lambda name: None)
    assert places.minilm_folder() is None
    stand_in = minilm.load_minilm()
    said = capsys.readouterr().out
    assert not stand_in.is_real and "make minilm" in said and "means nothing" in said
    for name, value in stand_in.weights.items():
        shape = list(real.weights[name].shape)
        if name == "embeddings.word_embeddings.weight":
            shape[0] = len(stand_in.tokenizer)
        assert list(value.shape) == shape and value.dtype == real.weights[name].dtype
    assert {name for name in real.weights if "pooler" not in name} == set(stand_in.weights)


def test_the_stand_in_is_the_same_every_time():
    first, second = minilm.stand_in(10), minilm.stand_in(10)
    assert all(torch.equal(first[name], second[name]) for name in first)
    query = first["encoder.layer.0.attention.self.query.weight"]
    assert 0.019 < query.std() < 0.021


def test_minilm_gives_the_numbers_of_transformers():
    ours, cut = load_encoder("minilm"), load_tokenizer_of("minilm")
    theirs = BertModel.from_pretrained(places.minilm(), attn_implementation="eager")
    ids = torch.tensor([cut.encode(SENTENCE).ids])
    with torch.no_grad():
        found, expected = ours(ids), theirs.eval()(ids)
    assert (found.hidden - expected.last_hidden_state).abs().max() < 1e-5
    assert (found.pooled - expected.pooler_output).abs().max() < 1e-5
    assert len(cut) == 30_522 and cut.lowercase
    assert {p.dtype for p in ours.parameters()} == {torch.float32}
