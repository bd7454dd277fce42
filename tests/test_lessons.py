"""`make execute`: what it stores of a cell whose output nbval does not compare."""

import copy

import nbformat
import pytest

from tools.lessons import WIDGET_VIEW, normalise

IGNORED = ["nbval-ignore-output"]


def stream(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def shown(kind="display_data", **data):
    named = {name.replace("_", "/", 1): value for name, value in data.items()}
    return nbformat.v4.new_output(kind, data=named)


def cell(*outputs, tags=IGNORED, source="run()"):
    return nbformat.v4.new_code_cell(
        source, id="00-cell", outputs=list(outputs), metadata={"tags": tags}
    )


def stored_after(old, new):
    """The outputs that are stored when the cell `old` is run again and comes out as `new`."""
    before, after = nbformat.v4.new_notebook(cells=[old]), nbformat.v4.new_notebook(cells=[new])
    normalise(after, copy.deepcopy(before))
    return after.cells[0].outputs


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("batched 8 ms, one by one 214 ms", "batched 11 ms, one by one 98.5 ms"),
        ("   64 pieces: layer    3.5 ms, 4%", "   64 pieces: layer   12.5 ms, 14%"),
        ("✓ memory       23.9 GB free", "✓ memory       8.0 GB free"),
        ("took 3 s", "took 1,000 s"),
    ],
)
def test_measured_numbers_alone_change_nothing(old, new):
    assert stored_after(cell(stream(old)), cell(stream(new))) == [stream(old)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("✓ data         19 files", "✓ data         66 files"),
        ("! MiniLM       missing", "✓ MiniLM       weights 0.1.0"),
        ("✓ torch        2.12.0", "✓ torch        2.13.0"),
        ("✓ memory       23.9 GB free", "! memory       1.9 GB free → close other programs"),
        ("1000 masks: 8 ms", "2000 masks: 8 ms"),
        ("", "something"),
    ],
)
def test_whatever_else_changes_is_stored(old, new):
    assert stored_after(cell(stream(old)), cell(stream(new))) == [stream(new)]


def test_a_changed_cell_is_stored_with_its_own_output():
    old, new = cell(stream("8 ms")), cell(stream("9 ms"), source="run(2)")
    assert stored_after(old, new) == [stream("9 ms")]


def test_a_picture_goes_with_its_description():
    old = cell(shown(image_png="b2xk", text_plain="times"))
    same = cell(shown(image_png="bmV3", text_plain="times"))
    other = cell(shown(image_png="bmV3", text_plain="times, and memory"))
    assert stored_after(old, same) == old.outputs
    assert stored_after(old, other) == other.outputs


def test_the_page_of_a_view_is_compared():
    old = cell(shown(text_html="<p>losses in nats</p>", text_plain="Curve()"))
    new = cell(shown(text_html="<p>losses in bits</p>", text_plain="Curve()"))
    assert stored_after(old, new) == new.outputs


def test_a_cell_that_is_compared_is_always_stored_anew():
    old, new = cell(stream("8 ms"), tags=[]), cell(stream("9 ms"), tags=[])
    assert stored_after(old, new) == [stream("9 ms")]


def test_what_a_front_end_leaves_is_removed():
    new = cell(shown(text_html="<b>", text_plain="View()"), tags=["view"])
    new.outputs[0].data[WIDGET_VIEW] = {"model_id": "0"}
    new.metadata["collapsed"] = True
    (output,) = stored_after(cell(tags=["view"]), new)
    assert set(output.data) == {"text/html", "text/plain"}
    assert set(new.metadata) == {"tags"}
