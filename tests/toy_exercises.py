"""A small lesson 99 on which the exercise workshop is tested: one exercise and its notebooks."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from spanbert_teach.exercises.checking import (
    Exercise,
    Wrong,
    WrongAnswer,
    call,
    expect,
    expect_call,
    shown_call,
)


def check_windows(fn) -> None:
    letters = ["a", "b", "c", "d", "e"]
    whole = call(fn, letters, 2)
    expect(
        sum(len(window) for window in whole) >= 5,
        f"{shown_call(fn, letters, 2)} loses letters.\nThe last window may be shorter.",
        "drops-the-rest",
    )
    expect(
        sum(len(window) for window in whole) == 5,
        f"{shown_call(fn, letters, 2)} has letters twice.\nWindows do not overlap here.",
        "overlaps",
    )
    cut = {"expected": [["a", "b"], ["c", "d"], ["e"]], "hint": "Windows are `size` long."}
    expect_call(fn, letters, 2, **cut, misconception="wrong-size")
    even = {"expected": [["a", "b"], ["c", "d"]], "hint": "No window is empty."}
    expect_call(fn, letters[:4], 2, **even, misconception="empty-window")
    expect_call(fn, [], 2, expected=[], hint="Nothing has no window.", misconception="empty")


def drops_the_rest(words, size):
    return [words[i : i + size] for i in range(0, len(words) - size + 1, size)]


def overlaps(words, size):
    return [words[i : i + size] for i in range(len(words))]


def adds_an_empty_window(words, size):
    return [words[i : i + size] for i in range(0, len(words) + 1, size)]


def counts_windows(words, size):
    return [words[i::size] for i in range(size)]


def forgets_to_return(words, size):
    [words[i : i + size] for i in range(0, len(words), size)]


def another_style(words, size):
    return [list(words[i : i + size]) for i in range(0, len(words), size)]


TOY = Exercise(
    id="99-1",
    title="Cut into windows",
    function="windows",
    minutes=5,
    difficulty=2,
    check=check_windows,
    wrong=(
        WrongAnswer(drops_the_rest, "drops-the-rest"),
        WrongAnswer(overlaps, "overlaps"),
        WrongAnswer(adds_an_empty_window, "empty-window"),
        WrongAnswer(counts_windows, "wrong-size"),
        WrongAnswer(forgets_to_return, "no-return"),
    ),
    alternative=another_style,
    equivalent_mutants={
        "dropped in: if not words:": "the loop does not run for an empty list",
        "dropped in: return []": "the loop does not run for an empty list",
    },
)


def check_any_list(fn) -> None:
    """A check with a hole: it accepts every list."""
    if not isinstance(call(fn, ["a"], 1), list):
        raise Wrong("This should be a list.", "no-list")


LENIENT = Exercise(
    id="99-2",
    title="Cut into windows, carelessly checked",
    function="windows",
    minutes=5,
    difficulty=2,
    check=check_any_list,
    wrong=TOY.wrong,
    alternative=another_style,
    equivalent_mutants={"1 to 2 in: a line that is not there": "stale"},
)

EXERCISES = (TOY, LENIENT)

PRELUDE = "EMPTY = []\nSIZE = 2"
SOLUTION = '''\
def windows(words: list[str], size: int = SIZE) -> list[list[str]]:
    """Cut a list into windows."""
    if not words:
        return []
    found, start = list(EMPTY), 0
    while start < len(words):
        found.append(words[start : start + size])
        start += size
    return found
'''
STUB = '''\
def windows(words: list[str], size: int = SIZE) -> list[list[str]]:
    """Cut a list into windows of `size` words; the last may be shorter."""
    ...


check("99-1", windows)'''
CARD = """\
**Exercise 99-1 · Cut into windows** · difficulty 2 of 5 · 5 minutes

<details><summary>Hint 1</summary>Slices.</details>
<details><summary>Hint 2</summary>Steps of `size`.</details>

[Solution](solutions/99_toy.ipynb)"""


def tagged(cell: nbformat.NotebookNode, tag: str) -> nbformat.NotebookNode:
    cell.metadata["tags"] = [tag]
    return cell


def write_notebooks(folder: Path, solution: str = SOLUTION, card: str = CARD) -> Path:
    """Write lesson 99 and its solutions below a folder; returns the folder of the lesson."""
    notebooks = folder / "notebooks"
    (notebooks / "solutions").mkdir(parents=True)
    lesson = [
        tagged(new_code_cell(PRELUDE), "prelude"),
        tagged(new_markdown_cell(card), "exercise:99-1"),
        tagged(new_code_cell(STUB), "stub:99-1"),
    ]
    nbformat.write(new_notebook(cells=lesson), notebooks / "99_toy.ipynb")
    solutions = [
        tagged(new_code_cell(PRELUDE), "prelude"),
        tagged(new_code_cell(solution + '\ncheck("99-1", windows)'), "solution:99-1"),
        tagged(new_code_cell(solution), "solution:99-2"),
    ]
    nbformat.write(new_notebook(cells=solutions), notebooks / "solutions" / "99_toy.ipynb")
    return notebooks
