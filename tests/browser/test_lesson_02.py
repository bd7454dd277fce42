"""Lesson 02 in a real JupyterLab: runs from top to bottom, and the masking lab lives."""

import re
import statistics

import pytest
from playwright.sync_api import expect

from spanbert_teach.corpus import course_documents
from tools.notebooks import NOTEBOOKS

from .toy import cell, save

pytestmark = pytest.mark.browser

LESSON = NOTEBOOKS / "02_span_masking.ipynb"
VIEW = "02-masking-lab"

# The lab alone, for what the lesson's cell does not show.
SET_UP = """
from spanbert_teach.corpus import course_documents, load_spans
from spanbert_teach.masking import piece_unigram
from spanbert_teach.tokenization import load_tokenizer
from spanbert_teach.views.masking_lab import MaskingLab
tokenizer = load_tokenizer()
paragraphs = [p for d in course_documents("validation") for p in d.paragraphs]
chosen = [i for i, p in enumerate(paragraphs) if 1000 < len(p) < 2400][:6]
rows = [tokenizer.encode(p, special_tokens=False).ids for p in paragraphs[:500]]
special = [tokenizer.id(t) for t in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")]
unigram = piece_unigram(rows, len(tokenizer), special)
tagged = {}
for kind in ("entity", "noun_phrase"):
    spans = load_spans("validation", kind)
    tagged[kind] = [spans[i] for i in chosen]
paragraphs = [paragraphs[i] for i in chosen]
"""
OWN = """
import time
def choose_masked(word_starts, law, budget, rng):
    if budget == 1:
        while True:
            pass
    return list(range(budget))
MaskingLab(tokenizer, paragraphs, unigram, choose=choose_masked)
"""


def toy(folder, last):
    return save(folder / "lab.ipynb", cell("set-up", SET_UP), cell(VIEW, last))


def open_lab(page):
    page.page.set_viewport_size({"width": 1280, "height": 1250})  # the whole lab on a picture
    page.run_all()
    assert page.errors() == []
    view = page.output(VIEW).locator(".masking-lab")
    view.wait_for()
    view.scroll_into_view_if_needed()
    return view


def test_runs_and_the_lab_lives(lab, record_property):
    """One run of the lesson for all that is tried on its view: a run takes its time."""
    page = lab.open(LESSON)
    view = open_lab(page)
    shows_a_mask(page, view)
    follows_every_control(page, view)
    shows_long_random_pieces(page, view)
    tells_the_boundaries(page, view)
    names_every_mistake(page, view)
    redraws(page, view)
    takes_any_text(page, view)
    answers_at_once(page, view, record_property)


# What is drawn: place and kind of each masked piece.
MASKED = """e => [...e.querySelectorAll('.strip .on')].map(p => `${p.dataset.place} ` +
  ['mask', 'random', 'keep'].find(kind => p.classList.contains(kind)))"""


def masked(view) -> list[str]:
    return view.evaluate(MASKED)


def fact(view, name: str) -> str:
    return view.locator(f"[data-fact={name}]").inner_text()


def bars(view) -> list[float]:
    return view.locator(".histogram .bar").evaluate_all("l => l.map(b => +b.dataset.share)")


def drawn(view) -> tuple:
    """Strip, histogram and counts, to see whether they have changed."""
    return masked(view), bars(view), fact(view, "used"), fact(view, "mean")


def wait_for_change(page, view, before) -> None:
    """Until the lab has answered and the strip differs."""
    page.page.wait_for_function(
        f"([e, was]) => JSON.stringify(({MASKED})(e)) !== JSON.stringify(was)",
        arg=[view.element_handle(), before[0]],
    )


def wait_for_the_last(page, view) -> None:
    """Until the last of several answers is drawn, and as many pieces are hidden as it says."""
    for _ in range(100):
        if len(masked(view)) == budget(view):
            return
        page.page.wait_for_timeout(50)


