"""The view of lesson 00: what it hides, its static picture, its live layer without a browser."""

from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach.baselines import BoundaryCounts
from spanbert_teach.views.hidden_span import (
    LONGEST_SPAN,
    LONGEST_TEXT,
    MASK,
    HiddenSpanView,
    hidden_span,
    static_html,
)

from .asking import ask

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
