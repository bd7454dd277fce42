"""The laws of span masking as assertions, each of which some wrong version must break.

A statistical law fails by chance once in a million runs with fresh random numbers (`FALSE_ALARM`);
with the fixed seeds of the tests it never flickers. (scipy, which knows chi-square, is no
dependency of the course.)
"""

import signal
from contextlib import contextmanager

import numpy as np
from hypothesis import strategies as st

from spanbert_teach.masking import IGNORE, MaskOptions
from spanbert_teach.masking.options import CHOICES
from spanbert_teach.views.masking_tally import chi_square_tail

ALARM = getattr(signal, "SIGALRM", None)  # Windows has none

FALSE_ALARM = 1e-6
# Joshi et al. 2020, Figure 2: the geometric law with p = .2 on 1 .. 10 words.
PMF = np.array([0.2241, 0.1792, 0.1434, 0.1147, 0.0918, 0.0734, 0.0587, 0.0470, 0.0376, 0.0301])
EXACT = 0.2 * 0.8 ** np.arange(10) / (1 - 0.8**10)
MEAN = 3.797


@contextmanager
def at_most(seconds: float):
    """Stop a call that hangs; no limit where the system has no alarm."""
    if ALARM is None:
        yield
        return

    def stop(*_):
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(ALARM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(ALARM, before)


# --- chi-square ----------------------------------------------------------------------------------


def fit_p(counts, probabilities) -> float:
    """The p-value of counts under a law; cells expected fewer than five times are put together."""
    counts = np.asarray(counts, dtype=float)
    expected = np.asarray(probabilities) * counts.sum()
    assert len(counts) == len(expected)
    if counts[expected == 0].any():
        return 0.0
    counts, expected = counts[expected > 0], expected[expected > 0]
    rare = expected < 5
    if rare.any():
        counts = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    assert len(counts) > 1, "too few draws to test anything"
    return chi_square_tail(((counts - expected) ** 2 / expected).sum(), len(counts) - 1)


def two_sample_p(first, second) -> float:
    """The p-value of two samples of small whole numbers coming from one law."""
    size = int(max(np.max(first), np.max(second))) + 1
    counts = np.stack([np.bincount(sample, minlength=size) for sample in (first, second)])
    totals = counts.sum(axis=0)
    # Neighbouring numbers are put together until a cell has twenty.
    cell = np.minimum(np.cumsum(totals) - totals, totals.sum() - 20) // 20
    counts = np.stack([np.bincount(np.unique(cell, return_inverse=True)[1], row) for row in counts])
    if counts.shape[1] == 1:
        return 1.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return chi_square_tail(((counts - expected) ** 2 / expected).sum(), counts.shape[1] - 1)


def assert_fits(counts, probabilities, what: str) -> float:
    p = fit_p(counts, probabilities)
    assert p > FALSE_ALARM, f"{what}: p = {p:.2g}"
    return p


# --- the laws ------------------------------------------------------------------------------------


def assert_follows_length_law(words) -> float:
    """Lengths in words of spans as they are drawn (points 1): chi-square and mean."""
    words = np.asarray(words)
    assert len(words) >= 20_000
    assert words.min() >= 1 and words.max() <= 10, "a length that the law does not have"
    p = assert_fits(np.bincount(words, minlength=11)[1:], EXACT, "span lengths")
    assert abs(words.mean() - MEAN) < 0.05
    return p


def assert_budget(mask, share=(15, 100)) -> None:
    """Exactly ceil(.15 n) pieces of a text of n (point 2), in whole numbers."""
    assert mask.sum() == -(-share[0] * len(mask) // share[1])


def runs(mask) -> list[tuple[int, int]]:
    """(start, end) of each unbroken stretch of masked pieces."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(mask, dtype=int), [0]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def cut_words(mask, word_starts) -> int:
    """How many stretches end inside a word."""
    return sum(end < len(mask) and not word_starts[end] for _, end in runs(mask))


def assert_whole_words(mask, word_starts, cut: int = 1) -> None:
    """Every stretch starts at a word start; at most `cut` end inside a word (point 4)."""
    for start, _ in runs(mask):
        assert start == 0 or word_starts[start], "a span starts inside a word"
    assert cut_words(mask, word_starts) <= cut, "spans end inside words"


def assert_merged(masked) -> None:
    """The spans are the stretches of the mask: apart from each other, and all of it (point 6)."""
    assert list(masked.spans) == runs(masked.mask)
    assert len(masked.replacements) == len(masked.spans)
    for (_, end), (start, _) in zip(masked.spans[:-1], masked.spans[1:], strict=True):
        assert start - end >= 1
    assert sum(end - start for start, end in masked.spans) == masked.mask.sum()


def assert_targets(ids, masked) -> None:
    """Every masked piece is a target, kept ones too, and nothing else changes (points 9, 10)."""
    ids = np.asarray(ids)
    assert (masked.mlm_targets[masked.mask] == ids[masked.mask]).all()
    assert (masked.mlm_targets[~masked.mask] == IGNORE).all()
    assert (masked.input_ids[~masked.mask] == ids[~masked.mask]).all()


def assert_sbo(ids, masked, most=15) -> None:
    """Boundaries outside, not at the edges, the first `most` pieces, rows from 0 (11 to 13)."""
    expected = [
        (start - 1, end, row, ids[start + row])
        for start, end in masked.spans
        if start > 0 and end < len(ids)
        for row in range(min(end - start, most))
    ]
    sbo = masked.sbo
    found = list(zip(sbo.left, sbo.right, sbo.position, sbo.target, strict=True))
    assert [tuple(map(int, row)) for row in found] == [tuple(map(int, row)) for row in expected]
    assert not masked.mask[sbo.left].any() and not masked.mask[sbo.right].any()


def assert_replaced_as_spans(examples, mask_id: int) -> dict[str, float]:
    """One kind for a whole span, 80/10/10 of at least 5,000 of them (point 7).

    Args:
        examples: (original ids, masked) pairs; no original is [MASK].
    """
    kinds = []
    for ids, masked in examples:
        for (start, end), kind in zip(masked.spans, masked.replacements, strict=True):
            read, original = masked.input_ids[start:end], np.asarray(ids)[start:end]
            is_mask = read == mask_id
            assert is_mask.all() or not is_mask.any(), "a span is replaced in part"
            assert is_mask.all() == (kind == "mask")
            assert kind != "keep" or (read == original).all()
            kinds.append(kind)
    assert len(kinds) >= 5000
    shares = {kind: kinds.count(kind) / len(kinds) for kind in ("mask", "random", "keep")}
    assert abs(sum(shares.values()) - 1) < 1e-9
    for kind, share in (("mask", 0.8), ("random", 0.1), ("keep", 0.1)):
        assert abs(shares[kind] - share) <= 0.02, f"{kind}: {shares[kind]:.3f}"
    return shares


def assert_follows_unigram(pieces, unigram) -> float:
    """Random pieces come as often as in the corpus (point 8)."""
    return assert_fits(np.bincount(pieces, minlength=len(unigram)), unigram, "random pieces")


def assert_anchor_law(words, pieces_of_word) -> float:
    """The word in which the first span starts: a word of k pieces with probability k / n."""
    share = np.asarray(pieces_of_word) / np.sum(pieces_of_word)
    return assert_fits(np.bincount(words, minlength=len(share)), share, "anchors")


def assert_specials_left_alone(framed_ids, special_ids, mask, left, right) -> None:
    """[CLS], [SEP] and [PAD] are never masked, and never boundaries (point 3)."""
    special = np.isin(framed_ids, special_ids)
    assert not (np.asarray(mask) & special).any(), "a special token is masked"
    assert not special[np.asarray(left, dtype=int)].any(), "a special token is a boundary"
    assert not special[np.asarray(right, dtype=int)].any(), "a special token is a boundary"


# --- any options ---------------------------------------------------------------------------------

SCHEMES = ("subword", "word", "entity", "noun_phrase", "span")
ANY_FIELDS = st.builds(
    dict,
    scheme=st.sampled_from(SCHEMES),
    p=st.sampled_from([1e-9, 0.2, 1.0]),
    max_words=st.sampled_from([1, 10, 10_000]),
    length_law=st.sampled_from(CHOICES["length_law"]),
    budget=st.sampled_from([1e-9, 0.15, 0.9, 1.0]),
    budget_rule=st.sampled_from(CHOICES["budget_rule"]),
    anchor=st.sampled_from(CHOICES["anchor"]),
    whole_words=st.booleans(),
    complete_words=st.booleans(),
    merge_adjacent=st.booleans(),
    replacement=st.sampled_from(CHOICES["replacement"]),
    max_sbo=st.sampled_from([None, 0, 1, 15]),
    sbo_at_edges=st.booleans(),
)


def possible(options: dict) -> MaskOptions:
    """The options, changed where two of them contradict each other."""
    if options["anchor"] == "every":
        options["scheme"] = "span"
    elif options["length_law"] == "from_zero":
        options["length_law"] = "clip"
    return MaskOptions(**options)


ANY_OPTIONS = ANY_FIELDS.map(possible)
