"""What masking a batch gives, and how its parts come together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from spanbert_teach.masking_block import IGNORE, KINDS, MaskedBlock

# What a part of a batch gives: the fields of MaskedBatch in order, then those of its SboBatch.
Part = tuple[np.ndarray, ...]


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


def as_part(block: MaskedBlock, ids: np.ndarray, text: slice) -> Part:
    """A masked block as a part of one row, its places moved to where the text is."""
    input_ids, mask = ids.copy(), np.zeros(len(ids), dtype=bool)
    targets = np.full(len(ids), IGNORE)
    input_ids[text], mask[text], targets[text] = block.input_ids, block.mask, block.mlm_targets
    places = np.array(block.spans, dtype=np.int64).reshape(-1, 2) + text.start
    spans = np.insert(places, 0, 0, axis=1)
    replacements = np.array([KINDS.index(kind) for kind in block.replacements], dtype=np.int64)
    sbo, row = block.sbo, np.zeros_like(block.sbo.left)
    moved = (row, sbo.left + text.start, sbo.right + text.start, sbo.position, sbo.target)
    return input_ids[None], mask[None], targets[None], spans, replacements, *moved


def put_together(parts: Sequence[Part]) -> MaskedBatch:
    """The parts one below the other; their row numbers go on from part to part."""
    rows = 0
    for input_ids, _, _, spans, _, sbo_row, *_ in parts:
        spans[:, 0] += rows
        sbo_row += rows
        rows += len(input_ids)
    whole = parts[0] if len(parts) == 1 else [np.concatenate(a) for a in zip(*parts, strict=True)]
    tensors = [torch.from_numpy(np.ascontiguousarray(field)) for field in whole]
    return MaskedBatch(*tensors[:5], SboBatch(*tensors[5:]))
