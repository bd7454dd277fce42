"""The harness itself, on toy notebooks: what it promises to lesson authors, it does."""

import re
import sys

import pytest
from playwright.sync_api import Error, expect

from . import chromium
from .conftest import one_test
from .toy import VIEW, cell, save

pytestmark = pytest.mark.browser

OUTSIDE = "https://example.invalid/x.png"
PICTURE = "<table><tr><td>static bars</td></tr></table>"


@pytest.fixture
def toy(tmp_path):
    return lambda *cells: save(tmp_path / "toy.ipynb", *cells)


def test_run_all_waits_for_every_cell_and_finds_what_is_printed(lab, toy):
    slow = "import sys, time; time.sleep(1)"
    many = [cell(f"filler-{n}", f"print('filler {n}')\n" * 20) for n in range(10)]
    stored = {"output_type": "stream", "name": "stdout", "text": "stored"}
    last = cell("last", "print(sys.prefix)", [stored])
    path = toy(cell("slow", slow), *many, last)
    before = path.read_bytes()
    page = lab.open(path)
    page.run_all()
    assert page.errors() == []
    shown = page.output("last")
    assert shown.is_visible()
    assert sys.prefix in shown.inner_text(), "the kernel is not the interpreter of the tests"
    assert page.output(1 + 1 + 4).inner_text().count("filler 4") == 20
    assert path.read_bytes() == before


def test_an_error_is_reported_with_its_cell(lab, toy):
    page = lab.open(toy(cell("good", "1 + 1"), cell("bad", "int('x')"), cell("after", "2")))
    page.run_all()
    (error,) = page.errors()
    assert error.startswith("bad: ValueError: invalid literal")
    assert [c["ran"] for c in page.cells() if c["code"]] == [True, True, False]
    with pytest.raises(AssertionError, match="no cell 'gone'; there are: title, good, bad, after"):
        page.cell("gone")


def test_requests_that_leave_the_machine_are_aborted_and_fail_the_test(lab, toy):
    ways = [
        "<img src='https://example.invalid/img.png'>",
        "<script>fetch('https://example.invalid/fetch').catch(() => 0)</script>",
        "<script>new WebSocket('wss://example.invalid/socket')</script>",
    ]
    path = toy(cell("out", f"from IPython.display import HTML\nHTML({''.join(ways)!r})"))

    class Request:
        node = type("Node", (), {"name": "a test that asks outside", "stash": {}})

    a_test = one_test(Request, lab)
    page = next(a_test).open(path)
    page.run_all()
    for _ in range(100):
        page.page.wait_for_timeout(100)
        if len(set(lab.asked)) == len(ways):
            break
    found = sorted(re.sub("^.*//", "", address) for address in set(lab.asked))
    assert found == [f"example.invalid/{what}" for what in ("fetch", "img.png", "socket")]
    with pytest.raises(pytest.fail.Exception, match=r"(?s)3 address.*example\.invalid/img\.png"):
        next(a_test)
    assert lab.asked == []


@pytest.mark.parametrize(
    ("address", "outside"),
    [
        ("http://127.0.0.1:8888/lab", False),
        ("ws://localhost:8888/api", False),
        ("http://[::1]:1/", False),
        ("data:image/png;base64,AA", False),
        ("blob:http://127.0.0.1:8888/1", False),
        ("http://127.0.0.1.example.invalid/", True),
        ("http://localhost.example.invalid", True),
        ("https://127.0.0.1@example.invalid/", True),
        ("wss://example.invalid/", True),
        ("http://10.0.0.1/", True),
    ],
)
def test_what_counts_as_outside(address, outside):
    assert bool(chromium.OUTSIDE.match(address)) is outside


def test_a_slider_follows_the_keyboard_and_is_timed_in_the_page(lab, toy):
    page = lab.open(toy(cell("view", VIEW)))
    page.run_all()
    view = page.output("view")
    drawn, handle = view.locator(".drawn"), page.slider(view)
    expect(drawn).to_have_text("##")
    page.press(handle, "ArrowRight", times=3)
    expect(drawn).to_have_text("#####")
    expect(view.locator(".answer")).to_have_text("kernel: 50")
    assert page.screenshot("slider").stat().st_size > 1000

    def press():
        page.press(handle)

    fast = [page.latency(press, drawn) for _ in range(3)]
    assert all(ms >= 0 for ms in fast) and min(fast) < 100, fast
    page.page.evaluate(
        "() => document.querySelector('.drawn').parentElement.addEventListener('input', () =>"
        " setTimeout(() => { window.late = true; }, 150))"
    )
    assert page.latency(press, "() => window.late === true") >= 150
    with pytest.raises(Error, match="holds before the input"):
        page.latency(press, "() => window.late === true")


def test_untrusted_shows_the_static_picture_and_runs_nothing(lab, toy):
    stored = {
        "output_type": "display_data",
        "data": {
            "application/vnd.jupyter.widget-view+json": {"model_id": "0", "version_major": 2},
            "text/html": PICTURE + f"<script>fetch('{OUTSIDE}')</script>",
            "text/plain": "Bars",
        },
        "metadata": {},
    }
    page = lab.open_untrusted(toy(cell("view", VIEW, [stored])))
    assert page.output("view").get_by_text("static bars").is_visible()
    assert page.output("view").locator(".drawn").count() == 0
    page.screenshot("untrusted")


def test_dark_theme(lab, toy):
    page = lab.open(toy(cell("hello", "print('hello')")))
    page.run_all()
    ground = "() => getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor"
    light = page.page.evaluate(ground)
    page.dark()
    assert page.page.evaluate(ground) != light
    page.screenshot("dark")
    page.dark(False)
    assert page.page.evaluate(ground) == light


def test_a_wrong_chromium_is_named(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    with pytest.raises(FileNotFoundError, match="no-such-browser"):
        chromium.find_chromium()


def test_a_browser_can_be_required(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("REQUIRE_BROWSER", raising=False)
    assert not chromium.required()
    monkeypatch.setenv("REQUIRE_BROWSER", "1")
    assert chromium.required()
