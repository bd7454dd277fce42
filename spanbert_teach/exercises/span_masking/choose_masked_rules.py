"""What a way of drawing spans leads to: the exact probability of each set of masked pieces.

The right rule and the wrong ones that people write, on a block so small that everything that can
happen is gone through. The check of 02-3 compares a learner's results with the right rule and, when
they do not fit, says which wrong rule they look like.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

Masked = frozenset[int]
Sizes = tuple[int, ...]
Lengths = tuple[float, ...]


@dataclass(frozen=True)
class Rule:
    """One way to draw spans; the defaults are right.

    Attributes:
        anchor: what is drawn: a random "piece"; a "word"; "fitting": a piece from
            whose word the whole span fits into the block; "not-last", "not-first": a piece, but
            never that one.
        redraw: an anchor that is masked already is drawn anew.
        inside: the span begins at the anchor, not at its word.
        unit: a length of 3 means 3 "words", "pieces", or "rounded": pieces, up to whole words.
        over: masked words "count" for the length, are "skipped", or one of them "stops" the span.
        last: a span beyond the budget is "cut", masked as a "whole", cut after a "word", ends all
            without being masked ("stop"), or is drawn anew ("fit").
        touch: a span may touch or cover another.
        counts: the budget is spent on "pieces", "words" or "spans".
    """

    anchor: str = "piece"
    redraw: bool = True
    inside: bool = False
    unit: str = "words"
    over: str = "count"
    last: str = "cut"
    touch: bool = True
    counts: str = "pieces"


RIGHT_RULE = Rule()


class Block:
    """A block whose words have these sizes in pieces."""

    def __init__(self, sizes: Sizes):
        self.pieces = sum(sizes)
        self.word = [word for word, size in enumerate(sizes) for _ in range(size)]
        self.edges = [sum(sizes[:word]) for word in range(len(sizes) + 1)]
        self.starts = [place in self.edges for place in range(self.pieces)]

    def partly_masked(self, masked: Masked) -> list[int]:
        """The words of which some pieces are masked and some are not."""
        masked_in = [
            {place in masked for place in self.word_at(start)} for start in self.edges[:-1]
        ]
        return [word for word, both in enumerate(masked_in) if len(both) == 2]

    def word_at(self, piece: int) -> range:
        return range(self.edges[self.word[piece]], self.edges[self.word[piece] + 1])


@cache
def outcomes(rule: Rule, sizes: Sizes, law: Lengths, budget: int) -> dict[Masked, float]:
    """Set of masked pieces -> its probability, when spans are drawn until the budget is spent.

    A rule that can get stuck loses probability there: then it adds up to less than 1.
    """
    block, done = Block(sizes), defaultdict(float)
    at_spent = [defaultdict(float) for _ in range(budget)]  # what is masked, by what it has cost
    at_spent[0][frozenset()] = 1.0
    for spent, reached in enumerate(at_spent):
        for masked, probability in reached.items():
            step = defaultdict(float)
            for share, after, cost in _spans(rule, block, law, budget, masked, spent):
                step[after, cost] += share
            step.pop((masked, spent), None)  # nothing happened: drawn anew
            moved = sum(step.values())
            for (after, cost), share in step.items():
                target = done if cost >= budget else at_spent[cost]
                target[after] += probability * share / moved
    return dict(done)


def _spans(
    rule: Rule, block: Block, law: Lengths, budget: int, masked: Masked, spent: int
) -> Iterator[tuple[float, Masked, int]]:
    """(probability, masked pieces afterwards, what is spent then) of each next span."""
    for length, share in enumerate(law, start=1):
        anchors = _anchors(rule, block, length) if share else []
        for anchor in anchors:
            part = share / len(anchors)
            if rule.redraw and anchor in masked:
                continue
            span = _span(rule, block, anchor, length, masked)
            around = {span[0] - 1, *span, span[-1] + 1} if span else set()
            if not rule.touch and around & masked:
                continue
            yield part, *_spend(rule, block, span, budget, masked, spent)


def _anchors(rule: Rule, block: Block, length: int) -> list[int]:
    words = len(block.edges) - 1
    if rule.anchor == "word":
        return block.edges[:-1]
    if rule.anchor == "not-last":
        return list(range(block.pieces - 1))
    if rule.anchor == "not-first":
        return list(range(1, block.pieces))
    if rule.anchor == "fitting":
        return [p for p in range(block.pieces) if block.word[p] <= max(words - length, 0)]
    return list(range(block.pieces))


def _span(rule: Rule, block: Block, anchor: int, length: int, masked: Masked) -> list[int]:
    """The pieces of a span, before the budget cuts it."""
    start = anchor if rule.inside else block.word_at(anchor)[0]
    if rule.over == "stops" and start in masked:
        return []
    span, units = [], 0
    for piece in range(start, block.pieces):
        new_unit = rule.unit != "words" or piece == start or block.starts[piece]
        if rule.over == "skipped" and piece in masked:
            continue
        if new_unit and units == length and (rule.unit != "rounded" or block.starts[piece]):
            break
        if rule.over == "stops" and piece in masked:
            break
        units += new_unit and units < length
        span.append(piece)
    return span


def _spend(
    rule: Rule, block: Block, span: list[int], budget: int, masked: Masked, spent: int
) -> tuple[Masked, int]:
    if rule.counts == "spans":
        return masked | set(span), spent + 1
    if rule.counts == "words":
        for piece in span:
            if len({block.word[p] for p in masked}) == budget and piece in block.edges:
                break
            masked = masked | {piece}
        return masked, len({block.word[p] for p in masked})
    everything = masked.union(span)
    if len(everything) <= budget or rule.last == "whole":
        return everything, len(everything)
    if rule.last in ("stop", "fit"):
        return (masked, budget) if rule.last == "stop" else (masked, spent)
    for piece in span:
        if len(masked) >= budget and (rule.last == "cut" or block.starts[piece]):
            break
        masked = masked | {piece}
    return masked, len(masked)


def leftmost(law: dict[Masked, float], budget: int) -> dict[Masked, float]:
    """The probabilities when of too many masked pieces only the first `budget` are kept."""
    kept = defaultdict(float)
    for masked, probability in law.items():
        kept[frozenset(sorted(masked)[:budget])] += probability
    return dict(kept)


def mixture(parts: list[tuple[float, dict[Masked, float]]]) -> dict[Masked, float]:
    """The probabilities when one of several ways is chosen at random, once."""
    mixed = defaultdict(float)
    for share, law in parts:
        for masked, probability in law.items():
            mixed[masked] += share * probability
    return dict(mixed)


def only(length: int, law: Lengths) -> Lengths:
    """The law with as many entries that always gives this length."""
    return tuple(float(other == length) for other in range(1, len(law) + 1))


RULES = (  # in this order: of two that explain the results equally well, the first is named
    ("no-move-to-the-word-start", Rule(inside=True)),
    ("overshoots", Rule(last="whole")),
    ("overshoots", Rule(last="whole", anchor="word")),
    ("length-in-pieces", Rule(unit="pieces")),
    ("length-in-pieces", Rule(unit="pieces", inside=True)),
    ("length-in-pieces", Rule(unit="rounded")),
    ("length-in-pieces", Rule(unit="rounded", last="word")),
    ("length-in-pieces", Rule(unit="pieces", last="whole")),
    ("word-drawn", Rule(anchor="word")),
    ("finishes-the-word", Rule(last="word")),
    ("finishes-the-word", Rule(last="word", anchor="word")),
    ("undershoots", Rule(last="stop")),
    ("undershoots", Rule(last="stop", touch=False)),
    ("drops-what-does-not-fit", Rule(last="fit")),
    ("spans-never-touch", Rule(touch=False)),
    ("spans-never-touch", Rule(touch=False, last="fit")),
    ("masked-anchor-kept", Rule(redraw=False)),
    ("masked-words-skipped", Rule(over="skipped")),
    ("masked-words-skipped", Rule(over="skipped", redraw=False)),
    ("stops-at-masked", Rule(over="stops")),
    ("stops-at-masked", Rule(over="stops", redraw=False)),
    ("only-where-it-fits", Rule(anchor="fitting")),
    ("an-end-never-drawn", Rule(anchor="not-last")),
    ("an-end-never-drawn", Rule(anchor="not-first")),
    ("budget-counts-spans", Rule(counts="spans")),
    ("budget-counts-spans", Rule(counts="spans", redraw=False)),
    ("budget-counts-words", Rule(counts="words")),
)
# Their results are hard to tell from right ones: the check looks for these rules by name.
SUBTLE = ("spans-never-touch", "masked-anchor-kept", "masked-words-skipped", "stops-at-masked")


def subtle_rules(sizes: Sizes, law: Lengths, budget: int) -> list[dict[Masked, float]]:
    """The probabilities under each rule of `SUBTLE`."""
    return [outcomes(rule, sizes, law, budget) for name, rule in RULES if name in SUBTLE]


def wrong_rules(sizes: Sizes, law: Lengths, budget: int) -> Iterator[tuple[str, dict]]:
    """(misconception, probabilities) under each rule that people write."""
    for misconception, rule in RULES:
        yield misconception, outcomes(rule, sizes, law, budget)
    for redraw in (True, False):
        whole = outcomes(Rule(last="whole", redraw=redraw), sizes, law, budget)
        yield "end-cut-off", leftmost(whole, budget)
    yield "span-at-every-piece", {frozenset(range(sum(sizes))): 1.0}
    yield "no-spans", outcomes(Rule(inside=True, unit="pieces"), sizes, (1.0,), budget)
    alone = [(share, only(length, law)) for length, share in enumerate(law, start=1) if share]
    kept = [(share, outcomes(RIGHT_RULE, sizes, one, budget)) for share, one in alone]
    yield "length-drawn-once", mixture(kept)
    mean = round(sum(length * share for length, share in enumerate(law, start=1)))
    longer = sum(law[1:])  # a length of no words is drawn anew, sooner or later
    for misconception, other in (
        ("length-fixed", only(mean, law)),
        ("length-fixed", only(len(law), law)),
        ("law-ignored", (1 / len(law),) * len(law)),
        ("law-ignored", tuple((share > 0) / sum(s > 0 for s in law) for share in law)),
        ("law-ignored", law[::-1]),
        ("length-one-too-long", (0.0, *law)),
        ("length-one-too-short", tuple(share / longer for share in law[1:]) if longer else ()),
    ):
        yield misconception, outcomes(RIGHT_RULE, sizes, other, budget)
