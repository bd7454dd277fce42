"""Random numbers that depend on nothing but (seed, epoch, index, draw).

A mask must be new in every epoch and yet the same whenever the same example is visited again: in
another batch, another worker process, another rank of a data-parallel run. So nothing is drawn from
a stream that several examples share. Each example has a key, made of seed, epoch and its index in
the data set, and each of its draws has a number; the random bits are a hash of both.

The hash is the output function of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable
pseudorandom number generators", with Stafford's constants, variant 13), in which draw number i of a
key is `mix(key + (i + 1) * GAMMA)`.
"""

from functools import lru_cache

import numpy as np

GAMMA = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio, made odd
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
LARGEST = 2**63 - 1


def mix(bits: np.ndarray) -> np.ndarray:
    """Scramble 64 bits so that each of them depends on all; an array of uint64, any shape."""
    bits = (bits ^ (bits >> np.uint64(30))) * MULTIPLIER_1
    bits = (bits ^ (bits >> np.uint64(27))) * MULTIPLIER_2
    return bits ^ (bits >> np.uint64(31))


def example_keys(seed: int, epoch: int, index: np.ndarray) -> np.ndarray:
    """(batch,) uint64 key of each example.

    Args:
        index: (batch,) the numbers of the examples in the data set.

    Raises:
        ValueError: a negative number, or one that is not whole.
    """
    index = np.asarray(index)
    if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer) or (index < 0).any():
        raise ValueError("index must be (batch,) whole numbers, 0 or more: one for each example.")
    return random_bits(epoch_key(seed, epoch), index)


@lru_cache(maxsize=64)
def epoch_key(seed: int, epoch: int) -> np.ndarray:
    """(1,) uint64: the key of an epoch, whose draw number i is the key of example i."""
    check_key("seed", seed)
    check_key("epoch", epoch)
    return random_bits(random_bits(np.zeros(1, dtype=np.uint64), seed), epoch)


def check_key(name: str, value: int) -> None:
    """Raise a ValueError unless the value is a whole number from 0 to 2^63 - 1."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not 0 <= value <= LARGEST:
        raise ValueError(f"{name}={value!r}: expected a whole number, 0 or more.")


def random_bits(keys: np.ndarray, draws: np.ndarray | int) -> np.ndarray:
    """64 random bits for each pair of key and draw number; both broadcast against each other."""
    return mix(keys + (np.array(draws, dtype=np.uint64, ndmin=1) + np.uint64(1)) * GAMMA)


def uniform(bits: np.ndarray) -> np.ndarray:
    """Random bits as float64 in [0, 1)."""
    return (bits >> np.uint64(11)) * 2.0**-53


def block_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """A generator for `mask_block` that depends on nothing but the three numbers.

    It draws other numbers than `mask_batch`, so the masks differ, though they follow one law.
    """
    for name, value in (("seed", seed), ("epoch", epoch), ("index", index)):
        check_key(name, value)
    return np.random.default_rng((seed, epoch, index))
