"""What an argument has to be, and the words in which it is said."""

import numpy as np
import pytest

from spanbert_teach.checks import check_count, is_number


@pytest.mark.parametrize(("value", "least"), [(1, 1), (7, 0), (0, 0), (-2, -3), (np.int64(4), 4)])
def test_a_whole_number_that_is_large_enough_says_nothing(value, least):
    assert check_count("top", value, least) is None


@pytest.mark.parametrize("value", [0, -1, True, 1.0, 2.5, np.float64(3), "3", None, float("nan")])
def test_all_else_is_refused_by_name_and_value(value):
    with pytest.raises(ValueError) as error:
        check_count("top", value, 1)
    assert str(error.value) == f"top={value!r}: expected a whole number, 1 or more."


def test_no_is_not_the_number_0():
    with pytest.raises(ValueError, match=r"seed=False: expected a whole number, 0 or more\."):
        check_count("seed", False, 0)


def test_what_is_a_number():
    assert all(map(is_number, [0, -1.5, 10**400, np.float32(2), np.int64(3)]))
    for value in (True, None, "1", [1], float("nan"), float("inf"), -np.inf, 1j):
        assert not is_number(value)
