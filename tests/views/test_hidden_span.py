"""Views: what all share, without a browser; the figures; the view of lesson 00."""

import re

import pytest
import traitlets
from asking import ask
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach.baselines import BoundaryCounts
from spanbert_teach.views import colours
from spanbert_teach.views.figure import figure
from spanbert_teach.views.hidden_span import (
    LONGEST_SPAN,
    LONGEST_TEXT,
    MASK,
    HiddenSpanView,
    hidden_span,
    static_html,
)
from spanbert_teach.views.own_function import Failed
from spanbert_teach.views.picture import element, elements, note
from spanbert_teach.views.texts import (
    first_characters,
    percent,
    percent_in_words,
    shorten,
    whole_percent,
)
from spanbert_teach.views.view import STATIC, AnsweringView, browser_side

VIEWS = sorted(path.stem for path in STATIC.glob("*.js") if path.stem != "shared")
SENTENCE = ["The", "cat", "sat", "on", "the", "mat", "."]
COUNTS = BoundaryCounts([SENTENCE] * 3)


@given(
    st.lists(st.text(min_size=1, max_size=3), min_size=3, max_size=9), st.integers(), st.integers()
)
def test_a_word_stays_visible_on_either_side(sentence, start, length):
    shown = hidden_span(COUNTS, sentence, start, length)
    start, length = shown["start"], shown["length"]
    assert start >= 1 and start + length <= len(sentence) - 1 and 1 <= length <= LONGEST_SPAN
    assert shown["answers"] == sentence[start : start + length]
    assert shown["tokens"][start : start + length] == [MASK] * length
    assert (shown["left"], shown["right"]) == (sentence[start - 1], sentence[start + length])
    assert len(shown["guesses"]) == length


def test_a_side_that_may_not_be_seen_is_not_used():
    both = hidden_span(COUNTS, SENTENCE, 2, 2)
    left = hidden_span(COUNTS, SENTENCE, 2, 2, see_right=False)
    neither = hidden_span(COUNTS, SENTENCE, 2, 2, see_left=False, see_right=False)
    assert both["guesses"][0][0][0] == "sat" and left["right"] is None
    assert both["guesses"] != left["guesses"] != neither["guesses"]


def test_the_static_picture_escapes_text():
    page = static_html(hidden_span(COUNTS, ["<script>", "alert", "&", "<b>", "x"], 1, 1))
    assert "<script>" not in page and "&lt;script&gt;" in page and "&amp;" in page


def test_the_view_follows_its_traits():
    view = HiddenSpanView(COUNTS, [" ".join(SENTENCE)], start=1, length=1)
    assert repr(view) == "HiddenSpanView('The [MASK] sat on the mat .')"
    ask(view, start=2, length=3)
    assert view.shown["answers"] == ["sat", "on", "the"]
    ask(view, see_left=False)
    assert view.shown["left"] is None
    ask(view, text="two words")
    assert "at least three words" in view.message and view.shown["tokens"] == []
    ask(view, text="a 👩\u200d👩\u200d👧 b")
    assert view.shown["tokens"] and "\u200d" not in view.shown["tokens"]
    ask(view, text="<script>alert(1)</script> 😀 中文 " * 10_000)
    assert f"{LONGEST_TEXT:,}" in view.message
    assert len(view.shown["tokens"]) < LONGEST_TEXT


def test_the_view_runs_on_another_function():
    view = HiddenSpanView(
        COUNTS, [" ".join(SENTENCE)], hide=lambda s, start, n: [w.upper() for w in s]
    )
    assert view.shown["tokens"][0] == "THE"


def test_the_bundle_has_a_static_picture_and_stable_text():
    view = HiddenSpanView(COUNTS, [" ".join(SENTENCE)])
    data, _ = view._repr_mimebundle_()
    assert data["text/html"] == static_html(view.shown) and data["text/plain"] == repr(view)
    assert "application/vnd.jupyter.widget-view+json" in data


def test_a_figure_needs_a_description():
    with pytest.raises(ValueError, match="description"):
        figure(None, " ")


# --- what all views share


