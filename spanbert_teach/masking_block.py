"""One masked block: what the model reads, and what it has to predict.

The readable version: draw spans, merge them, replace their pieces, write down the targets of both
objectives. Source: Joshi et al. 2020, §3.1 and §3.2. Lesson `02_span_masking`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from spanbert_teach.mask_options import OFFICIAL, MaskOptions
from spanbert_teach.masking_checks import check_block, check_unigram
from spanbert_teach.span_choice import Span, choose_spans, merge_spans

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
        kinds: one of `KINDS` for each piece, "" where nothing is masked.
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
    """Mask one block (Joshi et al. 2020, §3.1).

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
    spans = choose_spans(word_starts, rng, options, tagged)
    if options.scheme != "subword":
        spans = merge_spans(spans, options.merge_adjacent)
    input_ids, kinds = replace_spans(ids, spans, rng, options, mask_id, unigram)
    mask = np.array([kind != "" for kind in kinds])
    replacements = tuple(span_kind(kinds[start:end]) for start, end in spans)
    targets = np.where(mask, ids, IGNORE)
    sbo = sbo_targets(ids, spans, options)
    return MaskedBlock(input_ids, mask, tuple(spans), replacements, tuple(kinds), targets, sbo)
