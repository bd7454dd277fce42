"""Which pieces of many blocks are masked: the loop of `choose_spans` in array operations.

How draws without a loop over blocks follow rules that are told as a loop:

1. Many candidates of each block are drawn up front: where it starts, and how long it is.
2. A candidate counts unless its start is covered by an earlier one that counts.
3. Each piece gets the time at which it would be masked: the number of the first candidate that
   counts and covers it. In order of time, then from left to right, the first `budget` pieces are
   the mask.

Rows that have not spent their budget go on with more candidates. Lesson `02_span_masking`, Deeper.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from spanbert_teach.mask_options import MaskOptions
from spanbert_teach.masking_candidates import (
    EVERY_PIECE,
    PIECE_ORDER,
    Tagged,
    Words,
    draw_candidates,
    find_tagged,
    find_words,
    lengths_of,
    tag_candidates,
)
from spanbert_teach.masking_random import random_bits
from spanbert_teach.masking_rows import Rows
from spanbert_teach.span_choice import TAGGED_SCHEMES, Span
from spanbert_teach.span_law import masking_budget

# At most so many candidates of a row are looked at together: each is compared with each.
TOGETHER = 64


@lru_cache(maxsize=64)
def budgets_up_to(length: int, budget: float, budget_rule: str) -> np.ndarray:
    """(length + 1,) the budget of a block of 0, 1 ... pieces."""
    options = MaskOptions(budget=budget, budget_rule=budget_rule)  # nothing else has a say in it
    return np.array([0, *(masking_budget(n, options) for n in range(1, length + 1))])


def which_count(start: np.ndarray, end: np.ndarray, masked: np.ndarray) -> np.ndarray:
    """Which candidates count: those whose start no earlier one that counts has covered.

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
    some, first = np.arange(len(rows.ids)), 0
    # So many are nearly always enough. (Their number is free: it changes the speed alone.)
    count = min(TOGETHER, 6 + int(budget.max()) // (3 if options.scheme == "span" else 1))
    while len(some):
        draws = np.arange(first, first + count, dtype=np.uint64)
        start, end = draw_candidates(rows, words, some, draws, options)
        if tagged is not None:
            start, end = tag_candidates(rows, tagged, some, draws, (start, end))
        good = which_count(start, end, times[start] < never)
        # From the last to the first, so that the earliest candidate is written last.
        order, row = (a[::-1] for a in np.nonzero(good))
        piece, of_span = span_pieces(start[order, row], end[order, row])
        time = first + order[of_span]
        if first > 0:
            new = times[piece] == never
            piece, time = piece[new], time[new]
        times[piece] = time
        covered = np.count_nonzero(times.reshape(-1, rows.width)[some] < never, axis=1)
        some, first = some[covered < budget[some]], first + count
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
