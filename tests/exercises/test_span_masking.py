"""What the proof of every exercise does not show of lesson 02: chance, strange results, styles."""

import itertools
from collections import Counter

import numpy as np
import pytest

from spanbert_teach.exercises.checking import CRASH, ENDLESS
from spanbert_teach.exercises.judging import RIGHT, WRONG, judge
from spanbert_teach.exercises.span_masking import EXERCISES, chance
from spanbert_teach.exercises.span_masking.chance import Draws
from spanbert_teach.exercises.span_masking.choose_masked import HINTS, TASKS
from spanbert_teach.exercises.span_masking.choose_masked_rules import RIGHT_RULE, RULES, SUBTLE
from spanbert_teach.exercises.span_masking.replace import ROWS
from spanbert_teach.masking import MaskOptions, masking_budget, merge_spans, span_length_pmf
from spanbert_teach.masking.block import choose_spans
from tools.solutions import load_solution

BY_ID = {exercise.id: exercise for exercise in EXERCISES}

SAID = {
    ("02-1", "simulated"): "compute the law from the formula.",
    ("02-1", "p-ignored"): "the same whatever p is",
    ("02-2", "signature"): "Keep `percent=15`: ",
    ("02-2", "counts-distinct"): "also when it stands twice",
    ("02-3", "end-cut-off"): "the end cut off: that always drops the rightmost pieces",
    ("02-4", "second-if-overwrites"): "The second `if` overwrites the first: use `elif`.",
    ("02-5", "changes-a-tuple"): "replace the pair, `out[-1] = (start, end)`.",
}


@pytest.mark.parametrize(("id", "misconception"), SAID, ids=" ".join)
def test_the_words_name_the_mistake(id, misconception):
    answers = [w.answer for w in BY_ID[id].slips if w.misconception == misconception]
    assert answers
    for answer in answers:
        assert SAID[id, misconception] in judge(BY_ID[id], answer).message


# --- judging by counting ------------------------------------------------------------------------


@pytest.mark.parametrize("law", [(0.8, 0.1, 0.1), (0.5, 0.5), (0.9, *[0.1 / 40] * 40)])
@pytest.mark.parametrize("total", [5, 200])
def test_chance_raises_no_more_false_alarms_than_stated(monkeypatch, law, total):
    """At a rate that can be seen, one in fifty; the bounds hold at every rate."""
    monkeypatch.setattr(chance, "FALSE_ALARM", 0.02)
    right = dict(enumerate(law))
    wrong = {key: (share + 1 / len(law)) / 2 for key, share in right.items()}
    samples = np.random.default_rng(1).multinomial(total, law, size=1500).tolist()
    counted = [{key: n for key, n in enumerate(sample) if n} for sample in samples]
    assert np.mean([chance.unlikely(counts, right) for counts in counted]) <= 0.03
    assert np.mean([chance.favours(counts, wrong, right) for counts in counted]) <= 0.03


def test_what_differs_enough_is_unlikely():
    right = {"a": 0.5, "b": 0.5}
    assert not chance.unlikely({"a": 260, "b": 240}, right)
    assert chance.unlikely({"a": 400, "b": 100}, right)
    assert chance.unlikely({"c": 1}, right) and chance.impossible({"c": 1, "a": 3}, right) == ["c"]
    assert chance.favours({"a": 400, "b": 100}, {"a": 0.8, "b": 0.2}, right)
    assert not chance.favours({"a": 260, "b": 240}, {"a": 0.8, "b": 0.2}, right)


def test_a_check_stays_below_one_false_alarm_in_a_million():
    looked_for = len(SUBTLE)
    assert len(TASKS) * (1 + looked_for) * chance.FALSE_ALARM < 1e-6
    looks = 2  # of 02-4
    assert looks * (1 + len(ROWS)) * chance.FALSE_ALARM < 1e-6


def test_draws_are_those_of_the_generator_they_are_shown_as():
    draws, plain = Draws(7), np.random.default_rng(7)
    assert repr(draws) == "np.random.default_rng(7)"
    for name, arguments in (("integers", (9,)), ("random", ()), ("choice", (3,)), ("normal", ())):
        assert getattr(draws, name)(*arguments) == getattr(plain, name)(*arguments)


