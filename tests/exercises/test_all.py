"""Every exercise of every lesson is proved here; and so is the workshop, on a toy lesson."""

import ast
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
import toy_exercises
from alarm import ALARM, needs_alarm
from strange_results import STRANGE
from toy_exercises import TOY, write_notebooks

from spanbert_teach.exercises import LESSONS, check, checking, own_or
from spanbert_teach.exercises.checking import (
    CHANGES,
    CRASH,
    ENDLESS,
    NO_RETURN,
    Wrong,
    call,
    equal,
    expectation,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.judging import (
    CHECK_CRASH,
    NOT_A_FUNCTION,
    RIGHT,
    WRONG,
    judge,
)
from spanbert_teach.exercises.lookup import find_exercise, lesson_exercises
from spanbert_teach.exercises.objectives.gradients import NO_GRADIENT
from tools.notebooks import NOTEBOOKS, read
from tools.solutions import cell_source, lesson_path, load_solution, run, run_prelude

REAL = [exercise for lesson in LESSONS for exercise in lesson_exercises(lesson)]
every = pytest.mark.parametrize("exercise", [TOY, *REAL], ids=lambda exercise: exercise.id)
made = iter(range(1_000_000))


@pytest.fixture(autouse=True)
def toy_lesson(tmp_path, monkeypatch):
    monkeypatch.setitem(LESSONS, "99", "toy_exercises")
    monkeypatch.setenv("SPANBERT_TEACH_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def notebooks(exercise, tmp_path):
    return write_notebooks(tmp_path) if exercise is TOY else NOTEBOOKS


def learner(source: str, name: str = "windows"):
    """A function as a learner's cell defines it."""
    namespace = {}
    run(source, namespace, f"<cell {next(made)}>")
    return namespace[name]


# --- each exercise of the course ----------------------------------------------------------------


@every
def test_card_data_is_complete(exercise):
    assert re.fullmatch(r"\d\d-\d+", exercise.id)
    assert exercise.lesson in LESSONS and find_exercise(exercise.id) is exercise
    assert exercise.title and exercise.function.isidentifier()
    assert 1 <= exercise.difficulty <= 5 and 1 <= exercise.minutes <= 30


def test_ids_count_up_within_each_lesson():
    for lesson in LESSONS:
        if lesson != "99":
            ids = [exercise.id for exercise in lesson_exercises(lesson)]
            assert ids == [f"{lesson}-{n}" for n in range(1, len(ids) + 1)]


# What the words of `checking` and the usual kinds of results say by themselves.
SAID = {CRASH, NO_RETURN, ENDLESS, CHANGES, "not-floats"}
SAID |= {f"not-{kind}" for kind in ("a-list", "texts", "pairs", "whole-numbers")}
SAID |= {f"not-{kind}" for kind in ("a-tensor", "a-number")} | {NO_GRADIENT}


@every
def test_each_slip_is_rejected_with_its_own_hint(exercise, monkeypatch):
    """And none is a slip of our own: one that misspells a name stops, and proves nothing."""
    monkeypatch.setattr(checking, "LIMIT", 0.5)
    stopped, misspelt = checking.stopped, []

    def watched(fn, error):
        if isinstance(error, AttributeError | NameError):
            misspelt.append(f"{fn.__name__}: {error}")
        return stopped(fn, error)

    monkeypatch.setattr(checking, "stopped", watched)
    prove_slips(exercise)
    assert not misspelt


def prove_slips(exercise: Exercise) -> None:
    assert len({slip.misconception for slip in exercise.slips}) >= 4, "at least four misconceptions"
    for slip in exercise.slips:
        if slip.misconception == ENDLESS and not ALARM:
            continue
        verdict = judge(exercise, slip.answer)
        said = f"{slip.answer.__name__}, {slip.misconception}: {verdict}"
        assert verdict.state == WRONG, said
        assert verdict.misconception == slip.misconception, said
        assert verdict.misconception not in (CHECK_CRASH, NOT_A_FUNCTION), said
        assert any(hint_in(hint, verdict.message) for hint in own_hints(exercise, slip)), said
        assert " at 0x" not in verdict.message, "a place in memory helps nobody"


def own_hints(exercise: Exercise, slip: Slip) -> list[str]:
    """The hint of a slip; where it has none, of those that speak in its place."""
    if slip.hint:
        return [slip.hint]
    speakers = [*exercise.properties, *exercise.cases]
    hints = [who.hint for who in speakers if who.misconception == slip.misconception]
    return [hint for hint in hints if hint] or ([""] if slip.misconception in SAID else [])


def hint_in(hint: str, message: str) -> bool:
    return len(message) > 20 and all(part in message for part in hint.split("{}"))


@every
def test_nothing_returned_is_a_missing_return(exercise):
    def forgets(*args):
        exercise.alternative(*args)

    assert judge(exercise, forgets).misconception == NO_RETURN


@every
@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, KeyError, SystemExit])
def test_an_answer_that_stops_says_where(exercise, error):
    def stops(*args):
        raise error("no idea")

    verdict = judge(exercise, stops)
    assert verdict.misconception == CRASH and "raise error" in verdict.message, str(verdict)


