"""The contract can fail: each kind of lie, planted in a copy of one lesson, turns it red."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from spanbert_teach.my_lessons import refresh
from tools.notebooks import ROOT, read, recorded, tagged, write

LESSON = "00"
TESTS = [
    "conftest.py",
    "selection.py",
    "sharing.py",
    "nbval_sanitize.cfg",
    "test_contract.py",
    "test_guard.py",
]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A checkout that holds one lesson and all that its contract needs."""
    root = tmp_path_factory.mktemp("bites") / "checkout"
    for name in ["spanbert_teach", "tools", "tests/results"]:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    names = ["pyproject.toml", "README.md", "CONTRIBUTING.md", "notebooks/minutes.json"]
    names += [f"tests/{name}" for name in TESTS]
    found = (ROOT / "notebooks").rglob(f"{LESSON}_*.ipynb")
    for name in names + [path.relative_to(ROOT).as_posix() for path in found]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "data", root / "data")
    subprocess.run([sys.executable, "tools/lessons.py", "sync"], cwd=root, check=True)
    return root


@pytest.fixture
def copy(checkout, tmp_path) -> Path:
    """A checkout of the test's own, to plant something in."""
    return shutil.copytree(checkout, tmp_path / "checkout")


def first_failure(root: Path) -> str:
    """Run `pytest -m contract` in the copy; the name of the test that fails, "" when all pass."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    options = ["-x", "-q", "-p", "no:cacheprovider", "--disable-plugin-autoload"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "contract", *options],
        cwd=root,
        env={**environment, "LESSON": LESSON},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
    failed = re.search(r"^FAILED \S+::(\w+)", done.stdout, re.M)
    return failed[1] if failed else ""


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def lesson_of(root: Path) -> Path:
    return next((root / "notebooks").glob(f"{LESSON}_*.ipynb"))


def test_green_beside_a_learner_at_work(copy):
    """A learner has solved, saved badly formatted code, run cells; then the course was pulled."""
    home = copy / "my_lessons"
    refresh(copy / "notebooks", home)
    mine = home / lesson_of(copy).name
    notebook = read(mine)
    for cell in tagged(notebook, "stub").values():
        cell.source = "import os,sys\nx=1;" + cell.source.replace("...", "return  'mine' ")
        cell.outputs = [nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])]
    write(mine, notebook)
    (home / "progress.json").write_text("{", encoding="utf-8")
    refresh(copy / "notebooks", home)
    assert read(mine) == notebook
    assert first_failure(copy) == ""


def test_library_function(copy):
    edit(
        copy / "spanbert_teach" / "baselines.py", "from_left * from_right", "from_left + from_right"
    )
    assert first_failure(copy) == "test_guess"


def test_library_function_and_its_cell_together(copy):
    """Even when `make sync` carries the mistake into the lesson: the hand-built value stands."""
    edit(
        copy / "spanbert_teach" / "baselines.py", "from_left * from_right", "from_left + from_right"
    )
    subprocess.run([sys.executable, "tools/lessons.py", "sync"], cwd=copy, check=True)
    assert first_failure(copy) == "test_guess"


def test_library_cell(copy):
    notebook = read(lesson_of(copy))
    name, cell = next(iter(tagged(notebook, "library").items()))
    cell.source = cell.source.replace("return", "return  ", 1) + f"  # {name}"
    write(lesson_of(copy), notebook)
    assert first_failure(copy) == "test_library_cells_are_the_library_source"


def test_hand_built_step(copy):
    """The recorded output stays, the step above it changes: nbval sees it."""
    notebook = read(lesson_of(copy))
    (cell,) = [cell for cell in notebook.cells if "def guess_by_hand" in cell.source]
    assert "position - length - 1" in cell.source
    cell.source = cell.source.replace("position - length - 1", "position - length - 2")
    write(lesson_of(copy), notebook)
    assert first_failure(copy) == "test_runs_strictly_as_recorded_and_offline"


def test_recorded_output(copy):
    notebook = read(lesson_of(copy))
    cells = tagged(notebook, "result")
    cell = cells[f"{LESSON}-one-word"]
    number = re.search(r"\d", recorded(cell))[0]
    cell.outputs[0].text = cell.outputs[0].text.replace(number, str((int(number) + 1) % 10), 1)
    write(lesson_of(copy), notebook)
    assert first_failure(copy) == f"test_{f'{LESSON}-one-word'[3:].replace('-', '_')}"


def test_quoted_number(copy):
    notebook = read(lesson_of(copy))
    cell = next(c for c in notebook.cells if f"<!-- claim: {LESSON}-one-word" in c.source)
    number = re.search(r"\d+\.\d+", cell.source)[0]
    cell.source = cell.source.replace(number, f"{float(number) + 1:.1f}", 1)
    write(lesson_of(copy), notebook)
    assert first_failure(copy) == "test_figures_in_prose_have_a_source"
