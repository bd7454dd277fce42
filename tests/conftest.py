"""What all tests share: the lessons as parameters, and result tests as part of the contract."""

import pytest

from tools.notebooks import lessons, read, recorded, solution_path, tagged


def pytest_generate_tests(metafunc):
    """A test that asks for `lesson` or `notebook_path` runs once for each (see LESSON)."""
    if "lesson" in metafunc.fixturenames:
        metafunc.parametrize("lesson", lessons(), ids=lambda path: path.stem)
    if "notebook_path" in metafunc.fixturenames:
        both = [path for lesson in lessons() for path in (lesson, solution_path(lesson))]
        metafunc.parametrize("notebook_path", both, ids=lambda p: f"{p.parent.name}-{p.stem}")


def pytest_collection_modifyitems(items):
    chosen = {path.name[:2] for path in lessons()}
    for item in list(items):
        if mark := item.get_closest_marker("result"):
            item.add_marker(pytest.mark.contract)
            if mark.args[0][:2] not in chosen:
                items.remove(item)


@pytest.fixture
def recorded_output(request) -> str:
    """The recorded output of the result cell that the test's `result` marker names."""
    name = request.node.get_closest_marker("result").args[0]
    for lesson in lessons():
        cells = tagged(read(lesson), "result")
        if name in cells:
            return recorded(cells[name])
    raise LookupError(f"no lesson has a cell tagged result:{name}")