@every
def test_solution_passes(exercise, notebooks):
    _, namespace = load_solution(exercise.id, notebooks)
    verdict = judge(exercise, namespace[exercise.function])
    assert verdict.state == RIGHT, str(verdict)


@every
def test_a_second_right_solution_passes(exercise):
    verdict = judge(exercise, exercise.alternative)
    assert verdict.state == RIGHT, str(verdict)


@every
def test_untouched_stub_is_not_attempted(exercise, notebooks, capsys, toy_lesson):
    lesson = read(lesson_path(exercise.id, notebooks))
    namespace = {**run_prelude(lesson, exercise.id), "check": check}
    capsys.readouterr()
    run(cell_source(exercise.id, "stub", lesson), namespace, f"<stub {exercise.id}>")
    assert capsys.readouterr().out == f"○ {exercise.id} not attempted\n"
    assert not (toy_lesson / "home").exists(), "a stub leaves no trace"


@every
def test_stub_and_solution_have_the_same_signature(exercise, notebooks):
    stub = cell_source(exercise.id, "stub", read(lesson_path(exercise.id, notebooks)))
    solution, _ = load_solution(exercise.id, notebooks)
    assert signature(stub, exercise.function) == signature(solution, exercise.function)


def signature(source: str, name: str) -> str:
    definitions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    (found,) = (node for node in definitions if node.name == name)
    return f"({ast.unparse(found.args)}) -> {ast.unparse(found.returns) if found.returns else ''}"


@every
def test_card_says_what_the_exercise_says(exercise, notebooks):
    card = cell_source(exercise.id, "exercise", read(lesson_path(exercise.id, notebooks)))
    prove_card(exercise, card)


def prove_card(exercise: Exercise, card: str) -> None:
    assert exercise.id in card and exercise.title in card
    assert re.findall(r"[Dd]ifficulty\W+(\d) of 5", card) == [str(exercise.difficulty)]
    assert re.findall(r"(\d+) minutes?", card) == [str(exercise.minutes)]
    assert card.count("<details>") == 2, "two hints"
    assert re.search(r"\]\(\S*solutions/\d\d_\w+\.ipynb", card), "a link to the solution"


def test_the_proofs_can_fail():
    mislabelled = Slip(lambda words, size: [words[:0]], "other")
    accepted = Slip(toy_exercises.another_style, "other", "A hint.")
    unheard = Slip(toy_exercises.overlaps, "overlaps", "Another hint, which is never reached.")
    for slips in (
        (*TOY.slips, mislabelled),
        (*TOY.slips, accepted),
        (*TOY.slips, unheard),
        TOY.slips[:1] * 4,
    ):
        with pytest.raises(AssertionError):
            prove_slips(replace(TOY, slips=slips))
    prove_slips(TOY)
    for change in (("2 of 5", "3 of 5"), ("5 minutes", "6 minutes"), ("details>", "p>")):
        with pytest.raises(AssertionError):
            prove_card(TOY, toy_exercises.CARD.replace(*change))


# --- what check prints --------------------------------------------------------------------------


def printed(capsys, answer, exercise_id="99-1") -> str:
    assert check(exercise_id, answer) is None
    return capsys.readouterr().out


UNTOUCHED = [
    "def windows(words, size):\n    ...",
    "def windows(words, size): ...",
    'def windows(words, size):\n    """Cut."""\n    ...  # your code here',
    'def windows(words, size):\n    """Cut."""\n    ...\n\n    ...',
]


@pytest.mark.parametrize("source", UNTOUCHED)
def test_untouched(capsys, source, toy_lesson):
    assert printed(capsys, learner(source)) == "○ 99-1 not attempted\n"
    assert not (toy_lesson / "home").exists()


UNFINISHED = {
    "def windows(words, size):\n    found = []\n    for word in words:\n        ...": (
        "line 4: ..."
    ),
    "import math\n\ndef windows(words, size):\n    return words[0 : ...]": (
        "line 4: return words[0 : ...]"
    ),
    "def windows(words, size):\n    step = ...  # how far?\n    return words[::step]": (
        "line 2: step = ...  # how far?"
    ),
    "def windows(words, size):\n    def cut(i):\n        ...\n    return cut(1)": "line 3: ...",
}


