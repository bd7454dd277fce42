"""Many blocks masked at once, as pre-training needs it: the law of `block`, vectorised.

`batch_spans` chooses the pieces; here they are replaced, and the targets are written down.
Source: Joshi et al. 2020, §3. Lesson `02_span_masking`, Deeper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from spanbert_teach.masking.batch_spans import (
    RANDOM_PIECES,
    REPLACEMENTS,
    choose_pieces,
    span_pieces,
)
from spanbert_teach.masking.block import (
    IGNORE,
    KINDS,
    MASK_SHARE,
    RANDOM_SHARE,
    MaskedBlock,
    Span,
    mask_block,
)
from spanbert_teach.masking.options import OFFICIAL, MaskOptions, check_unigram
from spanbert_teach.masking.rows import (
    Array,
    Rows,
    as_array,
    check_all_tagged,
    check_rows,
    check_specials,
)
from spanbert_teach.masking.streams import block_rng, example_keys, random_bits, uniform


@dataclass(frozen=True, eq=False)
class SboBatch:
    """What the span boundary objective predicts: one entry a piece, each (targets,) int64.

    Attributes:
        batch: the row.
        left, right: the columns of the boundaries in the padded row, [CLS] counted. With
            `sbo_at_edges` [CLS] or [SEP]; -1 or the row's length where a row has neither.
        position: of the piece in its span, from 0: the row of the position table.
        target: the original id. A batch may be filled up with `IGNORE`, as the official code does.
    """

    batch: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor
    position: torch.Tensor
    target: torch.Tensor

    @property
    def count(self) -> int:
        """How many pieces are asked for, fillers left out."""
        return int((self.target != IGNORE).sum())


@dataclass(frozen=True, eq=False)
class MaskedBatch:
    """A masked batch, on the processor; columns are those of the padded rows.

    Attributes:
        input_ids: (batch, length) int64, what the model reads.
        mask: (batch, length) bool, True for the pieces to predict.
        mlm_targets: (batch, length) int64, the original id where masked, else `IGNORE`.
        spans: (spans, 3) int64: row, start, end (exclusive), in order. See `MaskedBlock.spans`.
        replacements: (spans,) int64, the place in `KINDS` of what each span was replaced by.
        sbo: what the span boundary objective predicts.
    """

    input_ids: torch.Tensor
    mask: torch.Tensor
    mlm_targets: torch.Tensor
    spans: torch.Tensor
    replacements: torch.Tensor
    sbo: SboBatch


class SboPart(NamedTuple):
    """The fields of `SboBatch` for some rows, as arrays; rows are counted within the part."""

    batch: np.ndarray
    left: np.ndarray
    right: np.ndarray
    position: np.ndarray
    target: np.ndarray


class Part(NamedTuple):
    """The fields of `MaskedBatch` for some rows, as arrays; rows are counted within the part."""

    input_ids: np.ndarray
    mask: np.ndarray
    mlm_targets: np.ndarray
    spans: np.ndarray
    replacements: np.ndarray
    sbo: SboPart


def as_part(block: MaskedBlock, ids: np.ndarray, text: slice) -> Part:
    """A masked block as a part of one row, its places moved to where the text is."""
    input_ids, mask = ids.copy(), np.zeros(len(ids), dtype=bool)
    targets = np.full(len(ids), IGNORE)
    input_ids[text], mask[text], targets[text] = block.input_ids, block.mask, block.mlm_targets
    places = np.array(block.spans, dtype=np.int64).reshape(-1, 2) + text.start
    spans = np.insert(places, 0, 0, axis=1)
    replacements = np.array([KINDS.index(kind) for kind in block.replacements], dtype=np.int64)
    sbo, row = block.sbo, np.zeros_like(block.sbo.left)
    left, right = sbo.left + text.start, sbo.right + text.start
    moved = SboPart(row, left, right, sbo.position, sbo.target)
    return Part(input_ids[None], mask[None], targets[None], spans, replacements, moved)


def put_together(parts: Sequence[Part]) -> MaskedBatch:
    """The parts one below the other; their row numbers go on from part to part."""
    rows = 0
    for part in parts:
        part.spans[:, 0] += rows
        part.sbo.batch[:] += rows
        rows += len(part.input_ids)
    own = [joined(arrays) for arrays in zip(*(part[:-1] for part in parts), strict=True)]
    sbo = [joined(arrays) for arrays in zip(*(part.sbo for part in parts), strict=True)]
    return MaskedBatch(*own, SboBatch(*sbo))


def joined(arrays: Sequence[np.ndarray]) -> torch.Tensor:
    """Arrays one below the other, as a tensor; a single one is not copied."""
    whole = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    return torch.from_numpy(np.ascontiguousarray(whole))


# So many pieces are worked on together: they fit into a processor's cache, and memory stays flat.
PART = 2**16
MASK, RANDOM, KEEP, MIXED = range(len(KINDS))


def mask_batch(
    ids: Array,
    word_starts: Array,
    maskable: Array,
    options: MaskOptions = OFFICIAL,
    *,
    seed: int,
    epoch: int,
    index: Array,
    mask_id: int,
    unigram: np.ndarray,
    tagged: Sequence[Sequence[Span]] = (),
) -> MaskedBatch:
    """Mask a padded batch: the same law as `mask_block` for each row.

    The mask of a row depends on its text, the options and (seed, epoch, index) alone: it is the
    same in any batch, in any process, however much padding there is. A new epoch gives new masks
    (Google BERT's ten static copies: `epoch % 10`). `merge_adjacent=False` goes row by row through
    `mask_block`, about thirty times slower.

    Args:
        ids, word_starts, maskable: (batch, length) tensors or arrays. `maskable` marks the text of
            each row, one stretch; budget, anchors and edges know nothing else.
        index: (batch,) the number of each example in the data set.
        mask_id, unigram: as for `mask_block`; what is not text must have the probability 0.
        tagged: for each row its spans, counted from the row's first piece of text.

    Raises:
        ValueError: arguments that do not fit each other; a row without text.
    """
    rows = check_rows(ids, word_starts, maskable, example_keys(seed, epoch, as_array(index)))
    unigram = check_unigram(unigram, mask_id, rows.ids)
    check_specials(rows, unigram)
    check_all_tagged(rows, tagged)
    if options.merge_adjacent:
        parts = mask_in_parts(rows, options, mask_id, unigram, tagged)
    else:
        rngs = [block_rng(seed, epoch, int(number)) for number in as_array(index)]
        parts = mask_row_by_row(rows, options, rngs, mask_id, unigram, tagged)
    return put_together(parts)


def redraw(
    ids: Sequence[int], word_starts: Sequence[bool], count: int, *, seed: int, **others
) -> MaskedBatch:
    """Mask one text `count` times, as the examples 0 to count - 1 of a data set would be.

    Args:
        ids, word_starts: (length,) without [CLS] and [SEP], as for `mask_block`.
        others: options, mask_id, unigram, as for `mask_batch`; tagged, as for `mask_block`.

    Returns:
        A batch of `count` rows.
    """
    shape = (count, len(ids))
    if "tagged" in others:
        others["tagged"] = [others["tagged"]] * count
    return mask_batch(
        np.broadcast_to(as_array(ids), shape),
        np.broadcast_to(as_array(word_starts), shape),
        np.ones(shape, dtype=bool),
        seed=seed,
        epoch=0,
        index=np.arange(count),
        **others,
    )


def mask_in_parts(
    rows: Rows,
    options: MaskOptions,
    mask_id: int,
    unigram: np.ndarray,
    tagged: Sequence[Sequence[Span]],
) -> list[Part]:
    """The rows in parts of about `PART` pieces, each masked in array operations."""
    size = max(1, PART // rows.width)
    cumulative = running_sum(unigram)
    return [
        mask_rows(rows.part(at, size), options, mask_id, cumulative, tagged[at : at + size])
        for at in range(0, len(rows.ids), size)
    ]


def mask_rows(
    rows: Rows,
    options: MaskOptions,
    mask_id: int,
    cumulative: np.ndarray,
    tagged: Sequence[Sequence[Span]],
) -> Part:
    """Mask some rows in array operations; `cumulative`: the running sum of the unigram."""
    width = rows.width
    mask = choose_pieces(rows, options, tagged)
    if options.scheme == "subword":
        start = np.flatnonzero(mask)
        end = start + 1
    else:
        # Where the mask begins or ends; the last column, which is never masked, closes each row.
        flat = mask.ravel()
        edges = np.flatnonzero(flat != np.concatenate([flat[-1:], flat[:-1]]))
        start, end = edges[0::2], edges[1::2]
    piece, of_span = span_pieces(start, end)
    row = start // width
    row_of_piece = row[of_span]
    place = piece - row_of_piece  # in the rows without the additional column
    original = rows.ids.ravel()[place]
    kinds, replacements = draw_kinds(rows, options, row, start, piece, of_span)
    read = np.where(kinds == MASK, mask_id, original)
    random = np.flatnonzero(kinds == RANDOM)
    rows_of_random = row_of_piece[random]
    draws = RANDOM_PIECES + (piece[random] - rows.begin[rows_of_random]).astype(np.uint64)
    random_share = uniform(random_bits(rows.keys[rows_of_random], draws)) * cumulative[-1]
    read[random] = np.searchsorted(cumulative, random_share, side="right")
    input_ids = rows.ids.copy()
    input_ids.ravel()[place] = read
    targets = np.full(rows.ids.shape, IGNORE)
    targets.ravel()[place] = original
    spans = np.stack([row, start - row * width, end - row * width], axis=1)
    sbo = sbo_rows(rows, options, spans, of_span, piece - start[of_span], original)
    return Part(input_ids, mask[:, :-1], targets, spans, replacements, sbo)


_last_unigram = [(np.zeros(0), np.zeros(0))]  # and its running sum


def running_sum(unigram: np.ndarray) -> np.ndarray:
    """(vocabulary,) the running sum. The last one is kept: every batch has the same unigram."""
    known, total = _last_unigram[0]
    if not np.array_equal(known, unigram):
        total = np.cumsum(unigram)
        _last_unigram[0] = (unigram.copy(), total)
    return total


def draw_kinds(
    rows: Rows,
    options: MaskOptions,
    row: np.ndarray,
    start: np.ndarray,
    piece: np.ndarray,
    of_span: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(pieces,) and (spans,) places in `KINDS`: of each masked piece, and of each span."""
    if options.replacement == "mask":
        return np.full(len(piece), MASK), np.full(len(start), MASK)
    per_piece = options.replacement == "piece"
    row, at = (row[of_span], piece) if per_piece else (row, start)
    draws = REPLACEMENTS + (at - rows.begin[row]).astype(np.uint64)
    draw = uniform(random_bits(rows.keys[row], draws))
    kinds = (draw >= MASK_SHARE).astype(np.int64) + (draw >= MASK_SHARE + RANDOM_SHARE)
    if not per_piece:
        return kinds[of_span], kinds
    first = np.searchsorted(of_span, np.arange(len(start)))
    least, most = (f.reduceat(kinds, first) for f in (np.minimum, np.maximum))
    return kinds, np.where(least == most, least, MIXED)


def sbo_rows(
    rows: Rows,
    options: MaskOptions,
    spans: np.ndarray,
    of_span: np.ndarray,
    position: np.ndarray,
    original: np.ndarray,
) -> SboPart:
    """What the boundaries predict in these rows: the counterpart of `sbo_targets`."""
    row, start, end = spans.T
    wanted = np.full(len(spans), options.scheme != "subword")
    if not options.sbo_at_edges:
        wanted &= (start > rows.first[row]) & (end < rows.first[row] + rows.count[row])
    predicted = wanted[of_span]
    if options.max_sbo is not None:
        predicted &= position < options.max_sbo
    span = of_span[predicted]
    return SboPart(row[span], start[span] - 1, end[span], position[predicted], original[predicted])


def mask_row_by_row(
    rows: Rows,
    options: MaskOptions,
    rngs: Sequence[np.random.Generator],
    mask_id: int,
    unigram: np.ndarray,
    tagged: Sequence[Sequence[Span]],
) -> list[Part]:
    """The rows through `mask_block`, one after the other, each as a part of its own."""
    parts = []
    for number, rng in enumerate(rngs):
        first = rows.first[number]
        text = slice(first, first + rows.count[number])
        ids, starts = rows.ids[number], rows.word_starts[number]
        block = mask_block(
            ids[text],
            starts[text],
            rng,
            options,
            mask_id=mask_id,
            unigram=unigram,
            tagged=tagged[number] if tagged else (),
        )
        parts.append(as_part(block, ids, text))
    return parts
