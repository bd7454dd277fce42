"""Unicode as BERT's tokenizers see it, the same under every version of Python.

Unicode grows each year, and each Python brings the tables of its own year. The `tokenizers`
library froze its categories at Unicode 8 (2015), its decompositions at Unicode 9 (2016), and takes
lower case from Unicode 17. A tokenizer that gives other pieces on another Python is of no use, so
the differences to Python's `unicodedata` are written down here. None of them matters for English.
"""

import unicodedata

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