# --- 02-3 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_the_right_rule_is_that_of_the_library(task, monkeypatch):
    law = task.outcomes(RIGHT_RULE)
    assert sum(law.values()) == pytest.approx(1)
    monkeypatch.setattr(
        "spanbert_teach.masking.block.length_probabilities", lambda *_: [0.0, *task.law]
    )
    rng, counts = np.random.default_rng(0), Counter()
    share = MaskOptions(budget=task.budget / len(task.starts))
    assert masking_budget(len(task.starts), share) == task.budget
    for _ in range(600):
        spans = choose_spans(task.starts, rng, share)
        counts[frozenset(piece for span in spans for piece in range(*span))] += 1
    assert not chance.unlikely(counts, law)


def test_every_misconception_has_its_hint():
    names = {name for name, _ in RULES.values()}
    assert names < set(HINTS) and all(len(HINTS[name]) > 60 for name in names)


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_a_wrong_rule_never_happens_more_often_than_always(task):
    """Less often, where it can get stuck."""
    for rule in RULES:
        assert sum(task.outcomes(rule).values()) < 1 + 1e-9, rule


# One place of the solution gone wrong, as a learner may write it. These know nothing of the rules,
# with which the check explains what comes of them.
GONE_WRONG = [
    ("no-move-to-the-word-start", "while not word_starts[start]:", "while False:"),
    ("overshoots", "words > length or len(masked) == budget", "words > length"),
    ("length-in-pieces", "words += word_starts[piece]", "words += 1"),
    ("length-in-pieces", "words > length", "words > length or piece - start >= length"),
    ("word-drawn", "rng.integers(len(word_starts))", "rng.choice(np.flatnonzero(word_starts))"),
    ("finishes-the-word", "len(masked) == budget", "len(masked) >= budget and word_starts[piece]"),
    ("masked-anchor-kept", "if anchor in masked:", "if False:"),
    (
        "masked-words-skipped",
        "words += word_starts[piece]",
        "words += word_starts[piece] and piece not in masked",
    ),
    ("stops-at-masked", "words > length", "words > length or piece in masked"),
    ("an-end-never-drawn", "rng.integers(len(word_starts))", "rng.integers(1, len(word_starts))"),
    ("an-end-never-drawn", "(len(word_starts)))", "(max(len(word_starts) - 1, budget)))"),
    ("length-drawn-once", "masked = set()", "masked, law = set(), rng.multinomial(1, law)"),
    ("length-fixed", "rng.choice(len(law), p=law) + 1", "len(law)"),
    ("law-ignored", "rng.choice(len(law), p=law) + 1", "rng.integers(len(law)) + 1"),
    ("length-one-too-short", "p=law) + 1", "p=law)"),
    ("length-one-too-long", "p=law) + 1", "p=law) + 2"),
    ("too-few", "    return sorted(masked)", "    return sorted(masked)[1:]"),
    ("too-many", "while len(masked) < budget:", "budget += 1\n    while len(masked) < budget:"),
    ("counted-twice", "return sorted(masked)", "return [*sorted(masked), min(masked)]"),
    ("past-the-end", "return sorted(masked)", "return [piece + 1 for piece in masked]"),
]


@pytest.mark.parametrize(("misconception", "right", "wrong"), GONE_WRONG)
def test_one_place_of_the_solution_gone_wrong(misconception, right, wrong):
    source, namespace = load_solution("02-3")
    assert source.count(right) == 1
    namespace = {**namespace, "np": np}
    exec(source.replace(right, wrong), namespace)
    verdict = judge(BY_ID["02-3"], namespace["choose_masked"])
    assert verdict.misconception == misconception, str(verdict)
    assert HINTS[misconception] in verdict.message


def only_the_anchor_anew(word_starts, law, budget, rng):
    masked = []
    while len(masked) < budget:
        words = rng.choice(len(law), p=law) + 1
        while (at := int(rng.random() * len(word_starts))) in masked:
            pass
        at = max(place for place in range(at + 1) if word_starts[place])
        while len(masked) < budget and at < len(word_starts) and words >= word_starts[at]:
            words -= word_starts[at]
            masked += [] if at in masked else [at]
            at += 1
    return masked[::-1]


