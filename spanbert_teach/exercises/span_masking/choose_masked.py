"""Exercise 02-3: draw spans until the budget is spent."""

import random
from collections import Counter
from numbers import Integral
from typing import NamedTuple

import numpy as np

from spanbert_teach.exercises.checking import Wrong, call, expect, shown, shown_call
from spanbert_teach.exercises.form import OTHER, Exercise, Property, Slip
from spanbert_teach.exercises.span_masking import chance
from spanbert_teach.exercises.span_masking import choose_masked_rules as rules

LOOKS = 20_000  # at the word starts, in one call
PAST_THE_END = "axis 0 with size {}"  # as NumPy says it


class Starts(list):
    """Word starts that stop a loop without end which draws nothing, and say who reads past them."""

    looks = 0

    def __getitem__(self, place):
        self.looks += 1
        if self.looks > LOOKS:
            raise Wrong(*chance.ON_AND_ON)
        if isinstance(place, Integral) and place >= len(self):
            raise IndexError("list index out of range for " + PAST_THE_END.format(len(self)))
        return super().__getitem__(place)


class Task(NamedTuple):
    """One block, and how often it is masked."""

    sizes: tuple[int, ...]  # of each word, in pieces
    law: rules.Lengths
    budget: int
    calls: int

    @property
    def starts(self) -> tuple[bool, ...]:
        return tuple(place == 0 for size in self.sizes for place in range(size))

    def arguments(self, seed: int) -> tuple:
        return Starts(self.starts), list(map(float, self.law)), self.budget, chance.Draws(seed)

    def outcomes(self, rule: rules.Rule = rules.RIGHT_RULE) -> dict[rules.Masked, float]:
        return rules.outcomes(rule, self.starts, self.law, self.budget)


# From the plain to the mixed; each shows something that the ones before cannot.
TASKS = (
    Task((1,) * 8, (0, 0, 1), 3, 60),  # a span is together, and of three words
    Task((2,) * 6, (0, 0, 1), 6, 60),  # of words, not of pieces
    Task((3, 2, 3), (1,), 2, 60),  # the budget may end inside a word
    Task((1,) * 7, (1,), 3, 150),  # spans may touch
    Task((3, 1, 1, 2, 1), (1,), 1, 300),  # a random piece decides where
    Task((1,) * 9, (0.3, 0, 0, 0.7), 6, 2500),  # each span has its own length, and may meet others
    Task((1,) * 9, (0, 0.5, 0, 0.5), 6, 1500),  # masked words count for the length
    Task((1, 2, 1, 3, 1), (0.2, 0.3, 0.5), 6, 600),  # all of it
    Task((2, 1, 3, 1), (0.5, 0.5), 7, 20),  # everything
)


def check_choose_masked(fn) -> None:
    """`choose_masked(word_starts, law, budget, rng)`: spans until the budget is spent."""
    history = []
    for task in TASKS:
        by_seed = [_masked(fn, task, seed) for seed in range(task.calls)]
        if task is TASKS[0]:
            _expect_given_randomness(fn, task, by_seed)
        history.append((task, Counter(by_seed)))
        _expect_law(fn, history, by_seed)


def _masked(fn, task: Task, seed: int) -> rules.Masked:
    """The pieces that one call masks; raise `Wrong` unless they are pieces of the block."""
    starts, law, *rest = task.arguments(seed)
    given, pieces = shown_call(fn, starts, law, *rest), len(starts)
    try:
        got = call(fn, starts, law, *rest)
    except Wrong as wrong:
        if PAST_THE_END.format(pieces) not in str(wrong.__cause__):
            raise
        raise Wrong(wrong.message, "past-the-end") from wrong.__cause__
    kept = (*starts,) == task.starts and (*law,) == task.law
    expect(kept, f"{given} changed the word starts or the law.", "changes-its-input")
    if isinstance(got, np.ndarray) and got.ndim == 1:
        got = got.tolist()
    several, what = (list, tuple, set, frozenset, range), type(got).__name__
    message = f"{given} should return a list of the masked pieces, not a {what}: {shown(got)}."
    expect(isinstance(got, several), message, "not-a-list")
    for item in got:
        if not isinstance(item, Integral) or isinstance(item, bool):
            name = "returns-a-mask" if isinstance(item, bool | np.bool_) else "not-places"
            name = "returns-spans" if isinstance(item, (*several, np.ndarray)) else name
            message = f"{given} should return the places of pieces, whole numbers: {shown(item)}"
            raise Wrong(f"{message} in {shown(got)} is none.", name)
    masked, message = frozenset(map(int, got)), f"{given} masks {shown(got)}"
    inside = masked.issubset(range(pieces))
    expect(inside, f"{message}, but the last piece of the block is {pieces - 1}.", "past-the-end")
    expect(len(masked) == len(got), f"{message}: pieces are in it twice.", "counted-twice")
    return masked


