"""How long a masked span is, and how many pieces of a block are masked.

Source: Joshi et al. 2020, §3.1. Lesson `02_span_masking`.
"""

import math
from fractions import Fraction

import numpy as np

from spanbert_teach.mask_options import OFFICIAL, MaskOptions, check_count, check_share

# The mean of the "SpanBERT-style" exponential lengths that some implementations draw.
EXPONENTIAL_MEAN = 3.0


def span_length_pmf(p: float = 0.2, max_words: int = 10) -> np.ndarray:
    """The law of span lengths: geometric on 1 .. max_words words, renormalised to sum 1.

    A length l has the weight p (1 - p)^(l - 1). Longer spans do not exist: their probability is
    shared by all lengths in proportion (it is not added to max_words). Joshi et al. 2020, §3.1,
    with p = 0.2 and 10 words: .2241, .1792 ... .0301, mean 3.8.

    Returns:
        (max_words,) probabilities of the lengths 1, 2 ... max_words.

    Raises:
        ValueError: p outside (0, 1], or max_words below 1.
    """
    check_share("p", p)
    check_count("max_words", max_words, 1)
    weights = p * (1 - p) ** np.arange(max_words)
    return weights / weights.sum()


def cut_geometric(p: float, longest: int) -> np.ndarray:
    """(longest,) geometric probabilities of 1 .. longest; all that is longer counts as longest."""
    probabilities = p * (1 - p) ** np.arange(longest)
    probabilities[-1] = (1 - p) ** (longest - 1)
    return probabilities


def length_probabilities(options: MaskOptions = OFFICIAL, longest: int = 512) -> np.ndarray:
    """The law of span lengths under any options, the common mistakes included.

    Args:
        longest: where a law without an end is cut off: the words of the block, as no span reaches
            further.

    Returns:
        (lengths,) probabilities; the index is the length in words, so entry 0 is that of no word.
    """
    if options.scheme != "span":
        return np.array([0.0, 1.0])
    if options.length_law == "renormalise":
        return np.concatenate([[0.0], span_length_pmf(options.p, options.max_words)])
    if options.length_law == "clip":
        return np.concatenate([[0.0], cut_geometric(options.p, options.max_words)])
    if options.length_law == "unlimited":
        return np.concatenate([[0.0], cut_geometric(options.p, longest)])
    if options.length_law == "exponential":
        # An exponential length, rounded up to whole words, is geometric with this p.
        return np.concatenate([[0.0], cut_geometric(1 - math.exp(-1 / EXPONENTIAL_MEAN), longest)])
    return cut_geometric(options.p, longest + 1)  # from_zero


def masking_budget(pieces: int, options: MaskOptions = OFFICIAL) -> int:
    """How many of a block's pieces are masked: ceil(budget * pieces), at least one.

    With `budget_rule="google_bert"`: round(budget * (pieces + 2)), [CLS] and [SEP] counted (its
    limits of 20 predictions in 128 pieces and 77 in 512 are never exceeded with 15%).

    Args:
        pieces: of the text alone, without [CLS] and [SEP].

    Raises:
        ValueError: no pieces.
    """
    check_count("pieces", pieces, 1)
    # 0.15 is meant as 15/100. The floating-point number is a little less or more, and so would be
    # a product that should be whole: ceil(0.07 * 100) is 8.
    share = Fraction(str(options.budget))
    if options.budget_rule == "google_bert":
        return min(pieces, max(1, round(share * (pieces + 2))))
    return math.ceil(share * pieces)
