"""What models answer on held-out text, by each of their heads. Lesson `05_sbo_vs_mlm`.

Every model and every baseline of the course is asked the same: the same blocks, the same masks.
Whatever is hidden reads [MASK] (no random and no kept pieces, unless `replaced` is asked for), so
nobody sees a piece that it is asked for.
"""

import json
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from spanbert_teach.corpus import BlockRows, BlockTable, blocks, course_documents
from spanbert_teach.masking import MaskedBatch, MaskOptions, SboBatch, mask_batch, piece_unigram
from spanbert_teach.objectives import SpanBert
from spanbert_teach.paths import data_path
from spanbert_teach.tokenization import WordPieceTokenizer, load_tokenizer

# --- What is asked --------------------------------------------------------------------------------

# What is hidden: single pieces, as in BERT, or spans, as in SpanBERT.
MASKINGS = {
    "tokens": MaskOptions(scheme="subword", replacement="mask"),
    "spans": MaskOptions(replacement="mask"),
}
SEED = 2020


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Blocks of held-out documents as padded rows, and the same with pieces hidden.

    `unknown` is the id of [UNK], which is no answer.
    """

    rows: BlockRows
    masked: MaskedBatch
    unknown: int | None = None


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
    return HeldOut(rows, masked, tokenizer.id("[UNK]"))


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


# --- What a model answers -------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Answers:
    """One head's answers, one entry a hidden piece: all arrays are (targets,).

    Attributes:
        row, column: where the piece is hidden.
        target: the id of the piece; guess: the id that the head finds likeliest.
        loss: the cross-entropy in nats.
        unknown: the id of [UNK], if any.
    """

    row: np.ndarray
    column: np.ndarray
    target: np.ndarray
    guess: np.ndarray
    loss: np.ndarray
    unknown: int | None = None

    @property
    def correct(self) -> np.ndarray:
        """(targets,) bool. Who says [UNK] has named no word: it is never right."""
        right = self.guess == self.target
        return right if self.unknown is None else right & (self.target != self.unknown)

    @property
    def accuracy(self) -> float:
        """The share of the pieces that are guessed right."""
        return float(self.correct.mean())

    @property
    def cross_entropy(self) -> float:
        """The mean loss in nats."""
        return float(self.loss.mean())


def sbo_columns(sbo: SboBatch) -> Tensor:
    """(targets,) the column of each piece that the span boundary objective predicts."""
    return sbo.left + 1 + sbo.position


def shuffled_boundaries(sbo: SboBatch, rng: np.random.Generator) -> SboBatch:
    """The same targets, but each span is given the boundaries of another, in whatever row.

    What a head still gets right then, it gets from frequency and position, not from boundaries.

    Raises:
        ValueError: there is only one span.
    """
    spans, of_span = torch.unique(
        torch.stack([sbo.batch, sbo.left, sbo.right]), dim=1, return_inverse=True
    )
    if spans.shape[1] == 1:
        raise ValueError("There is one span only: no other has boundaries to change with.")
    order = rng.permutation(spans.shape[1])
    other = np.empty_like(order)
    other[order] = np.roll(order, 1)  # in one long circle: nobody keeps its own
    batch, left, right = spans[:, torch.from_numpy(other)][:, of_span]
    return SboBatch(batch, left, right, sbo.position, sbo.target)


@torch.no_grad()
def hidden_states(
    model: SpanBert, held: HeldOut, precision: str = "fp32", batch: int = 64
) -> Tensor:
    """(blocks, length, hidden) of the last layer, float32, for the masked rows; without dropout."""
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    real = torch.from_numpy(held.rows.real)
    found = []
    try:
        for ids, mask in zip(held.masked.input_ids.split(batch), real.split(batch), strict=True):
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                found.append(model.encoder(ids.to(device), mask.to(device)).hidden.float())
    finally:
        model.train(training)
    return torch.cat(found)


@torch.no_grad()
def answers(
    logits: Tensor, row: Tensor, column: Tensor, target: Tensor, unknown: int | None = None
) -> Answers:
    """Logits (targets, vocabulary) as answers; `unknown` is the id of [UNK]."""
    loss = torch.nn.functional.cross_entropy(
        logits.float(), target.to(logits.device), reduction="none"
    )
    arrays = (t.cpu().numpy() for t in (row, column, target, logits.argmax(-1), loss))
    return Answers(*arrays, unknown)


def joined(parts: list[Answers]) -> Answers:
    """Answers one after the other."""
    names = ("row", "column", "target", "guess", "loss")
    arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return Answers(*arrays, parts[0].unknown)


PART = 2048  # so many pieces at a time: logits of 8,192 numbers each


@torch.no_grad()
def mlm_answers(model: SpanBert, held: HeldOut, hidden: Tensor | None = None) -> Answers:
    """What the masked-LM head answers; `hidden` as from `hidden_states`, where it is known."""
    hidden = hidden_states(model, held) if hidden is None else hidden
    row, column = held.masked.mask.nonzero(as_tuple=True)
    target = held.masked.mlm_targets[row, column]
    return joined(
        [
            answers(model.known(model.mlm(hidden[r, c])), r, c, t, held.unknown)
            for r, c, t in zip(*(x.split(PART) for x in (row, column, target)), strict=True)
        ]
    )


@torch.no_grad()
def sbo_answers(
    model: SpanBert, held: HeldOut, hidden: Tensor | None = None, sbo: SboBatch | None = None
) -> Answers:
    """What the span boundary head answers, with other boundaries if `sbo` is given.

    Raises:
        ValueError: the model has no such head, or the masks are single pieces.
    """
    if model.sbo is None:
        raise ValueError("This model has no span boundary head: it was trained with MLM alone.")
    hidden = hidden_states(model, held) if hidden is None else hidden
    true, sbo = held.masked.sbo, held.masked.sbo if sbo is None else sbo
    if not len(true.target):
        raise ValueError("Nothing for the span boundary objective: no span is hidden here.")
    columns = (sbo.batch, sbo.left, sbo.right, sbo.position, true.batch, sbo_columns(true))
    return joined(
        [
            answers(
                model.known(model.sbo(hidden, batch, left, right, position)),
                row,
                column,
                target,
                held.unknown,
            )
            for batch, left, right, position, row, column, target in zip(
                *(x.split(PART) for x in (*columns, sbo.target)), strict=True
            )
        ]
    )


def trio_table() -> str:
    """What was measured of the course's three checkpoints and of counting, as a table.

    A line each: accuracy and cross-entropy (nats) on hidden single pieces and on hidden spans, of
    the test split. Nothing is asked here: `tools/measure_trio.py` and `tools/measure_ngrams.py`
    wrote the figures to `data/runs/trio.json` and `data/runs/ngrams.json`.
    """
    trio, ngrams = (
        json.loads(data_path(f"runs/{name}.json").read_text(encoding="utf-8"))
        for name in ("trio", "ngrams")
    )
    models = {name: trio[name] for name in ("mlm-tokens", "mlm-spans", "spanbert")}
    for name in ("mlm-spans", "spanbert"):
        models[f"{name}, another seed"] = trio["again"][f"{name}-again"]
    rows = {name: [found[masking]["mlm"] for masking in MASKINGS] for name, found in models.items()}
    counters = {
        "5-grams, both sides": "product",
        "bigrams, both sides": "bigram product",
        "the most frequent piece": "unigram",
    }
    for said, name in counters.items():
        rows[said] = [ngrams["maskings"][masking]["test"][name] for masking in MASKINGS]
    lines = ["MLM on held-out text    single pieces, nats    spans, nats"]
    for name, found in rows.items():
        cells = [f"{one['accuracy']:9.1%} {one['cross_entropy']:7.2f}" for one in found]
        lines.append(f"{name:23} {' '.join(cells)}")
    return "\n".join(lines)
