"""The package itself: a lesson and the library of another version."""

import spanbert_teach


def test_the_same_version_says_nothing(capsys):
    spanbert_teach.check_version(spanbert_teach.__version__)
    assert capsys.readouterr().out == ""


def test_another_version_is_named(capsys):
    spanbert_teach.check_version("9.9.9")
    said = capsys.readouterr().out
    assert "9.9.9" in said and spanbert_teach.__version__ in said and "restart" in said
