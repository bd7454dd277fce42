"""Masks of one text, counted, and whether two counts of span lengths can come from one law.

`masking_verdict` says in words what the counts mean.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from spanbert_teach.masking import KINDS

TOGETHER = 20  # neighbouring lengths are counted together until a cell of the test has so many


@dataclass(frozen=True, eq=False)
class Draws:
    """Masks of one text.

    Attributes:
        count: how many masks.
        spans: (spans, 3) mask, start, end (exclusive).
        replacements: (spans,) places in `KINDS`.
        kinds: (pieces,) places in `KINDS` of all masked pieces, span after span; none is "mixed".
    """

    count: int
    spans: np.ndarray
    replacements: np.ndarray
    kinds: np.ndarray


@dataclass(eq=False)
class Tally:
    """Sums over masks of one text; `add` goes on counting.

    Attributes:
        masks, spans, pieces: how many masks, spans in them, pieces masked.
        least, most: pieces masked in the smallest and in the largest mask.
        lengths: the index is a length in words (a cut word is one), the entry how many spans.
        long_spans, mixed: spans of several pieces, and those replaced in several ways.
        inside: spans that start inside a word.
        cut, cut_twice: masks with a span, and with several, that end inside a word.
        kinds: masked pieces by "mask", "random", "keep".
    """

    masks: int = 0
    spans: int = 0
    pieces: int = 0
    least: int = 0
    most: int = 0
    lengths: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    long_spans: int = 0
    mixed: int = 0
    inside: int = 0
    cut: int = 0
    cut_twice: int = 0
    kinds: np.ndarray = field(default_factory=lambda: np.zeros(3, dtype=np.int64))

    def add(self, draws: Draws, word_starts: np.ndarray) -> None:
        """Count some more masks; `word_starts`: (length,) bool."""
        mask, start, end = draws.spans.T
        word = np.cumsum(word_starts)
        used = np.bincount(mask, weights=end - start, minlength=draws.count).astype(np.int64)
        lengths = np.bincount(word[end - 1] - word[start] + 1, minlength=len(word_starts) + 1)
        ends_inside = ~np.append(word_starts, True)[end]
        cuts = np.bincount(mask[ends_inside], minlength=draws.count)
        self.least = int(min(used.min(), self.least) if self.masks else used.min())
        self.most = int(max(used.max(), self.most))
        self.masks += draws.count
        self.spans += len(start)
        self.pieces += int(used.sum())
        self.lengths = self.lengths + lengths
        self.long_spans += int(np.count_nonzero(end - start > 1))
        self.mixed += int(np.count_nonzero(draws.replacements == KINDS.index("mixed")))
        self.inside += int(np.count_nonzero(~word_starts[start]))
        self.cut += int(np.count_nonzero(cuts))
        self.cut_twice += int(np.count_nonzero(cuts > 1))
        self.kinds = self.kinds + np.bincount(draws.kinds, minlength=3)

    def mean(self) -> float:
        """The mean length of a span in words; 0 without spans."""
        return float(self.lengths @ np.arange(len(self.lengths)) / max(1, self.spans))

    def share(self, length: int) -> float:
        """How many of the spans have this length in words."""
        return float(self.lengths[length : length + 1].sum() / max(1, self.spans))


def chi_square_tail(statistic: float, degrees: int) -> float:
    """The probability of a chi-square at least so large."""
    y = statistic / 2
    if y == 0:
        return 1.0
    tail, a = (math.exp(-y), 1.0) if degrees % 2 == 0 else (math.erfc(math.sqrt(y)), 0.5)
    while a < degrees / 2:
        tail += math.exp(a * math.log(y) - y - math.lgamma(a + 1))
        a += 1
    return tail


def same_law(first: np.ndarray, second: np.ndarray) -> float:
    """The p-value of two tables of counts coming from one law (two-sample chi-square).

    Args:
        first, second: counts of the lengths 0, 1, 2 ..., of any number of spans.
    """
    size = max(len(first), len(second))
    counts = np.stack([np.pad(c, (0, size - len(c))) for c in (first, second)]).astype(float)
    totals = np.trim_zeros(counts.sum(axis=0), "b")
    counts = counts[:, : len(totals)]
    # The last cell is closed early enough to have its TOGETHER too.
    cell = np.minimum(np.cumsum(totals) - totals, totals.sum() - TOGETHER) // TOGETHER
    _, cell = np.unique(cell, return_inverse=True)
    counts = np.stack([np.bincount(cell, row) for row in counts])
    if counts.shape[1] < 2 or not counts.sum(axis=1).all():
        return 1.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return chi_square_tail(((counts - expected) ** 2 / expected).sum(), counts.shape[1] - 1)
