"""The form of the lessons: stored executed and clean, readable, complete."""

import base64
import re
import statistics

import pytest

from spanbert_teach.doctor import MARKS, report
from tools.lessons import setup_source
from tools.minutes import core_total, deeper_exercises
from tools.notebooks import (
    NOTEBOOKS,
    code_cells,
    has,
    is_prediction,
    read,
    recorded,
    solution_path,
    tagged,
    tags,
)

pytestmark = pytest.mark.contract

MACHINE_PATH = re.compile(r"/(?:home|root|Users|tmp|work|private)/\w|[A-Z]:\\\\?Users")
IMAGE = re.compile(r"!\[(.*?)\]\((.*?)\)|<img\b([^>]*)>")


def outputs(notebook):
    return [(cell, output) for cell in code_cells(notebook) for output in cell.outputs]


def test_stored_executed_in_order(notebook_path):
    cells = code_cells(read(notebook_path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell.outputs for cell in cells), "no outputs: nbval would pass anything"


def test_no_errors_or_warnings_are_stored(notebook_path):
    for cell, output in outputs(read(notebook_path)):
        allowed = has(cell, "raises-exception")
        assert output.output_type != "error" or allowed, f"{cell.id} stores an error"
        assert output.get("name") != "stderr", f"{cell.id} stores a warning: {output.text}"


def test_metadata_is_minimal(notebook_path):
    notebook = read(notebook_path)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}, f"{cell.id} has metadata {set(cell.metadata)}"
        assert re.fullmatch(r"\d\d-[a-z0-9-]+", cell.id), f"{cell.id}: run `make sync`"


def test_no_machine_paths(notebook_path):
    found = MACHINE_PATH.search(notebook_path.read_text(encoding="utf-8"))
    assert not found, f"{notebook_path.name} holds a path of a machine: {found}"


def test_ignored_outputs_are_few_and_asserted(notebook_path):
    """An output that nbval does not compare is followed by a cell that asserts what must hold."""
    cells = code_cells(read(notebook_path))
    ignored = [i for i, cell in enumerate(cells) if has(cell, "nbval-ignore-output")]
    assert len(ignored) <= len(cells) / 3
    for i in ignored:
        assert i + 1 < len(cells), f"{cells[i].id}: no cell follows that asserts what must hold"
        assert "assert " in cells[i + 1].source, f"{cells[i].id} is ignored, and nothing asserts"
    assert not any(has(cell, "nbval-skip") for cell in cells)
    for name, cell in tagged(read(notebook_path), "result").items():
        assert not has(cell, "nbval-ignore-output"), f"result:{name} would not be compared"


def test_the_stored_doctor_tells_the_truth():
    """nbval cannot compare lesson 00's doctor; what does not depend on the machine is true."""
    notebook = read(next(NOTEBOOKS.glob("00_*.ipynb")))
    (cell,) = [cell for cell in notebook.cells if cell.id == "00-doctor"]
    here = {check.name: check for check in report()}
    stored = re.findall(r"^(\S) (.{12}) (.*)$", recorded(cell), re.M)
    stored = {name.strip(): (mark, said) for mark, name, said in stored}
    assert list(stored) == list(here), "run `make execute LESSON=00`"
    for name in ("data", "MiniLM"):
        assert stored[name] == (MARKS[here[name].status], here[name].found)
    assert MARKS["problem"] not in {mark for mark, _ in stored.values()}


def test_code_cells_are_short_and_among_prose(lesson):
    notebook = read(lesson)
    lengths = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    assert statistics.median(lengths) <= 8, f"the median code cell has {lengths} lines"
    assert max(lengths) <= 40
    own = [c for c in code_cells(notebook) if not any(t.startswith("library:") for t in tags(c))]
    long = [cell.id for cell in own if len(cell.source.splitlines()) > 20]
    assert not long, f"more than 20 lines, and no library cell: {long}"
    kinds = "".join("c" if cell.cell_type == "code" else "m" for cell in notebook.cells)
    assert "ccc" not in kinds, f"more than two code cells in a row at cell {kinds.index('ccc')}"


def test_figures_have_alternative_text(notebook_path):
    notebook = read(notebook_path)
    for cell, output in outputs(notebook):
        data = output.get("data", {})
        if "image/png" in data:
            alt = output.metadata.get("image/png", {}).get("alt", "")
            assert len(alt) > 20, f"{cell.id}: use figure(fig, 'what it shows')"
            assert data["text/plain"] == alt
            size = len(base64.b64decode(data["image/png"]))
            assert size <= 150_000, f"{cell.id}: the figure has {size} bytes"
    for cell in notebook.cells:
        for alt, target, attributes in IMAGE.findall(cell.source):
            assert alt.strip() or "alt=" in attributes, f"{cell.id}: an image without alt text"
            assert "://" not in target + attributes, f"{cell.id}: an image from the network"
    assert notebook_path.stat().st_size <= 1_500_000


def test_views_store_a_static_picture(lesson):
    views = [cell for cell in code_cells(read(lesson)) if has(cell, "view")]
    assert views, "a lesson has at least one interactive view"
    for cell in views:
        data = [output.get("data", {}) for output in cell.outputs]
        assert any("<" in d.get("text/html", "") for d in data), f"{cell.id} stores no static HTML"
        assert all("widget-view" not in kind for d in data for kind in d)


def test_the_frame_of_a_lesson(lesson):
    notebook = read(lesson)
    assert notebook.cells[0].source.startswith("# "), "the first cell is the title"
    assert [t for cell in notebook.cells[:4] for t in tags(cell)][:2] == ["badge", "setup"]
    assert len(setup_source().splitlines()) <= 10
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for part in ["Objectives", "Prerequisites", "Predict", "Spot the bug", "Deeper", "Recap"]:
        assert part in prose, f"{lesson.name} has no {part!r}"
    assert "Your progress" in prose


def test_the_core_path_fits_a_class(lesson):
    """At most 75 minutes of the 90 that a class has, with three or four exercises."""
    notebook = read(lesson)
    assert core_total(lesson, notebook) <= 75, "move something to *Deeper*"
    on_it = len(tagged(notebook, "exercise")) - len(deeper_exercises(notebook))
    assert 3 <= on_it <= 4


def test_few_new_terms(lesson):
    """At most eight glossary terms on the core path: each a list item that starts in bold."""
    glossary = [cell.source for cell in read(lesson).cells if has(cell, "glossary")]
    terms = [t for text in glossary for t in re.findall(r"^- \*\*(.+?)\*\*", text, re.M)]
    assert 1 <= len(terms) <= 8, terms


def test_predictions_have_choices(lesson):
    """Each prediction offers three or four choices and says afterwards why each one tempts."""
    cells = [cell for cell in read(lesson).cells if is_prediction(cell)]
    assert cells
    for cell in cells:
        assert 3 <= len(re.findall(r"^- \*\*[A-D]\*\*", cell.source, re.M)) <= 4, cell.id


def test_every_exercise_is_complete(lesson):
    notebook = read(lesson)
    cards, stubs = tagged(notebook, "exercise"), tagged(notebook, "stub")
    assert list(cards) == list(stubs), "each exercise has a card and a stub, in the same order"
    assert len(cards) >= 3
    for name, card in cards.items():
        assert card.source.count("<details>") >= 2, f"{name}: two hints in <details>"
        assert f"solutions/{solution_path(lesson).name}" in card.source, (
            f"{name}: a link to the solution"
        )
        assert stubs[name].source.splitlines()[-1].startswith(f'check("{name}", ')
        assert "..." in stubs[name].source
