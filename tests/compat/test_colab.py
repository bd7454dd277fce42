"""Every lesson as on Colab: its own set-up cell installs the course, then the lesson runs.

`make compat` makes .venv-compat (Colab's package versions, no spanbert-teach) and calls this. The
source is a repository made from the working tree, tagged with its version, so that what is tested
is what will be published; a `google.colab` that does nothing makes the lessons believe it.
"""

import json
import os
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from tools.compat import VENV
from tools.notebooks import lessons
from tools.setup import BIN, ROOT

PYTHON = VENV / BIN
WHERE = "import spanbert_teach\nprint(spanbert_teach.__file__)"


def run(*command, cwd=None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    """A repository with the working tree as its one commit, tagged with the course's version."""
    import spanbert_teach

    clone = tmp_path_factory.mktemp("source") / "spanbert"
    names = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():  # a file deleted but not yet committed is still listed
            target = clone / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    run("git", "init", "-q", cwd=clone)
    run("git", "add", "--all", cwd=clone)
    who = ("-c", "user.name=compat", "-c", "user.email=compat@example.org")
    run("git", *who, "commit", "-q", "--no-gpg-sign", "-m", "the working tree", cwd=clone)
    run("git", "tag", f"v{spanbert_teach.__version__}", cwd=clone)
    return clone


@pytest.fixture(scope="session")
def colab(tmp_path_factory) -> dict[str, str]:
    """Environment variables that make a kernel of .venv-compat look like Colab's."""
    home = tmp_path_factory.mktemp("colab")
    stub = home / "stub" / "google" / "colab"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text('"""Stands in for Colab."""\n', encoding="utf-8")
    startup = home / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-colab.py").write_text("import google.colab\n", encoding="utf-8")
    kernel = home / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True)
    command = [str(PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Colab", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return {
        "PYTHONPATH": str(stub.parent.parent),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PATH": str(home / "jupyter"),
        "SPANBERT_TEACH_HOME": str(home / "my_lessons"),
        # %pip calls the Python of the kernel; a shell escape would find this one first.
        "PATH": str(PYTHON.parent) + os.pathsep + os.environ["PATH"],
        "OMP_NUM_THREADS": "1",
    }


def uninstall() -> None:
    run(PYTHON, "-m", "pip", "uninstall", "-q", "-y", "spanbert-teach")


@pytest.fixture(scope="session")
def handed_out() -> set[str]:
    """The packages of a runtime as Colab hands it out: the course is not installed."""
    uninstall()
    return packages()


@pytest.fixture
def on_colab(colab, monkeypatch):
    """A kernel looks like Colab's; what the test before installed is still there."""
    for name, value in colab.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SPANBERT_TEACH_SOURCE", raising=False)


@pytest.fixture
def fresh_colab(on_colab):
    """The same, and the course is not installed."""
    uninstall()


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    # The copy of JUPYTER_PATH in this process may be older than the variable: name it anew.
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="colab",
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()


def setup_cell(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    cells = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]
    assert len(cells) == 1, f"a lesson has one cell tagged setup, this one has {len(cells)}"
    return cells[0]


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.get("outputs", []))


def errors(notebook: nbformat.NotebookNode) -> list[str]:
    return [
        f"{cell.id}: {output.ename}: {output.evalue}\n" + "\n".join(output.traceback)
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def packages() -> set[str]:
    """What is installed in .venv-compat, with versions, without the course itself."""
    lines = run(PYTHON, "-m", "pip", "freeze").splitlines()
    return {line for line in lines if not line.lower().startswith("spanbert")}


def test_there_are_lessons():
    assert lessons(), "notebooks/ holds no lesson: nothing would be tested here"


def test_lesson_sets_itself_up_and_runs(
    lesson, source, handed_out, on_colab, monkeypatch, tmp_path
):
    """The first lesson installs the course. The others, whose set-up cell is the same, find it, as
    for someone who opens one after the other."""
    monkeypatch.setenv("SPANBERT_TEACH_SOURCE", source.as_uri())
    notebook = nbformat.read(lesson, as_version=4)
    cell = setup_cell(notebook)
    again = new_code_cell(cell.source)  # people run it twice
    notebook.cells.insert(notebook.cells.index(cell) + 1, again)
    notebook.cells.append(new_code_cell(WHERE))

    execute(notebook, tmp_path)

    found = errors(notebook)
    assert not found, "\n\n".join([printed(cell), *found])
    place = Path(printed(notebook.cells[-1]).strip()).resolve()
    assert VENV.resolve() in place.parents, f"the lesson imported {place}"
    assert packages() == handed_out, "the set-up cell may install the course and nothing else"


# `make sync` writes the same set-up cell into all lessons: one is enough for what the cell says.


def test_a_wrong_address_ends_in_a_sentence(fresh_colab, monkeypatch, tmp_path):
    monkeypatch.setenv("SPANBERT_TEACH_SOURCE", (tmp_path / "no-repository").as_uri())
    notebook = nbformat.read(lessons()[0], as_version=4)
    notebook.cells = [setup_cell(notebook)]
    execute(notebook, tmp_path)
    (stopped,) = errors(notebook)
    assert "SystemExit: Not installed." in stopped and "Traceback" not in stopped


def test_without_a_source_the_setup_cell_says_so(fresh_colab, tmp_path):
    notebook = nbformat.read(lessons()[0], as_version=4)
    cell = setup_cell(notebook)
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    address = settings["tool"]["spanbert-teach"]["source"]
    if address:  # a fork: as if it had none
        cell.source = cell.source.replace(address, "")
    notebook.cells = [cell]

    execute(notebook, tmp_path)

    stopped = "\n".join(errors(notebook))
    assert "SPANBERT_TEACH_SOURCE" in printed(cell) + stopped, "no sentence says what to set"
    assert "Traceback" not in printed(cell) + stopped
