"""One masked block, in plain steps: how long a span is, which spans, what is read in their place.

The readable version, one block at a time: the law of lengths and the budget; spans drawn until the
budget is spent, and merged; their pieces replaced; the targets of both objectives. `batch` does the
same for many blocks at once. Source: Joshi et al. 2020, §3.1, §3.2 and, for the other schemes,
§4.2. Lesson `02_span_masking`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from spanbert_teach.masking.options import OFFICIAL, MaskOptions, check_block, check_unigram

# --- How long a span is, and how many pieces are masked -------------------------------------------

# The mean of the "SpanBERT-style" exponential lengths that some implementations draw.
EXPONENTIAL_MEAN = 3.0


def span_length_pmf(p: float = 0.2, max_words: int = 10) -> np.ndarray:
    """The law of span lengths: geometric on 1 .. max_words words, renormalised to sum 1.

    A length l has the weight p (1 - p)^(l - 1). Longer spans do not exist: their probability is
    shared by all lengths in proportion (it is not added to max_words). Joshi et al. 2020, §3.1,
    with p = 0.2 and 10 words: .2241, .1792 ... .0301, mean 3.8.

    Args:
        p: above 0, at most 1; max_words: 1 or more. (`MaskOptions` refuses other values.)

    Returns:
        (max_words,) probabilities of the lengths 1, 2 ... max_words.
    """
    weights = p * (1 - p) ** np.arange(max_words)
    return weights / weights.sum()


def cut_geometric(p: float, longest: int) -> np.ndarray:
    """(longest,) geometric probabilities of 1 .. longest; all that is longer counts as longest."""
    probabilities = p * (1 - p) ** np.arange(longest)
    probabilities[-1] = (1 - p) ** (longest - 1)
    return probabilities


def length_probabilities(options: MaskOptions = OFFICIAL, longest: int = 512) -> np.ndarray:
    """The law of span lengths under any options, the common mistakes included.

    Args:
        longest: where a law without an end is cut off: the words of the block, as no span reaches
            further.

    Returns:
        (lengths,) probabilities; the index is the length in words, so entry 0 is that of no word.
    """
    if options.scheme != "span":
        return np.array([0.0, 1.0])
    if options.length_law == "renormalise":
        return np.concatenate([[0.0], span_length_pmf(options.p, options.max_words)])
    if options.length_law == "clip":
        return np.concatenate([[0.0], cut_geometric(options.p, options.max_words)])
    if options.length_law == "unlimited":
        return np.concatenate([[0.0], cut_geometric(options.p, longest)])
    if options.length_law == "exponential":
        # An exponential length, rounded up to whole words, is geometric with this p.
        return np.concatenate([[0.0], cut_geometric(1 - math.exp(-1 / EXPONENTIAL_MEAN), longest)])
    return cut_geometric(options.p, longest + 1)  # from_zero


def masking_budget(pieces: int, options: MaskOptions = OFFICIAL) -> int:
    """How many of a block's pieces are masked: ceil(budget * pieces), at least one.

    With `budget_rule="google_bert"`: round(budget * (pieces + 2)), [CLS] and [SEP] counted (its
    limits of 20 predictions in 128 pieces and 77 in 512 are never exceeded with 15%).

    Args:
        pieces: of the text alone, without [CLS] and [SEP].
    """
    # 0.15 is meant as 15/100. The floating-point number is a little less or more, and so would be
    # a product that should be whole: ceil(0.07 * 100) is 8.
    share = Fraction(str(options.budget))
    if options.budget_rule == "google_bert":
        return min(pieces, max(1, round(share * (pieces + 2))))
    return math.ceil(share * pieces)


# --- Which pieces: draw spans until the budget is spent -------------------------------------------

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


# --- What is read instead, and what has to be predicted -------------------------------------------

# The target of a piece that is not predicted; torch's cross-entropy leaves it out.
IGNORE = -100

# What is read in the place of a masked piece. "mixed": a span whose pieces differ in that, which
# only happens with `replacement="piece"`.
KINDS = ("mask", "random", "keep", "mixed")
MASK_SHARE, RANDOM_SHARE = 0.8, 0.1


@dataclass(frozen=True, eq=False)
class SboTargets:
    """What the span boundary objective predicts: one entry a piece, each field (targets,) int64.

    Attributes:
        left, right: the last piece before the span and the first after it, as indices into the
            block without [CLS] and [SEP]: a model that adds [CLS] in front adds 1. With
            `sbo_at_edges` they can be -1 and the number of pieces, where [CLS] and [SEP] will be.
        position: of the piece in its span, from 0: the row of the position table.
        target: the original id.
    """

    left: np.ndarray
    right: np.ndarray
    position: np.ndarray
    target: np.ndarray


@dataclass(frozen=True, eq=False)
class MaskedBlock:
    """A masked block; everything without [CLS] and [SEP].

    Attributes:
        input_ids: (length,) int64, what the model reads.
        mask: (length,) bool, True for the pieces to predict, replaced or not.
        spans: (start, end), end exclusive, in order, merged. In the scheme "subword" each piece is
            a span of its own.
        replacements: one of `KINDS` for each span; "mixed" when its pieces are of several kinds.
        kinds: "mask", "random" or "keep" for each piece, "" where nothing is masked.
        mlm_targets: (length,) int64, the original id where masked, else `IGNORE`.
        sbo: what the span boundary objective predicts.
    """

    input_ids: np.ndarray
    mask: np.ndarray
    spans: tuple[Span, ...]
    replacements: tuple[str, ...]
    kinds: tuple[str, ...]
    mlm_targets: np.ndarray
    sbo: SboTargets


def piece_unigram(
    rows: Iterable[Sequence[int]], vocabulary_size: int, special_ids: Sequence[int]
) -> np.ndarray:
    """How often each piece occurs, as probabilities: what random replacements are drawn from.

    Args:
        rows: the ids of blocks or documents; with or without special tokens, streamed.
        special_ids: of [PAD], [CLS], [SEP] and [MASK], which get 0. ([UNK] is a piece of text.)

    Returns:
        (vocabulary_size,) float64, sum 1.

    Raises:
        ValueError: nothing to count, or an id outside the vocabulary.
    """
    counts = np.zeros(vocabulary_size, dtype=np.int64)
    for row in rows:
        ids = np.asarray(row, dtype=np.int64)
        if len(ids) and not 0 <= ids.min() <= ids.max() < vocabulary_size:
            raise ValueError(
                f"The ids {ids.min()} to {ids.max()} do not fit a vocabulary of {vocabulary_size}."
            )
        counts += np.bincount(ids, minlength=vocabulary_size)
    counts[list(special_ids)] = 0
    if not counts.any():
        raise ValueError("There is nothing to count: no row has a piece that is not special.")
    return counts / counts.sum()


def draw_kind(rng: np.random.Generator, options: MaskOptions = OFFICIAL) -> str:
    """80% "mask", 10% "random", 10% "keep"; with `replacement="mask"` always "mask"."""
    if options.replacement == "mask":
        return "mask"
    draw = rng.random()
    if draw < MASK_SHARE:
        return "mask"
    return "random" if draw < MASK_SHARE + RANDOM_SHARE else "keep"


def replace_pieces(
    ids: np.ndarray, kind: str, rng: np.random.Generator, mask_id: int, unigram: np.ndarray
) -> np.ndarray:
    """What is read instead: [MASK]s, random pieces (one draw each), or the pieces themselves."""
    if kind == "mask":
        return np.full_like(ids, mask_id)
    if kind == "random":
        return rng.choice(len(unigram), size=len(ids), p=unigram)
    return ids


def replace_spans(
    ids: np.ndarray,
    spans: Sequence[Span],
    rng: np.random.Generator,
    options: MaskOptions,
    mask_id: int,
    unigram: np.ndarray,
) -> tuple[np.ndarray, list[str]]:
    """Replace the pieces of all spans: one draw of the kind for each span (or each piece).

    Returns:
        (length,) the new ids, and for each piece its kind, "" outside the spans.
    """
    replaced, kinds = ids.copy(), [""] * len(ids)
    for start, end in spans:
        step = 1 if options.replacement == "piece" else end - start
        for at in range(start, end, step):
            kind = draw_kind(rng, options)
            part = slice(at, at + step)
            replaced[part] = replace_pieces(ids[part], kind, rng, mask_id, unigram)
            kinds[part] = [kind] * step
    return replaced, kinds


def span_kind(kinds: Sequence[str]) -> str:
    """The one kind of a span's pieces, or "mixed"."""
    return kinds[0] if len(set(kinds)) == 1 else "mixed"


