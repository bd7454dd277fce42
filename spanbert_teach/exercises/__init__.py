"""The exercises of the lessons: what a learner calls, and nothing else.

`check("00-1", fn)` judges an answer, `show_progress("00")` shows where one stands, and
`own_or("00-1", fn, fallback)` lets a view run on the learner's own function.
"""

from collections.abc import Callable
from pathlib import Path

from spanbert_teach.exercises import classroom
from spanbert_teach.exercises.judging import NOT_ATTEMPTED, RIGHT, judge
from spanbert_teach.exercises.lookup import LESSONS, find_exercise, lesson_exercises
from spanbert_teach.exercises.progress import (
    FILE,
    Damaged,
    progress_line,
    progress_table,
    read_attempts,
    record,
    standings,
)
from spanbert_teach.paths import learner_folder

__all__ = ["LESSONS", "check", "class_table", "own_or", "show_progress"]


def check(exercise_id: str, answer: Callable) -> None:
    """Judge the learner's function, print the verdict, and remember the attempt.

    Args:
        exercise_id: as on the card, "00-1".
        answer: the function itself, not what it returns.

    Raises:
        ValueError: there is no such exercise; the message lists those there are.
    """
    verdict = judge(find_exercise(exercise_id), answer)
    print(verdict)
    if warning := record(verdict, learner_folder()):
        print(warning)


def own_or(exercise_id: str, answer: Callable, fallback: Callable | None) -> Callable | None:
    """The learner's function where it passes its check, else the library's; says which.

    Nothing is recorded: this is no attempt. `fallback` is the library's function; None where the
    view takes that by itself.

    Raises:
        ValueError: there is no such exercise.
    """
    verdict = judge(find_exercise(exercise_id), answer)
    if verdict.state == RIGHT:
        print(f"Running on your own function of exercise {exercise_id}.")
        return answer
    reason = "is not attempted yet" if verdict.state == NOT_ATTEMPTED else "is not right yet"
    print(f"Running on the library's function: exercise {exercise_id} {reason}.")
    return fallback


def show_progress(lesson: str, name: str | None = None) -> None:
    """Print where the learner stands in a lesson, and one line to hand in to a teacher.

    Args:
        lesson: its number, "00".
        name: written into the line if given; otherwise the line names nobody.

    Raises:
        ValueError: no lesson of that number has exercises.
    """
    exercises = lesson_exercises(lesson)
    found = {}
    try:
        found = standings(read_attempts(learner_folder() / FILE))
    except Damaged as reason:
        print(f"Your {FILE} cannot be read ({reason}). The next check sets it aside.")
    except OSError as error:
        print(f"Your {FILE} cannot be read ({error.strerror}).")
    print(progress_table(exercises, found))
    print("\nTo hand in, copy this line:")
    print(progress_line(lesson, exercises, found, name))


def class_table(paths: list[Path]) -> str:
    """Merge the progress of many learners into the table of a class.

    Args:
        paths: `progress.json` files, text files with pasted lines, and folders of both.

    Returns:
        Plain text: how many are right, stuck and not there yet in each exercise, who is stuck on
        which misconception, and which lines or files could not be read.
    """
    titles = {
        exercise.id: exercise.title for lesson in LESSONS for exercise in lesson_exercises(lesson)
    }
    return classroom.class_table([Path(path) for path in paths], titles)
