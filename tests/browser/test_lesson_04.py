"""Lesson 04 in a real JupyterLab: runs from top to bottom, and the ripple view lives."""

import re
import statistics

import pytest
from playwright.sync_api import expect

from tools.notebooks import NOTEBOOKS

from .toy import cell, save

pytestmark = pytest.mark.browser

LESSON = NOTEBOOKS / "04_encoder.ipynb"
VIEW = "04-ripple"
FIRST = "the king lost his war"
SECOND = "a boat crossed the river"
LENGTH = 7  # pieces of each, [CLS] and [SEP] included

FAILS = """
import torch
from spanbert_teach.tokenization import load_tokenizer
from spanbert_teach.views.ripple import Ripple
tokenizer = load_tokenizer()
words = torch.nn.Embedding(len(tokenizer), 8)
def fails(ids):
    return [words(ids)] + oops
def alone(ids):
    return [words(ids), 2 * words(ids)]
Ripple({"broken": fails, "no attention": alone}, tokenizer, ["the war", "a river"], "peace")
"""


def test_runs_and_the_view_lives(lab, record_property):
    """One run of the lesson for all that is tried on its view: a run takes its time."""
    page = lab.open(LESSON)
    page.page.set_viewport_size({"width": 1280, "height": 1100})
    page.run_all()
    assert page.errors() == []
    view = page.output(VIEW).locator(".ripple")
    view.wait_for()
    view.scroll_into_view_if_needed()
    page.screenshot("light-start", of=view)
    shows_where_a_change_goes(page, view)
    picks_with_the_keyboard(page, view)
    reads_the_numbers(page, view)
    takes_any_text(page, view)
    answers_soon(page, view, record_property)


def fill(view, label: str, text: str) -> None:
    view.get_by_label(label, exact=True).fill(text)


def ready(view) -> None:
    """Until the kernel has answered."""
    expect(view).to_have_attribute("aria-busy", "false")


def moved(view) -> list[tuple[int, int]]:
    """The dots that are drawn: state (0: embeddings) and column."""
    at = view.locator(".cell.moved").evaluate_all("l => l.map(c => c.dataset.at)")
    return [tuple(map(int, text.split())) for text in at]


def columns(view) -> set[int]:
    return {column for _, column in moved(view)}


def source(view) -> int:
    """The column of the piece that changes."""
    picked = view.locator(".picks [aria-checked='true']")
    assert picked.count() == 1
    return int(picked.get_attribute("data-column"))


def height(view) -> float:
    return view.bounding_box()["height"]


def show_model(page, view, number: int) -> None:
    model = view.locator(".model").nth(number)
    if model.get_attribute("aria-checked") == "false":
        page.press(view.locator(".model[aria-checked='true']"), "ArrowRight")
    assert model.get_attribute("aria-checked") == "true"


def shows_where_a_change_goes(page, view):
    fill(view, "sentence 1", FIRST)
    fill(view, "sentence 2", SECOND)
    fill(view, "the piece in its place", "queen")
    expect(view.locator(".piece")).to_have_count(2 * LENGTH)
    ready(view)
    view.locator(".piece").nth(2).click()
    expect(view.locator(".piece").nth(2)).to_have_attribute("aria-checked", "true")
    ready(view)
    assert view.locator(".piece").nth(2).inner_text() == "king queen"
    verdict, tall = view.locator(".verdict"), height(view)
    expect(verdict).to_contain_text("reached all 6 other pieces of its own sentence and none of")
    assert columns(view) == set(range(LENGTH)), "it stays in its own sentence"
    assert {column for state, column in moved(view) if state == 0} == {2}, "at first only itself"
    page.screenshot("light-bert", of=view)
    page.press(view.locator(".model[tabindex='0']"), "ArrowRight")
    expect(verdict).to_contain_text(
        "reached none of the 6 other pieces of its own sentence and 1 of the 7 pieces of the other"
        ", the one at the same place."
    )
    assert columns(view) == {2, 2 + LENGTH}, "it jumps to the same place of the other"
    assert height(view) == tall, "the view jumps"
    page.screenshot("light-article", of=view)


def picks_with_the_keyboard(page, view):
    tall = height(view)
    piece = view.locator(".piece[tabindex='0']")
    assert piece.count() == 1, "one stop of the Tab key"
    page.press(piece, "End")
    for key, column in [("ArrowLeft", 12), ("ArrowLeft", 11), ("Home", 0), ("ArrowRight", 1)]:
        page.page.keyboard.press(key)
        picked = view.locator(f".piece[data-column='{column}']")
        expect(picked).to_have_attribute("aria-checked", "true")
        ready(view)
        assert page.page.evaluate("() => document.activeElement.dataset.column") == str(column)
        other = (column + LENGTH) % (2 * LENGTH)
        assert columns(view) == {column, other}
    view.locator(".model").first.click()
    page.press(view.locator(".piece[tabindex='0']"), "End")
    expect(view.locator(".piece").last).to_have_attribute("aria-checked", "true")
    ready(view)
    assert columns(view) == set(range(LENGTH, 2 * LENGTH))
    assert height(view) == tall, "the view jumps"


