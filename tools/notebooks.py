"""Reading lessons: the small vocabulary that sync, execute, mutants and the tests share.

A lesson is `notebooks/NN_topic.ipynb`. What a cell is for stands in its tags:

    setup · badge · minutes      written by `make sync`, never by hand
    library:<module>.<name>      the library's own source, written by `make sync`
    result:<id>                  prints a small result that a test computes a second way
    exercise:<id> · stub:<id>    the card and the learner's cell;  solution:<id> in solutions/
    prelude                      code that the solutions need too
    view                         an interactive view (its static picture is stored)
    nbval-ignore-output          depends on the machine; the next code cell asserts what must hold

A prediction is a text cell that begins with the heading "### Predict before you run"; the heading
of an optional section begins with "Deeper".
"""

import os
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from spanbert_teach.paths import write_whole

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
OFFLINE = ROOT / "tools" / "offline"
GENERATED = {"setup", "badge", "minutes"}


def lessons() -> list[Path]:
    """The lessons in order; `LESSON=02` (or 2) in the environment narrows them to one."""
    number = os.environ.get("LESSON", "").strip()
    found = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    chosen = [path for path in found if not number or path.name[:2] == number.zfill(2)]
    if number and not chosen:
        there = ", ".join(path.name[:2] for path in found)
        raise SystemExit(f"There is no lesson {number!r}. There are: {there}.")
    return chosen


def solution_path(lesson: Path) -> Path:
    return lesson.parent / "solutions" / f"{lesson.stem}_solutions.ipynb"


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def write(path: Path, notebook: NotebookNode) -> bool:
    """Write the notebook if that changes the file; tell whether it did."""
    text = nbformat.writes(notebook, version=4).rstrip("\n") + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
    return True


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def has(cell: NotebookNode, tag: str) -> bool:
    return tag in tags(cell)


def tagged(notebook: NotebookNode, kind: str) -> dict[str, NotebookNode]:
    """Cells whose tag is `<kind>:<name>`, by name, in order. A name may stand only once."""
    found: dict[str, NotebookNode] = {}
    for cell in notebook.cells:
        for tag in tags(cell):
            if tag.startswith(f"{kind}:"):
                name = tag.removeprefix(f"{kind}:")
                if name in found:
                    raise ValueError(f"two cells carry the tag {tag!r}")
                found[name] = cell
    return found


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def recorded(cell: NotebookNode) -> str:
    """What the cell prints: its stdout and its results as plain text, without the last newline."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            parts.append(output.text)
        elif "data" in output:
            parts.append(output.data.get("text/plain", "") + "\n")
    return "".join(parts).rstrip("\n")


def is_prediction(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown" and cell.source.startswith("### Predict before you run")


def is_deeper(notebook: NotebookNode) -> list[bool]:
    """For each cell, whether it belongs to a *Deeper* section.

    A heading that starts with "Deeper" opens one; the next heading of the same or a higher level
    that does not closes it.
    """
    level, flags = 0, []
    for cell in notebook.cells:
        heading = re.match(r"(#+) (.*)", cell.source) if cell.cell_type == "markdown" else None
        if heading and (not level or len(heading[1]) <= level):
            level = len(heading[1]) if heading[2].startswith("Deeper") else 0
        flags.append(bool(level))
    return flags


def kernel_environment(home: Path, network_log: Path) -> dict[str, str]:
    """The environment in which lessons are executed and compared: one thread, no network, no
    trace in the learner's own folder, and this checkout's library before any installed one."""
    path = [str(OFFLINE), str(ROOT)]
    if existing := os.environ.get("PYTHONPATH"):
        path.append(existing)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "SPANBERT_TEACH_HOME": str(home),
        "SPANBERT_TEACH_NETWORK_LOG": str(network_log),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
