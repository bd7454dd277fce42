"""Training a WordPiece vocabulary: merge again and again the pair that makes the text likeliest.

Begin with single letters. Imagine that the text is written by drawing pieces, each as often as it
occurs: a pair of pieces then stands together by chance first * second / total times. If all else
stayed as it is, merging a pair that occurs `pair` times would multiply the probability of the text

    (pair * total / (first * second)) ** pair

times, and the merge with the largest factor wins; `merge_gain` is its logarithm. (An estimate: the
pieces that are left become rarer and the text shorter, so the exact change is smaller.) This is
WordPiece as it was published (Schuster & Nakajima 2012: the unit "that increases the likelihood on
the training data the most"). Byte pair encoding (Sennrich et al. 2016) takes the most frequent
pair.

Tutorials often quote only what stands inside the brackets, pair / (first * second), as WordPiece's
score. That is the gain of *one occurrence*: two rare letters that met once beat "t" + "##h". On the
course's corpus its 8,192 pieces cut a held-out word into 3.65 pieces on average; with the exponent
it is 1.15, and with frequencies 1.15 too (`python tools/train_vocabulary.py --compare`).

Ties: of equal gains the pair with the larger count wins, then the first in order of code points.
"""

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from spanbert_teach.tokenization.steps import (
    BETWEEN_SPACES,
    LONGEST_WORD,
    SPECIAL_TOKENS,
    is_chinese,
    is_punctuation,
    refuse_surrogates,
    split_words,
)
from spanbert_teach.tokenization.tokenizer import WordPieceTokenizer

# Gains closer than this share are a tie: processors round a logarithm's last digit differently.
TIE = 1e-9

Pair = tuple[str, str]


def count_words(texts: Iterable[str], lowercase: bool = False) -> Counter[str]:
    """How often each of BERT's words occurs in the texts; too long words are left out.

    Raises:
        ValueError: a lone surrogate in a text.
    """
    chunks: Counter[str] = Counter()
    for text in texts:
        refuse_surrogates(text)
        chunks.update(BETWEEN_SPACES.findall(text))
    counts: Counter[str] = Counter()
    for chunk, count in chunks.items():
        for word in split_words(chunk, lowercase):
            if len(word.text) <= LONGEST_WORD:
                counts[word.text] += count
    return counts


def letters_of(word: str) -> list[str]:
    """A word as single letters, all but the first with "##" before them."""
    return [*word[:1], *("##" + char for char in word[1:])]


def alphabet(words: Iterable[str]) -> list[str]:
    """Every letter of the words, in order of code points: all as first letters, then with "##".

    Both forms, so that no word of known letters is ever unknown; punctuation and ideographs are
    words of their own and get no "##".
    """
    chars = sorted({char for word in words for char in word})
    inside = [c for c in chars if not is_punctuation(c) and not is_chinese(c)]
    return chars + ["##" + char for char in inside]


def count_pieces(
    words: Iterable[tuple[list[str], int]],
) -> tuple[Counter[str], Counter[Pair]]:
    """How often each piece occurs, and each pair of neighbours within a word.

    Args:
        words: (pieces of the word, how often the word occurs) pairs.
    """
    pieces: Counter[str] = Counter()
    pairs: Counter[Pair] = Counter()
    for word, count in words:
        for piece in word:
            pieces[piece] += count
        for pair in pairwise(word):
            pairs[pair] += count
    return pieces, pairs


def merge_gain(pair: int, first: int, second: int, total: int) -> float:
    """How much likelier, in natural logarithms, the text gets when a pair becomes one piece, if all
    other counts are left as they are.

    Args:
        pair: how often the pair occurs; first, second: how often each of its pieces occurs.
        total: the number of pieces in the text.
    """
    return pair * math.log(pair * total / (first * second))


def best_pair(pieces: Counter[str], pairs: Counter[Pair]) -> Pair:
    """The pair whose merge gains most; of equals the most frequent, then the first by name."""
    total = pieces.total()
    gains = {(a, b): merge_gain(n, pieces[a], pieces[b], total) for (a, b), n in pairs.items()}
    top = max(gains.values())
    equals = [pair for pair, gain in gains.items() if gain >= top - TIE * abs(top)]
    return min(equals, key=lambda pair: (-pairs[pair], pair))


def merge_pair(word: list[str], pair: Pair) -> list[str]:
    """The word with each occurrence of the pair as one piece, from left to right."""
    merged: list[str] = []
    at = 0
    while at < len(word):
        if tuple(word[at : at + 2]) == pair:
            merged.append(word[at] + word[at + 1].removeprefix("##"))
            at += 2
        else:
            merged.append(word[at])
            at += 1
    return merged


def train_plain(word_counts: Counter[str], size: int) -> list[str]:
    """A vocabulary of `size` pieces, every count made anew for every merge: for small texts.

    Special tokens come first, then the alphabet, then the merged pieces, oldest first. It stays
    smaller when every word is one piece already.
    """
    vocabulary = dict.fromkeys([*SPECIAL_TOKENS, *alphabet(word_counts)])
    words = [(letters_of(word), count) for word, count in sorted(word_counts.items())]
    while len(vocabulary) < size:
        pieces, pairs = count_pieces(words)
        if not pairs:
            break
        pair = best_pair(pieces, pairs)
        words = [(merge_pair(word, pair), count) for word, count in words]
        vocabulary[pair[0] + pair[1].removeprefix("##")] = None
    return list(vocabulary)