@pytest.mark.parametrize("source", UNFINISHED)
def test_unfinished_names_its_line(capsys, source):
    expected = f"… 99-1 unfinished: a ... is left in {UNFINISHED[source]}\n"
    assert printed(capsys, learner(source)) == expected


def test_ellipsis_as_an_index_is_no_gap():
    source = (
        "def windows(words, size):\n"
        "    import numpy as np\n"
        "    words = list(np.array([words, words])[0, ...][...])\n"
        "    pairs: tuple[str, ...] = ()\n"
        "    return [[str(w) for w in words[i:i + size]] for i in range(0, len(words), size)]"
    )
    assert judge(TOY, learner(source)).state == RIGHT


def test_right(capsys):
    assert printed(capsys, toy_exercises.another_style) == "✓ 99-1 Cut into windows\n"


def test_wrong_says_expectation_input_and_misconception(capsys):
    assert printed(capsys, toy_exercises.counts_windows) == (
        "✗ 99-1 counts_windows(['a', 'b', 'c', 'd', 'e'], 2) should be "
        "[['a', 'b'], ['c', 'd'], ['e']], but is [['a', 'c', 'e'], ['b', 'd']].\n"
        "  ['a', 'c', 'e'] is too long. Windows are `size` long.\n"
    )


def test_none_asks_for_the_return(capsys):
    source = "def windows(words, size):\n    found = [words]"
    assert printed(capsys, learner(source)) == (
        "✗ 99-1 windows(['a', 'b', 'c', 'd', 'e'], 2) returns None. Is the `return` missing?\n"
    )


def test_crash_names_input_exception_and_line(capsys):
    source = "def windows(words, size):\n    part = words[:size]\n    return part / (size - 2)"
    assert printed(capsys, learner(source)) == (
        "✗ 99-1 windows(['a', 'b', 'c', 'd', 'e'], 2) stopped with TypeError: unsupported operand "
        "type(s) for /: 'list' and 'int'\n"
        "  in line 3: return part / (size - 2)\n"
    )


def test_wrong_number_of_arguments_is_a_crash(capsys):
    out = printed(capsys, learner("def windows(words):\n    return words"))
    assert "stopped with TypeError" in out and "positional argument" in out


def test_crash_outside_call_is_the_learners_where_their_code_ran():
    careless = replace(TOY, cases=(), more=lambda fn: fn(["a"], 0))
    verdict = judge(careless, learner("def windows(words, size):\n    return 1 / size"))
    assert verdict.misconception == "crash"
    assert "ZeroDivisionError" in verdict.message and "line 2: return 1 / size" in verdict.message


def test_a_check_that_stops_says_so_and_where():
    careless = replace(TOY, cases=(), more=lambda fn: call(fn, ["a"], 1) + 1)
    verdict = judge(careless, learner("def windows(words, size):\n    return words"))
    assert (verdict.state, verdict.misconception) == (WRONG, CHECK_CRASH)
    assert "TypeError" in verdict.message and "test_all.py, line" in verdict.message


@pytest.mark.parametrize("answer", [None, 3, [["a"]], "windows"])
def test_not_a_function(capsys, answer):
    out = printed(capsys, answer)
    assert out.startswith("✗ 99-1 needs your function itself, but got ")
    assert 'Write check("99-1", windows), without brackets' in out


def test_unknown_id_lists_those_there_are():
    with pytest.raises(ValueError, match=r"no exercise '99-7'\. Lesson 99 has: 99-1, 99-2"):
        check("99-7", toy_exercises.another_style)
    with pytest.raises(ValueError, match=r"no exercise 'hello'.*00-1.*99-1"):
        check("hello", toy_exercises.another_style)


@pytest.mark.parametrize("answer", [lambda words, size: [words], list, max])
def test_without_readable_source_an_answer_counts_as_attempted(answer):
    assert judge(TOY, answer).state == WRONG


def test_made_by_exec_counts_as_attempted():
    namespace = {}
    exec("def windows(words, size): ...", namespace)
    assert judge(TOY, namespace["windows"]).misconception == "no-return"


def test_own_or(capsys, toy_lesson):
    def library(words, size): ...

    right = toy_exercises.another_style
    assert own_or("99-1", right, library) is right
    assert own_or("99-1", library, right) is right
    assert own_or("99-1", toy_exercises.overlaps, library) is library
    lines = capsys.readouterr().out.splitlines()
    assert [("your own" in line, "not attempted yet" in line) for line in lines] == [
        (True, False),
        (False, True),
        (False, False),
    ]
    assert not (toy_lesson / "home").exists(), "a view is no attempt"


