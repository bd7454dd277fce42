"""The rule by which 02-3 draws spans, and the wrong ones that people follow, in one table.

On a small block a rule can be gone through in all ways, so that the probability of each set of
masked pieces is exact. So the check can say which rule a learner's results look like.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from itertools import takewhile

import numpy as np

Masked = frozenset[int]
Lengths = tuple[float, ...]


class Block:
    """A block of text, from which of its pieces begin a word."""

    def __init__(self, starts: Sequence[bool]):
        self.pieces = len(starts)
        self.word = [sum(starts[: place + 1]) - 1 for place in range(self.pieces)]
        self.edges = [*(place for place, start in enumerate(starts) if start), self.pieces]


@dataclass(frozen=True)
class Rule:
    """One way to draw spans. The defaults are right: `RIGHT` says so in words, `RULES` what the
    other values mean."""

    unit: str = "words"  # of a length; or "pieces", "rounded": pieces, up to whole words
    lengths: Callable[[Lengths], Lengths] = tuple  # makes of the law the one that is drawn from
    first: int = 1  # the length that the first entry of the law belongs to
    once: bool = False  # one length is drawn for the whole block
    anchor: str = "piece"  # or "word", "not-first", "not-last"; "fitting": where a whole span fits
    inside: bool = False  # the span begins at the anchor, not at its word
    over: str = "counts"  # a masked word does, for the length; or is "skipped", "stops" the span
    touch: bool = True  # a span may touch or cover another
    last: str = "cut"  # what becomes of the last span, or what else the budget is spent on: `step`
    redraw: bool = True  # an anchor that is masked already is drawn anew

    def choose_masked(self, word_starts, law, budget, rng) -> list[int]:
        """The rule as an answer to the exercise: what comes of it, as often as it does."""
        found = outcomes(self, tuple(word_starts), tuple(law), budget)
        return sorted(list(found)[rng.choice(len(found), p=list(found.values()))])

    def anchors(self, block: Block, length: int) -> Sequence[int]:
        """The pieces of which one is drawn, all equally likely."""
        if self.anchor == "word":
            return block.edges[:-1]
        last = max(len(block.edges) - length, 1) if self.anchor == "fitting" else -1
        return range(self.anchor == "not-first", block.edges[last] - (self.anchor == "not-last"))

    def span(self, block: Block, length: int, anchor: int, masked: Masked) -> list[int]:
        """The pieces of a span, before the budget cuts it."""
        start = anchor if self.inside else block.edges[block.word[anchor]]
        free = [p for p in range(start, block.pieces) if self.over != "skipped" or p not in masked]
        unit = block.word if self.unit == "words" else range(block.pieces)
        units = list(dict.fromkeys(unit[piece] for piece in free))[:length]
        if self.unit == "rounded":
            unit, units = block.word, [block.word[piece] for piece in units]
        if self.over == "stops":
            free = list(takewhile(lambda piece: piece not in masked, free))
        return [piece for piece in free if unit[piece] in units]

    def draws(self, block: Block, law: Lengths, masked: Masked) -> list[tuple]:
        """(probability, anchor, pieces of the span) of all that can be drawn."""
        found = []
        for length, share in enumerate(law, start=self.first):
            anchors = self.anchors(block, length) if share else ()
            spans = [(anchor, self.span(block, length, anchor, masked)) for anchor in anchors]
            found += [(share / len(anchors), *both) for both in spans]
        return found

    def step(self, block: Block, budget: int, masked: Masked, spent: int, span: list[int]) -> tuple:
        """(masked, spent) after a span was drawn; as before where it is drawn anew."""
        if not self.touch and masked & {piece + side for piece in span for side in (-1, 0, 1)}:
            return masked, spent
        word, new = block.word, [piece for piece in span if piece not in masked]
        cut, everything = new[: budget - len(masked)], masked.union(span)
        if self.last == "words":
            words = list(dict.fromkeys(word[piece] for piece in new))[: budget - spent]
            return masked.union(p for p in new if word[p] in words), spent + len(words)
        if self.last == "word":
            cut = [piece for piece in new if word[piece] in {word[last] for last in cut}]
        if len(everything) > budget and self.last in ("whole", "leftmost"):
            size = budget if self.last == "leftmost" else None
            return frozenset(sorted(everything)[:size]), budget
        if len(everything) > budget and self.last in ("stop", "fit"):
            return masked, budget if self.last == "stop" else spent
        if self.last == "everything":
            return frozenset(range(block.pieces)), budget
        if self.last == "spans":
            return everything, spent + 1
        if self.last == "drawn":
            return masked.union(span[: budget - spent]), spent + len(span)
        return masked.union(cut), len(masked) + len(cut)


@cache
def outcomes(rule: Rule, starts: tuple, law: Lengths, budget: int) -> dict[Masked, float]:
    """Set of masked pieces -> its probability, when spans are drawn until the budget is spent.
    They add up to less than 1 where the rule can get stuck."""
    block, law, done = Block(starts), rule.lengths(law), defaultdict(float)
    if rule.once:
        for place, share in enumerate(law):
            fixed = outcomes(replace(rule, once=False), starts, only(place, law), budget)
            for masked, probability in fixed.items():
                done[masked] += share * probability
        return dict(done)
    draws = partial(rule.draws, block, law)
    always = draws(frozenset())
    at_spent = [defaultdict(float) for _ in range(budget)]  # what is masked, by what it has cost
    at_spent[0][frozenset()] = 1.0
    for spent, reached in enumerate(at_spent):
        for masked, probability in reached.items():
            step = defaultdict(float)
            for share, anchor, span in always if rule.over == "counts" else draws(masked):
                if span and not (rule.redraw and anchor in masked):
                    step[rule.step(block, budget, masked, spent, span)] += share
            step.pop((masked, spent), None)  # nothing happened: drawn anew
            moved = sum(step.values())
            for (after, cost), share in step.items():
                target = done if cost >= budget else at_spent[cost]
                target[after] += probability * share / moved
    return dict(done)


def only(place: int, law: Lengths) -> Lengths:
    """The law with as many entries that always draws this one."""
    return tuple(float(other == place) for other in range(len(law)))


RIGHT_RULE = Rule()
RIGHT = {
    "unit": "From its beginning on mask so many words: a span of 3 words of 2 pieces has 6 pieces.",
    "lengths": "Draw one for each span: `law` has the probabilities of 1, 2 … words, and "
    "rng.choice(len(law), p=law) draws the place of an entry.",
    "first": "rng.choice(len(law), p=law) draws 0, 1, 2 …: the length in words is one more, and "
    "the span ends before the next word after it.",
    "once": "Draw a new length for each span.",
    "anchor": "The anchor is any piece, all equally often: rng.integers(n) draws 0 … n - 1.",
    "inside": "Begin at the first piece of the anchor's word: go left while word_starts is False.",
    "over": "A span may run over masked words, and they count for its length.",
    "touch": "Only where the anchor is masked is it drawn anew: a span may touch and cover others.",
    "last": "Stop when exactly `budget` pieces are masked, even inside a word, and not before.",
    "redraw": "Where the anchor is masked already, draw both anew, length and anchor.",
}
_SKIPPED = ("masked-words-skipped", "It looks as if masked words were skipped.")
_STOPS = ("stops-at-masked", "It looks as if a span ended at a masked word.")
_SPANS = ("budget-counts-spans", "The budget counts spans, not pieces.")
_CUT_OFF = ("end-cut-off", "Too much, and the end cut off: that always drops the rightmost pieces.")
_FIXED = ("length-fixed", "It looks as if all spans had the same length.")
_IGNORED = ("law-ignored", "The lengths do not follow `law`.")
# Wrong rule -> its misconception, and what it does. Of two that explain the results equally well,
# the first is named.
RULES = {
    Rule(inside=True): ("no-move-to-the-word-start", "A word is masked from its middle on."),
    Rule(last="whole"): ("overshoots", "The last span is masked as a whole."),
    Rule(unit="pieces"): ("length-in-pieces", "The length is counted in pieces."),
    Rule(unit="pieces", inside=True): ("length-in-pieces", "The length is counted in pieces."),
    Rule(unit="rounded"): ("length-in-pieces", "The length is counted in pieces."),
    Rule(anchor="word"): (
        "word-drawn",
        "It looks as if a random word were drawn: long ones are then hit no more often than short.",
    ),
    Rule(last="word"): (
        "finishes-the-word",
        "The last word is finished although the budget is spent. (The paper speaks of complete "
        "words, but the code that trained the weights stops at the exact number, and so do we.)",
    ),
    Rule(last="stop"): ("undershoots", "A span that does not fit ends it all: pieces are missing."),
    Rule(last="fit"): (
        "drops-what-does-not-fit",
        "A span that does not fit is thrown away, so long spans become rarer.",
    ),
    Rule(touch=False): ("spans-never-touch", "It looks as if spans were kept apart."),
    Rule(redraw=False): ("masked-anchor-kept", "It looks as if masked anchors were kept."),
    Rule(over="skipped"): _SKIPPED,
    Rule(over="skipped", redraw=False): _SKIPPED,
    Rule(over="stops"): _STOPS,
    Rule(over="stops", redraw=False): _STOPS,
    Rule(anchor="fitting"): (
        "only-where-it-fits",
        "It looks as if no anchor were drawn near the end. There, the span is just shorter.",
    ),
    Rule(anchor="not-last"): ("an-end-never-drawn", "An end of the block is never drawn."),
    Rule(anchor="not-first"): ("an-end-never-drawn", "An end of the block is never drawn."),
    Rule(last="spans"): _SPANS,
    Rule(last="spans", redraw=False): _SPANS,
    Rule(last="words"): ("budget-counts-words", "The budget counts words, not pieces."),
    Rule(last="leftmost"): _CUT_OFF,
    Rule(last="leftmost", redraw=False): _CUT_OFF,
    Rule(last="everything"): (
        "span-at-every-piece",
        "Everything is masked, as if a span were drawn at every piece (an article writes it so).",
    ),
    Rule(unit="pieces", inside=True, lengths=lambda law: only(0, law)): (
        "no-spans",
        "Single pieces are masked, here and there.",
    ),
    Rule(once=True): ("length-drawn-once", "One length is drawn for the whole block."),
    Rule(lengths=lambda law: only(round(np.dot(range(len(law)), law)), law)): _FIXED,
    Rule(lengths=lambda law: only(len(law) - 1, law)): _FIXED,
    Rule(lengths=lambda law: (1 / len(law),) * len(law)): _IGNORED,
    Rule(lengths=lambda law: tuple((share > 0) / np.count_nonzero(law) for share in law)): _IGNORED,
    Rule(first=2): ("length-one-too-long", "The spans are one word too long."),
    Rule(first=0): ("length-one-too-short", "The spans are one word too short."),
    Rule(last="drawn", redraw=False): (
        "too-few",
        "Pieces that were masked before cost nothing: count the set, not what the spans add up to.",
    ),
}
# Their results are hard to tell from right ones: the check looks for these rules by name.
HARD = ("spans-never-touch", "masked-anchor-kept", "masked-words-skipped", "stops-at-masked")
SUBTLE = [rule for rule, (name, _) in RULES.items() if name in HARD]


def hint(rule: Rule) -> str:
    """What a wrong rule does, and how it is right: of several differences the first counts."""
    differs = (f.name for f in fields(rule) if getattr(rule, f.name) != f.default)
    return f"{RULES[rule][1]} {RIGHT[next(differs)]}"
