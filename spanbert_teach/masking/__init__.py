"""Span masking, its alternatives, and what has to be predicted.

    from spanbert_teach.masking import mask_block, piece_unigram

- `options`: what can be chosen, the presets OFFICIAL, PAPER and ARTICLE, and what is refused;
- `block`: one block masked, in plain steps: all that lesson `02_span_masking` builds;
- `batch`: many blocks at once, fast. It checks them as `rows`, chooses the pieces (`batch_spans`,
  with the random numbers of `streams`), replaces them and writes the targets down.
"""

from spanbert_teach.masking.batch import MaskedBatch, SboBatch, mask_batch, redraw
from spanbert_teach.masking.block import (
    IGNORE,
    KINDS,
    MaskedBlock,
    Span,
    cut_geometric,
    length_probabilities,
    mask_block,
    masking_budget,
    merge_spans,
    piece_unigram,
    replace_spans,
    sbo_targets,
    span_kind,
    span_length_pmf,
)
from spanbert_teach.masking.options import ARTICLE, OFFICIAL, PAPER, MaskOptions
from spanbert_teach.masking.streams import block_rng

__all__ = [
    "ARTICLE",
    "IGNORE",
    "KINDS",
    "OFFICIAL",
    "PAPER",
    "MaskOptions",
    "MaskedBatch",
    "MaskedBlock",
    "SboBatch",
    "Span",
    "block_rng",
    "cut_geometric",
    "length_probabilities",
    "mask_batch",
    "mask_block",
    "masking_budget",
    "merge_spans",
    "piece_unigram",
    "redraw",
    "replace_spans",
    "sbo_targets",
    "span_kind",
    "span_length_pmf",
]
