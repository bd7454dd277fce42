"""What the proof of every exercise does not show of lesson 01: strange results, other kinds."""

import itertools

import numpy as np
import pytest
from alarm import needs_alarm

from spanbert_teach.exercises import checking
from spanbert_teach.exercises.checking import ENDLESS
from spanbert_teach.exercises.judging import RIGHT, judge
from spanbert_teach.exercises.tokenization import EXERCISES
from spanbert_teach.tokenization import window_starts

BY_ID = {exercise.id: exercise for exercise in EXERCISES}
every = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)


@pytest.mark.parametrize("kind", [list, lambda pair: tuple(np.array(pair))], ids=["list", "numpy"])
@pytest.mark.parametrize("exercise_id", ["01-4", "01-5"])
def test_a_pair_may_be_a_list_or_hold_numbers_of_numpy(exercise_id, kind):
    right = BY_ID[exercise_id].alternative
    verdict = judge(BY_ID[exercise_id], lambda *args: [kind(pair) for pair in right(*args)])
    assert verdict.state == RIGHT, str(verdict)


def test_windows_begin_where_those_of_the_library_do():
    windows = BY_ID["01-5"].alternative
    for length, size, stride in itertools.product(range(40), range(1, 9), range(8)):
        if stride < size:
            found = windows(length, size, stride)
            assert [start for start, _ in found] == window_starts(length, size, stride)


@pytest.mark.parametrize(
    "go_through",
    [
        list,
        sorted,
        len,
        lambda vocabulary: vocabulary["sea"],
        lambda vocabulary: vocabulary.get("sea"),
        lambda vocabulary: max(vocabulary, key=len),
    ],
)
def test_a_vocabulary_answers_in_and_nothing_else(go_through):
    verdict = judge(BY_ID["01-2"], lambda word, vocabulary: go_through(vocabulary))
    assert verdict.misconception == "more-than-in"
    assert "piece in vocabulary" in verdict.message


def test_a_loop_without_end_is_stopped_before_it_fills_the_memory():
    def asks_for_ever(word, vocabulary):
        while word not in vocabulary or word in vocabulary:
            pass

    def collects_for_ever(pieces, pair):
        at, merged = 0, []
        while at < len(pieces):
            merged.append(pieces[at])

    assert judge(BY_ID["01-2"], asks_for_ever).misconception == ENDLESS
    assert judge(BY_ID["01-3"], collects_for_ever).misconception == ENDLESS


@every
def test_a_generator_without_end_is_no_list(exercise):
    def yields_for_ever(*args):
        yield from itertools.repeat((0, 1))

    assert judge(exercise, yields_for_ever).misconception == "not-a-list"


@needs_alarm
@pytest.mark.parametrize("exercise_id", ["01-3", "01-4"])
def test_the_last_call_which_looks_for_changes_is_guarded_too(exercise_id, monkeypatch):
    monkeypatch.setattr(checking, "LIMIT", 0.1)
    exercise, given = BY_ID[exercise_id], []

    def first_counts(*args):
        given.append(args)
        return exercise.alternative(*args)

    def ends_but_for_the_last(*args):
        given.pop()
        while not given:
            pass
        return exercise.alternative(*args)

    assert judge(exercise, first_counts).state == RIGHT
    assert judge(exercise, ends_but_for_the_last).misconception == ENDLESS


def test_a_list_without_the_pair_may_be_returned_itself():
    right = BY_ID["01-3"].alternative

    def merge_in_word(pieces, pair):
        merged = right(pieces, pair)
        return pieces if merged == pieces else merged

    assert judge(BY_ID["01-3"], merge_in_word).state == RIGHT


@pytest.mark.parametrize(
    ("exercise_id", "misconception", "words"),
    [
        ("01-1", "no-border-after", "'(small' still holds what comes after the mark"),
        ("01-1", "no-border-before", "'small)' still holds what comes before the mark"),
        ("01-1", "empty-words", "keep a word only if it is not ''"),
        ("01-2", "not-the-whole-rest", "Does your range begin at len(word)?"),
        ("01-2", "marks-pile-up", "'####ness': \"##\" stands once"),
        ("01-2", "ignores-case", "Capitals count"),
        ("01-3", "visits-every-pair", "a `for` loop goes through every place"),
        ("01-3", "strips-letters", 'the last "#" is a letter'),
        pytest.param(
            "01-5",
            ENDLESS,
            "Leave the loop at the first window that reaches the end",
            marks=needs_alarm,
        ),
    ],
)
def test_a_hint_names_the_mistake(exercise_id, misconception, words, monkeypatch):
    monkeypatch.setattr(checking, "LIMIT", 0.1)
    slip = [s for s in BY_ID[exercise_id].slips if s.misconception == misconception][-1]
    assert words in judge(BY_ID[exercise_id], slip.answer).message


def test_capitals_may_not_be_lowered_for_the_look_up_either():
    right = BY_ID["01-2"].alternative

    class Lowered:
        def __init__(self, vocabulary):
            self.vocabulary = vocabulary

        def __contains__(self, piece):
            return piece.lower() in self.vocabulary

    verdict = judge(BY_ID["01-2"], lambda word, vocabulary: right(word, Lowered(vocabulary)))
    assert verdict.misconception == "ignores-case"


@pytest.mark.parametrize("build", [list, set, tuple, dict.fromkeys])
def test_the_right_cut_does_not_depend_on_the_kind_of_vocabulary(build):
    cut = BY_ID["01-2"].alternative
    assert cut("seaside", build(["s", "sea", "##s", "##side"])) == ["sea", "##side"]
    assert cut("seaside", build(["sea", "seas", "##side"])) is None
