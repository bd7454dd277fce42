"""BERT's rules, step by step: text -> cleaned letters -> words -> pieces of words.

The readable version, built in lesson `01_tokenization`; `tokenization` adds a cache and the shape
that a model reads. Every letter carries its position in the original text from the first step on,
so a piece always knows where it came from, whatever was dropped or changed before it.

Source: Devlin et al. 2019 and BERT's own `tokenization.py`; in the corners of Unicode, where that
depends on the Python it runs on, the `tokenizers` library (see `unicode_rules`).
"""

import re
import string
from collections.abc import Container, Sequence
from dataclasses import dataclass

from spanbert_teach.tokenization.unicode import category, decompose, lower

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
UNKNOWN = "[UNK]"
# A longer word becomes [UNK] without a search: it is a web address or worse.
LONGEST_WORD = 100
# Ideographs: Chinese has no spaces, so each is a word. As `tokenizers` has it; BERT's own list
# begins the last but one range at 2B820.
CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


# What stands between two of the characters that `is_space` knows. Nothing in it can change its
# neighbour, so a text may be worked on piecemeal.
BETWEEN_SPACES = re.compile(r"[^ \t\n\r\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


@dataclass(frozen=True)
class Word:
    """One word, and for each of its letters the position in the original text."""

    text: str
    positions: Sequence[int]


@dataclass(frozen=True)
class Piece:
    """One piece of a word: `original[start:end]` is where it stands in the original text."""

    token: str
    start: int
    end: int
    word_start: bool


def refuse_surrogates(text: str) -> None:
    """Raise a ValueError when the text holds half a character, which no file can hold either."""
    if found := re.search("[\ud800-\udfff]", text):
        raise ValueError(
            f"The text has a lone surrogate, U+{ord(found[0]):04X}, at position {found.start()}: "
            "half a character, left behind where text was decoded wrongly. Read the file again "
            "with encoding='utf-8', or drop it: text.encode('utf-8', 'ignore').decode('utf-8')."
        )


def is_space(char: str) -> bool:
    """Whether BERT takes the character for white space: tab, line ends, and Unicode's spaces."""
    return char in "\t\n\r" or category(char) in ("Zs", "Zl", "Zp")


def is_chinese(char: str) -> bool:
    """Whether the character is an ideograph (not kana, not Hangul)."""
    return char >= "㐀" and any(first <= ord(char) <= last for first, last in CHINESE)


def is_punctuation(char: str) -> bool:
    """Whether the character is a word of its own: Unicode's punctuation, and ASCII's $, +, ^ ..."""
    return char in string.punctuation or category(char).startswith("P")


def clean(text: str) -> list[tuple[str, int]]:
    """The letters of a text with their positions; control characters go, white space becomes " ".

    Control characters are Unicode's Cc, Cf (a soft hyphen, a zero-width joiner) and Co, and U+FFFD,
    which stands for a broken byte.
    """
    letters = []
    for position, char in enumerate(text):
        if is_space(char):
            letters.append((" ", position))
        elif char != "\ufffd" and category(char) not in ("Cc", "Cf", "Co"):
            letters.append((char, position))
    return letters


def strip_accents(letters: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Take accents off: é becomes e, and so does e followed by a combining accent.

    Each letter is decomposed and the marks (Unicode's Mn) are dropped; what a letter becomes keeps
    its position.
    """
    positions = iter([position for _, position in letters])
    stripped, position = [], 0
    for char, added in decompose("".join(char for char, _ in letters)):
        position = position if added else next(positions)
        if category(char) != "Mn":
            stripped.append((char, position))
    return stripped


def lower_case(letters: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Small letters only; each keeps its position."""
    return [(small, position) for char, position in letters for small in lower(char)]


def split_words(text: str, lowercase: bool = False) -> list[Word]:
    """Split a text into BERT's words: at white space, around punctuation, around ideographs.

    Args:
        lowercase: for an uncased vocabulary; small letters, and no accents.

    Raises:
        ValueError: a lone surrogate in the text.
    """
    refuse_surrogates(text)
    letters = clean(text)
    if lowercase:
        letters = lower_case(strip_accents(letters))
    groups: list[list[tuple[str, int]]] = [[]]
    for char, position in letters:
        if char == " ":
            groups.append([])
        elif is_punctuation(char) or is_chinese(char):
            groups += [[(char, position)], []]
        else:
            groups[-1].append((char, position))
    return [
        Word("".join(char for char, _ in group), tuple(position for _, position in group))
        for group in groups
        if group
    ]


def match_longest(word: str, vocabulary: Container[str]) -> list[str] | None:
    """Cut a word into pieces: again and again the longest piece that the rest begins with.

    Every piece but the first is looked up with "##" before it. None when some rest begins with no
    piece at all, and for a word of more than `LONGEST_WORD` letters.
    """
    if len(word) > LONGEST_WORD:
        return None
    pieces: list[str] = []
    start = 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((e for e in ends if prefix + word[start:e] in vocabulary), None)
        if end is None:
            return None
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


def word_pieces(word: Word, vocabulary: Container[str]) -> list[Piece]:
    """The pieces of one word with their places in the original text; [UNK] covers all of it."""
    tokens = match_longest(word.text, vocabulary)
    if tokens is None:
        return [Piece(UNKNOWN, word.positions[0], word.positions[-1] + 1, True)]
    pieces, at = [], 0
    for token in tokens:
        length = len(token) - 2 if at else len(token)
        start, end = word.positions[at], word.positions[at + length - 1] + 1
        pieces.append(Piece(token, start, end, at == 0))
        at += length
    return pieces


def split_specials(text: str, vocabulary: Container[str]) -> list[tuple[str, int]]:
    """Cut a text around the special tokens that somebody typed into it.

    Returns:
        (part, start) pairs in order; a part is a special token or the text between two of them.
    """
    known = [re.escape(token) for token in SPECIAL_TOKENS if token in vocabulary]
    if not known:
        return [(text, 0)]
    parts, start = [], 0
    for part in re.split(f"({'|'.join(known)})", text):
        parts.append((part, start))
        start += len(part)
    return parts


def text_pieces(text: str, vocabulary: Container[str], lowercase: bool = False) -> list[Piece]:
    """The pieces of a text, in order: all of BERT's rules together.

    A special token in the text, exactly as it is written in the vocabulary, is one word and one
    piece, even in the middle of a word.
    """
    refuse_surrogates(text)
    pieces = []
    for part, shift in split_specials(text, vocabulary):
        if part in SPECIAL_TOKENS and part in vocabulary:
            pieces.append(Piece(part, shift, shift + len(part), True))
            continue
        for word in split_words(part, lowercase):
            moved = Word(word.text, tuple(shift + position for position in word.positions))
            pieces += word_pieces(moved, vocabulary)
    return pieces
