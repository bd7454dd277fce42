"""What can be chosen when a block is masked, three sets of choices, and what is refused.

Source: Joshi et al. 2020, §3.1 and §4.2; the authors' pre-training code where it differs. Lesson
`02_span_masking`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

# The allowed words of each option that is a word; the first is the default.
CHOICES = {
    "scheme": ("span", "subword", "word", "entity", "noun_phrase"),
    "length_law": ("renormalise", "clip", "unlimited", "exponential", "from_zero"),
    "budget_rule": ("ceil", "google_bert"),
    "anchor": ("piece", "word", "every"),
    "replacement": ("span", "piece", "mask"),
}
SWITCHES = ("whole_words", "complete_words", "merge_adjacent", "sbo_at_edges")


@dataclass(frozen=True)
class MaskOptions:
    """How a block is masked; the defaults are what trained the released weights.

    Attributes:
        scheme: "span", or of the paper's ablation "subword", "word", "entity", "noun_phrase".
        p, max_words: the geometric law of a span's length in words (scheme "span").
        length_law: a span beyond max_words: "renormalise" = never drawn, "clip" = cut to it,
            "unlimited" = allowed. "exponential": of mean 3, then rounded up to words; "from_zero":
            0, 1, 2 ... words.
        budget: the share of a block's pieces to mask. budget_rule: "ceil" of the pieces of text,
            or "google_bert": rounded, over [CLS] and [SEP] too.
        anchor: a span starts in the word of a random "piece", at a random "word", or, without any
            budget, in turn at "every" piece.
        whole_words: False counts lengths in pieces, and a span may start inside a word.
        complete_words: the word that crosses the budget is finished, not cut.
        merge_adjacent: spans that touch become one (overlapping spans always do).
        replacement: 80/10/10 once a "span" or once a "piece"; "mask": only ever [MASK].
        max_sbo: boundaries predict so many pieces of a span, from its first; None: all of them.
        sbo_at_edges: spans at a block's edge, with [CLS] or [SEP] as boundary, are predicted too.
    """

    scheme: str = "span"
    p: float = 0.2
    max_words: int = 10
    length_law: str = "renormalise"
    budget: float = 0.15
    budget_rule: str = "ceil"
    anchor: str = "piece"
    whole_words: bool = True
    complete_words: bool = False
    merge_adjacent: bool = True
    replacement: str = "span"
    max_sbo: int | None = 15
    sbo_at_edges: bool = False

    def __post_init__(self):
        check_options(self)


def check_options(options: MaskOptions) -> None:
    """Raise a ValueError that names the first option with an impossible value."""
    for name, allowed in CHOICES.items():
        if (value := getattr(options, name)) not in allowed:
            raise ValueError(f"{name}={value!r} is not known. Expected {' or '.join(allowed)}.")
    for name in SWITCHES:
        if not isinstance(value := getattr(options, name), bool):
            raise ValueError(f"{name}={value!r} is a switch. Expected True or False.")
    for name in ("p", "budget"):
        value = getattr(options, name)
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value <= 1:
            raise ValueError(f"{name}={value!r} is out of range. Expected 0 < {name} <= 1.")
    for name, least in (("max_words", 1), ("max_sbo", 0)):
        value = getattr(options, name)
        if name == "max_sbo" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name}={value!r}: expected a whole number, {least} or more.")
    if options.length_law == "from_zero" and options.anchor != "every":
        raise ValueError(
            "length_law='from_zero' draws spans without a piece, which spend no budget: it goes "
            "only with anchor='every', as in ARTICLE."
        )
    if options.anchor == "every" and options.scheme != "span":
        raise ValueError(
            f"anchor='every' draws a span at each piece: it goes only with scheme='span', not "
            f"with {options.scheme!r}."
        )


# What trained the released weights.
OFFICIAL = MaskOptions()

# What the paper's text says where the code does something else. (It says "clip" too, but the mean
# of 3.8 that it prints is that of the renormalised law, so that stays.)
PAPER = MaskOptions(anchor="word", complete_words=True, max_sbo=None, sbo_at_edges=True)

# A blog article's formula taken literally: at every piece i draw l ~ Geo(p), counted from 0, and
# mask the pieces i to i + l - 1. With p = .2 nearly nothing is left to read.
ARTICLE = MaskOptions(length_law="from_zero", anchor="every", whole_words=False, replacement="mask")


# --- What is refused ------------------------------------------------------------------------------


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
