"""Which pieces of a block are masked: draw spans until the budget is spent.

The readable version, one block at a time; `masking_batch` does the same for many blocks at once.
Source: Joshi et al. 2020, §3.1 and, for the other schemes, §4.2. Lesson `02_span_masking`.
"""

from collections.abc import Sequence

import numpy as np

from spanbert_teach.mask_options import OFFICIAL, MaskOptions
from spanbert_teach.span_law import length_probabilities, masking_budget

# A span of pieces: its first, and the one after its last.
Span = tuple[int, int]

# The schemes that mask spans which somebody marked in the text, and how often they do: in half of
# the draws; the other half are whole words (Joshi et al. 2020, §4.2).
TAGGED_SCHEMES = ("entity", "noun_phrase")
TAGGED_SHARE = 0.5


def word_edges(word_starts: Sequence[bool]) -> np.ndarray:
    """(words + 1,) the first piece of each word, then the number of pieces: word w is the pieces
    edges[w] to edges[w + 1] - 1. The first piece always starts a word."""
    starts = np.flatnonzero(word_starts)
    starts = starts[starts > 0]
    return np.concatenate([[0], starts, [len(word_starts)]])


def word_of(edges: np.ndarray, piece: int) -> int:
    """The number of the word that a piece belongs to."""
    return int(np.searchsorted(edges, piece, side="right")) - 1


def draw_anchor(edges: np.ndarray, rng: np.random.Generator, options: MaskOptions) -> int:
    """The word at which a span starts.

    With `anchor="piece"` a random piece decides, and the span starts at its word: a word of three
    pieces is hit three times as often as a word of one. With "word" all are equally likely.
    """
    if options.anchor == "word":
        return int(rng.integers(len(edges) - 1))
    return word_of(edges, rng.integers(edges[-1]))


def draw_span(
    edges: np.ndarray,
    lengths: np.ndarray,
    rng: np.random.Generator,
    options: MaskOptions,
    tagged: Sequence[Span] = (),
) -> Span:
    """One candidate: a length in words, then where it starts; at most to the end of the block.

    Args:
        edges: of the words, see `word_edges`.
        lengths: probabilities of 0, 1, 2 ... words, see `length_probabilities`.
        tagged: entities or noun phrases, for the schemes that mask them; widened to whole words.
    """
    if options.scheme in TAGGED_SCHEMES and tagged and rng.random() < TAGGED_SHARE:
        start, end = tagged[rng.integers(len(tagged))]
        return int(edges[word_of(edges, start)]), int(edges[word_of(edges, end - 1) + 1])
    words = rng.choice(len(lengths), p=lengths)
    first = draw_anchor(edges, rng, options)
    last = min(first + words, len(edges) - 1)
    return int(edges[first]), int(edges[last])


def spend(
    masked: set[int], span: Span, budget: int, edges: np.ndarray, complete_words: bool
) -> Span:
    """Mask a span from left to right until the budget is spent; returns what was reached of it.

    Pieces that are masked already cost nothing. The budget may end inside a word; with
    `complete_words` that word is finished, and the budget overrun by less than a word.
    """
    start, end = span
    for piece in range(start, end):
        if len(masked) >= budget and not (complete_words and piece not in edges):
            return start, piece
        masked.add(piece)
    return start, end


def choose_spans(
    word_starts: Sequence[bool],
    rng: np.random.Generator,
    options: MaskOptions = OFFICIAL,
    tagged: Sequence[Span] = (),
) -> list[Span]:
    """The spans to mask, in the order in which they were drawn; they may overlap and touch.

    A candidate whose first piece is masked already is drawn anew, length and all. Otherwise it may
    run over masked words, which count for its length. This always ends: any piece can be drawn
    (half of the candidates are whole words even where entities are masked).
    """
    pieces = len(word_starts)
    edges = word_edges(word_starts) if options.whole_words else np.arange(pieces + 1)
    if options.anchor == "every":
        return spans_at_every_piece(edges, rng, options)
    budget = masking_budget(pieces, options)
    if options.scheme == "subword":
        chosen = np.sort(rng.choice(pieces, budget, replace=False))
        return [(int(piece), int(piece) + 1) for piece in chosen]
    lengths = length_probabilities(options, len(edges) - 1)
    masked: set[int] = set()
    spans = []
    while len(masked) < budget:
        span = draw_span(edges, lengths, rng, options, tagged)
        if span[0] not in masked:
            spans.append(spend(masked, span, budget, edges, options.complete_words))
    return spans


def spans_at_every_piece(
    edges: np.ndarray, rng: np.random.Generator, options: MaskOptions
) -> list[Span]:
    """The article's formula: a span is drawn at each piece in turn, and nothing stops it."""
    last = len(edges) - 1
    lengths = length_probabilities(options, last)
    spans = []
    for piece in range(edges[-1]):
        first = word_of(edges, piece)
        words = rng.choice(len(lengths), p=lengths)
        if words > 0:
            spans.append((int(edges[first]), int(edges[min(first + words, last)])))
    return spans


def merge_spans(spans: Sequence[Span], adjacent: bool = True) -> list[Span]:
    """The same pieces as spans in order of their start, none overlapping.

    Args:
        adjacent: spans that touch become one as well, so that a piece which is not masked stands
            between any two.
    """
    merged: list[Span] = []
    for start, end in sorted(spans):
        reaches = merged[-1][1] if merged else -1
        if start < reaches or (adjacent and start == reaches):
            merged[-1] = (merged[-1][0], max(end, reaches))
        else:
            merged.append((start, end))
    return merged
