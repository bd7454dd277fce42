"""The wheel, installed elsewhere: its data is in it, and lesson 01 runs against it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
LESSON = ROOT / "notebooks" / "01_tokenization.ipynb"

LOOK = """
import json, pathlib, spanbert_teach, spanbert_teach.doctor as doctor
from spanbert_teach.checkpoints import load_model
from spanbert_teach.paths import checkout, data_path
print(json.dumps({
    "package": spanbert_teach.__file__,
    "checkout": checkout() is not None,
    "data": str(data_path()),
    "files": sorted(p.relative_to(data_path()).as_posix() for p in data_path().rglob("*")
                    if p.is_file()),
    "check": doctor.check_data().status,
    "pieces": len(load_model("course").tokenizer),
    "needed": sorted(r.name for r in doctor.requirements()[0]),
    "course": sorted(r.name for r in doctor.requirements()[1]),
}))
"""


def run(*command, **more) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, encoding="utf-8", check=False, **more
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory) -> Path:
    """A folder far from the checkout into which the wheel is installed."""
    folder = tmp_path_factory.mktemp("elsewhere")
    options = ("--no-deps", "--no-index", "--disable-pip-version-check", "--quiet")
    run(sys.executable, "-m", "pip", "install", *options, "--target", folder, wheel)
    return folder


def environment(elsewhere: Path) -> dict[str, str]:
    # First on the path: before the checkout, which an editable installation puts there too.
    return {**os.environ, "PYTHONPATH": str(elsewhere), "OMP_NUM_THREADS": "1"}


def test_wheel_holds_code_views_data_and_licence_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"spanbert_teach"}
    assert "spanbert_teach/_data/checksums.sha256" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    in_checkout = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("spanbert_teach/**/*.js")}
    assert in_checkout <= set(names)


def test_installed_wheel_finds_its_data(elsewhere, tmp_path):
    found = json.loads(run(sys.executable, "-c", LOOK, cwd=tmp_path, env=environment(elsewhere)))
    assert Path(found["package"]).is_relative_to(elsewhere)
    assert Path(found["data"]).is_relative_to(elsewhere)
    assert found["checkout"] is False
    assert found["check"] == "ok" and found["pieces"] == 8192
    # The commit decides what is published, not what lies about in the folder.
    tracked = run("git", "ls-files", "-co", "--exclude-standard", "data", cwd=ROOT).split()
    assert found["files"] == sorted(name.removeprefix("data/") for name in tracked)
    assert "torch" in found["needed"] and "jupyterlab" not in found["needed"]
    assert found["course"] == ["bertviz", "jupyterlab", "transformers"]


@pytest.mark.slow
def test_lesson_01_runs_against_the_wheel(elsewhere, tmp_path, monkeypatch):
    for name, value in environment(elsewhere).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SPANBERT_TEACH_HOME", str(tmp_path / "my_lessons"))
    notebook = nbformat.read(LESSON, as_version=4)
    where = nbformat.v4.new_code_cell("import spanbert_teach\nprint(spanbert_teach.__file__)")
    notebook.cells.append(where)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    assert Path(where.outputs[0].text.strip()).is_relative_to(elsewhere)
