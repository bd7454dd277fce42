"""What can be chosen, and what is refused: options, and a block that does not fit."""

import numpy as np
import pytest

from spanbert_teach.masking import MaskOptions, mask_block

from .texts import MASK_ID, UNIGRAM, mask, text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"p": 0.0}, "p=0.0 is out of range. Expected 0 < p <= 1"),
        ({"p": 1.1}, "p=1.1 is out of range"),
        ({"p": float("nan")}, "p=nan"),
        ({"p": "0.2"}, "p='0.2'"),
        ({"p": None}, "p=None"),
        ({"budget": 0}, "budget=0 is out of range. Expected 0 < budget <= 1"),
        ({"budget": 15}, "budget=15"),
        ({"max_words": 0}, "max_words=0: expected a whole number, 1 or more"),
        ({"max_words": 2.5}, "max_words=2.5"),
        ({"max_sbo": -1}, "max_sbo=-1"),
        ({"scheme": "spans"}, "scheme='spans' is not known. Expected span or subword"),
        ({"length_law": "geometric"}, "length_law='geometric'"),
        ({"whole_words": 1}, "whole_words=1 is a switch"),
        ({"length_law": "from_zero"}, "only with anchor='every'"),
        ({"anchor": "every", "scheme": "word"}, "only with scheme='span'"),
    ],
)
def test_impossible_options(changed, message):
    with pytest.raises(ValueError, match=message):
        MaskOptions(**changed)


def with_(at, value):
    changed = UNIGRAM.copy()
    changed[at] = value
    return changed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ids": [], "word_starts": []}, "The block is empty"),
        ({"ids": [[5, 6, 7]]}, r"ids has the shape \(1, 3\)"),
        ({"ids": [5.0, 6.0, 7.0]}, "expected whole numbers"),
        (
            {"ids": [5, 6, 30]},
            "The ids 5 to 30 do not fit the unigram, which is for the ids 0 to 29",
        ),
        ({"ids": [5, 6, -1]}, "do not fit"),
        ({"word_starts": [True, True]}, r"word_starts has the shape \(2,\): expected .*\(3,\)"),
        ({"word_starts": [0, 1, 2]}, "is it a list of places"),
        ({"unigram": UNIGRAM * 2}, "the sum 2. Expected"),
        ({"unigram": with_(5, -0.04)}, "the least entry is -0.04"),
        ({"unigram": with_(5, np.nan)}, "unigram is no law"),
        ({"unigram": UNIGRAM[None]}, r"unigram has the shape \(1, 30\)"),
        ({"unigram": np.full(30, 1 / 30)}, "unigram gives .MASK. .id 4. the probability 0.0333"),
        ({"mask_id": 30}, "mask_id=30 is outside the vocabulary: expected 0 to 29"),
        ({"tagged": [(1, 4)]}, r"The tagged span \(1, 4\) is not within the block"),
        ({"tagged": [(2, 2)]}, "not within the block"),
        ({"rng": 7}, "rng is 7: expected a generator"),
    ],
)
def test_arguments_that_do_not_fit(changed, message):
    arguments = {
        "ids": [5, 6, 7],
        "word_starts": [True, False, True],
        "rng": np.random.default_rng(0),
        "mask_id": MASK_ID,
        "unigram": UNIGRAM,
    }
    with pytest.raises(ValueError, match=message):
        mask_block(**(arguments | changed))


def test_a_unigram_in_32_bits_is_good_enough():
    ids, starts = text(400)
    for seed in range(20):
        mask(ids, starts, seed, unigram=UNIGRAM.astype(np.float32))
