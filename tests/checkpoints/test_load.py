"""Checkpoints come back bit for bit, from us, from transformers and from the official file."""

import argparse
import json
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertTokenizer

from spanbert_teach.checkpoints import (
    WORDS,
    load_checkpoint,
    load_encoder,
    load_model,
    load_tokenizer_of,
    save_checkpoint,
    save_model,
)
from spanbert_teach.checkpoints.places import COURSE
from spanbert_teach.objectives import SpanBert
from spanbert_teach.tokenization import SPECIAL_TOKENS, WordPieceTokenizer, load_tokenizer

from .layouts import official
from .tiny import MLM, SBO, TINY, TOKENS, H, assert_same, heads, tiny, tokenizer, write_folder

# --- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize("pooler", [False, True])
def test_a_checkpoint_comes_back_bit_for_bit(tmp_path, pooler):
    encoder = tiny(pooler=pooler).train()
    extras = heads(MLM | SBO) | {
        "decoder.bert.strange": torch.ones(2, dtype=torch.float64),
        "steps": torch.tensor(7),
    }
    provenance = {"data": "Straße", "steps": 7, "nested": {"seeds": [1, 2]}}
    save_checkpoint(
        tmp_path / "new" / "first",
        encoder,
        tokenizer=tokenizer(lowercase=True),
        provenance=provenance,
        extras=extras,
    )
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["first"]
    found = load_checkpoint(tmp_path / "new" / "first")
    assert_same(found.encoder.state_dict(), encoder.state_dict())
    assert_same(found.extras, extras)
    assert found.encoder.config == TINY and not found.encoder.training
    assert all(parameter.requires_grad for parameter in found.encoder.parameters())
    assert found.provenance == provenance
    assert found.tokenizer.tokens == TOKENS and found.tokenizer.lowercase
    assert found.part("sbo").keys() == {name.removeprefix("sbo.") for name in SBO}
    assert_same(load_encoder(tmp_path / "new" / "first").state_dict(), encoder.state_dict())
    assert load_tokenizer_of(tmp_path / "new" / "first").lowercase


def test_what_is_loaded_is_free_of_the_file(saved):
    found = load_checkpoint(saved)
    weights = {name: tensor.clone() for name, tensor in found.encoder.state_dict().items()}
    (saved / "model.safetensors").write_bytes(b"")
    assert_same(found.encoder.state_dict(), weights)
    assert_same(found.extras, heads(MLM))


# --- the layouts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_a_folder_of_transformers(tmp_path, prefix):
    """With the counter of old versions, and a head that nobody here knows."""
    tensors = {prefix + n: t.clone() for n, t in tiny(pooler=True).state_dict().items()}
    tensors[f"{prefix}embeddings.position_ids"] = torch.arange(16)[None]
    tensors["qa_outputs.weight"] = torch.ones(2, H)
    found = load_checkpoint(write_folder(tmp_path / "hf", tensors))
    assert_same(found.encoder.state_dict(), tiny(pooler=True).state_dict())
    assert list(found.extras) == ["qa_outputs.weight"]
    assert found.provenance == {} and found.tokenizer is None