def _expect_given_randomness(fn, task: Task, by_seed: list[rules.Masked]) -> None:
    """Raise `Wrong` unless all chance comes from rng."""
    shared = random.getstate(), repr(np.random.get_state())
    for seed, first in enumerate(by_seed[:12]):
        given, second = shown_call(fn, *task.arguments(seed)), _masked(fn, task, seed)
        message = f"{given} masks {sorted(first)}, and the same call once more {sorted(second)}."
        expect(first == second, message, "own-randomness")
    message = f"{given} masks {sorted(first)}, and so it does with every other seed."
    expect(len({*by_seed}) > 1 or first not in task.outcomes(), message, "always-the-same")
    message = f"{given} draws from (or seeds) the random numbers that the whole notebook shares."
    expect(shared == (random.getstate(), repr(np.random.get_state())), message, "own-randomness")


def _expect_law(fn, history: list[tuple[Task, Counter]], by_seed: list[rules.Masked]) -> None:
    """Raise `Wrong` unless the results of the last task are those of the right rule."""
    task, counts = history[-1]
    law, never = task.outcomes(), chance.impossible(counts, task.outcomes())
    subtle = map(task.outcomes, rules.SUBTLE)
    if not (chance.unlikely(counts, law) or any(chance.favours(counts, s, law) for s in subtle)):
        return
    if never:
        seed = next(seed for seed, masked in enumerate(by_seed) if masked in never)
        given, masked = shown_call(fn, *task.arguments(seed)), by_seed[seed]
        message = f"{given} masks {sorted(masked)} (pieces: {len(masked)}, budget: {task.budget})"
    else:
        expected = {masked: share * task.calls for masked, share in law.items()}
        masked = max(law, key=lambda m: abs(counts[m] - expected[m]) / expected[m] ** 0.5)
        message = (
            f"{shown_call(fn, *task.arguments(0))}: called {task.calls:,} times, with the seeds 0 "
            f"to {task.calls - 1:,}, it masks {sorted(masked)} {counts[masked]} times; about "
            f"{expected[masked]:.1f} times can be expected"
        )
    misconception = _explanation(history)
    raise Wrong(f"{message}.\n{HINTS[misconception]}", misconception)


def _explanation(history: list[tuple[Task, Counter]]) -> str:
    """The misconception whose rule makes all results so far likeliest; where no rule can give
    them, the one that the last results look like."""

    def likelihood(rule: rules.Rule) -> float:
        return sum(chance.log_likelihood(counts, task.outcomes(rule)) for task, counts in history)

    def possible(rule: rules.Rule) -> bool:
        return not any(chance.impossible(counts, task.outcomes(rule)) for task, counts in history)

    if able := list(filter(possible, rules.RULES)):
        return rules.RULES[max(able, key=likelihood)][0]
    task, counts = history[-1]
    looks = [p for p in CHOOSE_MASKED.properties if p.breach(counts, task.outcomes(), task)]
    return looks[0].misconception if looks else OTHER


def _off(counts: Counter, task: Task) -> set[int]:
    """1 where too many pieces were masked, -1 where too few."""
    return {1 if len(m) > task.budget else -1 for m in counts if len(m) != task.budget}


def _cuts(counts: Counter, task: Task, side: int) -> int:
    """How many words of one result are masked from their middle on (side -1), or up to it (1)."""
    inside = [place for place, start in enumerate(task.starts) if not start]
    both = [(place, place - 1)[::-side] for place in inside]
    return max(sum(a in masked and b not in masked for a, b in both) for masked in counts)


