"""How long a lesson takes: text, code and tasks are counted, computing is measured.

Whoever tries a lesson for the first time needs much longer than its words take to read: code is
read line by line, a prediction is thought about, a view is played with. So all of these count.
"""

import json
import math
import re
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from tools.notebooks import NOTEBOOKS, has, is_deeper, is_prediction, tagged, tags

WORDS_A_MINUTE = 180
CODE_LINES_A_MINUTE = 12
MINUTES_A_PREDICTION = 1
MINUTES_A_VIEW = 5
MEASURED = NOTEBOOKS / "minutes.json"


class Minutes(NamedTuple):
    """What a learner does in a stretch of a lesson, in minutes, each rounded up."""

    text: int
    code: int
    predictions: int
    views: int
    exercises: int


def words_of(cell: NotebookNode) -> int:
    """The words that a learner reads: none of the badge and of the minutes themselves."""
    if cell.cell_type != "markdown" or has(cell, "badge") or has(cell, "minutes"):
        return 0
    return len(re.findall(r"[^\W_]+", re.sub(r"<!--.*?-->", "", cell.source, flags=re.S)))


def code_lines_of(cell: NotebookNode) -> int:
    """The lines of code that a learner reads: none of the set-up cell, which nobody need read, and
    none of an exercise's stub, whose time is on its card. Blank lines do not count."""
    stub = any(tag.startswith("stub:") for tag in tags(cell))
    if cell.cell_type != "code" or has(cell, "setup") or stub:
        return 0
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def exercise_minutes_of(cell: NotebookNode) -> int:
    """The minutes on an exercise's card; 0 for any other cell."""
    if not any(tag.startswith("exercise:") for tag in tags(cell)):
        return 0
    found = re.search(r"(\d+) minutes?", cell.source)
    if not found:
        raise SystemExit(f"The exercise card {cell.id!r} does not say how many minutes it takes.")
    return int(found[1])


def count_minutes(notebook: NotebookNode, deeper: bool = False) -> Minutes:
    """The minutes of the core path, or of all *Deeper* sections together."""
    flags = is_deeper(notebook)
    cells = [cell for cell, flag in zip(notebook.cells, flags, strict=True) if flag == deeper]
    return Minutes(
        text=math.ceil(sum(map(words_of, cells)) / WORDS_A_MINUTE),
        code=math.ceil(sum(map(code_lines_of, cells)) / CODE_LINES_A_MINUTE),
        predictions=MINUTES_A_PREDICTION * sum(map(is_prediction, cells)),
        views=MINUTES_A_VIEW * sum(has(cell, "view") for cell in cells),
        exercises=sum(map(exercise_minutes_of, cells)),
    )


def deeper_exercises(notebook: NotebookNode) -> list[str]:
    """The ids of the exercises that stand in a *Deeper* section."""
    flags = {cell.id: flag for cell, flag in zip(notebook.cells, is_deeper(notebook), strict=True)}
    return [name for name, card in tagged(notebook, "exercise").items() if flags[card.id]]


def measured_minutes() -> dict[str, dict]:
    """By lesson, what its last full run took: {"processor": minutes}."""
    return json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}


def core_total(lesson: Path, notebook: NotebookNode) -> int:
    """All minutes of a lesson's core path, those of the processor with them."""
    processor = measured_minutes().get(lesson.stem, {}).get("processor", 0)
    return sum(count_minutes(notebook)) + processor


def minutes_line(lesson: Path, notebook: NotebookNode) -> str:
    """The sentence below a lesson's objectives."""
    core, deeper = count_minutes(notebook), sum(count_minutes(notebook, deeper=True))
    processor = measured_minutes().get(lesson.stem, {}).get("processor")
    running = "not yet measured" if processor is None else f"about {processor}"
    optional, everything = len(deeper_exercises(notebook)), len(tagged(notebook, "exercise"))
    beside = f", with {optional} of the {everything} exercises" if optional else ""
    return (
        f"**Minutes: about {core_total(lesson, notebook)}.** Text {core.text}, code {core.code}, "
        f"predictions {core.predictions}, view {core.views}, exercises {core.exercises}, "
        f"processor {running} (one core), GPU not measured. "
        f"*Deeper* sections, all optional: about {deeper}{beside}."
    )


def minutes_in_table(lesson: Path, notebook: NotebookNode) -> tuple[str, str]:
    """The cells *minutes* and *exercises* of a lesson's row in the README."""
    deeper = sum(count_minutes(notebook, deeper=True))
    count, optional = len(tagged(notebook, "exercise")), len(deeper_exercises(notebook))
    beside = f", {optional} of them *Deeper*" if optional else ""
    return f"{core_total(lesson, notebook)} (+ {deeper} *Deeper*)", f"{count}{beside}"


def store_processor_minutes(lesson: Path, seconds: float) -> None:
    """Remember the processor minutes of a run, in whole minutes.

    Less than a minute away from what is stored changes nothing: the table does not flicker.
    """
    stored = measured_minutes()
    old = stored.get(lesson.stem, {}).get("processor")
    if old is None or abs(seconds / 60 - old) >= 1:
        stored[lesson.stem] = {"processor": max(1, round(seconds / 60))}
        MEASURED.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")