def reads_the_numbers(page, view):
    explain = view.locator(".explain")
    assert "Click a piece below the grid" in explain.inner_text()
    page.press(view.locator(".piece[tabindex='0']"), "ArrowUp")
    assert re.search(
        r"^Embeddings, “\[SEP\]” of sentence 2: moved by \d\.\d\d of its own length\.$",
        explain.inner_text(),
    )
    page.page.keyboard.press("ArrowUp")
    page.page.keyboard.press("ArrowLeft")
    assert re.search(r"^Layer 1, “river” of sentence 2: moved by ", explain.inner_text())
    assert view.locator(".pointed .number").is_visible()
    page.page.keyboard.press("Home")
    assert explain.inner_text() == "Layer 1, “[CLS]” of sentence 1: did not move."
    page.dark()
    page.screenshot("dark", of=view)
    page.dark(False)
    page.page.keyboard.press("Escape")
    assert "Click a piece below the grid" in explain.inner_text()
    view.locator(".cell").first.hover()
    assert re.search(r"^Layer \d+, “\[CLS\]” of sentence 1: did not", explain.inner_text())
    explain.hover()
    page.press(view.get_by_label("all numbers"), "Space")
    numbers = view.locator(".cell.moved .number")
    assert all(re.fullmatch(r"\.\d\d|<\.01|\d\.\d", text) for text in numbers.all_inner_texts())
    assert numbers.first.is_visible()
    page.screenshot("light-numbers", of=view)
    page.press(view.get_by_label("all numbers"), "Space")
    table = view.locator("details")
    table.locator("summary").click()
    assert table.locator("tr").last.locator("th").all_inner_texts()[1:3] == FIRST.split()[:2]
    table.locator("summary").click()


def takes_any_text(page, view):
    message, tall = view.locator(".message"), height(view)
    fill(view, "the piece in its place", "😀 <script>")
    expect(message).to_contain_text("“😀” is not in the vocabulary: [UNK] takes its place.")
    expect(message).to_contain_text("only the first")
    fill(view, "the piece in its place", " ")
    expect(message).to_contain_text("Type a piece to put in its place")
    assert moved(view) == [] or not view.locator(".grid").is_visible()
    assert height(view) == tall
    fill(view, "the piece in its place", "queen")
    fill(view, "sentence 2", "")
    expect(message).to_contain_text("Sentence 2 has no piece yet")
    fill(view, "sentence 2", "<script>alert(1)</script>")
    expect(message).to_contain_text("is cut to 7 pieces: the length of the other")
    expect(view.locator(".piece").nth(LENGTH + 2)).to_have_text("script")
    assert view.locator("script").count() == 0
    fill(view, "sentence 1", "word " * 20_000)
    fill(view, "sentence 2", "river " * 20_000)
    expect(message).to_contain_text("Of sentence 2, the first 2,000 characters are used.")
    expect(message).to_contain_text("Both sentences are cut to 16 pieces")
    expect(view.locator(".piece")).to_have_count(32)
    ready(view)
    page.page.set_viewport_size({"width": 720, "height": 1100})
    assert view.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    page.screenshot("light-narrow", of=view)
    page.page.set_viewport_size({"width": 1280, "height": 1100})
    assert view.get_by_label("example for sentence 1").input_value() == "-1"
    view.get_by_label("example for sentence 1").select_option("0")
    ready(view)
    assert len(view.get_by_label("sentence 1", exact=True).input_value()) < 2000


def answers_soon(page, view, record_property):
    """At the longest sentences: a pick takes forward passes, a switch of models none."""
    fill(view, "sentence 1", "word " * 20)
    fill(view, "sentence 2", "river " * 20)
    expect(view.locator(".piece")).to_have_count(32)
    ready(view)
    page.press(view.locator(".piece[tabindex='0']"), "Home")
    expect(view.locator(".piece").first).to_have_attribute("aria-checked", "true")
    ready(view)
    picks, switches = [], []
    for _ in range(10):
        picks.append(
            page.latency(lambda: page.page.keyboard.press("ArrowRight"), view.locator(".picks"))
        )
        ready(view)
    for _ in range(10):
        model = view.locator(".model[tabindex='0']")
        switches.append(
            page.latency(lambda m=model: page.press(m, "ArrowRight"), view.locator(".verdict"))
        )
    for what, times in (("pick", picks), ("switch", switches)):
        p95 = statistics.quantiles(times, n=20)[-1]
        record_property(f"{what}_ms", f"median {statistics.median(times):.0f}, p95 {p95:.0f}")
        print(f"{what} to redraw: median {statistics.median(times):.0f} ms, p95 {p95:.0f} ms")
    # On a quiet machine a pick takes less than a second, a switch a few milliseconds.
    assert statistics.median(picks) < 3000 and statistics.median(switches) < 200


def test_a_model_that_fails_gives_a_message(lab, tmp_path):
    page = lab.open(save(tmp_path / "toy.ipynb", cell(VIEW, FAILS)))
    page.run_all()
    assert page.errors() == []
    view = page.output(VIEW).locator(".ripple")
    verdict = view.locator(".verdict")
    expect(verdict).to_contain_text("✗ fails stopped with NameError")
    assert columns(view) == set()
    show_model(page, view, 1)
    expect(verdict).to_contain_text("reached none of the")
    assert columns(view) == {source(view)}
    page.screenshot("light-fails", of=view)


def test_shows_the_static_picture_untrusted(lab):
    page = lab.open_untrusted(LESSON)
    output = page.output(VIEW)
    output.get_by_text("The change reached", exact=False).first.wait_for()
    assert output.locator("table").count() == 2
    assert output.get_by_text("embeddings", exact=True).count() == 2
    assert re.search(r"\d\.\d\d", output.locator("table").first.inner_text())
    assert output.locator(".ripple").count() == 0
    page.screenshot("static-ripple", of=output)
