"""`make test LESSON=02`: which tests say something about one lesson.

Tests mirror the rooms of the library, so a test is found by where it lies: what is called `masking`
here stands for the folder tests/masking/ and for tests/test_masking.py.
"""

import re
from pathlib import Path, PurePosixPath

from spanbert_teach.exercises.lookup import LESSONS
from tools.notebooks import code_cells, read, tagged

# What holds for every lesson; each has a view. (`make compat` alone collects the last two.)
ALWAYS = {"contract", "guard", "selection", "views/view", "compat/colab", "browser/classic"}


def shown_in(lesson: Path) -> set[str]:
    """The places of the code that a lesson shows: rooms (`masking`), views (`views/ripple`).

    Of a room every test counts: a block's law is also tested by its statistics and by the batch.
    """
    notebook = read(lesson)
    code = "\n".join(cell.source for cell in code_cells(notebook))
    views = re.findall(r"spanbert_teach\.views(?:\.| import )(\w+)", code)
    rooms = {name.partition(".")[0] for name in tagged(notebook, "library")}
    return rooms | {f"views/{view}" for view in views}


def places_of(lesson: Path) -> set[str]:
    """All places whose tests a change of this lesson, or of the code that it shows, can fail."""
    number = lesson.name[:2]
    exercises = LESSONS[number].rpartition(".")[2]
    own = {f"results/lesson_{number}", f"browser/lesson_{number}"}
    return ALWAYS | own | {f"exercises/{exercises}"} | shown_in(lesson)


def lies_in(path: PurePosixPath, places: set[str]) -> bool:
    """Whether a test file, its path seen from tests/, belongs to one of the places."""
    own = path.with_name(path.stem.removeprefix("test_"))
    return any(str(place) in places for place in (own, *own.parents))


def concerns(item, number: str, places: set[str]) -> bool:
    """Whether a collected test belongs to one of the places, or judges an exercise of lesson
    `number` ("02")."""
    callspec = getattr(item, "callspec", None)
    exercise = callspec and callspec.params.get("exercise")
    tests = Path(__file__).parent
    path = item.path.relative_to(tests) if item.path.is_relative_to(tests) else item.path
    return getattr(exercise, "lesson", None) == number or lies_in(
        PurePosixPath(path.as_posix()), places
    )
