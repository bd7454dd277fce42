"""What can be chosen when a block is masked, and three sets of choices with a name.

Source: Joshi et al. 2020, §3.1 and §4.2; the authors' pre-training code where it differs. Lesson
`02_span_masking`.
"""

from dataclasses import dataclass
from numbers import Integral, Real

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
            "unlimited" = allowed. "exponential": mean 3 instead; "from_zero": 0, 1, 2 ... words.
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
    check_share("p", options.p)
    check_share("budget", options.budget)
    check_count("max_words", options.max_words, 1)
    if options.max_sbo is not None:
        check_count("max_sbo", options.max_sbo, 0)
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


def check_share(name: str, value: float) -> None:
    """Raise a ValueError unless 0 < value <= 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value <= 1:
        raise ValueError(f"{name}={value!r} is out of range. Expected 0 < {name} <= 1.")


def check_count(name: str, value: int, least: int) -> None:
    """Raise a ValueError unless value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r}: expected a whole number, {least} or more.")


# What trained the released weights.
OFFICIAL = MaskOptions()

# What the paper's text says where the code does something else. (It says "clip" too, but the mean
# of 3.8 that it prints is that of the renormalised law, so that stays.)
PAPER = MaskOptions(anchor="word", complete_words=True, max_sbo=None, sbo_at_edges=True)

# A blog article's formula taken literally: at every piece i draw l ~ Geo(p), counted from 0, and
# mask the pieces i to i + l - 1. With p = .2 nearly nothing is left to read.
ARTICLE = MaskOptions(length_law="from_zero", anchor="every", whole_words=False, replacement="mask")
