"""A batch whose arguments do not fit is refused by name."""

import numpy as np
import pytest

from spanbert_teach.masking import MaskOptions, mask_batch

from .texts import MASK_ID, UNIGRAM, batch


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ids": np.zeros(5, dtype=int)}, r"ids has the shape \(5,\): expected \(batch, length\)"),
        ({"ids": np.zeros((0, 5), dtype=int)}, r"ids has the shape \(0, 5\)"),
        ({"ids": np.zeros((2, 22))}, "expected whole numbers"),
        ({"word_starts": np.ones((2, 20), bool)}, r"word_starts has the shape \(2, 20\)"),
        ({"maskable": np.zeros((2, 22), bool)}, "Row 0 is empty"),
        ({"maskable": np.tile([True, False], (2, 11))}, "Row 0: maskable marks several stretches"),
        ({"maskable": np.full((2, 22), 2)}, "maskable holds other values"),
        ({"index": np.arange(3)}, "index has 3 entries for 2 rows"),
        ({"index": np.array([0, -1])}, "index must be"),
        ({"seed": -1}, "seed=-1"),
        ({"epoch": 0.5}, "epoch=0.5"),
        ({"unigram": UNIGRAM[:9]}, "unigram is no law|do not fit"),
        ({"unigram": np.r_[0, 0, 0.5, 0, 0, np.full(25, 0.02)]}, "the piece 2 .* outside the text"),
        ({"mask_id": -1}, "mask_id=-1"),
        ({"options": MaskOptions(scheme="entity"), "tagged": [[]]}, "tagged has 1 entries"),
    ],
)
def test_arguments_that_do_not_fit(changed, message):
    ids, starts, maskable = batch([20, 10])
    arguments = {
        "ids": ids,
        "word_starts": starts,
        "maskable": maskable,
        "seed": 0,
        "epoch": 0,
        "index": np.arange(2),
        "mask_id": MASK_ID,
        "unigram": UNIGRAM,
    }
    with pytest.raises(ValueError, match=message):
        mask_batch(**(arguments | changed))
