"""How `make test` shares the tests out to several processes: what stays together, what comes first.

pytest-xdist gives a group of tests to one process, and the next group to whoever is free.
"""

import re

from xdist.scheduler import LoadScopeScheduling

LONG = ("contract", "slow")  # the markers of what takes seconds


def group_of(nodeid: str) -> str:
    """The group of a test: what shares something expensive stays together.

    The browser's tests share one JupyterLab, those of an exercise or a file what is made for them;
    a lesson that nbval runs shares nothing.

    Args:
        nodeid: of pytest, such as "tests/test_model.py::test_shapes[3]".
    """
    path, _, test = nodeid.partition("::")
    if "tests/browser/" in path:
        return "browser"
    if test.startswith("test_runs_strictly"):
        return nodeid
    exercise = re.search(r"\[(\d\d-\d+)\b", test)
    return f"exercise {exercise[1]}" if exercise else path


def place_in_line(item) -> int:
    """A key for sorting: the longest groups first, so that nobody waits for them at the end."""
    if item.get_closest_marker("browser"):
        return 0
    return 1 if any(item.get_closest_marker(name) for name in LONG) else 2


class Shares(LoadScopeScheduling):
    """xdist's scheduler, with our groups. (Its own --dist loadgroup, version 3.8, finds no group
    under pytest 9.2: it writes them into a field of the tests that pytest no longer reads.)"""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