HINTS = {
    "endless": "Can a length of 0 words be drawn (is the + 1 missing)? Can every span be refused "
    "(the next one that fits, the last word)? Are masked pieces counted anew in each turn?",
    "each-piece-by-chance": "The number of masked pieces changes from call to call. The budget is "
    "exact: draw spans, not each piece by itself, until so many pieces are masked.",
    "too-many": "Stop as soon as `budget` pieces are masked, even inside a span.",
    "own-randomness": "All chance must come from rng: random and np.random.choice, or a new "
    "np.random.default_rng(), know nothing of its seed.",
    "always-the-same": "Draw from rng; a seed set inside the function makes every block the same.",
    "past-the-end": "A span ends with the block: compare with `len(word_starts)` before you go on.",
    "counted-twice": "Spans may overlap, but a piece is masked once: a set holds each only once.",
    "returns-a-mask": "Return the places that are True.",
    "returns-spans": "Return the masked pieces themselves, each as one number.",
    "changes-its-input": "The next block would be masked wrongly.",
    OTHER: "All of these can happen, but not so often. A length from law and any piece as anchor, "
    "both drawn anew when the anchor is masked; from its word's first piece to the right.",
}
HINTS |= {name: rules.hint(rule) for rule, (name, _) in rules.RULES.items()}


LOOKS_LIKE = (  # what the counted results tell, where no rule can give them
    ("each-piece-by-chance", lambda counts, law, task: len(_off(counts, task)) > 1),
    ("too-many", lambda counts, law, task: 1 in _off(counts, task)),
    ("too-few", lambda counts, law, task: -1 in _off(counts, task)),
    ("no-move-to-the-word-start", lambda counts, law, task: _cuts(counts, task, -1) > 0),
    ("length-in-pieces", lambda counts, law, task: _cuts(counts, task, 1) > 1),
    ("law-ignored", lambda counts, law, task: chance.impossible(counts, law)),
)
_right = rules.RIGHT_RULE.choose_masked
WRONG = (
    *((name, rule.choose_masked) for rule, (name, _) in rules.RULES.items()),
    ("endless", lambda starts, law, budget, rng: [0 for _ in iter(rng.random, 1)]),
    ("each-piece-by-chance", lambda starts, *rest: [p for p in range(6) if rest[2].random() < 0.5]),
    ("too-many", lambda starts, law, budget, rng: _right(starts, law, budget + 1, rng)),
    ("own-randomness", lambda *args: _right(*args[:3], np.random.default_rng())),
    ("own-randomness", lambda *args: np.random.choice(len(args[0]), args[2], replace=False)),
    ("always-the-same", lambda *args: _right(*args[:3], np.random.default_rng(0))),
    ("past-the-end", lambda *args: [place + 1 for place in _right(*args)]),
    ("past-the-end", lambda starts, *rest: starts[len(starts)]),
    ("past-the-end", lambda starts, *rest: np.array(starts)[len(starts)]),
    ("counted-twice", lambda *args: [*_right(*args)[1:], *_right(*args)[-1:]]),
    ("returns-a-mask", lambda *args: [place in _right(*args) for place in range(8)]),
    ("returns-spans", lambda *args: [(place, place + 1) for place in _right(*args)]),
    ("changes-its-input", lambda *args: (_right(*args), args[0].pop())[0]),
)


def _alternative(word_starts, law, budget, rng):
    """The anchor is drawn from what is not masked, so nothing has to be drawn anew."""
    word_of = np.cumsum(word_starts) - 1
    masked = np.zeros(len(word_starts), dtype=bool)
    while (left := budget - masked.sum()) > 0:
        words = 1 + np.searchsorted(np.cumsum(law), rng.random(), side="right")
        first = word_of[rng.choice(np.flatnonzero(~masked))]
        span = (word_of >= first) & (word_of < first + words) & ~masked
        masked[np.flatnonzero(span)[:left]] = True
    return np.flatnonzero(masked)


CHOOSE_MASKED = Exercise(
    id="02-3",
    title="Draw spans until the budget is spent",
    function="choose_masked",
    minutes=12,
    difficulty=4,
    more=check_choose_masked,
    properties=tuple(Property(breach, name, HINTS[name]) for name, breach in LOOKS_LIKE),
    slips=tuple(Slip(answer, name, HINTS[name]) for name, answer in WRONG),
    alternative=_alternative,
)