class PairTable:
    """The counts of `count_pieces` as arrays, kept up to date through merges.

    Only the words that hold the merged pair are looked at again; the gains of all pairs are one
    numpy expression. Pieces and pairs have numbers, in the order in which they were met.
    """

    def __init__(self, word_counts: Counter[str]):
        self.words = [letters_of(word) for word in sorted(word_counts)]
        self.counts = [word_counts[word] for word in sorted(word_counts)]
        self.pieces: dict[str, int] = {}
        self.pairs: dict[Pair, int] = {}
        self.names: list[Pair] = []  # the pairs in the order of their numbers
        self.piece_count = np.zeros(1, dtype=np.int64)
        self.pair_count = np.zeros(1, dtype=np.int64)
        self.sides = np.zeros((1, 2), dtype=np.int64)  # the pieces of each pair
        self.holders: list[set[int]] = []  # the words that held each pair once
        for number in range(len(self.words)):
            self.count_word(number, 1)

    def piece_number(self, piece: str) -> int:
        if piece not in self.pieces:
            self.pieces[piece] = len(self.pieces)
            self.piece_count = grown(self.piece_count, len(self.pieces))
        return self.pieces[piece]

    def pair_number(self, pair: Pair) -> int:
        if pair not in self.pairs:
            number = self.pairs[pair] = len(self.pairs)
            self.pair_count = grown(self.pair_count, len(self.pairs))
            self.sides = grown(self.sides, len(self.pairs))
            self.sides[number] = [self.piece_number(piece) for piece in pair]
            self.names.append(pair)
            self.holders.append(set())
        return self.pairs[pair]

    def count_word(self, number: int, sign: int) -> None:
        """Add a word to the counts (sign 1), or take it out (sign -1)."""
        word, count = self.words[number], sign * self.counts[number]
        for piece in word:
            found = self.piece_number(piece)  # before the next line: it may make a longer array
            self.piece_count[found] += count
        for pair in pairwise(word):
            found = self.pair_number(pair)
            self.pair_count[found] += count
            self.holders[found].add(number)

    def best(self) -> Pair | None:
        """The same pair as `best_pair`; None when no pair is left."""
        present = np.flatnonzero(self.pair_count)
        if len(present) == 0:
            return None
        gains = self.gains(self.pair_count[present], self.piece_count[self.sides[present]])
        top = gains.max()
        equals = present[gains >= top - TIE * abs(top)]
        return self.names[min(equals, key=lambda i: (-self.pair_count[i], self.names[i]))]

    def gains(self, count: np.ndarray, sides: np.ndarray) -> np.ndarray:
        """`merge_gain` of pairs: how often they occur (pairs,), and their pieces (pairs, 2)."""
        expected = sides[:, 0] * sides[:, 1] / self.piece_count.sum()
        return count * np.log(count / expected)

    def merge(self, pair: Pair) -> None:
        """Make the pair one piece, in every word that holds it."""
        for number in sorted(self.holders[self.pairs[pair]]):
            merged = merge_pair(self.words[number], pair)
            if len(merged) < len(self.words[number]):
                self.count_word(number, -1)
                self.words[number] = merged
                self.count_word(number, 1)
        self.holders[self.pairs[pair]].clear()


def grown(array: np.ndarray, size: int) -> np.ndarray:
    """The array, at least `size` long: twice as long when it has to grow, with zeros behind."""
    if size <= len(array):
        return array
    return np.concatenate([array, np.zeros_like(array)])


def train_vocabulary(
    word_counts: Counter[str], size: int, table: type[PairTable] = PairTable
) -> list[str]:
    """The vocabulary of `train_plain`, in seconds on a whole corpus.

    Args:
        table: another table chooses by another rule (`tools/train_vocabulary.py --compare`).

    Raises:
        ValueError: no words, or a size in which special tokens and alphabet have no room.
    """
    vocabulary = dict.fromkeys([*SPECIAL_TOKENS, *alphabet(word_counts)])
    if not word_counts:
        raise ValueError("There are no words to train on: the texts are empty.")
    if size < len(vocabulary):
        raise ValueError(
            f"A vocabulary of {size} pieces is too small: the special tokens and the letters of "
            f"this text are {len(vocabulary)} already. Ask for more, or clean the text."
        )
    pairs = table(word_counts)
    while len(vocabulary) < size and (pair := pairs.best()):
        pairs.merge(pair)
        vocabulary[pair[0] + pair[1].removeprefix("##")] = None
    return list(vocabulary)


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, lowercase: bool = False
) -> WordPieceTokenizer:
    """A tokenizer with a vocabulary of `vocab_size` pieces, special tokens first.

    The order of the texts makes no difference. The vocabulary stays smaller when every word of the
    texts has become one piece.

    Raises:
        ValueError: no words, too small a size for the letters of the texts, or a lone surrogate.
    """
    return WordPieceTokenizer(
        train_vocabulary(count_words(texts, lowercase), vocab_size), lowercase
    )
