"""Training a vocabulary: small cases worked out by hand, and the shipped one trained again."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanbert_teach.corpus import course_documents
from spanbert_teach.tokenization import (
    SPECIAL_TOKENS,
    count_words,
    load_tokenizer,
    train_tokenizer,
    train_vocabulary,
)
from spanbert_teach.tokenization.training import (
    alphabet,
    best_pair,
    count_pieces,
    letters_of,
    merge_gain,
    merge_pair,
    train_plain,
)

# ab four times, cb once, cd twice: a 4, ##b 5, c 3, ##d 2, together 14.
SMALL = Counter({"ab": 4, "cb": 1, "cd": 2})


def letters(counts: Counter[str]) -> list[tuple[list[str], int]]:
    return [(letters_of(word), n) for word, n in counts.items()]


def merges(counts: Counter[str], train=train_vocabulary) -> list[str]:
    """The pieces that training adds, in order, until nothing is left to merge."""
    return train(counts, 10_000)[len(SPECIAL_TOKENS) + len(alphabet(counts)) :]


@pytest.mark.parametrize("train", [train_plain, train_vocabulary])
def test_a_case_worked_out_by_hand(train):
    # First merge: ab 4 ln(4*14/(4*5)) = 4.12, cd 2 ln(2*14/(3*2)) = 3.08, cb ln(14/(3*5)) < 0.
    # Then of 10 pieces: cd 2 ln(2*10/(3*2)) = 2.41, cb ln(10/(3*1)) = 1.20; then cb.
    assert merges(SMALL, train) == ["ab", "cd", "cb"]
    assert train(SMALL, 13) == [
        *SPECIAL_TOKENS,
        *["a", "b", "c", "d", "##a", "##b", "##c", "##d"],
    ]
    assert train(SMALL, 14)[-1] == "ab"


def test_the_gain_of_the_case_worked_out_by_hand():
    pieces, pairs = count_pieces(letters(SMALL))
    assert pieces == {"a": 4, "##b": 5, "c": 3, "##d": 2}
    assert pairs == {("a", "##b"): 4, ("c", "##b"): 1, ("c", "##d"): 2}
    assert merge_gain(4, 4, 5, 14) == pytest.approx(4 * math.log(2.8))
    # Per occurrence, as tutorials score it, the rarer pair would come first.
    assert 2 / (3 * 2) > 4 / (4 * 5)


def test_of_equal_pairs_the_first_by_name_wins():
    for train in (train_plain, train_vocabulary):
        assert merges(Counter({"xy": 2, "ab": 2, "lm": 2}), train) == ["ab", "lm", "xy"]


def test_of_equal_gains_the_larger_count_wins():
    # Both gains are exactly 0: 1 * 36 = 6 * 6 and 2 * 36 = 8 * 9.
    pieces = Counter({"a": 6, "##b": 6, "c": 8, "##d": 9, "e": 7})
    assert best_pair(pieces, Counter({("a", "##b"): 1, ("c", "##d"): 2})) == ("c", "##d")


def test_merging_goes_from_left_to_right():
    pair = ("##a", "##a")
    assert merge_pair(["a", "##a", "##a", "##a", "##b"], pair) == ["a", "##aa", "##a", "##b"]
    assert merge_pair(["a", "##a", "##a"], ("a", "##a")) == ["aa", "##a"]


WORDS = st.dictionaries(
    st.text("aabcé,", min_size=1, max_size=8), st.integers(1, 50), min_size=1, max_size=15
).map(Counter)


@settings(max_examples=200, deadline=None)
@given(counts=WORDS, more=st.integers(0, 40))
def test_the_fast_version_is_the_plain_one(counts, more):
    size = len(SPECIAL_TOKENS) + len(alphabet(counts)) + more
    vocabulary = train_vocabulary(counts, size)
    assert vocabulary == train_plain(counts, size)
    assert len(vocabulary) == len(set(vocabulary)) <= size


def test_the_fast_version_is_the_plain_one_on_real_text():
    document = next(course_documents("validation"))
    counts = count_words(document.paragraphs[:40])
    assert train_vocabulary(counts, 300) == train_plain(counts, 300)
    assert len(train_vocabulary(counts, 300)) == 300


def test_the_order_of_the_texts_makes_no_difference():
    texts = [p for d in course_documents("validation") for p in d.paragraphs][:60]
    tokenizer = train_tokenizer(texts, 400)
    assert len(tokenizer) == 400
    assert train_tokenizer(iter(texts[::-1]), 400).tokens == tokenizer.tokens


@pytest.mark.slow
def test_the_shipped_vocabulary_is_what_training_gives():
    """Its first 1,200 pieces: a larger vocabulary only goes on where a smaller one ends.

    `python tools/train_vocabulary.py --check` trains all 8,192.
    """
    texts = (p for d in course_documents("train") for p in d.paragraphs)
    assert train_tokenizer(texts, 1200).tokens == load_tokenizer().tokens[:1200]


def test_the_shipped_vocabulary_has_the_frequent_words_whole():
    counts = count_words(p for d in course_documents("validation") for p in d.paragraphs)
    frequent = [word for word, _ in counts.most_common(1000)]
    vocabulary = load_tokenizer().vocabulary
    whole = [word for word in frequent if word in vocabulary]
    assert len(whole) > 950


def test_words_are_counted_as_bert_splits_them():
    texts = ["It’s it's\x0b now, now\u3000now.", "x" * 101]
    assert count_words(texts) == Counter(
        {"now": 3, "it": 1, "'": 1, "s": 2, "It": 1, "’": 1, ",": 1, ".": 1}
    )
    assert count_words(["Été"], lowercase=True) == {"ete": 1}


def test_every_word_of_known_letters_has_pieces():
    tokenizer = train_tokenizer(["Zoe, cab 中"], 40)
    assert "##," not in tokenizer.vocabulary and "##中" not in tokenizer.vocabulary
    assert "[UNK]" not in tokenizer.encode("oeZ bac,中Z").tokens


def test_an_uncased_vocabulary_has_no_capitals_and_no_accents():
    tokenizer = train_tokenizer(["École ÉCOLE"], 40, lowercase=True)
    assert tokenizer.lowercase and "ecole" in tokenizer.vocabulary
    assert tokenizer.encode("École", special_tokens=False).tokens == ["ecole"]


def test_too_small_a_size_and_no_text_are_said():
    with pytest.raises(ValueError, match=r"of 12 pieces is too small.*are 13 already"):
        train_vocabulary(SMALL, 12)
    for texts in ([], [" \n"]):
        with pytest.raises(ValueError, match="no words to train on"):
            train_tokenizer(texts, 100)