IN_A_NOTEBOOK = r"""
import sys
from IPython.core.interactiveshell import InteractiveShell
from spanbert_teach.exercises import LESSONS
LESSONS["99"] = "toy_exercises"
sys.stdout.reconfigure(encoding="utf-8")
shell = InteractiveShell()
shell.run_cell("from spanbert_teach.exercises import check")
for body in ("...", "found = []\n    ...", "return 1 / 0", "return words"):
    shell.run_cell(f"# a comment\ndef windows(words, size):\n    {body}\n\ncheck('99-1', windows)")
"""


def test_cells_of_a_notebook(tmp_path):
    """The same name defined again and again, as a learner does: each cell has its own source."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}{IN_A_NOTEBOOK}"],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")},
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "○ 99-1 not attempted",
        "… 99-1 unfinished: a ... is left in line 4: ...",
    ]
    assert lines[2].endswith("stopped with ZeroDivisionError: division by zero")
    assert lines[3] == "  in line 3: return 1 / 0"
    assert lines[4].startswith("✗ 99-1 ")


# --- the words of a check -----------------------------------------------------------------------


def test_call_shows_what_a_function_does_to_its_arguments():
    words = ["b", "a"]
    call(lambda words: [words.sort()], words)
    assert words == ["a", "b"]


FOR_EVER = {
    "plain": "def windows(size):\n    while size:\n        size += 1",
    "catches exceptions": (
        "def windows(size):\n"
        "    while size:\n"
        "        try:\n"
        "            size = abs(size)\n"
        "        except Exception:\n"
        "            pass"
    ),
    "catches all, for a while": (
        "def windows(size):\n"
        "    for turn in range(2):\n"
        "        try:\n"
        "            while size:\n"
        "                size += 1\n"
        "        except:\n"
        "            pass\n"
        "    while size:\n"
        "        size += 1"
    ),
}


@pytest.mark.parametrize("exercise", REAL, ids=lambda exercise: exercise.id)
def test_a_strange_result_is_wrong_and_said_to_be_so(exercise):
    for kind, strange in STRANGE.items():
        verdict = judge(exercise, lambda *args, strange=strange: strange())
        assert verdict.state == WRONG, f"{kind}: {verdict}"
        assert verdict.misconception != CHECK_CRASH, f"{kind}: {verdict}"
        assert len(verdict.message) > 20, kind


@needs_alarm
@every
def test_an_answer_without_end_is_stopped(exercise, monkeypatch):
    monkeypatch.setattr(checking, "LIMIT", 0.1)

    def never_ends(*args):
        while True:
            pass

    assert judge(exercise, never_ends).misconception == ENDLESS


@needs_alarm
@pytest.mark.parametrize("kind", FOR_EVER)
def test_a_loop_without_end_is_stopped(kind, monkeypatch):
    monkeypatch.setattr(checking, "LIMIT", 0.1)
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(Wrong, match="never end") as caught:
        call(learner(FOR_EVER[kind]), 2)
    assert caught.value.misconception == ENDLESS
    assert re.match(
        r"windows\(2\) is still running after 0\.1 seconds\..*\nin line \d: [a-z]",
        caught.value.message,
    )
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@needs_alarm
def test_an_alarm_that_was_set_before_still_goes_off(monkeypatch):
    monkeypatch.setattr(checking, "LIMIT", 0.1)
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    try:
        for seconds in (0.05, 0.3):  # before and after the function is stopped
            signal.setitimer(signal.ITIMER_REAL, seconds)
            with pytest.raises(Wrong):
                call(learner(FOR_EVER["plain"]), 2)
            assert call(abs, -2) == 2
            until = time.monotonic() + 5
            while not rung and time.monotonic() < until:
                time.sleep(0.01)
            assert rung == [True], seconds
            rung.clear()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_where_no_alarm_can_be_set_a_call_is_a_plain_call(monkeypatch):
    found = []
    thread = threading.Thread(target=lambda: found.append(call(abs, -2)))
    thread.start()
    thread.join()
    monkeypatch.delattr(signal, "setitimer", raising=False)  # as on Windows
    assert [*found, call(abs, -3)] == [2, 3]


def test_results_are_compared_as_a_whole_and_of_one_kind():
    import numpy as np
    import torch

    assert equal(np.array([1, 2]), np.array([1, 2]))
    assert equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    for got, expected in [
        (np.array([1, 2]), np.array([1, 3])),
        (torch.tensor([1, 2]), torch.tensor([[1, 2]])),
        ([[1], [1, 2]], np.array([1, 2])),
        ("12", 12),
        ((1,), [1]),
    ]:
        assert not equal(got, expected)
    said = "f() should be [1], a list, but is (1,), a tuple."
    assert expectation((1,), [1], "f()") == said


def test_shown_is_one_short_line():
    assert shown(["a  b"]) == "['a  b']"
    assert shown("x" * 500) == "'" + "x" * 99 + " … " + "x" * 14 + "'"
    assert shown_call(len, [1], key=2) == "len([1], key=2)"
