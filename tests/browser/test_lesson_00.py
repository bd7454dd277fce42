"""Lesson 00 in a real JupyterLab: runs from top to bottom, and its view follows every control."""

import statistics

import pytest

from tools.notebooks import NOTEBOOKS

pytestmark = pytest.mark.browser

LESSON = NOTEBOOKS / "00_start_here.ipynb"
VIEW = "00-hidden-span-view"


def tokens(view) -> list[str]:
    return view.locator(".token").all_text_contents()


def wait_for_mask(page, place: int) -> None:
    """Until the token at `place` is hidden."""
    page.page.wait_for_function(
        "n => document.querySelectorAll('.hidden-span .token')[n].classList.contains('masked')",
        arg=place,
    )


def test_runs_and_its_view_lives(lab, record_property):
    """One run of the lesson for all that is tried on its view: a run takes half a minute."""
    page = lab.open(LESSON)
    page.run_all()
    assert page.errors() == []
    view = page.output(VIEW).locator(".hidden-span")
    view.wait_for()
    view.scroll_into_view_if_needed()
    follows_every_control(page, view)
    shows_hostile_and_long_text(page, view)
    answers_at_once(page, view, record_property)


def follows_every_control(page, view):
    before = tokens(view)
    assert all(token.is_visible() for token in view.locator(".token").all())
    assert before.count("[MASK]") == 3 and view.locator(".column").count() == 3
    assert view.locator(".boundary").count() == 2
    first = before.index("[MASK]")
    page.screenshot("picture", of=view)

    page.press(page.slider(view, 0))
    wait_for_mask(page, first + 3)
    assert tokens(view).index("[MASK]") == first + 1
    assert view.locator("output").first.inner_text().startswith(f"number {first + 2} of")

    page.press(page.slider(view, 1), "ArrowLeft", times=2)
    page.page.wait_for_function(
        "() => document.querySelectorAll('.hidden-span .column').length == 1"
    )
    assert tokens(view).count("[MASK]") == 1

    guesses = view.locator(".columns").inner_text()
    view.get_by_label("use the word on the left").uncheck()
    page.page.wait_for_function(
        "() => document.querySelectorAll('.hidden-span .boundary').length == 1"
    )
    assert view.locator(".columns").inner_text() != guesses
    assert "From “" in view.locator(".verdict").inner_text()

    view.get_by_role("button", name="Show the hidden words").click()
    assert "right for" in view.locator(".verdict").inner_text()
    assert view.get_by_role("button", name="Cover the hidden words").is_visible()
    page.screenshot("uncovered", of=view)
    page.press(page.slider(view, 0))
    view.get_by_text("guess yourself before you look").wait_for()
    page.screenshot("light")
    page.dark()
    page.screenshot("dark")


def shows_hostile_and_long_text(page, view):
    typed = view.get_by_label("your own sentence")
    typed.fill("<script>alert(1)</script> 😀 北京 the <b>end</b> of it")
    page.page.wait_for_function(
        "() => document.querySelector('.hidden-span .strip').textContent.includes('script')"
    )
    assert "<" in tokens(view) and "script" in tokens(view) and "😀" in tokens(view)
    assert view.locator("script, b:has-text('end')").count() == 0

    typed.fill("two words")
    view.get_by_text("Type at least three words").wait_for()
    assert tokens(view) == [] and view.get_by_role("button").is_disabled()
    typed.fill("word " * 20_000)
    view.get_by_text("Only the first 2,000 characters are used").wait_for()
    assert len(tokens(view)) == 400
    assert view.get_by_label("example sentence").input_value() == "-1"
    view.get_by_label("example sentence").select_option("1")
    page.page.wait_for_function(
        "() => document.querySelectorAll('.hidden-span .token').length < 100"
    )
    assert view.locator(".message").inner_text() == ""
    for number in range(9):  # long sentences wrap
        view.get_by_label("example sentence").select_option(str(number))
        fits = "e => e.scrollWidth <= e.clientWidth"
        assert view.locator(".strip").evaluate(fits), f"example {number} is cut off"


def answers_at_once(page, view, record_property):
    slider, strip = page.slider(view, 0), view.locator(".strip")
    page.press(slider, "Home")
    wait_for_mask(page, 1)
    keys = ["ArrowRight"] * 6 + ["ArrowLeft"] * 5
    times = [page.latency(lambda k=key: page.press(slider, k), strip) for key in keys * 3]
    p95 = statistics.quantiles(times, n=20)[-1]
    record_property("latency_ms", f"median {statistics.median(times):.0f}, p95 {p95:.0f}")
    print(f"slider to redraw: median {statistics.median(times):.0f} ms, p95 {p95:.0f} ms")
    # The limit is 60 ms in the median and 100 ms for 95 of 100 on a quiet machine; a test on a busy
    # one cannot hold that, but a view that computes too much is far above this.
    assert statistics.median(times) < 200


def test_shows_the_static_picture_untrusted(lab):
    page = lab.open_untrusted(LESSON)
    output = page.output(VIEW)
    output.get_by_text("hidden word", exact=True).wait_for()
    assert output.get_by_text("[MASK]").count() == 3
    assert page.cell("00-ablation-figure").locator("img").count() == 1
