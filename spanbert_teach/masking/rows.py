"""The rows of a padded batch, checked, as `batch` works on them: one flat line of pieces.

Each row gets one column more, which is never masked, so no span of a row can touch one of the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch

from spanbert_teach.masking.block import Span
from spanbert_teach.masking.options import as_booleans, check_tagged, check_whole_numbers

Array = np.ndarray | torch.Tensor | Sequence


@dataclass(frozen=True, eq=False)
class Rows:
    """A padded batch, checked. Flat positions count over (batch, width), width = length + 1.

    Attributes:
        ids: (batch, length) int64.
        maskable: (batch, length) bool, one stretch in each row: the text.
        word_starts: (batch, length) bool.
        first, count: (batch,) the column of each row's first piece of text, and how many there are.
        begin, end: (batch,) the flat positions of the first piece of text and the one after it.
        keys: (batch,) uint64, for the random numbers of each row.
    """

    ids: np.ndarray
    maskable: np.ndarray
    word_starts: np.ndarray
    first: np.ndarray
    count: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    keys: np.ndarray

    @property
    def width(self) -> int:
        return self.ids.shape[1] + 1

    def part(self, start: int, size: int) -> "Rows":
        """At most `size` rows from row number `start` on."""
        kept = slice(start, start + size)
        cut = {field.name: getattr(self, field.name)[kept] for field in fields(self)}
        shift = start * self.width
        return Rows(**{**cut, "begin": cut["begin"] - shift, "end": cut["end"] - shift})


def as_array(values: Array) -> np.ndarray:
    """A tensor of any device, an array or nested lists, as an array."""
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def check_rows(ids: Array, word_starts: Array, maskable: Array, keys: np.ndarray) -> Rows:
    """The arguments of `mask_batch` as `Rows`.

    Raises:
        ValueError: shapes that differ; a row without text, or with text in several places.
    """
    ids, word_starts, maskable = as_array(ids), as_array(word_starts), as_array(maskable)
    if ids.ndim != 2 or 0 in ids.shape:
        raise ValueError(f"ids has the shape {ids.shape}: expected (batch, length), neither 0.")
    check_whole_numbers("ids", ids)
    for name, values in (("word_starts", word_starts), ("maskable", maskable)):
        if values.shape != ids.shape:
            raise ValueError(
                f"{name} has the shape {values.shape}: expected that of ids, {ids.shape}."
            )
    if len(keys) != len(ids):
        raise ValueError(f"index has {len(keys)} entries for {len(ids)} rows: expected one a row.")
    word_starts = as_booleans("word_starts", word_starts)
    maskable = as_booleans("maskable", maskable)
    batch, length = ids.shape
    count = np.count_nonzero(maskable, axis=1)
    if not count.all():
        raise ValueError(f"Row {count.argmin()} is empty: maskable marks no piece of text in it.")
    first = maskable.argmax(axis=1)
    last = length - maskable[:, ::-1].argmax(axis=1)
    if (broken := last - first != count).any():
        raise ValueError(
            f"Row {broken.argmax()}: maskable marks several stretches. Expected one, the text."
        )
    begin = np.arange(batch) * (length + 1) + first
    ids = ids.astype(np.int64, copy=False)
    return Rows(ids, maskable, word_starts, first, count, begin, begin + count, keys)


def check_specials(rows: Rows, unigram: np.ndarray) -> None:
    """Raise a ValueError when a piece outside the text could come as a random replacement."""
    outside = rows.ids[~rows.maskable]
    if (wrong := unigram[outside] > 0).any():
        found = outside[wrong.argmax()]
        raise ValueError(
            f"unigram gives the piece {found} the probability {unigram[found]:.3g}, but it stands "
            "outside the text of a row. Expected 0 for special tokens (piece_unigram does that)."
        )


def check_all_tagged(rows: Rows, tagged: Sequence[Sequence[Span]]) -> None:
    """Raise a ValueError unless there are spans for no row or for all, each within its text."""
    if len(tagged) not in (0, len(rows.ids)):
        raise ValueError(f"tagged has {len(tagged)} entries: expected one a row, {len(rows.ids)}.")
    for spans, length in zip(tagged, rows.count, strict=False):
        check_tagged(spans, int(length))
