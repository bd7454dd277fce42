"""Exercise 02-3: draw spans until the budget is spent."""

import random
from collections import Counter
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from spanbert_teach.exercises.checking import (
    ENDLESS,
    Wrong,
    call_uncopied,
    expect,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise
from spanbert_teach.exercises.kinds import Endless
from spanbert_teach.exercises.span_masking.chance import (
    Counts,
    Draws,
    impossible,
    log_likelihood,
    rather,
    unlikely,
)
from spanbert_teach.exercises.span_masking.choose_masked_hints import HINTS
from spanbert_teach.exercises.span_masking.choose_masked_rules import (
    RIGHT_RULE,
    Block,
    Lengths,
    Masked,
    Sizes,
    outcomes,
    subtle_rules,
    wrong_rules,
)
from spanbert_teach.exercises.span_masking.choose_masked_wrong import WRONG, choose_alternative

LOOKS = 20_000  # at the word starts, in one call


class _Starts(list):
    """Word starts that stop a loop without end which draws nothing, and know who ran past them."""

    looks = 0
    passed = False

    def __getitem__(self, place):
        self.looks += 1
        if self.looks > LOOKS:
            raise Endless
        self.passed = isinstance(place, Integral) and place >= len(self)
        return super().__getitem__(place)


@dataclass(frozen=True)
class Task:
    """One block, and how often it is masked. `sizes`: the pieces of each word."""

    sizes: Sizes
    law: Lengths
    budget: int
    calls: int


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
        counts: Counter[Masked] = Counter()
        first_seed: dict[Masked, int] = {}
        history.append((task, counts))
        for seed in range(task.calls):
            masked = _masked(fn, task, seed)
            counts[masked] += 1
            first_seed.setdefault(masked, seed)
        if task is TASKS[0]:
            _expect_given_randomness(fn, task, counts)
        _expect_law(fn, history, first_seed)
    _expect_arguments_kept(fn, TASKS[1])


def _arguments(task: Task, seed: int) -> tuple:
    starts = _Starts(Block(task.sizes).starts)
    return starts, [float(share) for share in task.law], task.budget, Draws(seed)


def _masked(fn, task: Task, seed: int) -> Masked:
    """The pieces that one call masks; raise `Wrong` unless they are pieces of the block."""
    arguments = _arguments(task, seed)
    try:
        got = call_uncopied(fn, *arguments)
    except Wrong as wrong:
        _say_where_it_ends(wrong, arguments[0])
        if not isinstance(wrong.__cause__, Endless):
            raise
        given = shown_call(fn, *arguments)
        message = (
            f"{given} draws or looks on and on without coming to {task.budget} masked pieces: a "
            "loop in it does not end.\nCan a length of 0 words be drawn (is the + 1 missing)? Can "
            "every span be refused (the next one that fits, spans that touch, the last word)? "
            "Are masked pieces counted anew in each turn?"
        )
        raise Wrong(message, ENDLESS) from wrong
    if isinstance(got, np.ndarray) and got.ndim == 1:
        got = got.tolist()
    kinds = set(map(type, got)) if isinstance(got, list | tuple | set | frozenset | range) else None
    if kinds != {int}:
        _refuse_other_kinds(got, shown_call(fn, *arguments))
    masked, pieces = frozenset(map(int, got)), sum(task.sizes)
    if len(masked) < len(got) or not masked.issubset(range(pieces)):
        given = f"{shown_call(fn, *arguments)} masks {shown(got)}"
        expect(
            masked.issubset(range(pieces)),
            f"{given}, but the block has the pieces 0 to {pieces - 1}.\n"
            "A span ends with the block at the latest.",
            "past-the-end",
        )
        message = (
            f"{given}: pieces are in it twice.\nSpans may run over each other; a piece is masked "
            "once, and costs once. A set holds each piece once."
        )
        raise Wrong(message, "counted-twice")
    return masked


def _say_where_it_ends(wrong: Wrong, starts: _Starts) -> None:
    """Raise a `Wrong` with more words where the function read on beyond the last piece."""
    error = wrong.__cause__
    of_array = f"out of bounds for axis 0 with size {len(starts)}"
    if isinstance(error, IndexError) and (starts.passed or of_array in str(error)):
        hint = "The block ends: compare with `len(word_starts)` before you read."
        raise Wrong(f"{wrong.message}\n{hint}", "past-the-end") from error


def _refuse_other_kinds(got: object, given: str) -> None:
    """Raise `Wrong` unless this is a list, tuple or set of whole numbers."""
    expect(
        isinstance(got, list | tuple | set | frozenset | range),
        f"{given} should return a list of the masked pieces, not a {type(got).__name__}: "
        f"{shown(got)}.",
        "not-a-list",
    )
    for item in got:
        expect(
            not isinstance(item, bool | np.bool_),
            f"{given} returns True and False: {shown(got)}.\nReturn the places that are True.",
            "returns-a-mask",
        )
        expect(
            not isinstance(item, list | tuple | set | frozenset | range | np.ndarray),
            f"{given} returns spans or words: {shown(got)}.\n"
            "Return the masked pieces themselves, each as one number.",
            "returns-spans",
        )
        expect(
            isinstance(item, Integral),
            f"{given} should return the places of pieces, whole numbers, but {shown(item)} is none."
            f" It returns {shown(got)}.",
            "not-places",
        )


# --- chance comes from rng, and from nowhere else -----------------------------------------------


def _expect_given_randomness(fn, task: Task, counts: Counts) -> None:
    given = shown_call(fn, *_arguments(task, 0))
    states = random.getstate(), repr(np.random.get_state())
    for seed in range(12):
        first, second = (_masked(fn, task, seed) for _ in range(2))
        expect(
            first == second,
            f"{shown_call(fn, *_arguments(task, seed))} masks {sorted(first)}, and called in the "
            f"same way once more it masks {sorted(second)}.\nAll chance must come from rng: "
            "random and np.random.choice, or a new np.random.default_rng(), know nothing of its "
            "seed.",
            "own-randomness",
        )
    law = outcomes(RIGHT_RULE, task.sizes, task.law, task.budget)
    expect(
        len(counts) > 1 or bool(impossible(counts, law)),
        f"{given} masks {sorted(next(iter(counts)))}, and so it does with every other seed.\n"
        "Draw from rng; a seed set inside the function makes every block the same.",
        "always-the-same",
    )
    expect(
        states == (random.getstate(), repr(np.random.get_state())),
        f"{given} draws from (or seeds) the random numbers that the whole notebook shares.\n"
        "All chance must come from rng.",
        "own-randomness",
    )


def _expect_arguments_kept(fn, task: Task) -> None:
    starts, law, budget, rng = _arguments(task, 0)
    call_uncopied(fn, starts, law, budget, rng)
    expect(
        (list(starts), law) == (Block(task.sizes).starts, list(task.law)),
        "choose_masked changed the word starts or the law it was given: the next block would be "
        "masked wrongly.",
        "changes-its-input",
    )


# --- does it fit the rule? ----------------------------------------------------------------------


def _expect_law(fn, history: list[tuple[Task, Counts]], first_seed: dict[Masked, int]) -> None:
    """Raise `Wrong` unless the results of the last task are those of the right rule."""
    task, counts = history[-1]
    law = outcomes(RIGHT_RULE, task.sizes, task.law, task.budget)
    never = impossible(counts, law)
    if not never and not unlikely(counts, law):
        subtle = subtle_rules(task.sizes, task.law, task.budget)
        if not any(rather(counts, wrong, law) for wrong in subtle):
            return
    misconception = _likeliest(history) or _by_its_looks(task, counts, law)
    if never:
        masked = min(never, key=first_seed.__getitem__)
        seed = first_seed[masked]
        message = f"{shown_call(fn, *_arguments(task, seed))} masks {sorted(masked)}"
        if len(masked) != task.budget:
            message += f": {len(masked)} pieces instead of {task.budget}"
        message += "."
    else:
        total = sum(counts.values())

        def stands_out(masked: Masked) -> float:
            return abs(counts[masked] - total * law[masked]) / (total * law[masked]) ** 0.5

        masked = max(law, key=stands_out)
        expected = f"{total * law[masked]:.0f}" if total * law[masked] >= 1 else "no more than one"
        message = (
            f"{shown_call(fn, *_arguments(task, 0))}: called {total:,} times, with the seeds 0 to "
            f"{total - 1:,}, it masks {sorted(masked)} {counts[masked]} times; about {expected} "
            "can be expected."
        )
    raise Wrong(f"{message}\n{HINTS[misconception]}", misconception)


def _likeliest(history: list[tuple[Task, Counts]]) -> str | None:
    """The misconception whose rule makes all results so far likeliest; None if none can."""
    best = Counter()
    for task, counts in history:
        for place, (name, law) in enumerate(wrong_rules(task.sizes, task.law, task.budget)):
            best[place, name] += log_likelihood(counts, law)
    (_, name), found = max(best.items(), key=lambda entry: entry[1])
    return name if found > -np.inf else None


def _by_its_looks(task: Task, counts: Counts, law: dict) -> str:
    """The misconception, where no rule of ours gives such results."""
    sizes = Counter()
    for masked, times in counts.items():
        sizes[(len(masked) > task.budget) - (len(masked) < task.budget)] += times
    if sizes[1] and sizes[-1]:
        return "each-piece-by-chance"
    if sizes[1]:
        return "too-many"
    if sizes[-1]:
        return "too-few"
    block = Block(task.sizes)
    for masked in counts:
        partly = block.partly_masked(masked)
        if any(block.edges[word] not in masked for word in partly):
            return "no-move-to-the-word-start"
        if len(partly) > 1:
            return "length-in-pieces"
    return "law-ignored" if impossible(counts, law) else "other"


CHOOSE_MASKED = Exercise(
    id="02-3",
    title="Draw spans until the budget is spent",
    function="choose_masked",
    minutes=12,
    difficulty=4,
    more=check_choose_masked,
    slips=WRONG,
    alternative=choose_alternative,
)
