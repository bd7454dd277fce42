"""BERT's rules, letter by letter: any text is cut where two other implementations cut it."""

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

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

from .peers import everything, peer_of

# --- every line of the corpus -------------------------------------------------------------------


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
