"""What stays together in one process, and what comes first."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sharing import group_of, place_in_line


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/browser/test_lesson_01.py::test_runs", "browser"),
        ("tests/browser/test_harness.py::test_dark[a]", "browser"),
        ("tests/test_model.py::test_shapes[3]", "tests/test_model.py"),
        ("tests/exercises/test_all.py::test_solution_passes[01-2]", "exercise 01-2"),
        ("tests/exercises/test_all.py::test_stops[01-2-KeyError]", "exercise 01-2"),
        ("tests/test_contract.py::test_solutions_exist[01_tokenization]", "tests/test_contract.py"),
    ],
)
def test_what_shares_something_stays_together(nodeid, group):
    assert group_of(nodeid) == group


def test_lessons_are_run_wherever_there_is_room():
    name = "tests/test_contract.py::test_runs_strictly_as_recorded_and_offline"
    assert group_of(f"{name}[notebooks-a]") != group_of(f"{name}[notebooks-b]")


def test_the_longest_come_first():
    def marked(*markers):
        return SimpleNamespace(get_closest_marker=lambda name: name in markers)

    line = [marked("browser", "slow"), marked("contract"), marked("slow"), marked()]
    assert [place_in_line(item) for item in line] == [0, 1, 1, 2]


A_TEST = """
import os, pathlib, time, pytest

@pytest.mark.parametrize("n", range(4))
def test_it(n):
    time.sleep(0.05)  # so that the other process has its share, too
    pathlib.Path(__file__ + "." + os.environ["PYTEST_XDIST_WORKER"]).touch()
"""


def test_each_group_is_run_by_one_process(tmp_path):
    """With xdist itself: a scheduler that saw no group would share out single tests, and say
    nothing."""
    (tmp_path / "tests" / "browser").mkdir(parents=True)
    for name in ("browser/test_a.py", "browser/test_b.py", "test_c.py", "test_d.py"):
        (tmp_path / "tests" / name).write_text(A_TEST)
    (tmp_path / "tests" / "conftest.py").write_text(
        "from sharing import Shares\n"
        "def pytest_xdist_make_scheduler(config, log):\n"
        "    return Shares(config, log)\n"
    )
    subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadscope", "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        check=True,
        capture_output=True,
    )
    ran = {path.name for path in tmp_path.rglob("*.gw*")}
    names = ("test_a", "test_b", "test_c", "test_d")
    workers = {name: {path[-3:] for path in ran if path.startswith(name)} for name in names}
    assert all(len(found) == 1 for found in workers.values()), workers
    assert workers["test_a"] == workers["test_b"]
    assert len(set().union(*workers.values())) == 2, workers
