"""Texts and numbers as all views write them."""

import pytest

from spanbert_teach.views.texts import (
    first_characters,
    percent,
    percent_in_words,
    shorten,
    whole_percent,
)


def test_long_texts_are_cut():
    assert first_characters("abc", 3) == ("abc", [])
    assert first_characters("\ud800bcd", 3) == ("?bc", ["Only the first 3 characters are used."])
    assert shorten("abcd", 4) == "abcd" and shorten("abcde", 4) == "abc…"
    assert shorten("ab de", 4) == "ab…"


@pytest.mark.parametrize(
    ("share", "said", "whole", "in_words"),
    [
        (0, "0%", "0%", "0%"),
        (1e-9, "<0.1%", "<1%", "under 0.1%"),
        (0.0004, "<0.1%", "<1%", "under 0.1%"),
        (0.0005, "0.1%", "<1%", "under 0.1%"),
        (0.004, "0.4%", "<1%", "0.4%"),
        (0.0123, "1.2%", "1%", "1%"),
        (0.0994, "9.9%", "10%", "10%"),
        (0.0996, "10%", "10%", "10%"),
        (0.13, "13%", "13%", "13%"),
        (0.5, "50%", "50%", "50%"),
        (0.994, "99%", "99%", "more than 99%"),
        (0.997, ">99%", "100%", "more than 99%"),
        (1, "100%", "100%", "100%"),
    ],
)
def test_percentages_never_hide_something(share, said, whole, in_words):
    assert (percent(share), whole_percent(share)) == (said, whole)
    assert percent_in_words(share) == in_words
