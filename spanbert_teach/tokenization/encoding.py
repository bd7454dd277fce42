"""Pieces in the form that a model reads: `[CLS] ... [SEP]`, pairs, truncation, windows.

Built in lesson `01_tokenization`. Source: Devlin et al. 2019, §3; what fits and what is cut off is
decided as the `tokenizers` library does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

# The pieces of a text without [CLS] and [SEP], as lists: ids, tokens, offsets, word starts.
Row = tuple[list[int], list[str], list[tuple[int, int]], list[bool]]


@dataclass(frozen=True)
class Encoding:
    """A text, or two, as pieces; every list has one entry a piece.

    Attributes:
        ids: numbers of the pieces in the vocabulary.
        tokens: the pieces themselves.
        offsets: (start, end) in characters of the original text; (0, 0) for [CLS] and [SEP]. In the
            second text of a pair they count from its own beginning.
        word_starts: True at the first piece of each of BERT's words (a punctuation mark is a word,
            and so is a special token typed into the text); False for [CLS] and [SEP].
        segment_ids: 0 for the first text and its [CLS] and [SEP], 1 for the second and its [SEP].
        attention_mask: 1 for each piece: nothing is padded here.
        sequence_ids: 0 in the first text, 1 in the second, None for [CLS] and [SEP].
    """

    ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]
    word_starts: list[bool]
    segment_ids: list[int]
    attention_mask: list[int]
    sequence_ids: list[int | None]

    def __len__(self) -> int:
        return len(self.ids)


def frame(rows: Sequence[Row], special: dict[str, int] | None) -> Encoding:
    """Put `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]` together.

    Args:
        special: the ids of "[CLS]" and "[SEP]"; None puts the rows together without them.
    """
    parts: list[tuple[Row, int, int | None]] = []  # pieces, segment id, sequence id
    for number, row in enumerate(rows):
        parts.append((row, number, number))
        if special:
            parts.append((([special["[SEP]"]], ["[SEP]"], [(0, 0)], [False]), number, None))
    if special:
        parts.insert(0, (([special["[CLS]"]], ["[CLS]"], [(0, 0)], [False]), 0, None))
    found = Encoding([], [], [], [], [], [], [])
    for (ids, tokens, offsets, starts), segment, sequence in parts:
        found.ids.extend(ids)
        found.tokens.extend(tokens)
        found.offsets.extend(offsets)
        found.word_starts.extend(starts)
        found.segment_ids.extend([segment] * len(ids))
        found.attention_mask.extend([1] * len(ids))
        found.sequence_ids.extend([sequence] * len(ids))
    return found


def cut(row: Row, start: int, end: int) -> Row:
    """The pieces from `start` to `end` of a row."""
    ids, tokens, offsets, starts = row
    return ids[start:end], tokens[start:end], offsets[start:end], starts[start:end]


def truncated_lengths(first: int, second: int, room: int) -> tuple[int, int]:
    """How many pieces of a pair stay when only `room` fit: the longer text gives first.

    A text of at most half the room stays whole; when both are longer, each gets half of it, and the
    longer one (of equals the second) the odd piece. The same as "longest_first" of `tokenizers`.
    """
    if first + second <= room:
        return first, second
    short = min(first, second, room // 2)
    return (room - short, short) if first > second else (short, room - short)


def window_starts(length: int, size: int, stride: int) -> list[int]:
    """Where windows of `size` pieces begin so that neighbours share `stride` pieces.

    The last window is the first that reaches the end; it may be shorter. A text without pieces has
    one empty window.
    """
    step = size - stride
    return [0, *range(step, length - stride, step)] if length > size else [0]
