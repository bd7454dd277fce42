"""The mutants tool finds holes in checks, and only holes."""

import ast

import pytest
import toy_exercises
from toy_exercises import SOLUTION, write_notebooks

from spanbert_teach.exercises import LESSONS
from spanbert_teach.exercises.lookup import lesson_exercises
from tools import mutants
from tools.mutations import mutations
from tools.solutions import load_solution, without_expressions

SOURCE = '''\
LIMIT = 3


def f(x, flags: tuple[int, 2] = (True, 0.5)) -> list[1]:
    """Text 1."""
    if x < LIMIT and not flags:
        x += min(x, 2)
    for i in range(x):
        print(x[i:], x[1 : i + 1])
    return x - 1


f(4, 5)
'''


REAL = [exercise for lesson in LESSONS for exercise in lesson_exercises(lesson)]


@pytest.mark.parametrize("exercise", REAL, ids=lambda exercise: exercise.id)
def test_checks_of_the_course_have_no_unexplained_hole(exercise):
    report = mutants.examine(exercise.id)
    assert report.good and not report.awkward, str(report)
    assert report.mutants >= 5


@pytest.fixture(autouse=True)
def toy_lesson(monkeypatch):
    monkeypatch.setitem(LESSONS, "99", "toy_exercises")


def descriptions(source):
    return [mutant.description for mutant in mutations(source)]


def test_every_kind_of_mistake_is_made():
    assert sorted(descriptions(SOURCE)) == sorted(
        [
            "3 to 4 in: LIMIT = 3",
            "3 to 2 in: LIMIT = 3",
            "True to False in: def f(x, flags: tuple[int, 2] = (True, 0.5)) -> list[1]:",
            "0.5 to 1.0 in: def f(x, flags: tuple[int, 2] = (True, 0.5)) -> list[1]:",
            "dropped in: if x < LIMIT and not flags:",
            "< to <= in: if x < LIMIT and not flags:",
            "and to or in: if x < LIMIT and not flags:",
            "not removed in: if x < LIMIT and not flags:",
            "dropped in: x += min(x, 2)",
            "+ to - in: x += min(x, 2)",
            "first two arguments swapped in: x += min(x, 2)",
            "2 to 3 in: x += min(x, 2)",
            "2 to 1 in: x += min(x, 2)",
            "dropped in: for i in range(x):",
            "range argument 1 + 1 in: for i in range(x):",
            "range argument 1 - 1 in: for i in range(x):",
            "dropped in: print(x[i:], x[1 : i + 1])",
            "first two arguments swapped in: print(x[i:], x[1 : i + 1])",
            "lower bound + 1 in: print(x[i:], x[1 : i + 1])",
            "lower bound - 1 in: print(x[i:], x[1 : i + 1])",
            "upper bound -1 added in: print(x[i:], x[1 : i + 1])",
            "1 to 2 in: print(x[i:], x[1 : i + 1])",
            "1 to 0 in: print(x[i:], x[1 : i + 1])",
            "upper bound + 1 in: print(x[i:], x[1 : i + 1])",
            "upper bound - 1 in: print(x[i:], x[1 : i + 1])",
            "+ to - in: print(x[i:], x[1 : i + 1])",
            "1 to 2 in: print(x[i:], x[1 : i + 1]) (place 2)",
            "1 to 0 in: print(x[i:], x[1 : i + 1]) (place 2)",
            "dropped in: return x - 1",
            "- to + in: return x - 1",
            "1 to 2 in: return x - 1",
            "1 to 0 in: return x - 1",
        ]
    )


def test_each_mutant_is_one_change_that_compiles():
    original = ast.unparse(ast.parse(without_expressions(SOURCE)))
    sources = [mutant.source for mutant in mutations(SOURCE)]
    for source in sources:
        compile(source, "<mutant>", "exec")
        assert source != original
    assert len(set(sources)) == len(sources), "no change is made twice"


def test_descriptions_do_not_move_with_the_lines():
    assert descriptions("\n\n# a comment\n" + SOURCE) == descriptions(SOURCE)


def test_match_and_try_blocks():
    source = (
        "def f(x):\n    match x:\n        case 1:\n            return 2\n"
        "    try:\n        x()\n    except E:\n        x = 0\n    finally:\n        x = 5\n"
    )
    found = descriptions(source)
    assert {"dropped in: return 2", "dropped in: x = 0", "dropped in: x = 5"} <= set(found)


def test_solutions_load_without_running_their_check(tmp_path, capsys):
    source, namespace = load_solution("99-1", write_notebooks(tmp_path))
    assert source.endswith('check("99-1", windows)')
    assert namespace["windows"](["a", "b", "c"]) == [["a", "b"], ["c"]], "SIZE is of the prelude"
    assert capsys.readouterr().out == ""
    with pytest.raises(KeyError, match="solution:99-3"):
        load_solution("99-3", tmp_path / "notebooks")
    with pytest.raises(FileNotFoundError, match="exactly one lesson 98"):
        load_solution("98-1", tmp_path / "notebooks")


def test_a_good_check_lets_only_equivalent_mutants_live(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "SECONDS", 1.0)
    report = mutants.examine("99-1", write_notebooks(tmp_path))
    assert report.survivors == [] and report.stale == [] and report.awkward == []
    assert report.explained == toy_exercises.TOY.equivalent_mutants
    assert report.endless == ["dropped in: start += size", "+ to - in: start += size"]
    assert report.good and "equivalent: dropped in: return []" in str(report)


def test_a_hole_in_a_check_is_found_and_a_stale_reason_too(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "SECONDS", 1.0)
    report = mutants.examine("99-2", write_notebooks(tmp_path))
    assert "< to <= in: while start < len(words):" in report.survivors
    assert report.stale == ["1 to 2 in: a line that is not there"]
    assert not report.good
    assert "SURVIVED" in str(report) and "STALE" in str(report)


def test_a_solution_that_does_not_pass_is_named(tmp_path):
    broken = SOLUTION.replace("start < len(words)", "start <= len(words)")
    with pytest.raises(RuntimeError, match=r"solution of 99-1 does not pass: wrong, empty-window"):
        mutants.examine("99-1", write_notebooks(tmp_path, solution=broken))


def test_exit_code(monkeypatch, capsys):
    def report(exercise_id, **what):
        empty = {"explained": {}, "survivors": [], "stale": [], "endless": [], "awkward": []}
        return mutants.Report(exercise=exercise_id, mutants=3, **{**empty, **what})

    monkeypatch.setattr(mutants, "examine", report)
    assert mutants.main(["99"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "99-1: 3 mutants, 3 rejected",
        "99-2: 3 mutants, 3 rejected",
    ]
    for fault in ("survivors", "stale"):
        monkeypatch.setattr(
            mutants, "examine", lambda name, fault=fault: report(name, **{fault: ["x"]})
        )
        assert mutants.main(["99"]) == 1
    monkeypatch.setenv("LESSON", "99")
    assert mutants.main([]) == 1
    with pytest.raises(SystemExit):
        mutants.main(["98"])
