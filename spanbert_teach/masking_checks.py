"""What the masking functions refuse, and how they say so."""

from collections.abc import Sequence

import numpy as np


def check_block(
    ids: Sequence[int],
    word_starts: Sequence[bool],
    rng: np.random.Generator,
    tagged: Sequence[tuple[int, int]],
) -> tuple[np.ndarray, np.ndarray]:
    """The ids as (length,) int64 and the word starts as (length,) bool, the first one True.

    Raises:
        ValueError: see the messages.
    """
    ids, starts = np.asarray(ids), np.asarray(word_starts)
    if ids.ndim != 1:
        raise ValueError(f"ids has the shape {ids.shape}: expected (length,), one block.")
    if len(ids) == 0:
        raise ValueError("The block is empty: there is nothing to mask. Expected a piece or more.")
    check_whole_numbers("ids", ids)
    if starts.shape != ids.shape:
        raise ValueError(
            f"word_starts has the shape {starts.shape}: expected one Boolean a piece, {ids.shape}. "
            "(Are [CLS] and [SEP] left out of both?)"
        )
    starts = as_booleans("word_starts", starts)
    starts[0] = True
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng is {rng!r}: expected a generator, such as np.random.default_rng(1).")
    check_tagged(tagged, len(ids))
    return ids.astype(np.int64), starts


def as_booleans(name: str, values: np.ndarray) -> np.ndarray:
    """A copy as bool; a ValueError when there is anything but 0 and 1 in it."""
    if values.dtype != bool and not np.isin(values, (0, 1)).all():
        raise ValueError(f"{name} holds other values than True and False: is it a list of places?")
    return values.astype(bool)


def check_whole_numbers(name: str, values: np.ndarray) -> None:
    """Raise a ValueError unless the array is of integers."""
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} holds {values.dtype}: expected whole numbers.")


def check_tagged(tagged: Sequence[tuple[int, int]], length: int) -> None:
    """Raise a ValueError for a span that is empty or not within the block."""
    for span in tagged:
        start, end = span
        if not 0 <= start < end <= length:
            raise ValueError(
                f"The tagged span {(int(start), int(end))} is not within the block: expected "
                f"0 <= start < end <= {length}, counted in pieces without [CLS]."
            )


def check_unigram(unigram: np.ndarray, mask_id: int, ids: np.ndarray) -> np.ndarray:
    """The probabilities as (vocabulary,) float64.

    Args:
        ids: of any shape; all must be in the vocabulary.

    Raises:
        ValueError: see the messages.
    """
    unigram = np.asarray(unigram, dtype=np.float64)
    if unigram.ndim != 1 or len(unigram) == 0:
        raise ValueError(f"unigram has the shape {unigram.shape}: expected (vocabulary,).")
    size = len(unigram)
    if not 0 <= mask_id < size:
        raise ValueError(f"mask_id={mask_id} is outside the vocabulary: expected 0 to {size - 1}.")
    if not 0 <= ids.min() <= ids.max() < size:
        raise ValueError(
            f"The ids {ids.min()} to {ids.max()} do not fit the unigram, which is for the ids "
            f"0 to {size - 1}."
        )
    total = unigram.sum()
    if not unigram.min() >= 0 or not abs(total - 1) < 1e-6:  # so that a nan is refused, too
        raise ValueError(
            f"unigram is no law: the least entry is {unigram.min():.3g}, the sum {total:.6g}. "
            "Expected no negative entry and the sum 1: divide counts by their sum (piece_unigram "
            "does)."
        )
    if unigram[mask_id] > 0:
        raise ValueError(
            f"unigram gives [MASK] (id {mask_id}) the probability {unigram[mask_id]:.3g}: expected "
            "0 there and at all special tokens (piece_unigram does that)."
        )
    # The sum of 32-bit numbers is not near enough to 1 for numpy's choice().
    return unigram if abs(total - 1) < 1e-9 else unigram / total
