"""Kneser-Ney n-grams over pieces, in any direction: the strong yardstick that only counts.

An n-gram model gives a piece's probability from a few pieces near it. Which ones is said by
offsets, nearest first: (-1, -2, -3, -4) are the four before (a forward 5-gram), (1, 2, 3, 4) the
four after (a backward one), (-2, -3, -4) three before, across a gap of one hidden piece. The
smoothing is Kneser and Ney's (1995): interpolated, with three discounts for each order (Chen &
Goodman 1999, "modified"). Lesson `05_sbo_vs_mlm`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spanbert_teach.corpus import BlockRows

# A place of a context where there is nothing to see: outside the block, or hidden.
NOTHING = -1
# How many pieces of context a model reads, by the distance to the nearest: 1, 2, ... pieces. What
# is far away says little, and needs no long context.
CONTEXTS = (4, 3, 2, 2, 2, 2)
FORWARD, BACKWARD = -1, 1


def windows(ids: np.ndarray, visible: np.ndarray, offsets: Sequence[int]) -> np.ndarray:
    """The neighbours of every piece of padded rows.

    Args:
        ids, visible: (batch, length), the pieces, and which of them may be seen.
        offsets: which neighbours, nearest first.

    Returns:
        (batch, length, offsets) int64. From the first neighbour on that is outside the row or not
        visible it is `NOTHING`: a context has no holes.
    """
    batch, length = ids.shape
    shown = np.where(visible, ids, NOTHING)
    found = np.full((batch, length, len(offsets)), NOTHING, dtype=np.int64)
    for place, offset in enumerate(offsets):
        if abs(offset) < length:
            here = slice(max(0, -offset), length - max(0, offset))
            there = slice(max(0, offset), length - max(0, -offset))
            found[:, here, place] = shown[:, there]
    found[np.logical_or.accumulate(found == NOTHING, axis=2)] = NOTHING
    return found


@dataclass(frozen=True, eq=False)
class Level:
    """What was counted after contexts of one size.

    Attributes:
        contexts: (contexts,) int64, ascending: the number of the context that is one piece shorter,
            times the vocabulary, plus the farthest piece. A context's number is its place here.
        starts: (contexts + 1,) int64: n-grams starts[c] to starts[c + 1] - 1 belong to context c.
        grams: (n-grams,) int64, ascending: number of the context times the vocabulary, plus piece.
        counts: (n-grams,) int64: how often, for the longest contexts; else after how many different
            longer contexts (Kneser & Ney 1995). A context that the block's edge ends counts as
            different from all others.
    """

    contexts: np.ndarray
    starts: np.ndarray
    grams: np.ndarray
    counts: np.ndarray


def count_levels(contexts: np.ndarray, pieces: np.ndarray, vocabulary: int) -> list[Level]:
    """One `Level` for each size of context, from none to all places.

    Args:
        contexts: (events, order - 1) int64, nearest first, as `windows` gives them.
        pieces: (events,) what stood there.
        vocabulary: how many pieces there are.

    Raises:
        ValueError: there are no events.
    """
    if not len(pieces):
        raise ValueError("There is nothing to count: the text has no pieces.")
    # The events whose context has at least `size` pieces, and the number of that context.
    events, number = np.arange(len(pieces)), np.zeros(len(pieces), dtype=np.int64)
    known, none = np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    known_by_size, unfinished = [], [none] * (contexts.shape[1] + 1)
    for size in range(contexts.shape[1] + 1):
        grams = number * vocabulary + pieces[events]
        known_by_size.append(known)
        if size < contexts.shape[1]:
            more = contexts[events, size] != NOTHING
            unfinished[size] = grams[~more]
            keys = number[more] * vocabulary + contexts[events[more], size]
            events = events[more]
            known, number = np.unique(keys, return_inverse=True)
    levels = []
    for known, alone in zip(known_by_size[::-1], unfinished[::-1], strict=True):
        grams, counts = np.unique(np.concatenate([grams, alone]), return_counts=True)
        starts = np.searchsorted(grams, np.arange(len(known) + 1) * vocabulary)
        levels.append(Level(known, starts, grams, counts))
        # Each different n-gram counts once for the one that is a piece shorter, however often it
        # occurs: a piece that many contexts have is likely in a new one, too.
        shorter = known[grams // vocabulary] // vocabulary
        grams = shorter * vocabulary + grams % vocabulary
    return levels[::-1]


def closed_form_discounts(counts: np.ndarray) -> np.ndarray:
    """(3,) discounts for counts of 1, of 2, of 3 or more (Chen & Goodman 1999)."""
    n1, n2, n3, n4 = (max(1, np.count_nonzero(counts == r)) for r in (1, 2, 3, 4))
    y = n1 / (n1 + 2 * n2)
    found = np.array([1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return np.clip(found, 0.01, [0.99, 1.99, 2.99])


class KneserNey:
    """An interpolated Kneser-Ney model: P(piece | its context), for each of several offsets.

    Args:
        levels: from `count_levels`.
        vocabulary: how many pieces there are; what was never seen gets its part of 1 / vocabulary.
        discounts: (order, 3) for counts of 1, 2, 3 or more, each at most the count; row k is for
            contexts of k pieces. None: in closed form.
    """

    def __init__(
        self,
        levels: list[Level],
        vocabulary: int,
        discounts: Sequence[Sequence[float]] | None = None,
    ):
        self.levels, self.vocabulary = levels, vocabulary
        if discounts is None:
            discounts = [closed_form_discounts(level.counts) for level in levels]
        self.discounts = np.array(discounts, dtype=float)
        self.kept, self.back_off, self.pieces = [], [], []
        for level, discount in zip(levels, self.discounts, strict=True):
            taken = discount[np.minimum(level.counts, 3) - 1]
            total = np.add.reduceat(level.counts, level.starts[:-1])
            self.back_off.append(np.add.reduceat(taken, level.starts[:-1]) / total)
            self.kept.append((level.counts - taken) / np.repeat(total, np.diff(level.starts)))
            self.pieces.append((level.grams % vocabulary).astype(np.int32))
        # Without any context every piece has a share: `rows` only add to it.
        self.unigram = np.full(vocabulary, self.back_off[0][0] / vocabulary)
        self.unigram[self.pieces[0]] += self.kept[0]
        self.counted = np.zeros(vocabulary, dtype=bool)
        self.counted[self.pieces[0]] = True

    def numbers(self, contexts: np.ndarray) -> list[np.ndarray]:
        """For each size of context (contexts,) its number in the level; -1 if never seen."""
        number = np.zeros(len(contexts), dtype=np.int64)
        found = [number]
        for place, level in enumerate(self.levels[1:]):
            key = number * self.vocabulary + contexts[:, place]
            seen = (number >= 0) & (contexts[:, place] != NOTHING)
            at, there = find(level.contexts, key)
            number = np.where(seen & there, at, -1)
            found.append(number)
        return found

    def rows(self, contexts: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        """(contexts, vocabulary) the distributions after contexts of (contexts, order - 1)."""
        numbers, share = self.numbers(contexts), np.ones(len(contexts))
        shares = [share]
        for number, back_off in zip(numbers[:0:-1], self.back_off[:0:-1], strict=True):
            share = share * np.where(number >= 0, back_off[number], 1.0)
            shares.append(share)
        rows = share.astype(dtype)[:, None] * self.unigram.astype(dtype)
        # A context's n-grams lie one behind the other, so all are found without a loop over rows.
        for k in range(1, len(self.levels)):
            row = np.flatnonzero(numbers[k] >= 0)
            start = self.levels[k].starts[numbers[k][row]]
            size = self.levels[k].starts[numbers[k][row] + 1] - start
            gram = np.arange(size.sum()) + np.repeat(start - np.cumsum(size) + size, size)
            kept = self.kept[k][gram] * np.repeat(shares[-1 - k][row], size)
            rows[np.repeat(row, size), self.pieces[k][gram]] += kept.astype(dtype)
        return rows

    def distribution(self, context: Sequence[int]) -> np.ndarray:
        """(vocabulary,) after one context, nearest piece first; shorter ones are allowed."""
        padded = np.full((1, len(self.levels) - 1), NOTHING, dtype=np.int64)
        near = np.asarray(context, dtype=np.int64)[: padded.shape[1]]
        padded[0, : len(near)] = near
        return self.rows(padded, np.float64)[0]

    def probability(self, contexts: np.ndarray, pieces: np.ndarray) -> np.ndarray:
        """(contexts,) float64: of one piece after each context; `rows` without the other pieces."""
        found, number = self.unigram[pieces], np.zeros(len(pieces), dtype=np.int64)
        live = np.arange(len(pieces))
        for k in range(1, len(self.levels)):
            at, there = find(
                self.levels[k].contexts, number * self.vocabulary + contexts[live, k - 1]
            )
            there &= contexts[live, k - 1] != NOTHING
            live, number = live[there], at[there]
            gram, seen = find(self.levels[k].grams, number * self.vocabulary + pieces[live])
            found[live] *= self.back_off[k][number]
            found[live] += np.where(seen, self.kept[k][gram], 0.0)
        return found


def find(ascending: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each key stands in an ascending array, and whether it does."""
    at = np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)
    return at, ascending[at] == keys


def offsets(side: int, distance: int) -> tuple[int, ...]:
    """The places that the model of a side and a distance reads, nearest first."""
    return tuple(side * (distance + i) for i in range(CONTEXTS[distance - 1]))


def fit_side(
    rows: BlockRows, side: int, vocabulary: int, discounts: Sequence | None = None
) -> list[KneserNey]:
    """The models of one side, for each distance of `CONTEXTS`.

    Args:
        rows: text to count; [CLS] and [SEP] are read but never predicted.
        side: `FORWARD` reads what comes before, `BACKWARD` what comes after.
        discounts: for each distance (order, 3); None: in closed form.
    """
    models, pieces = [], rows.ids[rows.maskable]
    for i in range(len(CONTEXTS)):
        contexts = windows(rows.ids, rows.real, offsets(side, i + 1))[rows.maskable]
        levels = count_levels(contexts, pieces, vocabulary)
        models.append(KneserNey(levels, vocabulary, None if discounts is None else discounts[i]))
    return models
