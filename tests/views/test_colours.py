"""The colours of all views stand in one place."""

import re

from spanbert_teach.views import colours
from spanbert_teach.views.view import STATIC, browser_side

from .asking import VIEWS


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
