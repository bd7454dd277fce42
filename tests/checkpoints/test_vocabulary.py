"""A checkpoint of another program brings its own vocabulary, casing and added tokens."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken as PeersToken
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from spanbert_teach.checkpoints import (
    WORDS,
    casing_of_file,
    load_checkpoint,
    load_model,
    load_tokenizer_of,
    save_checkpoint,
)
from spanbert_teach.filling import fill
from spanbert_teach.model import SpanBertConfig, SpanBertEncoder
from spanbert_teach.tokenization import AddedToken, WordPieceTokenizer

from .tiny import TOKENS, H, write_folder

TEXTS = ["[E1]abc[/E1] The", "a [e1] k[MASK]", "ThéRes of[/E1]b", "wordy word", "a<m>b [mask]"]


def folder_of(path: Path, tokenizer: BertTokenizer, rows: int | None = None) -> Path:
    """As transformers saves it: tokenizer.json, no vocab.txt."""
    rows = rows or len(tokenizer)
    write_folder(path, {WORDS: torch.ones(rows, H)}, config={"vocab_size": rows})
    tokenizer.save_pretrained(path)
    assert not (path / "vocab.txt").exists()
    return path


def theirs(lowercase: bool = False, **options) -> BertTokenizer:
    vocabulary = {token: number for number, token in enumerate(TOKENS)}
    return BertTokenizer(vocab=vocabulary, do_lower_case=lowercase, **options)


def change(path: Path, *keys, to) -> None:
    """One entry of a JSON file."""
    content = inner = json.loads(path.read_text(encoding="utf-8"))
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to
    path.write_text(json.dumps(content), encoding="utf-8")


# --- added tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize("lowercase", [True, False])
def test_added_tokens_have_the_ids_of_transformers(tmp_path, lowercase):
    peer = theirs(lowercase)
    peer.add_tokens(["[E1]", "[/E1]"])
    peer.add_special_tokens({"additional_special_tokens": ["<m>"]})
    peer.add_tokens([PeersToken("word", single_word=True)])
    found = load_tokenizer_of(folder_of(tmp_path / "a", peer))
    assert len(found) == len(peer) == len(TOKENS) + 4 and found.lowercase is lowercase
    for text in TEXTS:
        assert found.encode(text).ids == peer(text)["input_ids"], text
    # In the old way: a vocab.txt, and beside it ids alone.
    (tmp_path / "a" / "tokenizer.json").unlink()
    change(tmp_path / "a" / "tokenizer_config.json", "added_tokens_decoder", to={})
    (tmp_path / "a" / "vocab.txt").write_text("\n".join(TOKENS))
    added = {token.content: token.id for token in found.added}
    (tmp_path / "a" / "added_tokens.json").write_text(json.dumps(added))
    old = load_tokenizer_of(tmp_path / "a")
    assert old.tokens == found.tokens and "[E1]" in old.encode("b[E1]").tokens


def test_flags_of_programs_without_tokenizers_are_read(tmp_path):
    config = {"vocab_size": len(TOKENS) + 1}
    entry = {"content": "Abc", "normalized": False, "special": True, "lstrip": False}
    settings = {"do_lower_case": True, "added_tokens_decoder": {str(len(TOKENS)): entry}}
    files = {"vocab_txt": "\n".join(TOKENS), "tokenizer_config_json": json.dumps(settings)}
    files["added_tokens_json"] = json.dumps({"Abc": len(TOKENS)})
    folder = write_folder(tmp_path / "a", {WORDS: torch.ones(19, H)}, config=config, **files)
    found = load_tokenizer_of(folder)
    assert found.added == (AddedToken("Abc", len(TOKENS), normalized=False, special=True),)
    assert found.encode("Abc", special_tokens=False).ids == [len(TOKENS)]
    assert "Abc" not in found.encode("abc", special_tokens=False).tokens
    change(folder / "added_tokens.json", "Abc", to=3)
    with pytest.raises(ValueError, match=r"added_tokens\.json' gives 'Abc' the id 3, another file"):
        load_tokenizer_of(folder)


def test_rows_are_counted_with_the_added_tokens(tmp_path):
    """18 pieces and 6 tokens: the 24 rows are no 18 rounded up."""
    peer = theirs()
    peer.add_tokens([f"<{n}>" for n in range(6)])
    folder = folder_of(tmp_path / "a", peer)
    assert load_tokenizer_of(folder).encode("a<5>").ids[2] == 23
    save_file({WORDS: torch.ones(18, H)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="has 24 pieces, but the word embeddings have 18 rows"):
        load_tokenizer_of(folder)
    save_file({WORDS: torch.ones(27, H)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"27 rows .*or one to which tokens were added"):
        load_tokenizer_of(folder)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ([{"content": "<a>", "id": 20}], "'<a>' has the id 20.*with the id 18"),
        ([{"content": "<a>", "id": None}], r"tokenizer\.json': .*is no added token"),
        ([{"id": 18}], "is no added token"),
        ({"<a>": 18}, "the added tokens are no list"),
    ],
)
def test_added_tokens_that_cannot_be_are_named(tmp_path, added, said):
    folder = folder_of(tmp_path / "a", theirs())
    change(folder / "tokenizer.json", "added_tokens", to=added)
    with pytest.raises(ValueError, match=said) as error:
        load_tokenizer_of(folder)
    assert str(folder) in str(error.value)


def test_a_checkpoint_of_ours_keeps_added_tokens_and_padding(tmp_path):
    added = (AddedToken("[E1]", 18), AddedToken("word", 19, single_word=True))
    config = {"vocab_size": 24, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    encoder = SpanBertEncoder(SpanBertConfig(**config, intermediate_size=12))
    tokenizer = WordPieceTokenizer(TOKENS, True, added)
    save_checkpoint(tmp_path / "a", encoder, tokenizer=tokenizer, provenance={})
    peer = BertTokenizer.from_pretrained(tmp_path / "a")
    for found in (load_tokenizer_of(tmp_path / "a"), load_checkpoint(tmp_path / "a").tokenizer):
        assert found.added == added and found.tokens == tokenizer.tokens and found.lowercase
        for text in TEXTS:
            assert found.encode(text).ids == peer(text)["input_ids"], text
    change(tmp_path / "a" / "config.json", "spanbert_teach", "vocabulary", "added", to=[1])
    with pytest.raises(ValueError, match=r"config\.json': 1 is no added token"):
        load_checkpoint(tmp_path / "a")


# --- what tokenizer.json and tokenizer_config.json ask for ---------------------------------------


@pytest.mark.parametrize(
    ("keys", "to", "said"),
    [
        (("normalizer", "strip_accents"), False, "strip_accents=False, for an uncased model"),
        (("normalizer", "handle_chinese_chars"), False, "normalizer.handle_chinese_chars=False"),
        (("normalizer", "clean_text"), False, "normalizer.clean_text=False"),
        (("normalizer",), {"type": "NFC"}, "normalizer.type='NFC'"),
        (("normalizer",), None, "normalizer.type=None"),
        (("pre_tokenizer",), {"type": "Whitespace"}, "pre_tokenizer.type='Whitespace'"),
        (("pre_tokenizer",), None, "pre_tokenizer.type=None"),
        (("model", "continuing_subword_prefix"), "@@", "continuing_subword_prefix='@@'"),
        (("model", "unk_token"), "<unk>", "model.unk_token='<unk>'.*Expected '.UNK.'"),
        (("model", "max_input_chars_per_word"), 200, "max_input_chars_per_word=200"),
        (("model", "type"), "BPE", "model.type='BPE'"),
        (("decoder", "prefix"), "@@", "decoder.prefix='@@'"),
        (("post_processor", "single"), [], "post_processor.single=.*CLS. A .SEP"),
    ],
)
def test_a_tokenizer_json_that_cuts_in_another_way_is_refused_by_name(tmp_path, keys, to, said):
    folder = folder_of(tmp_path / "a", theirs(lowercase=True))
    change(folder / "tokenizer.json", *keys, to=to)
    with pytest.raises(ValueError, match=rf"tokenizer\.json' says {said}|says .*{said}"):
        load_tokenizer_of(folder)


@pytest.mark.parametrize(
    ("entry", "to"),
    [
        ("tokenize_chinese_chars", False),
        ("do_basic_tokenize", False),
        ("never_split", ["a"]),
        ("mask_token", "<mask>"),
        ("unk_token", {"content": "<unk>"}),
        ("tokenizer_class", "BertJapaneseTokenizer"),
    ],
)
def test_settings_that_cut_in_another_way_are_refused_by_name(tmp_path, entry, to):
    folder = folder_of(tmp_path / "a", theirs())
    change(folder / "tokenizer_config.json", entry, to=to)
    with pytest.raises(ValueError, match=rf"tokenizer_config\.json' says {entry}="):
        load_tokenizer_of(folder)


@pytest.mark.parametrize("lowercase", [True, False])
def test_small_letters_of_the_normalizer_are_honoured(tmp_path, lowercase):
    folder = folder_of(tmp_path / "a", theirs(lowercase, strip_accents=lowercase))
    (folder / "tokenizer_config.json").unlink()
    assert load_tokenizer_of(folder).lowercase is lowercase
    with pytest.raises(ValueError, match=f"strip_accents={lowercase}, for a"):
        load_tokenizer_of(folder, lowercase=not lowercase)


@pytest.mark.parametrize("to", [None, [], "5", 5.0, True, -1, 4, 18, 10**18, {}])
def test_ids_that_are_no_row_of_numbers_are_said(tmp_path, to):
    folder = folder_of(tmp_path / "a", theirs())
    change(folder / "tokenizer.json", "model", "vocab", "a", to=to)
    with pytest.raises(ValueError, match=r"tokenizer\.json': '.*' has the id .*Expected 0 to 17"):
        load_tokenizer_of(folder)


@pytest.mark.parametrize("content", [{}, {"model": {"type": "WordPiece"}}, {"model": []}])
def test_a_tokenizer_json_without_a_vocabulary_is_said(tmp_path, content):
    folder = folder_of(tmp_path / "a", theirs())
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"another kind of tokenizer|model\.type=\[\]"):
        load_tokenizer_of(folder)


def test_two_vocabularies_in_one_folder_are_said(tmp_path):
    folder = folder_of(tmp_path / "a", theirs())
    (folder / "vocab.txt").write_text("\n".join(TOKENS))
    assert load_tokenizer_of(folder).tokens == TOKENS
    (folder / "vocab.txt").write_text("\n".join([*TOKENS[:-2], *TOKENS[:-3:-1]]))
    with pytest.raises(ValueError, match=r"vocab\.txt and tokenizer\.json in .* different"):
        load_tokenizer_of(folder)


def test_the_casing_of_a_vocabulary_file():
    letters = "abcdefghijklmnopqrstuvwxyzäöüåøæéèêë"
    small = [f"{first}{second}" for first in letters for second in letters]
    assert casing_of_file("cased.txt", small) is True
    assert casing_of_file("uncased.txt", [word.title() for word in small]) is False
    few = {"uncased.txt": True, "bert-cased.txt": False, "vocab.txt": None}
    assert {name: casing_of_file(name, TOKENS) for name in few} == few


# --- a whole model -------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [len(TOKENS) + 1, 24])
def test_fill_with_a_model_of_transformers(tmp_path, rows):
    """Its own tokenizer, an added token, padded rows; the shares are those of transformers."""
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=rows,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=12,
        max_position_embeddings=16,
    )
    peer, model = theirs(lowercase=True), BertForMaskedLM(config).eval()
    peer.add_tokens(["[E1]"])
    model.save_pretrained(tmp_path / "a")
    with torch.no_grad():
        model.cls.predictions.bias[len(peer) :] = 99.0  # a row of no piece: never guessed
        model.cls.predictions.bias[: len(peer)] = torch.randn(len(peer))
    model.save_pretrained(tmp_path / "a")
    peer.save_pretrained(tmp_path / "a")
    ours = load_model(tmp_path / "a")
    assert ours.tokenizer.tokens == [*TOKENS, "[E1]"] and ours.tokenizer.lowercase
    text = "A [E1] [MASK] bc"
    [blank] = fill(text, ours, top=99).blanks
    ids = peer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = model(ids).logits[0, ids[0] == peer.mask_token_id][0, : len(peer)]
    expected = dict(zip(ours.tokenizer.tokens, logits.softmax(-1).tolist(), strict=True))
    assert dict(blank.guesses[0]) == pytest.approx(expected, abs=1e-5)
    assert load_model(tmp_path / "a", lowercase=False).tokenizer.lowercase is False


def test_a_model_without_a_vocabulary_says_so(tmp_path):
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=18, intermediate_size=12, **sizes)
    BertForMaskedLM(config).save_pretrained(tmp_path / "a")
    model = load_model(tmp_path / "a")
    assert model.tokenizer is None
    with pytest.raises(ValueError, match=r"no tokenizer: it came without a vocabulary.*vocab\.txt"):
        fill("a [MASK]", model)
