"""The package itself: versions of lessons and library, and where things lie."""

import pytest

import spanbert_teach
from spanbert_teach.paths import data_path, learner_folder


def test_the_same_version_says_nothing(capsys):
    spanbert_teach.check_version(spanbert_teach.__version__)
    assert capsys.readouterr().out == ""


def test_another_version_is_named(capsys):
    spanbert_teach.check_version("9.9.9")
    said = capsys.readouterr().out
    assert "9.9.9" in said and spanbert_teach.__version__ in said and "restart" in said


def test_missing_data_lists_what_there_is():
    with pytest.raises(FileNotFoundError, match=r"there is: .*spans"):
        data_path("corpus/trian.txt")


def test_the_learners_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("SPANBERT_TEACH_HOME", str(tmp_path))
    assert learner_folder() == tmp_path
    monkeypatch.delenv("SPANBERT_TEACH_HOME")
    assert learner_folder().name == "my_lessons"
