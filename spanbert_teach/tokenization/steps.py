"""BERT's rules, step by step: text -> cleaned letters -> words -> pieces of words.

The readable version, built in lesson `01_tokenization`; `tokenizer` adds a cache and the shape
that a model reads. Every letter carries its position in the original text from the first step on,
so a piece always knows where it came from, whatever was dropped or changed before it.

Source: Devlin et al. 2019 and BERT's own `tokenization.py`; in the corners of Unicode, where that
depends on the Python it runs on, the `tokenizers` library (see the end of this file).
"""

import re
import string
import unicodedata
from collections.abc import Container, Sequence
from dataclasses import dataclass, fields

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
    """
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
    pieces = []
    for part, shift in split_specials(text, vocabulary):
        if part in SPECIAL_TOKENS and part in vocabulary:
            pieces.append(Piece(part, shift, shift + len(part), True))
            continue
        for word in split_words(part, lowercase):
            moved = Word(word.text, tuple(shift + position for position in word.positions))
            pieces += word_pieces(moved, vocabulary)
    return pieces


# --- Tokens that were added to a finished vocabulary ----------------------------------------------


@dataclass(frozen=True)
class AddedToken:
    """A token beside the pieces, such as a marker "<e1>": it is found in the text and never cut.

    Attributes:
        content: the token, as it is written in the text; spaces may be in it.
        id: its number, behind those of the pieces, or that of a piece which is written the same.
        single_word: only where no letter, digit or "_" touches it.
        lstrip, rstrip: white space before it (behind it) belongs to it.
        normalized: looked for in the cleaned text, which for an uncased vocabulary is of small
            letters without accents; False: in the text as it stands.
        special: for transformers, which leaves it out of decoded text; here it changes nothing.
    """

    content: str
    id: int
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True
    special: bool = False

    @classmethod
    def from_json(cls, entry: object) -> "AddedToken":
        """An entry of a file, in which there may be more; a ValueError when it is no token."""
        wanted = {field.name: field.type for field in fields(cls)}
        found = entry if isinstance(entry, dict) else {}
        given = {name: found[name] for name in wanted if name in found}
        wrong = [name for name in given if type(given[name]) is not wanted[name]]
        if wrong or not {"content", "id"} <= given.keys():
            raise ValueError(
                f"{entry!r} is no added token. Expected its content, its id and, for all else, "
                "true or false."
            )
        return cls(**given)


def normal_letters(text: str, lowercase: bool) -> list[tuple[str, int, int]]:
    """The text in which `normalized` tokens are looked for, each letter with its start and end.

    Cleaned, ideographs between spaces; with lowercase in small letters and without accents.
    """
    letters = clean(text)
    if lowercase:
        letters = lower_case(strip_accents(letters))
    spaced = []
    for char, at in letters:
        letter = (char, at, at + 1)
        chinese = is_chinese(char)
        spaced += [(" ", at, at), letter, (" ", at + 1, at + 1)] if chinese else [letter]
    return spaced


def in_a_word(char: str) -> bool:
    """Whether a regular expression of Unicode (UTS 18) takes the character for part of a word.

    Python's own takes ² for one and an accent for none.
    """
    kind = category(char)
    return kind[0] in "LM" or kind in ("Nd", "Nl", "Pc") or char in "\u200c\u200d"


def find_added(text: str, tokens: dict[str, AddedToken]) -> list[tuple[AddedToken, int, int]]:
    """Where tokens stand in a text, with start and end: from the left, the longest first.

    Args:
        tokens: by what is looked for.
    """
    forms = sorted(tokens, key=len, reverse=True)
    found, before = [], 0
    for match in re.finditer("|".join(map(re.escape, forms)), text) if forms else ():
        token, (start, end) = tokens[match[0]], match.span()
        neighbours = text[max(start - 1, 0) : start] + text[end : end + 1]
        if token.single_word and any(map(in_a_word, neighbours)):
            continue
        if token.lstrip:
            start = max(before, len(text[:start].rstrip()))
        if token.rstrip:
            end = len(text) - len(text[end:].lstrip())
        found.append((token, start, end))
        before = end
    return found


def forms_of(
    tokens: Sequence[AddedToken], lowercase: bool
) -> tuple[dict[str, AddedToken], dict[str, AddedToken]]:
    """What is looked for in the text as it stands, and what in its `normal_letters`.

    Raises:
        ValueError: two tokens are the same letters there; `tokenizers` takes either, by chance.
    """
    raw = {token.content: token for token in tokens if not token.normalized}
    normalized: dict[str, AddedToken] = {}
    for token in (token for token in tokens if token.normalized):
        if form := "".join(char for char, _, _ in normal_letters(token.content, lowercase)):
            first = normalized.setdefault(form, token)
            if first is not token:
                raise ValueError(
                    f"The added tokens {first.content!r} and {token.content!r} are the same in the "
                    f"cleaned text, {form!r}. Expected normalized=False for them, or one of them."
                )
    return raw, normalized


def split_added(
    text: str,
    raw: dict[str, AddedToken],
    normalized: dict[str, AddedToken],
    lowercase: bool = False,
) -> list[tuple[AddedToken | None, int, int]]:
    """Cut a text around added tokens: first those of the text as it stands, then the normalized.

    Args:
        raw, normalized: see `forms_of`.

    Returns:
        (token, start, end) in order, with None for what stands between two tokens.
    """
    parts = []
    for token, start, end in with_gaps(find_added(text, raw), 0, len(text)):
        found = []
        if token is None and normalized:
            letters = normal_letters(text[start:end], lowercase)
            found = [
                (found, start + letters[first][1], start + letters[last - 1][2])
                for found, first, last in find_added("".join(c for c, _, _ in letters), normalized)
            ]
        parts += with_gaps(found, start, end) if token is None else [(token, start, end)]
    return parts


def with_gaps(
    found: list[tuple[AddedToken, int, int]], start: int, end: int
) -> list[tuple[AddedToken | None, int, int]]:
    """Tokens between `start` and `end`, and what stands between them as None."""
    parts: list[tuple[AddedToken | None, int, int]] = []
    for token, first, last in found:
        parts += [(None, start, first)] if start < first else []
        parts.append((token, first, last))
        start = last
    return [*parts, (None, start, end)] if start < end else parts


# --- Unicode, the same under every version of Python ----------------------------------------------

# Unicode grows each year, and each Python brings the tables of its own year. The `tokenizers`
# library froze its categories at Unicode 8 (2015), its decompositions at Unicode 9 (2016), and
# takes lower case from Unicode 17. A tokenizer that gives other pieces on another Python is of no
# use, so the differences to Python's `unicodedata` are written down here. None of them matters for
# English.

# Marks, punctuation and format characters that are younger than Unicode 8, as ranges; what else
# lies between them is neither mark, punctuation nor control, so calling it unassigned is harmless.
_YOUNGER_RANGES = """
5C8-5C9 61D 7FD 890-8E2 9FD-9FE A76 AFA-AFF B53-B55 C04-C3C C77 C84 D00 D3B-D3C D81 EBA ECE 1715
180F-1886 1ABF-1AF0 1B4E-1B4F 1B7D-1B7F 1DF6-1DFB 2E43-2E63 A82C A8C5 A8FF A9BD 105C9 105E4
10D24-10F89 11070-11074 110C2-110CD 111C9 111CF 1123E-11241 1133B 11383-11391 113BB-1145E
11660-1166C 116B9 1182F-11FFF 12FF1-13455 1611E-1612F 16D68-16F4F 16FE2-16FF1 1CF00-1D128
1D250-1D281 1E000-1E6F5 1E944-1E95F
"""
# Of these, the marks of Unicode 9, which are old enough to be put in order.
_MARKS_OF_UNICODE_9 = "8D4-8E1 1DFB 11442 11446 1E000-1E02A 1E944-1E94A"
# Categories that changed after Unicode 8.
_CHANGED = {"\u166d": "Po", "\u1734": "Mn", "\U000111c9": "Po", "\U0001171e": "Mn"}
# Capitals that Python 3.11 does not know yet: first, last, and the small letter of the first.
_YOUNGER_CAPITALS = """
1C89-1C89:1C8A A7CB-A7CB:264 A7CC-A7CC:A7CD A7CE-A7CE:A7CF A7D2-A7D2:A7D3 A7D4-A7D4:A7D5
A7DA-A7DA:A7DB A7DC-A7DC:19B 10D50-10D65:10D70 16EA0-16EB8:16EBB
"""


def _characters(ranges: str) -> frozenset[str]:
    """The characters of ranges written in hexadecimal: `_characters("41-43 7A")` is ABCz."""
    ends = [[int(end, 16) for end in part.split("-")] for part in ranges.split()]
    return frozenset(chr(c) for part in ends for c in range(part[0], part[-1] + 1))


def _small_letters() -> dict[str, str]:
    """Each of the younger capitals with its small letter."""
    pairs = {}
    for part in _YOUNGER_CAPITALS.split():
        first, last, small = (int(number, 16) for number in part.replace("-", ":").split(":"))
        pairs |= {chr(c): chr(c - first + small) for c in range(first, last + 1)}
    return pairs


_YOUNGER = _characters(_YOUNGER_RANGES)
_UNORDERED = _YOUNGER - _characters(_MARKS_OF_UNICODE_9)
_SMALL = _small_letters()


def category(char: str) -> str:
    """The category of a character in Unicode 8, such as "Lu", "Mn" or "Po".

    Like `unicodedata.category`, but marks, punctuation and format characters younger than 2015 are
    "Cn" (unassigned). Other younger characters get what this Python says: a letter, a number, a
    symbol and no character at all are the same to BERT.
    """
    if char in _CHANGED:
        return _CHANGED[char]
    return "Cn" if char in _YOUNGER else unicodedata.category(char)


def lower(char: str) -> str:
    """The small letter of one character (Unicode 17); more than one character for "İ".

    One at a time: `str.lower` on a whole word would turn the last Σ into ς, which BERT does not.
    """
    return _SMALL.get(char) or char.lower()


def decompose(text: str) -> list[tuple[str, bool]]:
    """Take letters and accents apart: canonical decomposition, NFD (Unicode 9).

    Returns:
        (character, added) pairs: `added` is False for the first character that each character of
        the text becomes, True for those that follow. The number of False is `len(text)`.
    """
    found: list[tuple[str, bool]] = []
    marks: list[tuple[int, str, bool]] = []
    for char in text:
        parts = char if char in _YOUNGER else unicodedata.normalize("NFD", char)
        for number, part in enumerate(parts):
            order = 0 if part in _UNORDERED else unicodedata.combining(part)
            if order == 0:  # a letter: the marks before it are complete
                found += [mark[1:] for mark in sorted(marks, key=lambda mark: mark[0])]
                marks = []
                found.append((part, number > 0))
            else:
                marks.append((order, part, number > 0))
    return found + [mark[1:] for mark in sorted(marks, key=lambda mark: mark[0])]
