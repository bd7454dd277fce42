"""Span masking, its alternatives, and what has to be predicted: the door to small modules.

    from spanbert_teach.masking import mask_block, piece_unigram

- `mask_options`: what can be chosen, and the presets OFFICIAL, PAPER and ARTICLE;
- `span_law`: how long spans are, and how many pieces are masked;
- `span_choice`: which pieces;
- `masking_block`: one block masked, in plain steps: what lesson `02_span_masking` builds;
- `masking_batch`: many blocks at once, fast. It checks them (`masking_rows`), draws candidates
  (`masking_candidates`, with random numbers from `masking_random`), chooses the pieces
  (`masking_pieces`), replaces them, and puts the result together (`masking_parts`).
"""

from spanbert_teach.mask_options import ARTICLE, CHOICES, OFFICIAL, PAPER, MaskOptions
from spanbert_teach.masking_batch import mask_batch, redraw
from spanbert_teach.masking_block import (
    IGNORE,
    KINDS,
    MaskedBlock,
    SboTargets,
    draw_kind,
    mask_block,
    piece_unigram,
    replace_pieces,
    replace_spans,
    sbo_targets,
    span_kind,
)
from spanbert_teach.masking_parts import MaskedBatch, SboBatch
from spanbert_teach.masking_random import block_rng
from spanbert_teach.masking_rows import text_part
from spanbert_teach.span_choice import (
    Span,
    choose_spans,
    draw_anchor,
    draw_span,
    merge_spans,
    spend,
    word_edges,
)
from spanbert_teach.span_law import length_probabilities, masking_budget, span_length_pmf

__all__ = [
    "ARTICLE",
    "CHOICES",
    "IGNORE",
    "KINDS",
    "OFFICIAL",
    "PAPER",
    "MaskOptions",
    "MaskedBatch",
    "MaskedBlock",
    "SboBatch",
    "SboTargets",
    "Span",
    "block_rng",
    "choose_spans",
    "draw_anchor",
    "draw_kind",
    "draw_span",
    "length_probabilities",
    "mask_batch",
    "mask_block",
    "masking_budget",
    "merge_spans",
    "piece_unigram",
    "redraw",
    "replace_pieces",
    "replace_spans",
    "sbo_targets",
    "span_kind",
    "span_length_pmf",
    "spend",
    "text_part",
    "word_edges",
]
