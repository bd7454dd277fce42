"""The harness on the classic notebook with ipywidgets 7, Colab's version (see conftest)."""

import pytest
from playwright.sync_api import expect

from tools.notebooks import ROOT

from . import test_lesson_02 as masking
from . import test_lesson_03 as attention
from . import test_lesson_04 as ripple
from . import test_lesson_05 as guesses
from .toy import VIEW, cell, save

pytestmark = pytest.mark.browser

THIS_CHECKOUT = f"import sys\nsys.path.insert(0, {str(ROOT)!r})"


def test_runs_a_notebook_and_its_errors(classic, tmp_path):
    versions = "import ipywidgets, time; time.sleep(1); print('ipywidgets', ipywidgets.__version__)"
    stored = {"output_type": "stream", "name": "stdout", "text": "stored"}
    page = classic.open(
        save(tmp_path / "toy.ipynb", cell("versions", versions, [stored]), cell("bad", "int('x')"))
    )
    page.run_all()
    assert page.output("versions").inner_text().strip().startswith("ipywidgets 7.")
    (error,) = page.errors()
    assert error.startswith("bad: ValueError: invalid literal")


def test_views_and_sliders_follow_the_keyboard(classic, tmp_path):
    slider = "import ipywidgets\nipywidgets.IntSlider(value=3)"
    page = classic.open(save(tmp_path / "toy.ipynb", cell("view", VIEW), cell("slider", slider)))
    page.run_all()
    assert page.errors() == []
    view = page.output("view")
    page.press(page.slider(view), times=3)
    assert view.locator(".drawn").inner_text() == "#####"
    view.locator(".answer", has_text="kernel: 50").wait_for()
    handle = page.slider(view)
    assert 0 <= page.latency(lambda: page.press(handle), view.locator(".drawn")) < 1000
    page.press(page.slider(page.output("slider")), times=3)
    assert page.output("slider").locator(".widget-readout").inner_text() == "6"
    page.screenshot("views")


# Views alone: the lessons around them run on Colab's versions in tests/compat.
HIDDEN_SPAN = """
from spanbert_teach import SENTENCE
from spanbert_teach.baselines import BoundaryCounts
from spanbert_teach.corpus import course_documents, words
from spanbert_teach.views.hidden_span import HiddenSpanView
texts = (words(p) for document in course_documents("validation") for p in document.paragraphs)
HiddenSpanView(BoundaryCounts(texts), [SENTENCE], start=words(SENTENCE).index("Voting"), length=3)
"""


LONGEST_MATCH = """
from spanbert_teach.paths import data_path
from spanbert_teach.tokenization import read_vocabulary
from spanbert_teach.views.longest_match import LongestMatchView
pieces = read_vocabulary(data_path("vocab.txt"))
LongestMatchView({piece: number for number, piece in enumerate(pieces)}, ["Johnson"])
"""
MASKING_LAB = "MaskingLab(tokenizer, paragraphs, unigram, tagged=tagged)"


def test_the_view_of_lesson_00_lives_with_ipywidgets_7(classic, tmp_path):
    cells = cell("this-checkout", THIS_CHECKOUT), cell("view", HIDDEN_SPAN)
    page = classic.open(save(tmp_path / "view.ipynb", *cells))
    page.run_all()
    assert page.errors() == []
    view = page.output("view").locator(".hidden-span")
    view.wait_for()
    before = view.locator(".token").all_text_contents()
    page.press(page.slider(view))
    page.page.wait_for_function(
        "n => !document.querySelectorAll('.hidden-span .token')[n].classList.contains('masked')",
        arg=before.index("[MASK]"),
    )
    after = view.locator(".token").all_text_contents()
    assert after.index("[MASK]") == before.index("[MASK]") + 1
    assert after.count("[MASK]") == before.count("[MASK]") == 3
    for token in view.locator(".token").all():  # Bootstrap's style sheet is on this page too
        assert token.is_visible()
    page.screenshot("view")


