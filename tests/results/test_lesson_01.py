"""The results of lesson 01, computed a second way: through the library."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from spanbert_teach import SENTENCE
from spanbert_teach.checkpoints.places import minilm
from spanbert_teach.corpus import course_documents, sentences
from spanbert_teach.tokenization import (
    SPECIAL_TOKENS,
    PairTable,
    WordPieceTokenizer,
    count_words,
    load_tokenizer,
    match_longest,
    split_words,
    train_vocabulary,
)
from spanbert_teach.tokenization.training import (
    alphabet,
    count_pieces,
    letters_of,
    merge_gain,
    merge_pair,
)
from tools.train_vocabulary import ByFrequency, ByRatio


def paragraphs(split: str, source: str = "") -> list[str]:
    documents = (d for d in course_documents(split) if d.source.startswith(source))
    return [p for document in documents for p in document.paragraphs]


@pytest.fixture(scope="module")
def tokenizer() -> WordPieceTokenizer:
    return load_tokenizer()


@pytest.fixture(scope="module")
def train() -> Counter[str]:
    return count_words(paragraphs("train"))


@pytest.fixture(scope="module")
def held_out() -> list[list[str]]:
    """The test sentences as lists of words."""
    found = [s for paragraph in paragraphs("test") for s in sentences(paragraph)]
    return [[word.text for word in split_words(sentence)] for sentence in found]


@pytest.fixture(scope="module")
def test_words(held_out) -> Counter[str]:
    return Counter(word for sentence in held_out for word in sentence)


def names(held_out) -> Counter[str]:
    """Words with a capital that do not begin their sentence."""
    return Counter(word for s in held_out for word in s[1:] if word[0].isupper())


def pieces_of(words: Counter[str], tokenizer: WordPieceTokenizer) -> np.ndarray:
    """How many pieces each occurrence of each word is cut into, most frequent words first."""
    lengths = [len(tokenizer.encode(word, special_tokens=False)) for word in words]
    return np.repeat(lengths, list(words.values()))


@pytest.mark.result("01-split")
def test_split(recorded_output):
    texts = [SENTENCE, "It isn't $5.", "The U.S.-Mexico border: 3,145\tkm"]
    lines = [str([word.text for word in split_words(text)]) for text in texts]
    assert recorded_output.splitlines() == lines


@pytest.mark.result("01-whole-words")
def test_whole_words(recorded_output, train, held_out, test_words):
    kept = {word for word, _ in train.most_common(8192)}

    def missing(words: Counter[str]) -> float:
        return sum(n for word, n in words.items() if word not in kept) / words.total()

    letters = sum(n * len(word) for word, n in test_words.items()) / test_words.total()
    assert recorded_output.splitlines() == [
        f"{len(train):,} different words; {len(held_out):,} test sentences",
        f"no id: {missing(test_words):.1%} of {test_words.total():,} test words",
        f"of words with a capital inside a sentence: {missing(names(held_out)):.1%}",
        f"a word has {letters:.2f} letters on average",
    ]


@pytest.mark.result("01-cut")
def test_cut(recorded_output, tokenizer):
    lines = []
    for word in ["Voting", "president", "internationally", "Kiribati", "tokenization"]:
        lines.append(f"{word:16} {tokenizer.encode(word, special_tokens=False).tokens}")
    chinese = tokenizer.encode("中文", special_tokens=False).tokens
    assert set(chinese) == {"[UNK]"}
    lines.append(f"{'中文':16} ['[UNK]']")
    lines.append(str(tokenizer.encode(SENTENCE, special_tokens=False).tokens))
    assert recorded_output.splitlines() == lines


@pytest.mark.result("01-pieces")
def test_pieces(recorded_output, tokenizer, held_out, test_words):
    lines = []
    of_names = names(held_out)
    for kind, words in [
        ("names", of_names),
        ("other words", test_words - of_names),
        ("all words", test_words),
    ]:
        numbers = pieces_of(words, tokenizer)
        share, mean = (numbers == 1).mean(), numbers.mean()
        lines.append(f"{kind:12} {len(numbers):6,}: {share:.1%} one piece, {mean:.2f} pieces each")
    assert recorded_output.splitlines() == lines


def log_probability(pieces: Counter[str]) -> float:
    counts = np.array(list(pieces.values()))
    return float((counts * np.log(counts / counts.sum())).sum())


@pytest.mark.result("01-gains")
def test_gains(recorded_output, train):
    pieces, pairs = count_pieces((letters_of(word), n) for word, n in train.items())
    lines = []
    for first, second in [("q", "##u"), ("t", "##h"), ("##e", "##s")]:
        n = pairs[first, second]
        gain = merge_gain(n, pieces[first], pieces[second], pieces.total())
        merged = ((merge_pair(letters_of(word), (first, second)), n) for word, n in train.items())
        after, _ = count_pieces(merged)
        exact = log_probability(after) - log_probability(pieces)
        lines.append(f"{first:>3} + {second}: {n:7,} times, gain {gain:8,.0f}, exact {exact:8,.0f}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("01-first-merges")
def test_first_merges(recorded_output, train, tokenizer):
    table, merged, lines = PairTable(train), [], []
    for _ in range(8):
        pair = table.best()
        table.merge(pair)
        lines.append(f"{pair[0]:>4} + {pair[1]}")
        merged.append(pair[0] + pair[1].removeprefix("##"))
    assert recorded_output.splitlines() == lines
    first = len(SPECIAL_TOKENS) + len(alphabet(train))
    assert tokenizer.tokens[first : first + 8] == merged


def grown(word: str, vocabulary: dict[str, int]) -> list[list[str]]:
    """A word while its neighbours are merged, lowest id first; the first entry is its letters."""
    pieces = letters_of(word)
    steps = [pieces]
    while True:
        joined = [a + b.removeprefix("##") for a, b in pairwise(pieces)]
        ids = [vocabulary.get(piece, len(vocabulary)) for piece in joined]
        if not ids or min(ids) == len(vocabulary):
            return steps
        at = int(np.argmin(ids))
        pieces = [*pieces[:at], joined[at], *pieces[at + 2 :]]
        steps.append(pieces)


@pytest.mark.result("01-watch")
def test_watch(recorded_output, tokenizer, train):
    lines = []
    for word in ["Voting", "security"]:
        lines.append(f"{word}, {train[word]:,} times in the training text:")
        lines += ["   " + " ".join(step) for step in grown(word, tokenizer.vocabulary)]
    assert recorded_output.splitlines() == lines


@pytest.mark.result("01-offsets")
def test_offsets(recorded_output, tokenizer):
    text = "The U.S. Congress  passed the Voting Rights Act."
    encoding = tokenizer.encode(text, special_tokens=False)
    assert recorded_output.splitlines() == [
        f"{token:9} {start:2}–{end:2} {text[start:end]!r}"
        for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True)
    ]


@pytest.mark.result("01-bug")
def test_bug(recorded_output, tokenizer, test_words):
    begins, guess, count = [], [], []
    for word, n in test_words.items():
        encoding = tokenizer.encode(word, special_tokens=False)
        begins += encoding.word_starts
        guess += [number > 256 for number in encoding.ids]
        count += [n] * len(encoding)
    begins, guess, count = np.array(begins), np.array(guess), np.array(count)
    overlooked, invented = count[begins & ~guess].sum(), count[guess & ~begins].sum()
    total = count.sum()
    assert recorded_output.splitlines() == [
        f"{total:,} pieces: {overlooked / total:.1%} word starts overlooked",
        f"{invented / total:.1%} of pieces taken for a word start that are none",
    ]


@pytest.mark.result("01-cased")
def test_cased(recorded_output, train):
    lines = []
    for word, capital in [
        *((word, word.capitalize()) for word in ["may", "march", "house", "state", "bill"]),
        ("us", "US"),
    ]:
        lines.append(f"{word:6} {train[word]:5,}   {capital:6} {train[capital]:5,}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("01-casing-trap")
def test_casing_trap(recorded_output, tokenizer):
    uncased = WordPieceTokenizer(tokenizer.tokens, lowercase=True)
    words = count_words(paragraphs("test", "World Factbook"))
    capitals = Counter({word: n for word, n in words.items() if word[0].isupper()})
    right, wrong = pieces_of(capitals, tokenizer), pieces_of(capitals, uncased)
    unknown = sum("[UNK]" in uncased.encode(word).tokens for word in capitals)
    panama = [t.encode("Panama", special_tokens=False).tokens for t in (tokenizer, uncased)]
    assert recorded_output.splitlines() == [
        f"{capitals.total() / words.total():.1%} of {words.total():,} words begin with a capital",
        f"pieces for each of them: {right.mean():.2f}",
        f"in small letters: {wrong.mean():.2f}, and [UNK] {unknown} times",
        f"Panama: {panama[0]} {panama[1]}",
    ]


@pytest.mark.result("01-minilm")
def test_minilm(recorded_output):
    cased = WordPieceTokenizer.load(minilm() / "vocab.txt", lowercase=False)
    words = count_words(paragraphs("test", "World Factbook"))
    lines = []
    for name, version in [
        ("as written", words),
        ("small letters", Counter(w.lower() for w in words.elements())),
    ]:
        unknown = sum(n for w, n in version.items() if "[UNK]" in cased.encode(w).tokens)
        lines.append(f"{name:14} {unknown / version.total():.2%} [UNK]")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("01-rules")
def test_rules(recorded_output, train, test_words):
    common = Counter(dict(train.most_common(2000)))
    start = len(SPECIAL_TOKENS) + len(alphabet(common))
    lines = []
    for name, table in [("gain", PairTable), ("frequency", ByFrequency), ("tutorials", ByRatio)]:
        made = train_vocabulary(common, start + 300, table)[start:]
        known = {*alphabet(train), *made}
        cuts = {word: len(match_longest(word, known) or ["[UNK]"]) for word in test_words}
        mean = sum(cuts[word] * n for word, n in test_words.items()) / test_words.total()
        lines.append(f"{name:10} {mean:.2f} pieces a word; first {made[:8]}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("01-replay")
def test_replay(recorded_output, tokenizer, test_words):
    other = Counter()
    for word, n in test_words.items():
        greedy = tokenizer.encode(word, special_tokens=False).tokens
        if "[UNK]" not in greedy and greedy != grown(word, tokenizer.vocabulary)[-1]:
            other[word] = n
    korean = grown("Korean", tokenizer.vocabulary)[-1]
    assert recorded_output.splitlines() == [
        f"another cut for {other.total() / test_words.total():.1%} of the words",
        f"and for {len(other) / len(test_words):.1%} of the different words",
        f"Korean: {korean} {tokenizer.encode('Korean', special_tokens=False).tokens}",
    ]
