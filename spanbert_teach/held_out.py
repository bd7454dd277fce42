"""Held-out text with hidden pieces: what every model and every baseline of the course is asked.

The same blocks and the same masks for all. Whatever is hidden reads [MASK] (no random and no kept
pieces), so nobody sees a piece that it is asked for. Lesson `05_sbo_vs_mlm`.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from spanbert_teach.block_table import BlockRows, BlockTable
from spanbert_teach.corpus import blocks, course_documents
from spanbert_teach.masking import MaskedBatch, MaskOptions, mask_batch, piece_unigram
from spanbert_teach.tokenization import WordPieceTokenizer, load_tokenizer

# What is hidden: single pieces, as in BERT, or spans, as in SpanBERT.
MASKINGS = {
    "tokens": MaskOptions(scheme="subword", replacement="mask"),
    "spans": MaskOptions(replacement="mask"),
}
SEED = 2020


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Blocks of held-out documents as padded rows, and the same with pieces hidden."""

    rows: BlockRows
    masked: MaskedBatch


def hide(
    table: BlockTable,
    tokenizer: WordPieceTokenizer,
    masking: str,
    most: int | None = None,
    *,
    replaced: bool = False,
) -> HeldOut:
    """The blocks of a table, or `most` of them taken evenly, with a fixed mask.

    Args:
        masking: of `MASKINGS`: which pieces are hidden.
        replaced: True for [MASK], random and kept pieces, 80/10/10, as in training.
    """
    if masking not in MASKINGS:
        raise ValueError(f"masking={masking!r}: expected one of {', '.join(MASKINGS)}.")
    count = len(table) if most is None else min(most, len(table))
    numbers = np.arange(count) * len(table) // count
    rows = table.rows(numbers)
    specials = [tokenizer.id(token) for token in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")]
    options = MASKINGS[masking]
    if replaced:
        options = replace(options, replacement="piece" if masking == "tokens" else "span")
    masked = mask_batch(
        rows.ids,
        rows.word_starts,
        rows.maskable,
        options,
        seed=SEED,
        epoch=0,
        index=numbers,
        mask_id=tokenizer.id("[MASK]"),
        unigram=piece_unigram([table.ids], len(tokenizer), specials),
    )
    return HeldOut(rows, masked)


@cache
def held_out(
    split: str = "test", masking: str = "spans", length: int = 128, most: int | None = None
) -> HeldOut:
    """Blocks of a held-out split of the course's corpus with a fixed mask; see `hide`.

    Args:
        split: "validation", to choose with, or "test", to report.
        length: of a block in pieces, [CLS] and [SEP] included.
    """
    tokenizer = load_tokenizer()
    table = BlockTable.of(blocks(course_documents(split), tokenizer, length))
    return hide(table, tokenizer, masking, most)
