"""Which pieces of many blocks are masked: the loop of `choose_spans` in array operations.

How draws without a loop over blocks follow rules that are told as a loop:

1. Many candidates of each block are drawn up front: where it starts, and how long it is.
2. A candidate is accepted unless its start is covered by an earlier accepted one.
3. Each piece gets the time at which it would be masked: the number of the first accepted candidate
   that covers it. In order of time, then from left to right, the first `budget` pieces are the
   mask.

Rows that have not spent their budget go on with more candidates. Positions and words are numbered
through the whole batch, see `Rows` and `Words`. Lesson `02_span_masking`, Deeper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spanbert_teach.masking.block import (
    TAGGED_SCHEMES,
    TAGGED_SHARE,
    Span,
    length_probabilities,
    masking_budget,
)
from spanbert_teach.masking.options import MaskOptions
from spanbert_teach.masking.rows import Rows
from spanbert_teach.masking.streams import random_bits, uniform

# --- Candidates: the counterpart of draw_span -----------------------------------------------------

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


def whole_below(random: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Random numbers of 32 bits as whole numbers from 0 to count - 1."""
    return ((random * count.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def lengths_of(bits: np.ndarray, rows: Rows, options: MaskOptions) -> np.ndarray:
    """The lower half of random bits as lengths in words."""
    thresholds = length_thresholds(rows.width - 1, options)
    return np.searchsorted(thresholds, bits & np.uint64(2**32 - 1), side="right")


def draw_candidates(
    rows: Rows, words: Words, active: np.ndarray, draws: np.ndarray, options: MaskOptions
) -> tuple[np.ndarray, np.ndarray]:
    """The candidates with these numbers of some rows; the counterpart of `draw_span`.

    One draw of 64 bits is one candidate: the upper half says where, the lower how long.

    Returns:
        (draws, rows) flat starts and ends.
    """
    bits = random_bits(rows.keys[active], CANDIDATES + draws[:, None])
    upper = bits >> np.uint64(32)
    if options.anchor == "word":
        word = words.first[active] + whole_below(upper, words.count[active])
    else:
        word = words.of_piece[rows.begin[active] + whole_below(upper, rows.count[active])]
    # Behind the last word of a row come the words of the next; the row's end comes before them.
    last = np.minimum(word + lengths_of(bits, rows, options), len(words.edges) - 1)
    return words.edges[word], np.minimum(words.edges[last], rows.end[active])


def tag_candidates(
    rows: Rows,
    tagged: Tagged,
    active: np.ndarray,
    draws: np.ndarray,
    candidates: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """The candidates, half of them by chance replaced by a tagged span where a row has one."""
    bits = random_bits(rows.keys[active], TAGGED_CHOICES + draws[:, None])
    wanted = uniform(bits << np.uint64(32)) < TAGGED_SHARE
    row, column = np.nonzero(wanted & (tagged.count[active] > 0))
    of_row = active[column]
    number = tagged.first[of_row] + whole_below(
        bits[row, column] >> np.uint64(32), tagged.count[of_row]
    )
    start, end = candidates
    start[row, column], end[row, column] = tagged.start[number], tagged.end[number]
    return start, end


# --- Which of their pieces are masked: the counterpart of choose_spans ----------------------------

# At most so many candidates of a row are looked at together: each is compared with each.
TOGETHER = 64


@lru_cache(maxsize=64)
def budgets_up_to(length: int, budget: float, budget_rule: str) -> np.ndarray:
    """(length + 1,) the budget of a block of 0, 1 ... pieces."""
    options = MaskOptions(budget=budget, budget_rule=budget_rule)  # nothing else has a say in it
    return np.array([0, *(masking_budget(n, options) for n in range(1, length + 1))])


def accepted(start: np.ndarray, end: np.ndarray, masked: np.ndarray) -> np.ndarray:
    """Which candidates are accepted: those whose start no earlier accepted one has covered.

    Args:
        start, end: (count, rows) flat, in the order of the draws.
        masked: (count, rows) bool, True where the start was masked before all of these.

    Returns:
        (count, rows) bool.
    """
    start, end = start.astype(np.int32), end.astype(np.int32)  # half the bytes, twice the speed
    # covers[i, j, row]: candidate i covers the start of candidate j.
    covers = start[:, None] <= start[None]
    covers &= start[None] < end[:, None]
    covered, counts = masked.copy(), np.empty_like(masked)
    for i in range(len(start)):
        np.logical_not(covered[i], out=counts[i])
        covered |= covers[i] & counts[i]
    return counts


def piece_times(
    rows: Rows, words: Words, tagged: Tagged | None, budget: np.ndarray, options: MaskOptions
) -> np.ndarray:
    """When each piece would be masked: the number of the first candidate that counts and covers it.

    Returns:
        (batch, width); a number behind all others where no candidate came before the budget was
        spent. Times the width, they still fit into the array's integers.
    """
    number = np.int32 if rows.width <= 2048 else np.int64
    never = np.iinfo(number).max // rows.width - 1
    times = np.full(len(rows.ids) * rows.width, never, dtype=number)
    active, first = np.arange(len(rows.ids)), 0
    # So many are nearly always enough. (Their number is free: it changes the speed alone.)
    count = min(TOGETHER, 6 + int(budget.max()) // (3 if options.scheme == "span" else 1))
    while len(active):
        draws = np.arange(first, first + count, dtype=np.uint64)
        start, end = draw_candidates(rows, words, active, draws, options)
        if tagged is not None:
            start, end = tag_candidates(rows, tagged, active, draws, (start, end))
        good = accepted(start, end, times[start] < never)
        # From the last to the first, so that the earliest candidate is written last.
        order, row = (a[::-1] for a in np.nonzero(good))
        piece, of_span = span_pieces(start[order, row], end[order, row])
        time = first + order[of_span]
        if first > 0:
            new = times[piece] == never
            piece, time = piece[new], time[new]
        times[piece] = time
        covered = np.count_nonzero(times.reshape(-1, rows.width)[active] < never, axis=1)
        active, first = active[covered < budget[active]], first + count
    return times.reshape(-1, rows.width)


def span_pieces(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pieces of spans, one span after the other, and for each piece the number of its span."""
    length = end - start
    of_span = np.repeat(np.arange(len(start)), length)
    shift = start - (np.cumsum(length) - length)
    return np.arange(len(of_span)) + shift[of_span], of_span


def first_pieces(order: np.ndarray, budget: np.ndarray) -> np.ndarray:
    """(batch, width) bool: each row's `budget` first pieces in the given order, ties included."""
    limit = np.sort(order, axis=1)[np.arange(len(order)), budget - 1]
    return order <= limit[:, None]


def pieces_of_every_anchor(rows: Rows, words: Words, options: MaskOptions) -> np.ndarray:
    """(batch, width) bool: the counterpart of `spans_at_every_piece`, the article's formula."""
    batch, width = len(rows.ids), rows.width
    text = np.zeros((batch, width), dtype=bool)
    text[:, :-1] = rows.maskable
    place = (np.arange(width) - rows.first[:, None]).astype(np.uint64)
    length = lengths_of(random_bits(rows.keys[:, None], EVERY_PIECE + place), rows, options)
    word = np.maximum(words.of_piece, 0).reshape(batch, width)
    last = np.minimum(word + length, len(words.edges) - 1)
    end = np.where(text, np.minimum(words.edges[last], rows.end[:, None]), 0)
    # A piece is masked when a span that starts in its word, or before, reaches beyond it.
    reach = np.maximum.accumulate(end.ravel())[words.edges[word + 1] - 1]
    return text & (reach > np.arange(batch * width).reshape(batch, width))


def choose_pieces(
    rows: Rows, options: MaskOptions, tagged: Sequence[Sequence[Span]] = ()
) -> np.ndarray:
    """(batch, width) bool: the pieces to mask, the last column never.

    The counterpart of `choose_spans`, and of `merge_spans` with adjacent spans merged.
    """
    batch, width = len(rows.ids), rows.width
    budget = budgets_up_to(width - 1, options.budget, options.budget_rule)[rows.count]
    if options.scheme == "subword":
        # A random order of the pieces of text; the rest stands behind them all.
        place = (np.arange(width) - rows.first[:, None]).astype(np.uint64)
        order = random_bits(rows.keys[:, None], PIECE_ORDER + place) >> np.uint64(1)
        order[:, :-1][~rows.maskable] = order[:, -1] = np.uint64(2**64 - 1)
        return first_pieces(order, budget)
    words = find_words(rows, options.whole_words)
    if options.anchor == "every":
        return pieces_of_every_anchor(rows, words, options)
    known = options.scheme in TAGGED_SCHEMES and len(tagged) > 0
    spans = find_tagged(rows, words, tagged) if known else None
    order = piece_times(rows, words, spans, budget, options) * width
    if options.complete_words:
        # All pieces of a word have the place of its first, so they come in together.
        first_piece = words.edges[np.maximum(words.of_piece, 0)].reshape(batch, width)
        order += (first_piece - np.arange(batch)[:, None] * width).astype(order.dtype)
    else:
        order += np.arange(width, dtype=order.dtype)
    return first_pieces(order, budget)
