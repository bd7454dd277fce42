"""The form of an exercise: which of its parts speaks, and in which order."""

from dataclasses import replace

import pytest
import toy_exercises
from toy_exercises import LETTERS, TOY

from spanbert_teach.exercises.checking import CHANGES, CRASH, ENDLESS, NO_RETURN, Wrong
from spanbert_teach.exercises.form import Kind, Property, Slip, case
from spanbert_teach.exercises.judging import RIGHT, judge
from spanbert_teach.exercises.kinds import PAIRS, texts


def verdict(answer, **changes):
    return judge(replace(TOY, **changes), answer)


def test_a_slip_in_another_style_gets_the_hint_of_its_results():
    def overlaps_too(words, size):
        found = []
        while words:
            found.append(words[:size])
            words = words[1:]
        return found

    found = verdict(overlaps_too)
    assert found.misconception == "overlaps"
    assert found.message.endswith("Windows do not overlap here.")


def test_of_slips_that_agree_the_later_cases_choose():
    whole = Slip(lambda words, size: [words], "whole", "This is one window.")
    five = Slip(lambda words, size: [LETTERS], "five", "These are five letters.")
    for answer in (whole.answer, five.answer):
        for slips in ((whole, five), (five, whole)):
            expected = "whole" if answer is whole.answer else "five"
            assert verdict(answer, slips=slips).misconception == expected

    def neither(words, size):
        return [words] if len(words) == 5 else []

    assert verdict(neither, slips=(whole, five)).misconception == "whole"


def test_a_slip_must_agree_on_the_cases_before_too():
    def right_at_first(words, size):
        return toy_exercises.another_style(words, size) if len(words) == 5 else [["e"]]

    always_e = Slip(lambda words, size: [["e"]], "always-e", "A hint.")
    assert verdict(right_at_first, slips=(always_e,)).misconception == "drops-letters"


def test_the_first_property_that_a_result_lacks_speaks_and_names_what_lacks_it():
    found = verdict(lambda words, size: [words[:4], words[1:]])
    assert found.misconception == "wrong-size"
    assert found.message.endswith("['a', 'b', 'c', 'd'] is too long. Windows are `size` long.")
    silent = replace(TOY.properties[1], hint="")
    found = verdict(lambda words, size: [words], properties=(silent,))
    assert found.misconception == "wrong-size" and found.message.endswith(TOY.hint)


def test_a_property_sees_the_arguments_that_the_function_was_given():
    asked = Property(lambda got, expected, words, size: words[0] == "z", "saw-z", "It is z.")

    def changes_them(words, size):
        words[0] = "z"
        return [["e"]]

    assert verdict(changes_them, properties=(asked,)).misconception == "saw-z"


def test_else_the_case_speaks_and_else_the_exercise():
    other = verdict(lambda words, size: [["e"]], properties=())
    assert other.misconception == "other" and other.message.endswith(TOY.hint)
    edge = verdict(lambda words, size: toy_exercises.right(words, size) or [["e"]], properties=())
    assert edge.misconception == "empty" and edge.message.endswith("Nothing has no window.")


def test_a_case_speaks_of_a_stop_too_and_so_does_a_slip_that_stops_alike():
    def stops_on_nothing(words, size):
        first = words[0]
        return toy_exercises.right([first, *words[1:]], size)

    found = verdict(stops_on_nothing)
    assert found.misconception == "empty"
    assert "IndexError" in found.message and "Nothing has no window." in found.message
    stops = Slip(lambda words, size: words[9], "past-the-end", "There is no tenth.")
    for last, expected in ((9, "past-the-end"), ("a", CRASH)):
        found = verdict(lambda words, size, last=last: words[last], slips=(stops,))
        assert found.misconception == expected, found


def test_a_stop_stays_a_stop_where_the_case_names_no_misconception():
    named_nothing = (case(LETTERS, 2, hint="Five letters."),)
    found = verdict(lambda words, size: words[9], cases=named_nothing)
    assert found.misconception == CRASH and found.message.endswith("Five letters.")
    found = verdict(lambda words, size: [["e"]], cases=named_nothing, properties=())
    assert found.misconception == "other" and found.message.endswith("Five letters.")


def test_a_slip_of_other_arguments_stops_alike_whatever_it_is_called():
    no_size = Slip(lambda words: [words], "signature", "Keep `size`.")
    assert verdict(lambda letters: letters, slips=(no_size,)).misconception == "signature"
    assert verdict(lambda: [], slips=(no_size,)).misconception == CRASH


def test_a_slip_named_for_a_failure_adds_its_hint():
    slips = tuple(
        Slip(toy_exercises.right, word, f"About {word}.") for word in (CHANGES, NO_RETURN, ENDLESS)
    )

    def changes(words, size):
        found = toy_exercises.right(words, size)
        words.append("z")
        return found

    found = verdict(changes, slips=slips)
    assert found.misconception == CHANGES
    assert "has become ['a', 'b', 'c', 'd', 'e', 'z']" in found.message
    assert found.message.endswith(f"About {CHANGES}.")
    assert verdict(lambda *args: None, slips=slips).message.endswith(f"About {NO_RETURN}.")


class Stern(list):
    """An argument that may be looked at by place only."""

    def __iter__(self):
        raise Wrong("goes through the list.", "goes-through")


def test_an_argument_may_refuse_what_is_done_with_it():
    stern = (case(Stern("ab"), 2),)
    found = verdict(lambda words, size: [list(words)], cases=stern, right=lambda *args: [["a"]])
    assert (found.misconception, "goes through the list" in found.message) == ("goes-through", True)


def test_what_comes_after_the_cases_is_asked_last():
    asked = []
    assert verdict(toy_exercises.another_style, more=asked.append).state == RIGHT
    assert verdict(toy_exercises.overlaps, more=asked.append).state != RIGHT
    assert asked == [toy_exercises.another_style]

    def refuses(fn):
        raise Wrong("By chance.", "by-chance")

    slips = (Slip(toy_exercises.right, "by-chance", "Draw from rng."),)
    found = verdict(toy_exercises.another_style, more=refuses, slips=slips)
    assert (found.misconception, found.message) == ("by-chance", "By chance.\nDraw from rng.")


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (texts("words"), ["a"], {"not-a-list": ("a",), "not-texts": [1], NO_RETURN: None}),
        (texts("words", or_none=True), None, {"not-a-list": "a", "other": ["a"]}),
        (PAIRS, [[0, 1], (2, 3)], {"not-pairs": [1], "not-whole-numbers": [(0, 0.5)]}),
    ],
)
def test_kinds_of_results(kind, right, wrong):
    changes = {"kind": kind, "cases": (case(1, 2),), "right": lambda *args: right}
    changes |= {"properties": (), "slips": ()}
    assert verdict(lambda *args: right, **changes).state == RIGHT
    for misconception, result in wrong.items():
        found = verdict(lambda *args, result=result: result, **changes)
        assert found.misconception == misconception, str(found)


def test_by_default_any_result_may_be_asked_for():
    changes = {"kind": Kind(), "cases": (case("a", 1),), "right": lambda *args: 7, "slips": ()}
    assert verdict(lambda *args: 7, **changes).state == RIGHT
    found = verdict(lambda *args: "7", **changes, properties=())
    assert "should be 7, an int, but is '7', a str." in found.message
