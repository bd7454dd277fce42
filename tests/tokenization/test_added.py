"""Added tokens are found where `tokenizers` finds them, never cut, and keep their ids."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken as PeersToken

from spanbert_teach.tokenization import SPECIAL_TOKENS, AddedToken, WordPieceTokenizer

from .peers import everything, peer_of

PIECES = [*SPECIAL_TOKENS, *"abeEi1[]<>_-²中é", *(f"##{c}" for c in "abeEi1_²é")]
PIECES += ["[unused1]"]
SIZE = len(PIECES)
# Markers, words, one within another, across special tokens, with accents and with a space.
CONTENTS = ["<e1>", "<E1>", "ab", "abe", "[MASK]a", "MASK", "É", "a b", "中b", "[unused1]", "1-"]
LETTERS = [*"abeE1<>[]_-² \t", "é", "e\u0301", "É", "ß", "中", "\u0301", "\u00ad", "\u2028", "İ"]
LETTERS += ["[MASK]", "[UNK]", "mask", "[Unused1]", "<é1>"]


@st.composite
def added_tokens(draw) -> list[dict]:
    contents = draw(st.lists(st.sampled_from(CONTENTS), unique=True, min_size=1, max_size=5))
    flags = st.fixed_dictionaries(
        {n: st.booleans() for n in ("single_word", "lstrip", "rstrip", "normalized")}
    )
    tokens = [{"content": content, **draw(flags)} for content in contents]
    # The peer has an ideograph twice where the white space beside it belongs to another token.
    at_ease = {"lstrip": False, "rstrip": False}
    return [token | (at_ease if token["normalized"] else {}) for token in tokens]


@settings(max_examples=400, deadline=None)
@given(
    given_tokens=added_tokens(),
    text=st.lists(st.sampled_from([*LETTERS, *CONTENTS, *CONTENTS]), max_size=12).map("".join),
    lowercase=st.booleans(),
)
def test_added_tokens_are_found_as_tokenizers_finds_them(given_tokens, text, lowercase):
    new = [t["content"] for t in given_tokens if t["content"] not in PIECES]
    ids = {content: SIZE + number for number, content in enumerate(new)}
    looked_for = [t["content"] for t in given_tokens if t["normalized"]]
    # Of two that are the same in small letters, the peer takes either by chance; ours refuses.
    assume(not (lowercase and {"<e1>", "<E1>"} <= set(looked_for)))
    ours = WordPieceTokenizer(
        PIECES,
        lowercase,
        [AddedToken(id=ids.get(t["content"], SIZE - 1), **t) for t in given_tokens],
    )
    peer = peer_of(WordPieceTokenizer(PIECES, lowercase))
    peer.add_tokens([PeersToken(**token) for token in given_tokens])
    assert [peer.token_to_id(content) for content in new] == list(ids.values())
    found, expected = everything(ours.encode(text)), everything(peer.encode(text))
    assert found.pop("tokens") == [ours.tokens[id] for id in found["ids"]]
    del expected["tokens"]  # as they stand in the text
    assert found == expected


def test_markers_of_entities():
    added = [AddedToken(token, SIZE + n) for n, token in enumerate(["[E1]", "[/E1]"])]
    tokenizer = WordPieceTokenizer(PIECES, True, added[::-1])
    encoding = tokenizer.encode("a [E1]ab[/e1]b", special_tokens=False)
    assert encoding.tokens == ["a", "[E1]", "a", "##b", "[/E1]", "b"]
    assert encoding.ids[1] == SIZE and encoding.ids[4] == SIZE + 1
    assert encoding.offsets[1] == (2, 6) and encoding.word_starts[1]
    assert len(tokenizer) == len(tokenizer.tokens) == SIZE + 2
    assert tokenizer.pieces == PIECES and tokenizer.id("[/E1]") == SIZE + 1
    assert tokenizer.decode(encoding.ids) == "a [E1] ab [/E1] b"
    assert tokenizer.with_casing(False).added == tokenizer.added == tuple(added)


def test_a_word_is_not_cut_into_added_tokens():
    """They are no pieces: where one is not found in the text, it is not found in a word."""
    added = [AddedToken("##z", SIZE), AddedToken("zz", SIZE + 1, single_word=True)]
    tokenizer = WordPieceTokenizer(PIECES, False, added)
    assert tokenizer.encode("az", special_tokens=False).tokens == ["[UNK]"]
    assert tokenizer.encode("zzz", special_tokens=False).tokens == ["[UNK]"]
    assert tokenizer.encode("zz", special_tokens=False).tokens == ["zz"]


def test_added_tokens_are_not_in_vocab_txt(tmp_path):
    tokenizer = WordPieceTokenizer(PIECES, False, [AddedToken("<e1>", SIZE)])
    tokenizer.save(tmp_path / "vocab.txt")
    assert WordPieceTokenizer.load(tmp_path / "vocab.txt").tokens == PIECES


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ([("<e1>", SIZE + 1)], f"'<e1>' has the id {SIZE + 1}.*with the id {SIZE}"),
        ([("<e1>", 7)], "'<e1>' has the id 7"),
        ([("<e1>", -1)], "'<e1>' has the id -1"),
        ([("<e1>", SIZE), ("<e2>", SIZE)], "'<e2>' has the id"),
        ([("<e1>", SIZE), ("<e1>", SIZE + 1)], "'<e1>' has the id"),
        ([("a", SIZE)], "'a' has the id"),
        ([("", SIZE)], "'' has the id"),
    ],
)
def test_an_id_that_cannot_be_is_named(added, said):
    with pytest.raises(ValueError, match=said):
        WordPieceTokenizer(PIECES, False, [AddedToken(*token) for token in added])


def test_two_that_are_the_same_in_small_letters_are_refused():
    added = [AddedToken("<e1>", SIZE), AddedToken("<E1>", SIZE + 1)]
    with pytest.raises(ValueError, match="'<e1>' and '<E1>' are the same in the cleaned text"):
        WordPieceTokenizer(PIECES, True, added)
    as_they_stand = [added[0], AddedToken("<E1>", SIZE + 1, normalized=False)]
    for tokenizer in [
        WordPieceTokenizer(PIECES, False, added),
        WordPieceTokenizer(PIECES, True, as_they_stand),
    ]:
        assert tokenizer.encode("<E1><e1>").ids[1:-1] == [SIZE + 1, SIZE]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        "a",
        {"content": "a"},
        {"content": 1, "id": 2},
        {"content": "a", "id": True},
        {"content": "a", "id": 9, "lstrip": 1},
    ],
)
def test_an_entry_of_a_file_that_is_no_token_is_refused(entry):
    with pytest.raises(ValueError, match="is no added token"):
        AddedToken.from_json(entry)