def recursively(word_starts, law, budget, rng, masked=frozenset()):
    if len(masked) == budget:
        return masked
    words = sum(rng.random() > np.cumsum(law)[:-1]) + 1
    anchor = rng.permutation(len(word_starts))[0]
    if anchor in masked:
        return recursively(word_starts, law, budget, rng, masked)
    number = np.cumsum(word_starts)
    span = np.flatnonzero((number >= number[anchor]) & (number < number[anchor] + words))
    new = [int(piece) for piece in span if piece not in masked][: budget - len(masked)]
    return recursively(word_starts, law, budget, rng, masked.union(new))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(only_the_anchor_anew, tuple), (recursively, set), (BY_ID["02-3"].alternative, sorted)],
)
def test_right_in_any_style_and_in_any_collection(answer, kind):
    verdict = judge(BY_ID["02-3"], lambda *args: kind(list(answer(*args))))
    assert verdict.state == RIGHT, str(verdict)


@pytest.mark.parametrize("seed", range(2))
def test_right_with_other_random_numbers(seed):
    """Other seeds than those of the check: what passes does not pass by luck."""

    def answer(word_starts, law, budget, rng):
        own = np.random.default_rng([seed, rng.integers(2**40)])
        return BY_ID["02-3"].alternative(word_starts, law, budget, own)

    verdict = judge(BY_ID["02-3"], answer)
    assert verdict.state == RIGHT, str(verdict)


def test_wrong_with_other_random_numbers(seed=1):
    """Each misconception is found out with any random numbers, not by luck."""
    for wrong in BY_ID["02-3"].slips:
        if wrong.misconception in ("own-randomness", "always-the-same", ENDLESS):
            continue  # these are cured by random numbers of our own, or draw them for ever

        def answer(word_starts, law, budget, rng, wrong=wrong):
            own = np.random.default_rng([seed, rng.integers(2**40)])
            return wrong.answer(word_starts, law, budget, own)

        assert judge(BY_ID["02-3"], answer).state == WRONG, wrong


def test_a_loop_without_end_is_stopped():
    def draws_for_ever(word_starts, law, budget, rng):
        while True:
            rng.integers(len(word_starts))

    def looks_for_ever(word_starts, law, budget, rng):
        while word_starts[0]:
            pass

    def one_piece_is_never_reached(word_starts, law, budget, rng):
        masked = set(range(min(budget, len(word_starts) - 1)))
        while len(masked) < budget:
            masked.add(int(rng.integers(len(word_starts) - 1)))
        return masked

    for endless in (draws_for_ever, looks_for_ever):
        verdict = judge(BY_ID["02-3"], endless)
        assert verdict.misconception == ENDLESS and "does not end" in verdict.message
    assert judge(BY_ID["02-3"], one_piece_is_never_reached).state == WRONG


def test_reading_beyond_the_last_piece_says_that_the_block_ends():
    reads_on = [slip for slip in BY_ID["02-3"].slips if slip.misconception == "past-the-end"]
    messages = [judge(BY_ID["02-3"], wrong.answer).message for wrong in reads_on]
    assert ["IndexError" in message for message in messages] == [False, True, True]
    assert all("compare with `len(word_starts)`" in message for message in messages)

    def of_the_law(word_starts, law, budget, rng):
        return [law[len(law)]] * word_starts[0]

    verdict = judge(BY_ID["02-3"], of_the_law)
    assert verdict.misconception == CRASH and "The block ends" not in verdict.message


def test_the_length_may_be_kept_when_the_anchor_is_refused():
    assert judge(BY_ID["02-3"], only_the_anchor_anew).state == RIGHT


def test_shared_random_numbers_are_left_alone():
    def stirs(word_starts, law, budget, rng):
        np.random.seed(int(rng.integers(2**31)))
        return BY_ID["02-3"].alternative(word_starts, law, budget, rng)

    assert judge(BY_ID["02-3"], stirs).misconception == "own-randomness"


# --- the others ---------------------------------------------------------------------------------


def test_the_law_is_that_of_the_library_and_may_be_an_array():
    for kind in (list, tuple, np.array):
        verdict = judge(BY_ID["02-1"], lambda p, longest, k=kind: k(span_length_pmf(p, longest)))
        assert verdict.state == RIGHT, str(verdict)


