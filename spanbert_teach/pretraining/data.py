"""Which blocks a step reads, and what is hidden in them: a function of settings and step alone.

Nothing is remembered from step to step, so a run that was stopped goes on where it was, and each
of several processes knows its own part. Lesson `05_sbo_vs_mlm`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import torch

from spanbert_teach.corpus import BlockTable, blocks, course_documents
from spanbert_teach.masking import MaskedBatch, MaskOptions, mask_batch, piece_unigram
from spanbert_teach.pretraining.settings import Settings
from spanbert_teach.reading import Document, left_out, read_documents
from spanbert_teach.tokenization import WordPieceTokenizer

SPECIALS = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
# The largest share of pieces outside the vocabulary. Of English text with the course's vocabulary
# it is below 1%; where most pieces are [UNK], a model learns little more than to say that.
UNKNOWN_SHARE = 0.2


def documents(
    paths: tuple[str, ...],
    split: str,
    text_field: str = "text",
    fingerprints: list[str] | None = None,
) -> Iterator[Document]:
    """The documents of all paths; of the course's split when there is none.

    Args:
        text_field: where the text is in records (see `read_documents`).
        fingerprints: takes a hash of the text of each path, when all of it was read: the same for
            the same paragraphs, whatever the files are called and however they are packed.
    """
    for path in paths or (None,):
        found = course_documents(split) if path is None else read_documents(path, text_field)
        yield from found if fingerprints is None else hashed(found, fingerprints)


def hashed(found: Iterator[Document], fingerprints: list[str]) -> Iterator[Document]:
    """The same documents; when the last one was read, their hash is added to a list."""
    text = hashlib.sha256()
    for document in found:
        for paragraph in document.paragraphs:
            text.update(paragraph.encode("utf-8", "surrogatepass") + b"\n")
        text.update(b"\n")
        yield document
    fingerprints.append(text.hexdigest())


def _text_pieces(table: BlockTable) -> int:
    """All pieces but [CLS] and [SEP]."""
    return len(table.ids) - 2 * len(table)


def unknown_share(table: BlockTable, tokenizer: WordPieceTokenizer) -> float:
    """The share of the pieces of text that are [UNK]."""
    return float((table.ids == tokenizer.id("[UNK]")).sum() / _text_pieces(table))


def block_order(count: int, epoch: int, seed: int) -> np.ndarray:
    """(count,) the blocks of one epoch in random order."""
    return np.random.default_rng((seed, epoch)).permutation(count)


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """A masked batch, its padding, and how many pieces were read, [CLS] and [SEP] included."""

    masked: MaskedBatch
    attention_mask: torch.Tensor | None  # None where nothing is padded
    pieces: int

    def to(self, device: torch.device) -> "TrainingBatch":
        """On another device."""
        if device.type == "cpu":
            return self
        mask = None if self.attention_mask is None else self.attention_mask.to(device)
        return replace(self, masked=moved(self.masked, device), attention_mask=mask)


def moved(batch: MaskedBatch, device: torch.device) -> MaskedBatch:
    """All tensors of a masked batch, and of its `sbo`, on a device."""
    sbo = {f.name: getattr(batch.sbo, f.name).to(device) for f in fields(batch.sbo)}
    own = {f.name: getattr(batch, f.name) for f in fields(batch) if f.name != "sbo"}
    own = {name: tensor.to(device) for name, tensor in own.items()}
    return replace(batch, **own, sbo=replace(batch.sbo, **sbo))


class StepBlocks(NamedTuple):
    """What a step reads: the numbers of its blocks in a table, and in which epoch that is."""

    table: BlockTable
    numbers: np.ndarray
    epoch: int


class Batches:
    """The batches of a run.

    Args:
        tables: the blocks of each stage, cut to its length.
        unigram: what random replacements are drawn from.
        unknown: the share of the text's pieces that are [UNK].
        fingerprints: of the text of each path (see `documents`).
    """

    def __init__(
        self,
        settings: Settings,
        tables: list[BlockTable],
        unigram: np.ndarray,
        mask_id: int,
        unknown: float = 0.0,
        fingerprints: Sequence[str] = (),
    ):
        self.settings, self.tables = settings, tables
        self.unigram, self.mask_id, self.unknown = unigram, mask_id, unknown
        self.fingerprints = list(fingerprints)

    @classmethod
    def from_text(cls, settings: Settings, tokenizer: WordPieceTokenizer) -> "Batches":
        """Read and cut the text, once for each length."""
        cut = {}
        for length in sorted({stage.length for stage in settings.stages}):
            fingerprints = []
            text = documents(settings.text, "train", settings.text_field, fingerprints)
            cut[length] = BlockTable.of(blocks(text, tokenizer, length))
        tables = [cut[stage.length] for stage in settings.stages]
        special_ids = [tokenizer.id(token) for token in SPECIALS]
        unigram = piece_unigram([tables[0].ids], len(tokenizer), special_ids)
        unknown = unknown_share(tables[0], tokenizer)
        return cls(settings, tables, unigram, tokenizer.id("[MASK]"), unknown, fingerprints)

    def check_unknown(self, most: float) -> None:
        """Raise a ValueError when more than the share `most` of the text is [UNK]."""
        if not 0 <= most <= 1:
            raise ValueError(f"unknown_share={most!r}: expected a number from 0 to 1.")
        if self.unknown > most:
            raise ValueError(
                f"{self.unknown:.1%} of the pieces of the text are [UNK]: the vocabulary has no "
                "pieces for these words, so nothing can be learned of them. Expected at most "
                f"{most:.0%}. Give a vocabulary that was made for this text, or, to train "
                "all the same, --unknown-share 1 (in Python: unknown_share=1)."
            )

    def notes(self) -> list[str]:
        """What to know before the first step: how much of the text is [UNK], what is left out."""
        table, paths = self.tables[0], self.settings.text + self.settings.validation
        said = [
            f"The text: {_text_pieces(table):,} pieces, {self.unknown:.2%} of them [UNK], outside "
            "the vocabulary."
        ]
        for path in dict.fromkeys(paths):
            if left := [repr(str(folder)) for folder in left_out(path)]:
                more = f" and {len(left) - 3} more" if len(left) > 3 else ""
                said.append(f"Runs and checkpoints are left out: {', '.join(left[:3])}{more}.")
        return said

    def blocks_of(self, step: int) -> StepBlocks:
        """What step number `step` (from 0) reads.

        An epoch has whole batches only; what is left over differs from epoch to epoch. A text with
        fewer blocks than a batch gives smaller batches.
        """
        for stage, table in zip(self.settings.stages, self.tables, strict=True):
            if step < stage.steps:
                batch = min(stage.batch, len(table))
                epoch, place = divmod(step, len(table) // batch)
                order = block_order(len(table), epoch, self.settings.seed)
                numbers = order[place * batch : (place + 1) * batch]
                return StepBlocks(table, numbers, epoch)
            step -= stage.steps
        raise ValueError(f"There is no such step: the run has {self.settings.steps}.")

    def check_shares(self, processes: int) -> None:
        """Raise a ValueError when the batch of a stage cannot be shared out evenly."""
        count = processes * self.settings.accumulate
        for stage, table in zip(self.settings.stages, self.tables, strict=True):
            if (batch := min(stage.batch, len(table))) % count:
                raise ValueError(
                    f"A batch of {batch} blocks cannot be shared by {processes} processes in "
                    f"{self.settings.accumulate} parts each. Expected a multiple of {count}."
                )

    def parts(self, step: int, rank: int = 0, processes: int = 1) -> list[TrainingBatch]:
        """What one process computes in a step: its rows of the batch, in `accumulate` parts.

        All processes together have each row once (see `check_shares`). The mask of a row does not
        depend on who has it.
        """
        table, numbers, epoch = self.blocks_of(step)
        mine = numbers[rank::processes]
        options = self.settings.masking_at(step + 1)
        parts = np.split(mine, self.settings.accumulate)
        return [self.masked(table, part, epoch, options) for part in parts]

    def masked(
        self, table: BlockTable, numbers: np.ndarray, epoch: int, options: MaskOptions
    ) -> TrainingBatch:
        """Some blocks with pieces hidden, freshly in each epoch."""
        rows = table.rows(numbers)
        batch = mask_batch(
            rows.ids,
            rows.word_starts,
            rows.maskable,
            options,
            seed=self.settings.seed,
            epoch=epoch,
            index=numbers,
            mask_id=self.mask_id,
            unigram=self.unigram,
        )
        mask = None if rows.real.all() else torch.from_numpy(rows.real)
        return TrainingBatch(batch, mask, int(rows.real.sum()))