class Doubling(AnsweringView):
    """Draws twice the number that it is asked for."""

    shown = traitlets.Dict({"answer": 0, "twice": None}).tag(sync=True)
    big = traitlets.Dict().tag(sync=True)

    def compute(self, settings):
        if settings["one"] < 0:
            raise Failed("Less than nothing.")
        if settings["one"] == 3:
            self.big = {"sent": "once"}
        return {"twice": 2 * settings["one"]}, ["one note", "another"]


def test_an_answer_has_the_number_of_its_question():
    view = Doubling({"one": 1})
    assert view.settings == {"number": 0, "one": 1} and view.message == "one note another"
    assert view.shown == {"twice": 2, "answer": 0}
    ask(view, one=2)
    assert view.shown == {"twice": 4, "answer": 1}
    ask(view, one=-1)
    assert view.shown == {"twice": None, "answer": 2} and view.message == "Less than nothing."


def test_all_that_changes_is_sent_at_once(monkeypatch):
    view, sent = Doubling({"one": 1}), []
    monkeypatch.setattr(
        view,
        "send_state",
        lambda key=None: sent.append({key} if isinstance(key, str) else set(key)),
    )
    ask(view, one=3)
    assert [keys - {"settings"} for keys in sent if keys != {"settings"}] == [{"shown", "big"}]


@pytest.mark.parametrize("name", VIEWS)
def test_the_shared_text_comes_before_a_views_own(name):
    script, style = browser_side(name)
    shared = (STATIC / "shared.js").read_text(encoding="utf-8")
    own = (STATIC / f"{name}.js").read_text(encoding="utf-8")
    assert script.startswith(shared) and script.endswith(own)
    assert script.count("export default") == 1, "one module"
    defined = re.findall(r"(?m)^(?:const|let|function) (\w+)", script)
    assert len(defined) == len(set(defined)), "a name is defined twice"
    assert not re.search(r"\b(window|globalThis)\.\w+ = ", script), "nothing is global"
    kind = name.replace("_", "-")
    assert f'classList.add("{kind}")' in own
    selectors = re.findall(r"(?m)^(?!@media|/\*| ).*?(?= \{)", style)
    assert len(selectors) > 30
    for selector in [one for line in selectors for one in line.split(", ")]:
        assert re.search(rf"(^|[ \]])\.{kind}\b", selector), "a rule for the whole page"
    assert "--orange: 230, 159, 0;" in style


def test_nothing_of_a_view_comes_from_elsewhere():
    for name in VIEWS:
        for text in browser_side(name):
            assert not re.search(
                r"\bimport\b|@import|url\(|https?://(?!www\.w3\.org/2000/svg)", text
            )


def test_colours_stand_in_one_place():
    allowed = {"#b00020"}  # where the page has no colour for errors of its own
    for path in [*STATIC.iterdir(), *STATIC.parent.glob("*.py")]:
        if path.stem == "colours":
            continue
        text = path.read_text(encoding="utf-8")
        found = set(re.findall(r"#[0-9A-Fa-f]{6}\b|#[0-9A-Fa-f]{3}\b", text)) - allowed
        assert [one for one in found if not is_grey(one)] == [], path.name
        for numbers in re.findall(r"rgba?\((\d+), (\d+), (\d+)", text):
            assert len(set(numbers)) == 1, path.name


def is_grey(colour):
    digits = colour[1:]
    parts = [digits[i : i + len(digits) // 3] for i in range(0, len(digits), len(digits) // 3)]
    return len(set(parts)) == 1


def test_a_style_sheet_uses_no_colour_that_there_is_not():
    known = set(re.findall(r"--([\w-]+):", colours.custom_properties()))
    assert {"orange", "pale-sky"} <= known and colours.rgb("#0072B2") == (0, 114, 178)
    for name in VIEWS:
        style = browser_side(name)[1]
        assert set(re.findall(r"rgba?\(var\(--([\w-]+)\)", style)) <= known
        defined = set(re.findall(r"(--[\w-]+):", style))
        in_script = {"--row", "--count", "--share", "--size"}
        used = set(re.findall(r"var\((--(?!jp-)[\w-]+)", style))
        assert used <= defined | in_script, name


# --- texts


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


def test_html_is_put_together():
    assert elements("td", ["a", element("b", "c")], "x:y") == (
        '<td style="x:y">a</td><td style="x:y"><b>c</b></td>'
    )
    assert note("") == "" and note("<&") == "<p>&lt;&amp;</p>"
