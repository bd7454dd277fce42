"""What all tests share: the lessons as parameters, and result tests as part of the contract."""

import os
import signal

import pytest
from selection import concerns, places_of
from sharing import Shares, place_in_line

from tools.notebooks import lessons, read, recorded, solution_path, tagged


def pytest_configure(config):
    # A shell starts a job in the background, and nohup any, with signals ignored; the tests of
    # Ctrl-C and of a closed terminal, and the programs that they start, need them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        lessons()
    except SystemExit as unknown:
        raise pytest.UsageError(str(unknown)) from None


def run_for_real(report):
    """With NO_SKIPS, which CI sets, whatever is skipped or expected to fail has failed."""
    if report.skipped and os.environ.get("NO_SKIPS"):
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)  # else pytest shows a failure and ends with status 0
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return run_for_real((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A whole module may be left out, too."""
    return run_for_real((yield))


def pytest_generate_tests(metafunc):
    """A test that asks for `lesson` or `notebook_path` runs once for each (see LESSON)."""
    if "lesson" in metafunc.fixturenames:
        metafunc.parametrize("lesson", lessons(), ids=lambda path: path.stem)
    if "notebook_path" in metafunc.fixturenames:
        both = [path for lesson in lessons() for path in (lesson, solution_path(lesson))]
        metafunc.parametrize("notebook_path", both, ids=lambda p: f"{p.parent.name}-{p.stem}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Shares(config, log)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("result"):
            item.add_marker(pytest.mark.contract)
    if os.environ.get("LESSON", "").strip():
        [lesson] = lessons()
        places = places_of(lesson)
        kept = [item for item in items if concerns(item, lesson.name[:2], places)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=place_in_line)


@pytest.fixture
def recorded_output(request) -> str:
    """The recorded output of the result cell that the test's `result` marker names."""
    name = request.node.get_closest_marker("result").args[0]
    for lesson in lessons():
        cells = tagged(read(lesson), "result")
        if name in cells:
            return recorded(cells[name])
    raise LookupError(f"no lesson has a cell tagged result:{name}")
