"""Judging by counting: is this what chance allows? And random numbers that stop a loop without end.

With random numbers, a wrong answer gives right results too, only not as often as it should. The
checks of 02-3 and 02-4 count results and compare them with exact probabilities. A right answer, in
whatever style, is refused by chance less than once in a million first attempts: both bounds hold
for every number of results.
"""

import math
from collections.abc import Hashable, Mapping

import numpy as np

from spanbert_teach.exercises.checking import ENDLESS, Wrong

FALSE_ALARM = 1e-8  # of one comparison; all of a check together stay below one in a million
DRAWS = 10_000  # in one call; a right answer needs some dozens, or one or two a span
ON_AND_ON = "draws or looks on and on: a loop in it does not end.", ENDLESS
Counts = Mapping[Hashable, int]
Law = Mapping[Hashable, float]


class Draws(np.random.Generator):
    """`np.random.default_rng(seed)`, shown as that, which stops whoever draws without end."""

    def __init__(self, seed: int):
        super().__init__(np.random.PCG64(seed))
        self.seed, self.drawn = seed, 0

    def __repr__(self) -> str:
        return f"np.random.default_rng({self.seed})"


def _counted(name: str):
    original = getattr(np.random.Generator, name)

    def method(self, *args, **kwargs):
        self.drawn += 1
        if self.drawn > DRAWS:
            raise Wrong(*ON_AND_ON)
        return original(self, *args, **kwargs)

    return method


for _name in ("integers", "random", "choice", "permutation", "permuted", "uniform", "geometric"):
    setattr(Draws, _name, _counted(_name))


def impossible(counts: Counts, law: Law) -> list:
    """The results that happened although their probability is 0."""
    return [result for result in counts if not law.get(result)]


def log_likelihood(counts: Counts, law: Law) -> float:
    """The logarithm of the probability of these results, in the order in which they came."""
    if impossible(counts, law):
        return -math.inf
    return sum(n * math.log(law[result]) for result, n in counts.items() if n)


def unlikely(counts: Counts, law: Law) -> bool:
    """Whether the counts differ from the law by more than chance does.

    n results with k possible values lie at a distance d = Σ share · log(share / probability) from
    the law. P(d ≥ x) ≤ (e n x / (k - 1))^(k - 1) · e^(-n x) for n x > k - 1 (Agrawal 2020,
    "Finite-sample concentration of the multinomial in relative entropy").
    """
    if impossible(counts, law):
        return True
    free = sum(probability > 0 for probability in law.values()) - 1
    total = sum(counts.values())
    distance = sum(n * math.log(n / total / law[result]) for result, n in counts.items() if n)
    if distance <= free or free == 0:
        return False
    return free * (1 + math.log(distance / free)) - distance < math.log(FALSE_ALARM)


def favours(counts: Counts, wrong: Law, law: Law) -> bool:
    """Whether the counts speak for the wrong law: it makes them 1 / FALSE_ALARM times likelier.

    Under the right law that happens with a probability of at most FALSE_ALARM (Markov).
    """
    gained = log_likelihood(counts, wrong) - log_likelihood(counts, law)
    return gained > -math.log(FALSE_ALARM)
