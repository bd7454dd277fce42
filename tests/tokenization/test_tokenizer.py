"""The tokenizer does what BERT's does: the same ids and offsets as two other implementations."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from spanbert_teach.corpus import course_documents
from spanbert_teach.paths import data_path
from spanbert_teach.tokenization import (
    SPECIAL_TOKENS,
    WordPieceTokenizer,
    load_tokenizer,
    split_words,
)

from .peers import everything

# --- every line of the corpus -------------------------------------------------------------------


@pytest.mark.slow
def test_every_line_of_the_corpus_gives_the_ids_and_offsets_of_tokenizers(both, corpus_lines):
    tokenizer, peer = both
    for line in corpus_lines:
        ours, theirs = tokenizer.encode(line), peer.encode(line)
        assert ours.ids == theirs.ids and ours.offsets == theirs.offsets, line
    assert len(corpus_lines) > 20_000


def test_some_lines_give_every_field_of_tokenizers(both, corpus_lines):
    tokenizer, peer = both
    for line in corpus_lines[::40]:
        assert everything(tokenizer.encode(line)) == everything(peer.encode(line)), line


# --- the rules, seen from outside ----------------------------------------------------------------


def test_word_starts_are_true_once_a_word(corpus_lines):
    tokenizer = load_tokenizer()
    for line in corpus_lines[::200]:
        encoding = tokenizer.encode(line)
        assert sum(encoding.word_starts) == len(split_words(line))
        assert not encoding.word_starts[0] and not encoding.word_starts[-1]


def test_offsets_cut_the_pieces_out_of_the_text(corpus_lines):
    tokenizer = load_tokenizer()
    for line in corpus_lines[::200]:
        encoding = tokenizer.encode(line, special_tokens=False)
        for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True):
            assert token in ("[UNK]", line[start:end], "##" + line[start:end])


def test_unknown_words():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "x", "##x", "ab", "##c"])
    for text, tokens in {
        "x" * 100: ["x"] + ["##x"] * 99,
        "x" * 101: ["[UNK]"],
        "abd": ["[UNK]"],
        "abc abd": ["ab", "##c", "[UNK]"],
        "": [],
    }.items():
        assert tokenizer.encode(text, special_tokens=False).tokens == tokens


def test_the_memory_changes_nothing(monkeypatch, corpus_lines):
    monkeypatch.setattr("spanbert_teach.tokenization.tokenizer.REMEMBERED", 10)
    tokenizer, fresh = load_tokenizer(), load_tokenizer()
    for line in corpus_lines[:20] * 2:
        assert tokenizer.encode(line) == fresh.encode(line)
    assert len(tokenizer._remembered) == 10


# --- pairs, truncation, windows ------------------------------------------------------------------

SENTENCES = st.lists(
    st.sampled_from(["the", "Isthmus", "successor", ",", "zzz", "ceased", "[MASK]", "中"]),
    max_size=12,
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(
    text=SENTENCES,
    pair=st.none() | SENTENCES,
    max_length=st.none() | st.integers(3, 40),
    special=st.booleans(),
)
def test_pairs_and_truncation(both, text, pair, max_length, special):
    tokenizer, peer = both
    if max_length is not None:
        peer.enable_truncation(max_length)
    try:
        theirs = peer.encode(text, pair, add_special_tokens=special)
    finally:
        peer.no_truncation()
    ours = tokenizer.encode(text, pair, max_length=max_length, special_tokens=special)
    assert everything(ours) == everything(theirs)


@settings(max_examples=300, deadline=None)
@given(
    question=SENTENCES,
    context=st.lists(SENTENCES, max_size=6).map(" ".join),
    max_length=st.integers(4, 60),
    stride=st.integers(0, 30),
)
def test_windows(both, question, context, max_length, stride):
    tokenizer, peer = both
    room = max_length - 3 - len(tokenizer.encode(question, special_tokens=False))
    if stride >= room:
        with pytest.raises(ValueError, match="larger max_length"):
            tokenizer.encode_windows(question, context, max_length, stride)
        return
    peer.enable_truncation(max_length, stride=stride, strategy="only_second")
    try:
        theirs = peer.encode(question, context)
    finally:
        peer.no_truncation()
    windows = tokenizer.encode_windows(question, context, max_length, stride)
    expected = [everything(w) for w in (theirs, *theirs.overflowing)]
    whole = tokenizer.encode(question, context)
    places = list(zip(whole.sequence_ids, whole.offsets, strict=True))
    begins = {place for place, start in zip(places, whole.word_starts, strict=True) if start}
    for window, peers in zip(windows, expected, strict=True):
        # A window may begin inside a word: the peer's words cannot tell, ours know.
        places = zip(window.sequence_ids, window.offsets, strict=True)
        peers["word_starts"] = [place in begins for place in places]
        assert everything(window) == peers


def test_no_room_is_said():
    tokenizer = load_tokenizer()
    assert tokenizer.encode("a", max_length=2).tokens == ["[CLS]", "[SEP]"]
    for arguments in ({"text": "a", "max_length": 1}, {"text": "a", "pair": "b", "max_length": 2}):
        with pytest.raises(ValueError, match="leaves no room"):
            tokenizer.encode(**arguments)
    with pytest.raises(ValueError, match="at least 0"):
        tokenizer.encode_windows("a", "b", 10, -1)


@settings(max_examples=200, deadline=None)
@given(text=SENTENCES)
def test_decode(both, text):
    tokenizer, peer = both
    ids = tokenizer.encode(text).ids
    assert tokenizer.decode(ids) == peer.decode(ids, skip_special_tokens=False)


def test_decode_glues_pieces_and_keeps_special_tokens():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "Pan", "##ama", ","])
    assert tokenizer.decode([2, 5, 6, 7, 4, 3]) == "[CLS] Panama , [MASK] [SEP]"


# --- the vocabulary and its file -----------------------------------------------------------------


def test_the_course_vocabulary():
    tokenizer = load_tokenizer()
    assert len(tokenizer) == 8192 and not tokenizer.lowercase
    assert tuple(tokenizer.tokens[:5]) == SPECIAL_TOKENS
    assert [tokenizer.id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    assert all(tokenizer.token(tokenizer.id(token)) == token for token in tokenizer.tokens)


def test_it_is_as_good_as_one_trained_by_tokenizers(corpus_lines):
    """Pieces for the words of the held-out text: at most one per cent more."""
    peer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    peer.normalizer = normalizers.BertNormalizer(lowercase=False)
    peer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=8192, special_tokens=list(SPECIAL_TOKENS), show_progress=False
    )
    peer.train_from_iterator((p for d in course_documents("train") for p in d.paragraphs), trainer)
    held_out = [p for d in course_documents("validation") for p in d.paragraphs]
    tokenizer = load_tokenizer()
    ours = [tokenizer.encode(p, special_tokens=False) for p in held_out]
    pieces, words = (sum(map(len, ours)), sum(sum(e.word_starts) for e in ours))
    assert pieces / sum(len(peer.encode(p).ids) for p in held_out) < 1.01
    assert pieces / words < 1.15
    assert not any("[UNK]" in e.tokens for e in ours)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"[PAD]\nthe\n", r"has no \[UNK\]"),
        (json.dumps({"[UNK]": 0, "a": 1}).encode(), "looks like JSON"),
        (json.dumps({"[UNK]": 0, "a": 1}, indent=1).encode(), "looks like JSON"),
        ("[UNK]\ncafé\n".encode("latin-1"), "is not UTF-8 .byte 10"),
        (b"[UNK]\na\nb\na\n", "'a' in line 2 and in line 4"),
        (b"[UNK]\na\n\nb\n", "nothing in line 3"),
        (b"[UNK]\nthe\rcat\n", r"a line end within a piece in line 2: 'the\\rcat'"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_named(tmp_path, raw, message):
    path = tmp_path / "vocab.txt"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=message) as error:
        WordPieceTokenizer.load(path)
    assert "vocab.txt" in str(error.value)


def test_white_space_that_is_no_line_end_is_a_piece_as_in_bert_base_chinese(tmp_path):
    """Its vocab.txt has U+2028 in lines 344 and 13,503; all behind them keep their ids."""
    tokens = [*SPECIAL_TOKENS, "a", "\u2028", "\x85", "\u3000", " ", "##\u2028", "##b", "c "]
    path = tmp_path / "vocab.txt"
    path.write_bytes("".join(f"{token}\n" for token in tokens).encode())
    tokenizer = WordPieceTokenizer.load(path)
    assert tokenizer.tokens == tokens
    assert tokenizer.encode("a\u2028ab", special_tokens=False).ids == [5, 5, 11]
    tokenizer.save(tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_bytes() == path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert WordPieceTokenizer.load(path).tokens == tokens


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no vocabulary file"):
        WordPieceTokenizer.load(tmp_path / "vocab.txt")


def test_what_is_saved_is_read_and_opens_in_tokenizers(tmp_path):
    path = tmp_path / "vocab.txt"
    load_tokenizer().save(path)
    assert path.read_bytes() == data_path("vocab.txt").read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["vocab.txt"]
    assert models.WordPiece.read_file(str(path)) == load_tokenizer().vocabulary
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert WordPieceTokenizer.load(path).tokens == load_tokenizer().tokens


def test_a_vocabulary_that_cannot_be_saved_is_no_tokenizer():
    with pytest.raises(ValueError, match="a line end within a piece in line 2"):
        WordPieceTokenizer(["[UNK]", "a\nb"])


def test_unknown_ids_and_pieces_are_said():
    tokenizer = load_tokenizer()
    for wrong in (-1, 8192):
        with pytest.raises(ValueError, match="0 to 8191"):
            tokenizer.token(wrong)
    with pytest.raises(ValueError, match=r"'Isthmusses' is no piece"):
        tokenizer.id("Isthmusses")
    with pytest.raises(ValueError, match=r"'\[CLS\]' is no piece"):
        WordPieceTokenizer(["[UNK]", "a"]).encode("a")
    assert WordPieceTokenizer(["[UNK]", "a"]).encode("a", special_tokens=False).ids == [1]
