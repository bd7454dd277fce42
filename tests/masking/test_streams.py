"""Random numbers for every block of every epoch: uniform, independent, the same everywhere."""

import numpy as np
import pytest

from spanbert_teach.masking import block_rng
from spanbert_teach.masking.streams import example_keys, random_bits, uniform

from .laws import assert_fits


def test_a_key_is_a_whole_number():
    with pytest.raises(ValueError, match="epoch=-1: expected a whole number, 0 or more"):
        block_rng(0, -1, 0)
    with pytest.raises(ValueError, match=r"seed=1\.5"):
        block_rng(1.5, 0, 0)


def test_random_bits_are_uniform_and_neighbours_independent():
    keys = example_keys(1, 0, np.arange(1000))
    bits = random_bits(keys[:, None], np.arange(200, dtype=np.uint64))
    for shift in (0, 8, 24, 32, 56):
        counts = np.bincount(((bits >> np.uint64(shift)) & np.uint64(255)).ravel().astype(int))
        assert_fits(counts, np.full(256, 1 / 256), f"bits from {shift}")
    other = {
        "draw": random_bits(keys[:, None], np.arange(1, 201, dtype=np.uint64)),
        "index": random_bits(np.roll(keys, 1)[:, None], np.arange(200, dtype=np.uint64)),
        "epoch": random_bits(example_keys(1, 1, np.arange(1000))[:, None], np.arange(200)),
        "seed": random_bits(example_keys(2, 0, np.arange(1000))[:, None], np.arange(200)),
        "other sort": random_bits(
            keys[:, None], np.arange(200, dtype=np.uint64) + np.uint64(2**32)
        ),
    }
    for name, neighbour in other.items():
        pair = (bits >> np.uint64(60)) * np.uint64(16) + (neighbour >> np.uint64(60))
        assert_fits(np.bincount(pair.ravel().astype(int)), np.full(256, 1 / 256), name)
        pair = (bits & np.uint64(15)) * np.uint64(16) + (neighbour & np.uint64(15))
        assert_fits(np.bincount(pair.ravel().astype(int)), np.full(256, 1 / 256), name)
    share = uniform(bits)
    assert share.min() >= 0 and share.max() < 1
    # Seed 1 of epoch 0 is not seed 0 of epoch 1, and so on.
    few = [example_keys(s, e, np.arange(20)) for s in range(20) for e in range(20)]
    assert len(np.unique(few)) == 20 * 20 * 20


def test_a_published_number_of_splitmix64():
    """The first outputs for the seed 1234567, as the algorithm's reference programs print them."""
    key = np.array([1234567], dtype=np.uint64)
    assert random_bits(key, [0, 1]).tolist() == [6457827717110365317, 3203168211198807973]
