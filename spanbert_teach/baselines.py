"""Guessing hidden words by counting: the yardstick that every trained model has to beat.

Built by hand in lesson `00_start_here`. The guesser sees what the span boundary objective sees
(Joshi et al. 2020, §3.2): the word before a hidden span, the word after it, and the position
inside the span. It learns nothing; it looks things up in a corpus.
"""

from collections.abc import Iterable, Sequence

import numpy as np

# How many occurrences the plain frequency of a word counts for, beside what is seen in its place.
PRIOR = 10.0


class BoundaryCounts:
    """How often each word stands at a given distance from another word of the same paragraph.

    Args:
        paragraphs: lists of words, for example `words(paragraph)` for each of a corpus.

    Attributes:
        vocabulary: every word of the corpus, in alphabetical order; frequency: (vocabulary,) the
            share of each in the corpus.
    """

    def __init__(self, paragraphs: Iterable[Sequence[str]]):
        kept = [list(paragraph) for paragraph in paragraphs]
        self.vocabulary = sorted({word for paragraph in kept for word in paragraph})
        if not self.vocabulary:
            raise ValueError("BoundaryCounts needs at least one word to count.")
        self.index = {word: i for i, word in enumerate(self.vocabulary)}
        self.ids = np.array([self.index[word] for paragraph in kept for word in paragraph])
        self.paragraph = np.repeat(np.arange(len(kept)), [len(paragraph) for paragraph in kept])
        self.frequency = np.bincount(self.ids) / len(self.ids)
        # The places of word i in the corpus are order[starts[i] : starts[i + 1]].
        self.order = np.argsort(self.ids, kind="stable")
        self.starts = np.searchsorted(self.ids[self.order], np.arange(len(self.vocabulary) + 1))

    def at(self, word: str | None, offset: int) -> np.ndarray:
        """(vocabulary,) how often each word stands `offset` places after `word` (negative: before).

        All zeros for None, and for a word that the corpus does not have.
        """
        if word not in self.index:
            return np.zeros(len(self.vocabulary), dtype=np.int64)
        here = self.order[self.starts[self.index[word]] : self.starts[self.index[word] + 1]]
        here = here[(here + offset >= 0) & (here + offset < len(self.ids))]
        there = here[self.paragraph[here] == self.paragraph[here + offset]] + offset
        return np.bincount(self.ids[there], minlength=len(self.vocabulary))


def guess_hidden(
    counts: BoundaryCounts,
    left: str | None,
    right: str | None,
    length: int,
    position: int,
    top: int = 1,
    prior: float = PRIOR,
) -> list[tuple[str, float]]:
    """The likeliest words at one position of a hidden span, best first: (word, share) pairs.

    Args:
        left, right: the words before and after the span; None for one that may not be used.
        length: how many words are hidden.
        position: 1 for the first hidden word, `length` for the last.
        top: how many to return; words of equal share come in alphabetical order.
        prior: how much plain frequency is added to each count.

    Returns:
        Shares are of all words: over the whole vocabulary they sum to 1.

    Raises:
        ValueError: `position` is not in the span.
    """
    if not 1 <= position <= length:
        raise ValueError(f"Position {position} is not in a span of {length}: 1 is its first word.")
    frequency = counts.frequency
    from_left = counts.at(left, position) + prior * frequency
    from_right = counts.at(right, position - length - 1) + prior * frequency
    scores = from_left * from_right / frequency
    # Sorting only what can be among the best: a slider waits for this.
    least = np.partition(scores, -top)[-top] if top < len(scores) else scores.min()
    best = np.flatnonzero(scores >= least)
    best = best[np.argsort(-scores[best], kind="stable")][:top]
    return [(counts.vocabulary[i], float(scores[i] / scores.sum())) for i in best]
