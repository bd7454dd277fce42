"""`make test LESSON=02` leaves out no test of that lesson's code."""

from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from selection import concerns, lies_in, places_of, shown_in

from tools.notebooks import write

TESTS = Path(__file__).parent


@pytest.mark.parametrize(
    ("path", "place", "belongs"),
    [
        ("masking/test_block.py", "masking", True),
        ("masking/test_statistics.py", "masking", True),
        ("masking/deeper/test_law.py", "masking", True),
        ("test_masking.py", "masking", True),
        ("test_model.py", "model", True),
        ("views/test_ripple.py", "views/ripple", True),
        ("results/test_lesson_02.py", "results/lesson_02", True),
        ("test_model_names.py", "model", False),
        ("views/test_model.py", "model", False),
        ("masking_laws/test_model.py", "masking", False),
        ("views/test_ripple.py", "views/longest_match", False),
        ("results/test_lesson_02.py", "results/lesson_0", False),
    ],
)
def test_a_place_is_a_folder_or_a_file(path, place, belongs):
    assert lies_in(PurePosixPath(path), {"elsewhere", place}) is belongs


def test_a_lesson_shows_rooms_files_and_views(tmp_path):
    views = "from spanbert_teach.views.ripple import Ripple\nfrom spanbert_teach.views import heads"
    cells = [
        new_code_cell("a = 1", metadata={"tags": ["library:hall.stairs.step"]}),
        new_code_cell("b = 1", metadata={"tags": ["view", "library:roof.TILES"]}),
        new_code_cell(views),
    ]
    write(tmp_path / "02_toy.ipynb", new_notebook(cells=cells))
    shown = {"hall", "roof", "views/ripple", "views/heads"}
    assert shown_in(tmp_path / "02_toy.ipynb") == shown
    places = places_of(tmp_path / "02_toy.ipynb")
    assert shown | {"contract", "guard", "results/lesson_02", "browser/lesson_02"} <= places
    assert "exercises/span_masking" in places


def test_an_exercise_concerns_its_lesson_wherever_it_is_tested():
    def item(path, **params):
        return SimpleNamespace(path=path, callspec=SimpleNamespace(params=params))

    judged = item(TESTS / "test_any.py", exercise=SimpleNamespace(lesson="02"))
    assert concerns(judged, "02", set()) and not concerns(judged, "03", set())
    assert concerns(item(TESTS / "hall" / "test_stairs.py"), "03", {"hall"})
    assert not concerns(item(TESTS.parent / "hall" / "test_stairs.py"), "03", {"hall"})
    assert not concerns(SimpleNamespace(path=TESTS / "test_any.py"), "02", {"hall"})


def test_all_that_a_lesson_shows_has_tests_that_are_chosen_with_it(lesson):
    files = [PurePosixPath(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")]
    chosen = [path for path in files if lies_in(path, places_of(lesson))]
    shown = shown_in(lesson)
    untested = {place for place in shown if not any(lies_in(path, {place}) for path in chosen)}
    assert not untested, f"{lesson.name} shows {untested}: tests/ has no folder or file for that"
