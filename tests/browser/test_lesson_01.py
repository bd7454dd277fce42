"""Lesson 01 in a real JupyterLab: runs from top to bottom, and its view steps with the keyboard."""

import re
import statistics

import pytest
from playwright.sync_api import expect

from tools.notebooks import NOTEBOOKS

pytestmark = pytest.mark.browser

LESSON = NOTEBOOKS / "01_tokenization.ipynb"
VIEW = "01-longest-match-view"


def test_runs_and_its_view_lives(lab, record_property):
    """One run of the lesson for all that is tried on its view: a run takes its time."""
    page = lab.open(LESSON)
    page.run_all()
    assert page.errors() == []
    view = page.output(VIEW).locator(".longest-match")
    view.wait_for()
    view.scroll_into_view_if_needed()
    steps_with_the_keyboard(page, view)
    steps_with_the_buttons(page, view)
    searches_what_is_typed(page, view)
    answers_at_once(page, view, record_property)


def type_word(view, word: str, letters: int) -> None:
    """Type a word and wait until the kernel has cut it."""
    view.get_by_label("your own word").fill(word)
    expect(view.locator(".letter")).to_have_count(letters)


def look(view) -> tuple[int, str]:
    """The number of the look-up, and the letters that are marked."""
    number = re.match(r"look-up ([\d,]+) of", view.locator("output").inner_text())[1]
    return int(number.replace(",", "")), "".join(view.locator(".looked").all_inner_texts())


def height(view) -> float:
    return view.bounding_box()["height"]


def steps_with_the_keyboard(page, view):
    type_word(view, "Voting", 6)
    expect(view.locator("output")).to_have_text("look-up 1 of 11")
    assert look(view) == (1, "Voting") and view.locator(".log li").count() == 1
    assert view.locator(".chip:visible").count() == 0
    assert not view.locator(".result").is_visible()
    page.screenshot("light-start", of=view)

    slider, strip, tall = page.slider(view), view.locator(".strip"), height(view)
    for control in (slider, strip):
        page.press(control, "Home")
        page.press(control, "ArrowRight", times=2)
        assert look(view) == (3, "Voti") and view.locator(".log li").count() == 3
        page.press(control, "ArrowLeft")
        assert look(view) == (2, "Votin") and view.locator(".log li").count() == 2
        page.press(control, "End")
        assert look(view) == (11, "ing")
    assert view.locator(".chip:visible b").all_inner_texts() == ["V", "##ot", "##ing"]
    result = "Voting → V ##ot ##ing: 3 pieces, 11 look-ups."
    assert view.locator(".result").is_visible()
    assert view.locator(".result").inner_text() == result
    assert view.locator(".spoken").text_content().endswith(f"nothing is left. {result}")
    page.screenshot("light-end", of=view)

    page.press(slider, "Home")
    heights = []
    for _ in range(10):
        page.press(slider)
        heights.append(height(view))
        assert view.locator(".looked").count() > 0
    assert set(heights) == {tall}, "the view jumps"
    page.press(slider, "Home")
    page.press(slider, times=5)
    assert look(view) == (6, "V") and view.locator(".chip:visible").count() == 1
    assert "✓ yes" in view.locator(".question").inner_text()
    assert (
        "the piece is taken; the rest, “oting”, goes on" in view.locator(".question").inner_text()
    )
    page.press(slider)
    assert "##oting" in view.locator(".question").inner_text()
    assert view.locator(".taken").all_inner_texts() == ["V"]
    assert view.locator(".log li").count() == 1, "the list is of the present piece"
    page.screenshot("light-middle", of=view)
    page.dark()
    page.screenshot("dark-middle", of=view)


def steps_with_the_buttons(page, view):
    for name, expected in [("first", 1), ("next", 2), ("back", 1), ("to the end", 11)]:
        page.press(view.get_by_role("button", name=name, exact=True), "Enter")
        assert look(view)[0] == expected
    page.press(view.get_by_role("button", name="next", exact=True), "Space")  # at the end: stays
    assert look(view)[0] == 11
    focused = "() => document.activeElement.textContent"
    assert page.page.evaluate(focused) == "next", "the focus stays on a button without use"


def searches_what_is_typed(page, view):
    type_word(view, "<script>alert(1)</script>", 25)
    assert "".join(view.locator(".letter").all_inner_texts()) == "<script>alert(1)</script>"
    assert view.locator("script").count() == 0
    page.press(page.slider(view), "End")
    assert "[UNK]" in view.locator(".result").inner_text()
    assert view.locator(".chip:visible b").last.inner_text() == "[UNK]"
    assert "BERT would split" in view.locator(".message").inner_text()
    page.screenshot("dark-script", of=view)

    type_word(view, "👩🏽中e\u0301", 5)
    assert view.locator(".letter").last.inner_text() == "◌\u0301"
    type_word(view, "[MASK]", 6)
    assert view.locator("output").inner_text() == "look-up 1 of 1"
    assert view.locator(".message").inner_text() == ""
    type_word(view, "##", 2)

    type_word(view, "two words", 3)
    assert "first word" in view.locator(".message").inner_text()
    type_word(view, " ", 0)
    view.get_by_text("Type a word").wait_for()
    assert page.slider(view).is_disabled()

    type_word(view, "Voting" * 16 + "Vote", 100)
    tall = height(view)
    page.press(page.slider(view), "End")
    assert height(view) == tall and "pieces" in view.locator(".result").inner_text()
    fits = "e => e.scrollWidth <= e.clientWidth"
    assert view.evaluate(fits) and view.locator(".strip").evaluate(fits)
    page.screenshot("dark-long", of=view)
    type_word(view, "x" * 101, 101)
    expect(view.locator(".result")).to_contain_text("more than 100 letters is not searched")
    page.dark(False)
    page.screenshot("light-too-long", of=view)
    type_word(view, "y" * 100_000, 200)
    view.get_by_text("Only the first 2,000 characters are used").wait_for()
    assert "1,800 more letters" in view.locator(".strip").inner_text()

    example = view.get_by_label("example word")
    assert example.input_value() == "-1"
    example.select_option("0")
    expect(view.locator(".message")).to_have_text("")
    typed = view.get_by_label("your own word").input_value()
    expect(view.locator(".letter")).to_have_count(len(typed))


def answers_at_once(page, view, record_property):
    type_word(view, "Voting" * 16 + "Vote", 100)
    slider, position = page.slider(view), view.locator("output")
    page.press(slider, "Home")
    keys = ["ArrowRight"] * 6 + ["ArrowLeft"] * 5
    times = [page.latency(lambda k=key: page.press(slider, k), position) for key in keys * 3]
    p95 = statistics.quantiles(times, n=20)[-1]
    record_property("latency_ms", f"median {statistics.median(times):.1f}, p95 {p95:.1f}")
    print(f"step to redraw: median {statistics.median(times):.1f} ms, p95 {p95:.1f} ms")
    # No kernel takes part: on a quiet machine this is a few milliseconds. See test_lesson_00.
    assert statistics.median(times) < 200


def test_shows_the_static_picture_untrusted(lab):
    page = lab.open_untrusted(LESSON)
    output = page.output(VIEW)
    output.get_by_text("tried in order", exact=True).wait_for()
    assert re.search(r"→ .*: \d+ pieces?, \d+ look-ups?\.", output.inner_text())
    assert output.locator(".longest-match").count() == 0