def test_a_drawn_law_is_not_called_rounded_and_a_rounded_one_not_drawn():
    def close(p, longest):
        rng = np.random.default_rng(3)
        drawn = rng.choice(longest, 10**6, p=span_length_pmf(p, longest))
        return (np.bincount(drawn, minlength=longest) / 10**6).tolist()

    assert judge(BY_ID["02-1"], close).misconception == "simulated"
    for digits in range(1, 6):
        verdict = judge(
            BY_ID["02-1"], lambda *args, d=digits: [round(x, d) for x in span_length_pmf(*args)]
        )
        assert verdict.misconception == "rounded", (digits, str(verdict))
    exponential = judge(
        BY_ID["02-1"],
        lambda p, longest: (w := np.exp(-p * np.arange(longest))) / w.sum(),
    )
    assert exponential.misconception == "other-factor", str(exponential)
    assert "Each of these is 0.7408 times the one before" in exponential.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda tokens, percent: 1, "it may be left out"),
        (lambda tokens: BY_ID["02-2"].alternative(tokens), "another share than 15"),
        (lambda tokens, percent=15: len(tokens) + "1", "stopped with TypeError: unsupported"),
    ],
)
def test_an_argument_that_is_missing_in_the_head(answer, said):
    message = judge(BY_ID["02-2"], answer).message
    assert said in message and ("Keep `percent=15`" in message) == ("TypeError" not in said)


def test_a_generator_of_probabilities_is_told_to_become_a_list():
    verdict = judge(BY_ID["02-1"], lambda p, longest: iter(span_length_pmf(p, longest)))
    assert verdict.misconception == "not-a-list" and "put list(…) around it" in verdict.message


def test_the_budget_is_that_of_the_library():
    how_many = BY_ID["02-2"].alternative
    for pieces in range(1, 520):
        assert how_many(["[CLS]", *["sea"] * pieces, "[SEP]", "[PAD]"]) == masking_budget(pieces)


@pytest.mark.parametrize("kind", [int, np.int64, np.int32])
def test_a_whole_number_of_any_kind(kind):
    right = BY_ID["02-2"].alternative
    assert judge(BY_ID["02-2"], lambda *args: kind(right(*args))).state == RIGHT


def test_two_slips_at_once_are_called_by_what_is_counted():
    def counts_all_and_rounds_down(tokens, percent=15):
        return len(tokens) * percent // 100

    assert judge(BY_ID["02-2"], counts_all_and_rounds_down).misconception == "specials-counted"


def two_draws(ids, spans, mask_id, random_id, rng):
    new = np.array(ids)
    for start, end in spans:
        if rng.random() < 0.8:
            new[start:end] = mask_id
        elif rng.integers(2):
            new[start:end] = [random_id() for _ in range(start, end)]
    return new.tolist()


def by_choice(ids, spans, mask_id, random_id, rng):
    kinds = rng.choice(3, size=len(spans), p=[0.8, 0.1, 0.1]) if spans else []
    parts, at = [], 0
    for (start, end), kind in zip(spans, kinds, strict=True):
        drawn = [random_id() for _ in range(start, end)]
        parts += [*ids[at:start], *([mask_id] * (end - start), drawn, ids[start:end])[kind]]
        at = end
    return [*parts, *ids[at:]]


@pytest.mark.parametrize("answer", [two_draws, by_choice])
def test_right_shares_in_other_ways(answer):
    verdict = judge(BY_ID["02-4"], answer)
    assert verdict.state == RIGHT, str(verdict)


def test_shares_with_other_random_numbers(seed=1):
    def other(answer):
        return lambda *args: answer(*args[:4], np.random.default_rng([seed, args[4].seed]))

    assert judge(BY_ID["02-4"], other(BY_ID["02-4"].alternative)).state == RIGHT
    for wrong in BY_ID["02-4"].slips:
        if wrong.misconception != "own-randomness":
            assert judge(BY_ID["02-4"], other(wrong.answer)).state == WRONG


def test_joined_spans_are_those_of_the_library():
    short = list(itertools.combinations(range(6), 2))
    for spans in itertools.product(short, repeat=3):
        assert BY_ID["02-5"].alternative(list(spans)) == merge_spans(spans)


@pytest.mark.parametrize("kind", [list, lambda pair: tuple(np.array(pair))], ids=["list", "numpy"])
def test_a_pair_may_be_a_list_or_hold_numbers_of_numpy(kind):
    right = BY_ID["02-5"].alternative
    verdict = judge(BY_ID["02-5"], lambda spans: [kind(pair) for pair in right(spans)])
    assert verdict.state == RIGHT, str(verdict)