def budget(view) -> int:
    return int(re.search(r"budget (\d+)", fact(view, "used"))[1])


def verdict(view, state: str, text: str = "") -> None:
    expect(view.locator(".verdict")).to_have_class(f"verdict {state}")
    expect(view.locator(".verdict")).to_contain_text(text)


def choose(view, label: str, value: str) -> None:
    view.get_by_label(label, exact=True).select_option(value)


def strip_heights(view) -> tuple[float, float, float]:
    """Of the strip: the height that is seen, that of all of it, and the rows that are seen."""
    return view.locator(".strip").evaluate("""e => {
        const size = parseFloat(getComputedStyle(e).fontSize);
        const rows = (e.clientHeight - 1.5 * size) / (3.55 * size);
        return [e.clientHeight, e.scrollHeight, rows];
    }""")


def shows_a_mask(page, view):
    pieces = view.locator(".strip .piece[data-place]").count()
    assert len(masked(view)) == budget(view) == -(-pieces * 15 // 100)
    assert view.locator(".strip .special").all_inner_texts() == ["[CLS]", "[SEP]"]
    assert view.locator(".strip .mask").first.locator(".read").inner_text() == "[MASK]"
    assert view.locator(".strip .edge").count() > 0
    assert fact(view, "masks") == "200" and "law 3.80" in fact(view, "mean")
    assert len(bars(view)) == 11 and abs(sum(bars(view)) - 1) < 0.01
    verdict(view, "good", "follow the official rule")
    assert view.locator(".verdict .sign").inner_text() == "✓"
    keys = view.locator(".keys").inner_text()
    assert [keys.index(word) for word in ("bars:", "black:", "orange:")] == sorted(
        keys.index(word) for word in ("bars:", "black:", "orange:")
    )
    assert "white" not in keys and "the official rule on this text" in keys
    seen, all_of_it, rows = strip_heights(view)
    assert seen == all_of_it, "a piece is hidden"
    assert abs(rows - round(rows)) < 0.05 and 2 < rows <= 9.05
    page.screenshot("light-official", of=view)
    page.dark()
    assert "white:" in view.locator(".keys").inner_text()
    page.screenshot("dark-official", of=view)
    page.dark(False)


def shows_long_random_pieces(page, view):
    """Written smaller where they are longer than what stood there; whole when pointed at."""
    fits = "l => l.map(e => e.scrollWidth <= e.clientWidth + 1)"
    choose(view, "scheme", "subword")
    page.press(page.slider(view, 2), "End")
    pieces = view.locator(".strip .piece[data-place]").count()
    expect(view.locator(".strip .on")).to_have_count(-(-pieces // 2))
    reads = view.locator(".strip .random .read")
    whole = reads.evaluate_all(fits)
    print(f"random pieces that fit: {sum(whole)} of {len(whole)}")
    assert sum(whole) > 0.7 * len(whole) and len(whole) > 2
    titles = view.locator(".strip .random").evaluate_all("l => l.map(e => e.title)")
    assert titles == reads.all_text_contents()
    longest = max(range(len(titles)), key=lambda at: len(titles[at]))
    piece = view.locator(".strip .random").nth(longest)
    piece.hover()
    assert reads.nth(longest).evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    expect(view.locator(".explain")).to_contain_text(f"read as {titles[longest]}")
    page.screenshot("light-random", of=view)
    view.locator(".legend").hover()
    choose(view, "preset", "official")
    expect(view.locator(".strip .on")).to_have_count(-(-pieces * 15 // 100))


def follows_every_control(page, view):
    tall = view.bounding_box()["height"]
    for number, key, times, shown in [
        (0, "ArrowRight", 4, "0.40"),
        (1, "ArrowLeft", 6, "4 words"),
        (2, "ArrowRight", 15, "30%"),
    ]:
        before = drawn(view)
        page.press(page.slider(view, number), key, times)
        expect(view.locator("output").nth(number)).to_contain_text(shown)
        wait_for_change(page, view, before)
        expect(view.locator(".verdict")).to_have_class("verdict good")
        page.page.wait_for_timeout(300)
        after = drawn(view)
        assert after[0] != before[0] and after[1] != before[1]
        assert (after[2] != before[2]) == (number == 2)
        assert view.bounding_box()["height"] == tall, "the view jumps"
    assert len(masked(view)) == budget(view)
    assert sum(bars(view)[:4]) > 0.8
    page.press(page.slider(view, 1), "End")  # 20 words: the histogram has a bar for each
    expect(view.locator(".histogram .bar")).to_have_count(21)

    choose(view, "preset", "official")
    expect(view.locator(".histogram .bar")).to_have_count(11)
    assert page.slider(view, 0).input_value() == "0.2"
    for scheme, said in [("subword", "single pieces"), ("word", "whole words"), ("entity", "half")]:
        choose(view, "scheme", scheme)
        verdict(view, "other", said)
        assert view.locator(".verdict .sign").inner_text() == "≠"
        assert page.slider(view, 0).is_disabled() and page.slider(view, 2).is_enabled()
    choose(view, "preset", "paper")
    expect(view.locator(".message")).to_contain_text("always complete")
    choose(view, "preset", "article")
    verdict(view, "bad", "99% of the text is hidden")
    assert page.slider(view, 2).is_disabled() and view.get_by_label("common mistake").is_disabled()
    page.screenshot("light-article", of=view)
    says_why_not(page, view)
    choose(view, "preset", "article")
    choose(view, "scheme", "subword")
    expect(view.get_by_label("preset", exact=True)).to_have_value("official")
    verdict(view, "other", "single pieces")
    page.screenshot("light-subword", of=view)
    choose(view, "preset", "official")
    verdict(view, "good")


def says_why_not(page, view):
    """Where SBO predicts nothing: the article's last span reaches the text's end, and of a long
    span only the first 15 pieces count."""
    page.press(view.locator(".strip [tabindex='0']"), "End")
    expect(view.locator(".explain")).to_contain_text("touches the edge of the block: no boundary")
    assert view.locator(".arrows .head").count() == 0
    choose(view, "preset", "official")
    for number, key in enumerate(["Home", "End", "End"]):
        page.press(page.slider(view, number), key)
    view.get_by_label("your own text").fill(long_text())
    expect(view.locator(".strip .piece[data-place]")).to_have_count(510)
    expect(view.locator(".strip .on")).to_have_count(255)
    page.press(view.locator(".strip [tabindex='0']"), "Home")
    for _ in range(254):
        if (
            "beyond the first 15 pieces of its span, so the span boundary"
            in view.locator(".explain").inner_text()
        ):
            break
        page.page.keyboard.press("ArrowRight")
    else:
        raise AssertionError("no piece beyond the first 15")
    assert view.locator(".arrows .head").count() == 0 and view.locator(".boundary").count() == 2
    choose(view, "paragraph", "0")
    expect(view.locator(".strip .on")).not_to_have_count(255)


def tells_the_boundaries(page, view):
    explain = view.locator(".explain")
    assert "use the arrow keys: its boundaries are shown." in explain.inner_text()
    # A span in the middle of the text, of three pieces or more.
    places = [int(entry.split()[0]) for entry in masked(view)]
    middle = next(p for p in places if p > 3 and {p - 1, p, p + 1} <= set(places))
    piece = view.locator(f".piece[data-place='{middle}']")
    piece.hover()
    expect(explain).to_contain_text(
        "the span boundary objective (SBO, lesson 05) would predict it from"
    )
    assert re.search(r"position \d+ of its span of \d+", explain.inner_text())
    assert view.locator(".boundary").count() == 2 and view.locator(".arrows .head").count() == 2
    names = view.locator(".boundary .read").all_inner_texts()
    assert [f"“{names[0]}” (left)" in explain.inner_text()] == [True]
    assert f"“{names[1]}” (right)" in explain.inner_text()
    page.screenshot("light-boundaries", of=view)  # README: notebooks/pictures/masking_lab.png
    view.locator(".legend").hover()
    expect(view.locator(".boundary")).to_have_count(0)

    page.page.set_viewport_size({"width": 760, "height": 1500})
    piece.hover()
    page.screenshot("light-narrow", of=view)
    assert view.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    page.page.set_viewport_size({"width": 1280, "height": 1250})

    first = view.locator(".strip [tabindex='0']")
    assert first.count() == 1, "one stop of the Tab key"
    page.press(first, "Home")
    focused = "() => document.activeElement.dataset.place"
    for key, place in [("ArrowRight", places[1]), ("End", places[-1]), ("Home", places[0])]:
        page.page.keyboard.press(key)
        assert page.page.evaluate(focused) == str(place)
        assert "its span of" in explain.inner_text()
        assert view.locator(".pointed").get_attribute("data-place") == str(place)
    page.dark()
    page.press(view.locator(".strip [tabindex='0']"), "ArrowDown")
    page.screenshot("dark-boundaries", of=view)
    page.dark(False)


def names_every_mistake(page, view):
    for mistake, said in [
        ("piece", "80/10/10 was drawn once per piece"),
        ("no_whole_words", "begin inside a word"),
        ("mask_only", "became [MASK]"),
        ("unlimited", "longer than 10 words"),
        ("clip", "“clip”"),
    ]:
        choose(view, "common mistake", mistake)
        verdict(view, "bad", said)
        assert view.locator(".verdict .sign").inner_text() == "✗"
        page.screenshot(f"light-{mistake}", of=view)
    page.dark()
    page.screenshot("dark-clip", of=view)
    page.dark(False)
    choose(view, "common mistake", "none")
    verdict(view, "good")


def redraws(page, view):
    before = drawn(view)
    page.press(view.get_by_role("button", name="redraw", exact=True), "Enter")
    wait_for_change(page, view, before)
    expect(view.locator("[data-fact=masks]")).to_have_text("201")
    assert view.get_by_label("seed").input_value() == "2"
    now = masked(view)
    button = view.get_by_role("button", name="redraw × 1000")
    took = page.latency(button.click, view.locator("[data-fact=masks]"))
    print(f"redraw × 1000: {took:.0f} ms")
    expect(view.locator("[data-fact=masks]")).to_have_text("1,201")
    assert masked(view) == now and took < 2000  # the limit is 500 ms on a quiet machine
    verdict(view, "good", "1,201 redraws")
    view.get_by_label("seed").fill("1")
    wait_for_change(page, view, (now,))
    assert masked(view) == before[0]


def takes_any_text(page, view):
    typed = view.get_by_label("your own text")
    read = view.locator(".strip .piece[data-place] .own")
    typed.fill("<script>alert(1)</script> 😀 北京 the <b>end</b> of it")
    expect(view.get_by_label("paragraph")).to_have_value("-1")
    # No piece of the vocabulary; its characters stand below.
    expect(view.locator(".strip .word").first).to_contain_text("[UNK]<")
    assert "script" in "".join(read.all_text_contents()).replace("##", "")
    assert view.locator("script, .strip b").count() == 0
    assert "😀" in view.locator(".strip").text_content()
    page.screenshot("light-emoji", of=view)
    choose(view, "scheme", "entity")
    expect(view.locator(".message")).to_contain_text("No entities are marked in a text of your own")
    choose(view, "preset", "official")

    typed.fill(" ")
    view.get_by_text("Type some text").wait_for()
    assert masked(view) == []
    page.screenshot("light-empty", of=view)
    typed.fill("The canal was opened for ships.")
    expect(view.locator(".message")).to_have_text("")
    tall = view.bounding_box()["height"]
    assert round(strip_heights(view)[2], 1) == 1.0, "one row, no empty box"
    assert view.locator(".strip.more").count() == 0
    page.screenshot("light-short", of=view)
    page.press(page.slider(view, 2), "ArrowRight", 9)
    expect(view.locator("output").nth(2)).to_contain_text("24%")
    page.page.wait_for_timeout(300)
    assert view.bounding_box()["height"] == tall, "the view jumps"
    choose(view, "preset", "official")
    for text, pieces in [("word", 1), ("😀", 1), ("x" * 100, None)]:
        typed.fill(text)
        expect(view.locator(".message")).to_have_text("")
        if pieces:
            expect(read).to_have_count(pieces)
        assert len(masked(view)) >= 1
    typed.fill("word " * 20_000)
    view.get_by_text("Only the first 10,000 characters are used").wait_for()
    expect(read).to_have_count(510)
    assert "a block holds 512" in view.locator(".message").inner_text()
    assert view.locator(".strip").evaluate("e => e.scrollWidth <= e.clientWidth")
    seen, all_of_it, rows = strip_heights(view)
    assert seen < all_of_it and abs(rows - round(rows)) < 0.05
    assert view.locator(".strip.more").count() == 1
    choose(view, "paragraph", "0")
    expect(view.locator(".message")).to_have_text("")
    assert len(typed.input_value()) > 20


def long_text() -> str:
    """Prose of more than 510 pieces."""
    paragraphs = (p for document in course_documents("validation") for p in document.paragraphs)
    text = ""
    while len(text) < 4000:
        text += next(paragraphs) + " "
    return text


def answers_at_once(page, view, record_property):
    view.get_by_label("your own text").fill(long_text())
    expect(view.locator(".strip .piece[data-place]")).to_have_count(510)
    verdict(view, "good")
    page.screenshot("light-long", of=view)
    times = []
    for number in range(3):
        # The histogram is drawn last; the strip may stay the same when a slider moves by little.
        slider, last = page.slider(view, number), view.locator(".histogram")
        for key in ["ArrowRight"] * 6 + ["ArrowLeft"] * 5:
            times.append(page.latency(lambda k=key, s=slider: page.press(s, k), last))
            page.page.wait_for_timeout(30)
    p95 = statistics.quantiles(times, n=20)[-1]
    record_property("latency_ms", f"median {statistics.median(times):.0f}, p95 {p95:.0f}")
    print(f"slider to redraw: median {statistics.median(times):.0f} ms, p95 {p95:.0f} ms")
    # The limit is 60 ms in the median and 100 ms for 95 of 100 on a quiet machine. See lesson 00.
    assert statistics.median(times) < 200


def test_a_function_of_ones_own(lab, tmp_path):
    page = lab.open(toy(tmp_path, OWN))
    view = open_lab(page)
    expect(view.locator(".message")).to_contain_text("Running on your own choose_masked.")
    # Its masks are one block at the beginning.
    assert [int(entry.split()[0]) for entry in masked(view)] == list(range(budget(view)))
    verdict(view, "bad", "the spans are longer")
    page.press(page.slider(view, 2), "Home")
    if budget(view) > 1:
        view.get_by_label("your own text").fill("one two three")
    verdict(view, "bad", "was stopped after 2 seconds. Does its loop ever end?")
    assert masked(view) == []
    page.press(page.slider(view, 2), "End")
    expect(view.locator(".strip .on").first).to_be_visible()


def test_shows_the_static_picture_untrusted(lab):
    page = lab.open_untrusted(LESSON)
    output = page.output(VIEW)
    output.get_by_text("law of the drawn lengths").wait_for()
    assert output.get_by_text("[MASK]", exact=True).count() > 1
    assert output.locator("td").count() == 44
    assert "follow the official rule" in output.inner_text()
    assert output.locator(".masking-lab").count() == 0
    page.screenshot("static", of=output)
