"""The minutes of a lesson: what is counted, what is not, and where the README says so."""

import nbformat
import pytest

from tools import minutes
from tools.minutes import Minutes, count_minutes, deeper_exercises, minutes_in_table, minutes_line
from tools.notebooks import ROOT


def text(source, *tags):
    return nbformat.v4.new_markdown_cell(source, metadata={"tags": list(tags)})


def code(lines, *tags):
    """A cell with so many lines of code, and a blank one between any two."""
    return nbformat.v4.new_code_cell("\n\n".join(["x = 1"] * lines), metadata={"tags": list(tags)})


def words(count):
    return "word " * count


def card(name, minutes):
    return text(f"*Difficulty 1 of 5 · {minutes} minutes*", f"exercise:{name}")


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


MADE_UP = notebook(
    text(words(360)),  # 2 minutes
    text(words(900), "badge"),
    text(words(900), "minutes"),
    code(50, "setup"),
    text("<!-- claim: 00-a, and more words that nobody sees -->"),
    code(30),  # 2.5 minutes
    code(6, "library:model.attend"),  # 0.5
    text("### Predict before you run"),  # 1
    code(12, "view"),  # 1 and 5 minutes
    card("00-1", 7),
    code(40, "stub:00-1"),
    text("## Deeper: more"),
    text(words(180)),
    code(13),
    text("### Predict before you run"),
    card("00-2", 8),
    code(40, "stub:00-2"),
    text("## Recap"),
    text(words(160)),  # with headings and card, not yet another minute
)


def test_what_counts_on_the_core_path():
    expected = Minutes(text=3, code=4, predictions=1, views=5, exercises=7)
    assert count_minutes(MADE_UP) == expected


def test_what_counts_in_deeper():
    expected = Minutes(text=2, code=2, predictions=1, views=0, exercises=8)
    assert count_minutes(MADE_UP, deeper=True) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (text(words(180)), Minutes(1, 0, 0, 0, 0)),
        (text(words(181)), Minutes(2, 0, 0, 0, 0)),
        (code(12), Minutes(0, 1, 0, 0, 0)),
        (code(13), Minutes(0, 2, 0, 0, 0)),
        (code(0, "view"), Minutes(0, 0, 0, 5, 0)),
        (text("### Predict before you run"), Minutes(1, 0, 1, 0, 0)),
        (card("00-3", 4), Minutes(1, 0, 0, 0, 4)),
    ],
)
def test_each_part_counts_for_itself(cell, expected):
    assert count_minutes(notebook(cell)) == expected


def test_a_card_without_minutes_is_refused():
    with pytest.raises(SystemExit, match="does not say how many minutes"):
        count_minutes(notebook(text("*Difficulty 1 of 5*", "exercise:00-1")))


@pytest.fixture
def somewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(minutes, "MEASURED", tmp_path / "minutes.json")
    return tmp_path / "00_made_up.ipynb"


def test_an_exercise_in_deeper_is_said_to_be_there(somewhere):
    assert deeper_exercises(MADE_UP) == ["00-2"]
    assert minutes_line(somewhere, MADE_UP).endswith("about 13, with 1 of the 2 exercises.")
    assert minutes_in_table(somewhere, MADE_UP) == ("20 (+ 13 *Deeper*)", "2, 1 of them *Deeper*")
    simple = notebook(card("00-1", 7))
    assert minutes_line(somewhere, simple).endswith("*Deeper* sections, all optional: about 0.")
    assert minutes_in_table(somewhere, simple) == ("8 (+ 0 *Deeper*)", "1")


def test_processor_minutes_are_measured_and_do_not_flicker(somewhere):
    assert "processor not yet measured" in minutes_line(somewhere, MADE_UP)
    minutes.store_processor_minutes(somewhere, 200)
    assert minutes.core_total(somewhere, MADE_UP) == 20 + 3
    minutes.store_processor_minutes(somewhere, 235)
    assert "processor about 3 (one core)" in minutes_line(somewhere, MADE_UP)
    minutes.store_processor_minutes(somewhere, 250)
    assert "processor about 4 (one core)" in minutes_line(somewhere, MADE_UP)


def test_the_readme_names_the_rates():
    _, _, below = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- /lessons -->")
    explained = below.strip().partition("\n")[0]
    for rate in (minutes.WORDS_A_MINUTE, minutes.CODE_LINES_A_MINUTE, minutes.MINUTES_A_VIEW):
        assert f" {rate} " in explained