def sbo_targets(
    ids: np.ndarray, spans: Sequence[Span], options: MaskOptions = OFFICIAL
) -> SboTargets:
    """What the two boundaries of each span have to predict (Joshi et al. 2020, §3.2).

    A span at the block's edge has no boundary on one side and is left out (see `sbo_at_edges`), and
    so are the pieces of a span beyond its first `max_sbo`. The scheme "subword" predicts nothing.
    """
    rows = []
    for start, end in spans if options.scheme != "subword" else ():
        if not options.sbo_at_edges and (start == 0 or end == len(ids)):
            continue
        stop = end if options.max_sbo is None else min(end, start + options.max_sbo)
        rows += [(start - 1, end, piece - start, ids[piece]) for piece in range(start, stop)]
    return SboTargets(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def masked_block(
    ids: np.ndarray,
    word_starts: np.ndarray,
    rng: np.random.Generator,
    options: MaskOptions,
    mask_id: int,
    unigram: np.ndarray,
    tagged: Sequence[Span] = (),
) -> MaskedBlock:
    """Mask one block (Joshi et al. 2020, §3.1).

    Args:
        ids, word_starts: (length,) pieces of text, and True where a word starts; no [CLS], [SEP].
        unigram: (vocabulary,) probabilities of random pieces, see `piece_unigram`.
        tagged: entities or noun phrases as (start, end) in pieces, for the schemes of that name.
    """
    spans = choose_spans(word_starts, rng, options, tagged)
    if options.scheme != "subword":
        spans = merge_spans(spans, options.merge_adjacent)
    input_ids, kinds = replace_spans(ids, spans, rng, options, mask_id, unigram)
    mask = np.array([kind != "" for kind in kinds])
    replacements = tuple(span_kind(kinds[start:end]) for start, end in spans)
    targets = np.where(mask, ids, IGNORE)
    sbo = sbo_targets(ids, spans, options)
    return MaskedBlock(input_ids, mask, tuple(spans), replacements, tuple(kinds), targets, sbo)


def mask_block(
    ids: Sequence[int],
    word_starts: Sequence[bool],
    rng: np.random.Generator,
    options: MaskOptions = OFFICIAL,
    *,
    mask_id: int,
    unigram: np.ndarray,
    tagged: Sequence[Span] = (),
) -> MaskedBlock:
    """Mask one block: `masked_block`, after a look at the arguments.

    Args:
        ids: (length,) pieces of text, without [CLS] and [SEP].
        word_starts: (length,) True at the first piece of each word. The block's first piece counts
            as one in any case: a very long word may have begun in the block before.
        unigram: (vocabulary,) probabilities of random pieces, see `piece_unigram`.
        tagged: entities or noun phrases as (start, end) in pieces, for the schemes of that name.

    Raises:
        ValueError: arguments that do not fit each other; a block without pieces.
    """
    ids, word_starts = check_block(ids, word_starts, rng, tagged)
    unigram = check_unigram(unigram, mask_id, ids)
    return masked_block(ids, word_starts, rng, options, mask_id, unigram, tagged)
