"""Random texts, masked one at a time or as a batch."""

from dataclasses import replace

import numpy as np
import torch

from spanbert_teach.masking import (
    ARTICLE,
    KINDS,
    OFFICIAL,
    PAPER,
    MaskedBlock,
    MaskOptions,
    mask_batch,
    mask_block,
)
from spanbert_teach.masking.block import SboTargets

VOCABULARY, MASK_ID = 30, 4
UNIGRAM = np.r_[np.zeros(5), np.full(25, 1 / 25)]
PRESETS = {"official": OFFICIAL, "paper": PAPER, "article": ARTICLE}
OTHER_SCHEMES = {s: MaskOptions(scheme=s) for s in ("subword", "word", "entity", "noun_phrase")}
# Options under which a batch has to follow the law of one block at a time, and a text for that.
SAME_LAW = {
    "official": OFFICIAL,
    "paper": PAPER,
    "word": MaskOptions(scheme="word"),
    "subword": MaskOptions(scheme="subword"),
    "no whole words": MaskOptions(whole_words=False),
    "clip": MaskOptions(length_law="clip"),
    "article": replace(ARTICLE, p=0.7),
    "article, whole words": replace(ARTICLE, p=0.9, whole_words=True),
    "entity": MaskOptions(scheme="entity"),
    "not merged": MaskOptions(merge_adjacent=False, budget=0.4),
    "half of it": MaskOptions(budget=0.5, replacement="piece", length_law="unlimited"),
}
STARTS = np.concatenate(
    [np.arange(k) == 0 for k in (1, 2, 1, 1, 4, 1, 1, 3, 1, 1, 1, 2, 1, 6, 1, 1, 2)]
)


def mask(ids, word_starts, seed=0, options=OFFICIAL, **changed) -> MaskedBlock:
    arguments = {"mask_id": MASK_ID, "unigram": UNIGRAM} | changed
    return mask_block(ids, word_starts, np.random.default_rng(seed), options, **arguments)


def text(pieces: int, seed: int = 0, share: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Random ids and word starts; `share`: of pieces that start a word."""
    rng = np.random.default_rng(seed)
    starts = rng.random(pieces) < share
    starts[0] = True
    return rng.integers(5, VOCABULARY, pieces), starts


def batch(lengths, seed=0, width=None, share=0.8):
    """ids, word starts and maskable of rows `[CLS] text [SEP] [PAD] ...`."""
    rng = np.random.default_rng(seed)
    shape = (len(lengths), width or max(lengths) + 2)
    ids, starts = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    maskable = np.zeros(shape, dtype=bool)
    for row, length in enumerate(lengths):
        ids[row, 0], ids[row, length + 1] = 2, 3
        ids[row, 1 : length + 1] = rng.integers(5, VOCABULARY, length)
        starts[row, 1 : length + 1] = rng.random(length) < share
        starts[row, 1] = maskable[row, 1 : length + 1] = True
    return ids, starts, maskable


def masked(ids, starts, maskable, options=OFFICIAL, seed=1, epoch=0, index=None, **others):
    index = np.arange(len(ids)) if index is None else index
    arguments = {"mask_id": MASK_ID, "unigram": UNIGRAM} | others
    return mask_batch(
        ids, starts, maskable, options, seed=seed, epoch=epoch, index=index, **arguments
    )


def row_of(found, row: int, first: int, length: int) -> MaskedBlock:
    """One row as if it had been masked alone, [CLS] taken off."""
    text = slice(first, first + length)
    of_row = found.spans[:, 0] == row
    spans = tuple((int(s) - first, int(e) - first) for _, s, e in found.spans[of_row])
    own = found.sbo.batch == row
    sbo = found.sbo
    boundaries = [(side[own] - first).numpy() for side in (sbo.left, sbo.right)]
    targets = SboTargets(*boundaries, sbo.position[own].numpy(), sbo.target[own].numpy())
    kinds = tuple(KINDS[kind] for kind in found.replacements[of_row])
    read, mask, mlm = (
        a[row, text].numpy() for a in (found.input_ids, found.mask, found.mlm_targets)
    )
    return MaskedBlock(read, mask, spans, kinds, (), mlm, targets)


def everything(found) -> list[torch.Tensor]:
    """All tensors of a masked batch."""
    return [*list(vars(found).values())[:5], *vars(found.sbo).values()]