@pytest.mark.parametrize("zipped", [True, False])
def test_spanbert_of_the_hub(tmp_path, zipped):
    """16 bits, an old torch file, bert. before all names, no model_type, no tokenizer settings."""
    half = {f"bert.{name}": t.half() for name, t in tiny().state_dict().items()}
    left_out = {"model_type": ..., "layer_norm_eps": ..., "pad_token_id": ...}
    folder = write_folder(
        tmp_path / "spanbert-base-cased",
        {"x": torch.ones(1)},
        config=left_out,
        vocab_txt="\n".join(TOKENS),
    )
    (folder / "model.safetensors").unlink()
    torch.save(half, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    encoder = load_encoder(folder)
    assert encoder.config == TINY
    assert_same(encoder.state_dict(), {n: t.half().float() for n, t in tiny().state_dict().items()})
    assert not load_tokenizer_of(folder).lowercase


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("flat", [True, False])
def test_the_official_file_with_heads(tmp_path, zipped, flat):
    tensors = tiny().state_dict() | heads(MLM | SBO)
    folder = write_folder(tmp_path / "large_with_head", {"x": torch.ones(1)})
    (folder / "model.safetensors").unlink()
    settings = argparse.Namespace(arch="cased_bert_pair_large", lr=[1e-4], no_nsp=True)
    content = official(tensors) if flat else {"args": settings, "model": official(tensors)}
    torch.save(content, folder / "model.pt", _use_new_zipfile_serialization=zipped)
    found = load_checkpoint(folder)
    assert_same(found.encoder.state_dict(), tiny().state_dict())
    assert_same(found.extras, heads(MLM | SBO))
    (folder / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no config\.json.*num_attention_heads"):
        load_encoder(folder)


# --- whole models -------------------------------------------------------------------------------


@pytest.mark.parametrize("sbo", [True, False])
def test_a_model_comes_back_rounded_to_16_bits(tmp_path, sbo):
    model = SpanBert(TINY, sbo=sbo, sbo_positions=7)
    model.tokenizer = WordPieceTokenizer(TOKENS)
    save_model(tmp_path / "model", model, provenance={})
    stored = load_file(tmp_path / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    loaded = load_model(tmp_path / "model")
    assert_same(loaded.state_dict(), {n: t.half().float() for n, t in model.state_dict().items()})
    words = loaded.encoder.embeddings.word_embeddings.weight
    assert loaded.mlm.decoder.weight is words and not loaded.training
    assert loaded.sbo is None or loaded.sbo.decoder.weight is words
    assert loaded.tokenizer.tokens == TOKENS


@pytest.mark.parametrize("name", COURSE)
def test_the_courses_own_checkpoints(name):
    model = load_model(name)
    assert model.tokenizer.tokens == load_tokenizer().tokens == load_tokenizer_of(name).tokens
    assert (model.sbo is not None) == (name == "course")
    assert_same(load_encoder(name).state_dict(), model.encoder.state_dict())
    assert load_checkpoint(name).provenance["settings"]["objective"] == COURSE[name]


def test_a_checkpoint_without_a_masked_lm_head(tmp_path):
    save_checkpoint(tmp_path / "encoder", tiny(), provenance={})
    with pytest.raises(ValueError, match="has no masked-LM head, so it cannot fill a blank"):
        load_model(tmp_path / "encoder")


# --- the vocabulary ------------------------------------------------------------------------------


def pieces(capitals: bool) -> list[str]:
    letters = [
        f"##{a}{b}" for a in "abcdefghijklmnopqrstuvwxyz" for b in "abcdefghijklmnopqrstuvwxyz"
    ]
    words = [a.title() if capitals else a for a in (f"{piece[2:]}x" for piece in letters)]
    return [*SPECIAL_TOKENS, *letters, *words]


def vocabulary_folder(path: Path, tokens: list[str], **settings) -> Path:
    tensors = {WORDS: torch.ones(len(tokens), H)}
    files = {"vocab_txt": "\n".join(tokens)}
    if settings:
        files["tokenizer_config_json"] = json.dumps(settings)
    return write_folder(path, tensors, config={"vocab_size": len(tokens)}, **files)


@pytest.mark.parametrize("capitals", [True, False])
def test_enough_pieces_show_their_casing_whatever_the_settings_say(tmp_path, capitals):
    plain = vocabulary_folder(tmp_path / "plain", pieces(capitals))
    assert load_tokenizer_of(plain).lowercase is not capitals
    wrong = vocabulary_folder(tmp_path / "wrong", pieces(capitals), do_lower_case=capitals)
    with pytest.warns(UserWarning, match=f"do_lower_case={capitals}, but .*its pieces show it"):
        assert load_tokenizer_of(wrong).lowercase is not capitals
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_tokenizer_of(wrong, lowercase=capitals).lowercase is capitals


@pytest.mark.parametrize(
    ("name", "said", "lowercase"),
    [
        ("bert-base-cased", None, False),
        ("bert-base-uncased", None, True),
        ("bert-base-chinese", None, True),
        ("SpanBERT-finetuned", None, False),
        ("plain", True, True),
        ("plain", False, False),
        ("spanbert-large-cased_squad", True, False),
    ],
)
@pytest.mark.filterwarnings("ignore:.*do_lower_case")
def test_few_pieces_ask_the_name_and_the_settings(tmp_path, name, said, lowercase):
    settings = {} if said is None else {"do_lower_case": said}
    assert (
        load_tokenizer_of(vocabulary_folder(tmp_path / name, TOKENS, **settings)).lowercase
        is lowercase
    )


def test_settings_that_our_tokenizer_cannot_follow(tmp_path):
    settings = {"do_lower_case": True, "strip_accents": False}
    with pytest.raises(ValueError, match="strip_accents=False"):
        load_tokenizer_of(vocabulary_folder(tmp_path / "a", TOKENS, **settings))


def test_a_tokenizer_of_transformers_5(tmp_path):
    folder = vocabulary_folder(tmp_path / "a", TOKENS)
    BertTokenizer(vocab={t: i for i, t in enumerate(TOKENS)}, do_lower_case=False).save_pretrained(
        folder
    )
    (folder / "vocab.txt").unlink()
    found = load_tokenizer_of(folder)
    assert found.tokens == TOKENS and not found.lowercase


def test_the_vocabulary_of_another_model(tmp_path, saved):
    folder = vocabulary_folder(tmp_path / "bert-cased", TOKENS)
    (folder / "vocab.txt").write_text("\n".join(pieces(True)))
    with pytest.raises(ValueError, match=r"1,357 pieces.*18 rows.*model\.safetensors"):
        load_tokenizer_of(folder)
    (folder / "vocab.txt").unlink()
    with pytest.raises(FileNotFoundError, match="no vocabulary in"):
        load_tokenizer_of(folder)
    padded = vocabulary_folder(tmp_path / "padded-cased", TOKENS)
    save_file({WORDS: torch.ones(64, H)}, padded / "model.safetensors")
    assert len(load_tokenizer_of(padded)) == 18  # the rows were rounded up to 64
    with pytest.raises(ValueError, match=r"6 pieces.*18 rows"):
        few = WordPieceTokenizer([*SPECIAL_TOKENS, "a"])
        save_checkpoint(tmp_path / "b", tiny(), tokenizer=few, provenance={})
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("load", [load_checkpoint, load_tokenizer_of])
def test_a_vocabulary_that_was_changed_after_saving(saved, load):
    path = saved / "vocab.txt"
    path.write_text(path.read_text().replace("The", "the"))
    with pytest.raises(ValueError, match=r"vocab\.txt' was changed since .*sha256"):
        load(saved)
    path.write_text("\n".join(TOKENS[:-1]))
    with pytest.raises(ValueError, match="17 pieces, but the checkpoint was saved with 18"):
        load(saved)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="no vocabulary file"):
        load(saved)