def test_the_masking_lab_lives_with_ipywidgets_7(classic, tmp_path):
    cells = cell("set-up", THIS_CHECKOUT + masking.SET_UP), cell(masking.VIEW, MASKING_LAB)
    page = classic.open(save(tmp_path / "lab.ipynb", *cells))
    page.run_all()
    assert page.errors() == []
    view = page.output(masking.VIEW).locator(".masking-lab")
    view.wait_for()
    masked = masking.masked(view)
    assert len(masked) == masking.budget(view) > 3
    masking.verdict(view, "good", "follow the official rule")
    # A longer longest span may leave this mask as it is; one of a single word cannot.
    for number, key, times in [(0, "ArrowRight", 4), (1, "Home", 1), (2, "ArrowRight", 4)]:
        before = masking.drawn(view)
        page.press(page.slider(view, number), key, times=times)
        masking.wait_for_change(page, view, before)
    masking.wait_for_the_last(page, view)
    assert len(masking.masked(view)) == masking.budget(view) > len(masked)
    masking.choose(view, "preset", "official")
    masking.choose(view, "common mistake", "piece")
    masking.verdict(view, "bad", "once per piece")
    masking.choose(view, "common mistake", "none")
    view.get_by_role("button", name="redraw × 1000").click()
    expect(view.locator("[data-fact=masks]")).to_have_text("1,200")
    page.press(view.locator(".strip [tabindex='0']"), "End")
    assert "its span of" in view.locator(".explain").inner_text()
    for piece in view.locator(".strip .piece").all()[:20]:  # with Bootstrap's style sheet, too
        assert piece.is_visible()
    fits = "e => e.scrollWidth <= e.clientWidth + 1"
    assert view.evaluate(fits) and view.locator(".strip").evaluate(fits)
    page.screenshot("masking-lab", of=view)


def test_the_view_of_lesson_01_steps_with_ipywidgets_7(classic, tmp_path):
    cells = cell("this-checkout", THIS_CHECKOUT), cell("view", LONGEST_MATCH)
    page = classic.open(save(tmp_path / "view.ipynb", *cells))
    page.run_all()
    assert page.errors() == []
    view = page.output("view").locator(".longest-match")
    view.wait_for()
    view.get_by_label("your own word").fill("Voting")
    expect(view.locator(".letter")).to_have_count(6)
    slider = page.slider(view)
    page.press(slider, "Home")
    page.press(slider, times=2)
    expect(view.locator("output")).to_have_text("look-up 3 of 11")
    page.press(slider, "End")
    assert view.locator(".chip:visible b").all_inner_texts() == ["V", "##ot", "##ing"]
    page.screenshot("lesson-01")


def test_the_views_of_lessons_03_to_05_live_with_ipywidgets_7(classic, tmp_path):
    """Each on a model without training: what is drawn and what answers is the same."""
    page = classic.open(
        save(
            tmp_path / "views.ipynb",
            cell("this-checkout", THIS_CHECKOUT),
            cell("heads", attention.SET_UP + attention.OWN),
            cell("ripple", ripple.FAILS),
            cell("guesses", guesses.FAILS),
        )
    )
    page.run_all()
    assert page.errors() == []

    heads = page.output("heads").locator(".attention-heads")
    drawn = attention.links(heads)
    page.press(page.slider(heads, 1))
    assert attention.where(heads)[1] == "2 of 4" and attention.links(heads) != drawn
    attention.type_text(heads, "the war of the king")
    page.screenshot("heads", of=heads)

    view = page.output("ripple").locator(".ripple")
    ripple.ready(view)
    ripple.show_model(page, view, 1)
    view.locator(".piece").nth(1).click()
    ripple.ready(view)
    assert ripple.columns(view) == {1} == {ripple.source(view)}
    page.screenshot("ripple", of=view)

    view = page.output("guesses").locator(".span-guesses")
    guesses.piece(view, 1).click()
    guesses.piece(view, 3).click()
    assert guesses.hidden(view) == [1, 2, 3]
    expect(view.locator("table thead b")).to_have_count(3)
    assert guesses.columns(view)[0] == "The"
    page.screenshot("guesses", of=view)


def test_the_training_curve_grows_with_ipywidgets_7(classic, tmp_path):
    code = f"{THIS_CHECKOUT}\nfrom IPython.display import display\n{guesses.CURVE}"
    page = classic.open(save(tmp_path / "toy.ipynb", cell("curve", code)))
    page.page.evaluate(guesses.LOOK)
    page.run_all()
    guesses.grows_while_the_cell_runs(page)
