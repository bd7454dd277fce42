"""The solutions of the exercises, read from the notebooks that are their one source."""

import __future__

import ast
import linecache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from tools.notebooks import NOTEBOOKS, has, read, tagged


def lesson_path(exercise_id: str, notebooks: Path = NOTEBOOKS) -> Path:
    """The lesson that an exercise stands in.

    Raises:
        FileNotFoundError: there is not exactly one such lesson.
    """
    number = exercise_id.partition("-")[0]
    found = sorted(notebooks.glob(f"{number}_*.ipynb"))
    if len(found) != 1:
        there = ", ".join(path.name for path in found) or "none"
        raise FileNotFoundError(
            f"Exercise {exercise_id} needs exactly one lesson {number}_*.ipynb in "
            f"{notebooks.name}/; there is: {there}."
        )
    return found[0]


def cell_source(exercise_id: str, kind: str, notebook: NotebookNode) -> str:
    """The source of the cell tagged `<kind>:<exercise_id>`.

    Raises:
        KeyError: there is no such cell.
    """
    cells = tagged(notebook, kind)
    if exercise_id not in cells:
        raise KeyError(f"No cell is tagged {kind}:{exercise_id}. There are: {', '.join(cells)}.")
    return cells[exercise_id].source


def load_solution(exercise_id: str, notebooks: Path = NOTEBOOKS) -> tuple[str, dict[str, Any]]:
    """The source of a solution, and the namespace after it was executed.

    The cells tagged `prelude` run first. Bare expressions in the solution's cell (a check, a
    print) are left out: loading a solution shows nothing and records nothing.

    Raises:
        FileNotFoundError, KeyError: there is no such notebook or cell; the message says which.
    """
    source, namespace = load_prelude(exercise_id, notebooks)
    run(without_expressions(source), namespace, f"<solution {exercise_id}>")
    return source, namespace


def load_prelude(exercise_id: str, notebooks: Path = NOTEBOOKS) -> tuple[str, dict[str, Any]]:
    """As `load_solution`, but the solution itself is not executed."""
    notebook = read(lesson_path(exercise_id, notebooks / "solutions"))
    return cell_source(exercise_id, "solution", notebook), run_prelude(notebook, exercise_id)


def run_prelude(notebook: NotebookNode, label: str) -> dict[str, Any]:
    """The namespace after the notebook's cells tagged `prelude`."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and has(cell, "prelude"):
            run(cell.source, namespace, f"<prelude {label} {position}>")
    return namespace


def without_expressions(source: str) -> str:
    """The source without its bare top-level expressions, line numbers kept."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Expr):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(lines) + "\n"


def run(source: str, namespace: dict[str, Any], filename: str) -> None:
    """Execute source as a notebook does: `inspect` and tracebacks can show its lines.

    Annotations are not evaluated, so that a cell can be run without the imports of its types.
    """
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    flags = __future__.annotations.compiler_flag
    exec(compile(source, filename, "exec", flags=flags, dont_inherit=True), namespace)
