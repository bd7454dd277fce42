"""What many masks of one text say: a verdict in words, from `masking_tally`'s counts.

The verdict looks at the masks alone. How long spans come out depends on the text (neighbours merge,
the budget cuts the last one), so lengths are compared with those that the library's own rule makes
of the same text, not with the law of the draws. Lesson `02_span_masking`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from spanbert_teach.masking import MaskOptions, masking_budget, span_length_pmf
from spanbert_teach.views.masking_tally import Tally, same_law
from spanbert_teach.views.texts import percent_in_words as percent

# How often a correct mask is called wrong by its lengths. (Spans of one mask are not independent,
# but their lengths share one budget, which makes the counts steadier than the test expects.)
FALSE_ALARM = 1e-4
# So many spans without one random or kept one: 0.8 ** 42 is below FALSE_ALARM.
ENOUGH_SPANS = 42
GOOD, BAD, OTHER = "good", "bad", "other"
SIGNS = {GOOD: "✓", BAD: "✗", OTHER: "≠"}
SCHEME_WORDS = {
    "subword": "single pieces are masked, wherever they stand",
    "word": "whole words are masked, one at a time",
    "entity": "half of the draws mask a marked entity, the others a whole word",
    "noun_phrase": "half of the draws mask a marked noun phrase, the others a whole word",
}


class Fault(NamedTuple):
    """What masks do otherwise than the official rule.

    Attributes:
        state: `BAD`, or `OTHER` where it follows another rule and is no mistake.
        name: short; sentence: with the figures.
    """

    state: str
    name: str
    sentence: str


class Verdict(NamedTuple):
    """Whether masks do what the official rule says.

    Attributes:
        state: `GOOD`, `BAD`, or `OTHER` for another rule that is no mistake.
        sentence: what the masks do instead.
        reasons: the short names of what differs, the gravest first.
    """

    state: str
    sentence: str
    reasons: list[str]


def between(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} to {most}"


def budget_fault(
    tally: Tally, pieces: int, options: MaskOptions, longest_word: int
) -> Fault | None:
    """What is wrong with how much is masked; None if nothing."""
    budget = masking_budget(pieces, MaskOptions(budget=options.budget))
    if tally.least == tally.most == budget:
        return None
    used = between(tally.least, tally.most)
    # Where words are finished, the budget often ends with a word: it is not always overrun.
    least = tally.least >= budget if options.complete_words else tally.least == budget
    if least and tally.cut == 0 and tally.most - budget < longest_word:
        return Fault(
            OTHER,
            "complete words",
            f"every word is finished, so the budget is overrun by less than a word: {used} of "
            f"{pieces} pieces instead of {budget}. So says the paper’s text; the code that trained "
            "the released weights stops at the budget exactly, inside a word if need be.",
        )
    share = tally.pieces / (tally.masks * pieces)
    if share > max(0.8, 2 * options.budget):
        return Fault(
            BAD,
            "nearly everything is masked",
            f"{percent(share)} of the text is hidden, and the budget was "
            f"{percent(options.budget)}: a span starts at every piece, and nothing ever stops. "
            "(The article’s formula, taken literally.)",
        )
    return Fault(
        BAD,
        "the budget is not kept",
        f"{used} of {pieces} pieces are masked, but the budget is {budget}, every time: drawing "
        "has to stop just there.",
    )


def length_fault(
    tally: Tally, reference: Tally, longest: int, like: Callable[[str], Tally]
) -> Fault | None:
    """What is wrong with the lengths; None if nothing can be seen.

    Args:
        like: a tally of this text with another length law ("clip" or "unlimited"): the likely
            mistake is the one that fits better, if it fits.
    """
    if same_law(tally.lengths, reference.lengths) >= FALSE_ALARM:
        return None
    fits = {law: same_law(tally.lengths, like(law).lengths) for law in ("clip", "unlimited")}
    law = max(fits, key=fits.get)
    at = (percent(tally.share(longest)), percent(reference.share(longest)))
    if fits[law] >= FALSE_ALARM and law == "clip":
        return Fault(
            BAD,
            "clipped lengths",
            f"lengths of {longest} come {at[0]} of the time instead of {at[1]}: longer draws were "
            f"cut to {longest} (“clip”) instead of never drawn.",
        )
    if fits[law] >= FALSE_ALARM:
        beyond = [percent(t.lengths[longest + 1 :].sum() / t.spans) for t in (tally, reference)]
        return Fault(
            BAD,
            "unlimited lengths",
            f"{beyond[0]} of the spans are longer than {longest} words, where the rule makes "
            f"{beyond[1]} (by merging): nothing keeps longer draws out.",
        )
    than = "shorter" if tally.mean() < reference.mean() else "longer"
    if f"{tally.mean():.2f}" == f"{reference.mean():.2f}":
        than = "not spread as they should be, neither shorter nor longer"
    return Fault(
        BAD,
        "other lengths",
        f"the spans are {than}: {tally.mean():.2f} words on average, where the rule makes "
        f"{reference.mean():.2f} of this text.",
    )


def find_faults(
    tally: Tally,
    reference: Tally,
    options: MaskOptions,
    pieces: int,
    longest_word: int,
    like: Callable[[str], Tally],
) -> list[Fault]:
    """All that the masks do otherwise than the official rule, the gravest first."""
    found = [budget_fault(tally, pieces, options, longest_word)]
    spans = max(1, tally.spans)
    if tally.inside and options.scheme != "subword":
        found.append(
            Fault(
                BAD,
                "spans begin inside words",
                f"{percent(tally.inside / spans)} of the spans begin inside a word: pieces were "
                "counted, not whole words, and the rest of a word gives its hidden piece away.",
            )
        )
    elif tally.cut_twice and options.scheme != "subword":
        found.append(
            Fault(
                BAD,
                "spans stop inside words",
                f"in {percent(tally.cut_twice / tally.masks)} of the masks several spans stop "
                "inside a word; only the last may, where the budget ends.",
            )
        )
    if tally.mixed:
        found.append(
            Fault(
                BAD,
                "mixed replacements",
                f"{percent(tally.mixed / tally.long_spans)} of the spans of several pieces mix "
                "[MASK], random and kept pieces: 80/10/10 was drawn once per piece instead of once "
                "per span.",
            )
        )
    elif spans >= ENOUGH_SPANS and not tally.kinds[1:].any():
        found.append(
            Fault(
                BAD,
                "only ever [MASK]",
                f"all {tally.spans:,} spans became [MASK]; 10% should be random pieces and 10% "
                "stay as they are.",
            )
        )
    if options.scheme == "span" and not tally.inside and tally.spans:
        found.append(length_fault(tally, reference, options.max_words, like))
    return [fault for fault in found if fault]


def verdict(
    tally: Tally,
    reference: Tally,
    options: MaskOptions,
    pieces: int,
    longest_word: int,
    like: Callable[[str], Tally],
) -> Verdict:
    """Whether the masks do what the official rule says, and if not, what they do instead.

    Args:
        tally: of the masks; reference: of masks of the same text by the library's own rule.
        pieces: of the text; longest_word: the most pieces that a word of it has.
        like: see `length_fault`.
    """
    faults = find_faults(tally, reference, options, pieces, longest_word, like)
    faults.sort(key=lambda fault: fault.state != BAD)  # stable: the gravest stays first
    names = [fault.name for fault in faults]
    if options.scheme != "span" and not any(fault.state == BAD for fault in faults):
        sentence = (
            f"{SCHEME_WORDS[options.scheme]}. A hidden stretch is {tally.mean():.1f} words long on "
            f"average; the official rule, which draws spans, makes it {reference.mean():.1f} in "
            "this text."
        )
        return Verdict(OTHER, f"Another rule: {sentence}", ["scheme"])
    if not faults:
        budget = masking_budget(pieces, options)
        sentence = (
            f"These masks follow the official rule: {budget} of {pieces} pieces every time, no "
            "span begins inside a word, one replacement for a whole span, and the lengths are as "
            f"they should be, as far as {tally.masks:,} redraws can tell."
        )
        return Verdict(GOOD, sentence, [])
    first = faults[0]
    start = "Not the official rule: " if first.state == BAD else "Another rule: "
    also = f" Also: {', '.join(names[1:])}." if names[1:] else ""
    return Verdict(first.state, start + first.sentence + also, names)


def mean_note(tally: Tally, options: MaskOptions) -> str:
    """Why the mean of what comes out is not that of the law; "" where they are near."""
    if options.scheme != "span" or not tally.spans:
        return ""
    pmf = span_length_pmf(options.p, options.max_words)
    drawn = float(pmf @ np.arange(1, len(pmf) + 1))
    why = f"Why a mean of {tally.mean():.2f} words and not the law’s {drawn:.2f}: "
    if tally.mean() < drawn - 0.1:
        return (
            f"{why}the budget ends inside the last span of "
            "each mask and the text’s end cuts others; merging, which makes some longer, does not "
            "make up for it. The shorter the text, the more this counts."
        )
    if tally.mean() > drawn + 0.1:
        return (
            f"{why}spans that touch or overlap become one "
            "longer span. The larger the budget, the more often that happens."
        )
    return ""
