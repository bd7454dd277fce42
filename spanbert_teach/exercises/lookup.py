"""Which lessons have exercises, and where they live."""

import importlib

from spanbert_teach.exercises.form import Exercise

# Number of the lesson -> the package with its exercises. A new lesson adds one line.
LESSONS = {
    "00": "spanbert_teach.exercises.start_here",
    "01": "spanbert_teach.exercises.tokenization",
    "02": "spanbert_teach.exercises.span_masking",
    "03": "spanbert_teach.exercises.attention",
    "04": "spanbert_teach.exercises.encoder",
    "05": "spanbert_teach.exercises.objectives",
}


def lesson_exercises(lesson: str) -> tuple[Exercise, ...]:
    """The exercises of a lesson ("00"), in order.

    Raises:
        ValueError: no lesson of that number has exercises; the message lists those that do.
    """
    if lesson not in LESSONS:
        raise ValueError(f"No lesson {lesson!r} has exercises. These have: {', '.join(LESSONS)}.")
    return importlib.import_module(LESSONS[lesson]).EXERCISES


def find_exercise(exercise_id: str) -> Exercise:
    """The exercise of that id ("00-1").

    Raises:
        ValueError: there is none; the message lists the ids there are.
    """
    lesson = str(exercise_id).partition("-")[0]
    if lesson not in LESSONS:
        known = ", ".join(f"{number}-1" for number in LESSONS)
        raise ValueError(
            f"There is no exercise {exercise_id!r}. An id is the number of the lesson and of the "
            f"exercise; the first of each lesson: {known}."
        )
    exercises = lesson_exercises(lesson)
    for exercise in exercises:
        if exercise.id == exercise_id:
            return exercise
    known = ", ".join(exercise.id for exercise in exercises)
    raise ValueError(f"There is no exercise {exercise_id!r}. Lesson {lesson} has: {known}.")
