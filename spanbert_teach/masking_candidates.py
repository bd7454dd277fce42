"""Candidates for the spans of many blocks: `span_choice.draw_span` in array operations.

Positions and words are numbered through the whole batch, see `Rows` and `Words`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spanbert_teach.mask_options import MaskOptions
from spanbert_teach.masking_random import random_bits, uniform
from spanbert_teach.masking_rows import Rows
from spanbert_teach.span_choice import TAGGED_SHARE, Span
from spanbert_teach.span_law import length_probabilities

# Which numbers of a row's draws are used for what; a row never needs 2^32 of one sort.
CANDIDATES, TAGGED_CHOICES, PIECE_ORDER, EVERY_PIECE, REPLACEMENTS, RANDOM_PIECES = (
    np.uint64(sort << 32) for sort in range(6)
)


@dataclass(frozen=True, eq=False)
class Words:
    """The words of all rows, numbered through the batch.

    Attributes:
        edges: (words + 1,) flat position of each first piece, then the end of everything.
        of_piece: (batch * width,) the word of each flat position of text.
        first, count: (batch,) each row's first word, and how many it has.
    """

    edges: np.ndarray
    of_piece: np.ndarray
    first: np.ndarray
    count: np.ndarray


def find_words(rows: Rows, whole_words: bool) -> Words:
    """The words of the rows; without `whole_words` each piece counts as one."""
    batch, length = rows.ids.shape
    starts = np.zeros((batch, length + 1), dtype=bool)
    starts[:, :length] = rows.maskable & rows.word_starts if whole_words else rows.maskable
    starts = starts.ravel()
    starts[rows.begin] = True
    of_piece = np.cumsum(starts, dtype=np.int32) - 1
    edges = np.append(np.flatnonzero(starts), starts.size)
    first = of_piece[rows.begin]
    return Words(edges, of_piece, first, of_piece[rows.end - 1] - first + 1)


@dataclass(frozen=True, eq=False)
class Tagged:
    """The tagged spans of all rows, widened to whole words.

    Attributes:
        start, end: (tagged,) flat positions, row after row.
        first, count: (batch,) each row's first, and how many it has.
    """

    start: np.ndarray
    end: np.ndarray
    first: np.ndarray
    count: np.ndarray


def find_tagged(rows: Rows, words: Words, tagged: Sequence[Sequence[Span]]) -> Tagged:
    """Each row's spans, counted from its first piece of text, as flat spans of whole words."""
    count = np.array([len(spans) for spans in tagged])
    spans = np.array([span for spans in tagged for span in spans], dtype=np.int64).reshape(-1, 2)
    begin = np.repeat(rows.begin, count)
    last_word = words.of_piece[begin + spans[:, 1] - 1]
    end = np.minimum(words.edges[last_word + 1], np.repeat(rows.end, count))
    start = words.edges[words.of_piece[begin + spans[:, 0]]]
    return Tagged(start, end, np.cumsum(count) - count, count)


@lru_cache(maxsize=64)
def length_thresholds(length: int, options: MaskOptions) -> np.ndarray:
    """(lengths,) uint64: how many of them a random number of 32 bits reaches is its length."""
    share = np.cumsum(length_probabilities(options, length))
    share[-1] = 1.0
    return np.round(share * 2.0**32).astype(np.uint64)


def scaled(random: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Random numbers of 32 bits as whole numbers from 0 to count - 1."""
    return ((random * count.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def lengths_of(bits: np.ndarray, rows: Rows, options: MaskOptions) -> np.ndarray:
    """The lower half of random bits as lengths in words."""
    thresholds = length_thresholds(rows.width - 1, options)
    return np.searchsorted(thresholds, bits & np.uint64(2**32 - 1), side="right")


def draw_candidates(
    rows: Rows, words: Words, some: np.ndarray, draws: np.ndarray, options: MaskOptions
) -> tuple[np.ndarray, np.ndarray]:
    """The candidates with these numbers of some rows; the counterpart of `draw_span`.

    One draw of 64 bits is one candidate: the upper half says where, the lower how long.

    Returns:
        (draws, rows) flat starts and ends.
    """
    bits = random_bits(rows.keys[some], CANDIDATES + draws[:, None])
    upper = bits >> np.uint64(32)
    if options.anchor == "word":
        word = words.first[some] + scaled(upper, words.count[some])
    else:
        word = words.of_piece[rows.begin[some] + scaled(upper, rows.count[some])]
    # Behind the last word of a row come the words of the next; the row's end comes before them.
    last = np.minimum(word + lengths_of(bits, rows, options), len(words.edges) - 1)
    return words.edges[word], np.minimum(words.edges[last], rows.end[some])


def tag_candidates(
    rows: Rows,
    tagged: Tagged,
    some: np.ndarray,
    draws: np.ndarray,
    candidates: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """The candidates, half of them by chance replaced by a tagged span where a row has one."""
    bits = random_bits(rows.keys[some], TAGGED_CHOICES + draws[:, None])
    wanted = uniform(bits << np.uint64(32)) < TAGGED_SHARE
    row, column = np.nonzero(wanted & (tagged.count[some] > 0))
    of_row = some[column]
    number = tagged.first[of_row] + scaled(bits[row, column] >> np.uint64(32), tagged.count[of_row])
    start, end = candidates
    start[row, column], end[row, column] = tagged.start[number], tagged.end[number]
    return start, end
