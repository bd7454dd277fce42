"""All blocks of a corpus in a few flat arrays, and any of them as the rows of a padded batch.

Text is cut once and streamed in; what stays in memory are five bytes a piece. Lesson
`05_sbo_vs_mlm`.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spanbert_teach.corpus import Block


@dataclass(frozen=True, eq=False)
class BlockRows:
    """Some blocks as a padded batch, ready for `mask_batch`.

    Attributes:
        ids: (batch, length) int64, 0 behind [SEP].
        word_starts: (batch, length) bool.
        real: (batch, length) bool, True for [CLS], text and [SEP]: the attention mask.
        maskable: (batch, length) bool, True for text.
    """

    ids: np.ndarray
    word_starts: np.ndarray
    real: np.ndarray
    maskable: np.ndarray


@dataclass(frozen=True, eq=False)
class BlockTable:
    """Blocks one behind the other: block b is ids[starts[b] : starts[b + 1]], with its specials.

    Attributes:
        ids: (pieces,) int32; word_starts: (pieces,) bool; starts: (blocks + 1,) int64.
    """

    ids: np.ndarray
    word_starts: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, blocks: Iterable[Block]) -> "BlockTable":
        """The table of a stream of blocks, as `corpus.blocks` gives them.

        Raises:
            ValueError: there is none.
        """
        ids, word_starts, starts = array("i"), array("b"), array("q", [0])
        for block in blocks:
            ids.extend(block.ids)
            word_starts.extend(block.word_starts)
            starts.append(len(ids))
        if len(starts) == 1:
            raise ValueError("There is no block: the text is empty.")
        flat = np.array(ids, dtype=np.int32), np.array(word_starts, dtype=bool)
        return cls(*flat, np.array(starts, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def rows(self, numbers: Iterable[int]) -> BlockRows:
        """The blocks of these numbers, padded to the longest of them."""
        numbers = np.asarray(numbers)
        begin, size = self.starts[numbers], np.diff(self.starts)[numbers]
        column = np.arange(size.max())
        real = column < size[:, None]
        # Padding reads [CLS] of its own row, which is always there, and is then overwritten.
        place = begin[:, None] + np.where(real, column, 0)
        maskable = real & (column > 0) & (column < size[:, None] - 1)
        ids = np.where(real, self.ids[place], 0).astype(np.int64)
        return BlockRows(ids, self.word_starts[place] & real, real, maskable)
