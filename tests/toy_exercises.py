"""A small lesson 99 on which the exercise workshop is tested: one exercise and its notebooks."""

from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from spanbert_teach.exercises.checking import Wrong, call
from spanbert_teach.exercises.form import Exercise, Kind, Property, Slip, case
from spanbert_teach.exercises.kinds import expect_list

LETTERS = ["a", "b", "c", "d", "e"]


def right(words, size):
    return [words[i : i + size] for i in range(0, len(words), size)]


def read(got, given, *args):
    expect_list(got, given, "windows")
    for window in got:
        expect_list(window, given, "lists")
    return got


def letters(windows):
    return sum(map(len, windows))


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
    right=right,
    cases=(
        case(LETTERS, 2),
        case(LETTERS[:4], 2),
        case([], 2, hint="Nothing has no window.", misconception="empty"),
    ),
    kind=Kind(read),
    properties=(
        Property(
            lambda got, expected, *args: letters(got) < letters(expected),
            "drops-letters",
            "Letters are missing.",
        ),
        Property(
            lambda got, expected, words, size: [w for w in got if len(w) > size],
            "wrong-size",
            "{} is too long. Windows are `size` long.",
        ),
    ),
    slips=(
        Slip(drops_the_rest, "drops-the-rest", "The last window may be shorter."),
        Slip(overlaps, "overlaps", "Windows do not overlap here."),
        Slip(adds_an_empty_window, "empty-window", "No window is empty."),
        Slip(counts_windows, "wrong-size"),
        Slip(lambda words, size: right(words, size) or [[]], "empty"),
        Slip(forgets_to_return, "no-return"),
    ),
    hint="Windows follow each other.",
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


LENIENT = replace(
    TOY,
    id="99-2",
    title="Cut into windows, carelessly checked",
    cases=(),
    more=check_any_list,
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
