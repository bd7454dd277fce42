"""The harness on the classic notebook with ipywidgets 7, Colab's version (see conftest)."""

import pytest

from .toy import VIEW, cell, save

pytestmark = pytest.mark.browser


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
