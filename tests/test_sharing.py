"""What stays together in one process, and what comes first."""

from types import SimpleNamespace

import pytest
from sharing import group_of, place_in_line

CUT_WORD = SimpleNamespace(id="01-2")


def made(path, *markers, **params):
    """A collected test, as far as it is looked at."""
    item = SimpleNamespace(path=path, nodeid=f"{path}::test[{params}]")
    item.get_closest_marker = lambda name: name if name in markers else None
    if params:
        item.callspec = SimpleNamespace(params=params)
    return item


@pytest.mark.parametrize(
    ("item", "group", "place"),
    [
        (made("browser/test_lesson_01.py", "browser"), "browser", 0),
        (made("browser/test_harness.py", "browser", "slow"), "browser", 0),
        (made("test_contract.py", "contract"), "test_contract.py", 1),
        (made("test_model.py", size=3), "test_model.py", 2),
        (made("exercises/test_all.py", exercise=CUT_WORD), "exercise 01-2", 2),
    ],
)
def test_what_shares_something_stays_together(item, group, place):
    assert (group_of(item), place_in_line(item)) == (group, place)


def test_lessons_are_run_wherever_there_is_room():
    first, second = (made("test_contract.py", "contract", notebook_path=n) for n in ("a", "b"))
    assert group_of(first) != group_of(second) and place_in_line(first) == 1
