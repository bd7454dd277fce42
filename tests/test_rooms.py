"""The rooms of the library stand in an order, and each is entered through its door.

A room is a module of the library (`corpus`) or a folder of modules (`masking`), whose `__init__` is
its door. `from spanbert_teach.masking import mask_block` goes through it; only what stands in the
room itself says `spanbert_teach.masking.block`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.names import PACKAGE, ROOT
from tools.notebooks import code_cells, read, tagged, tags

# Text flows through the rooms from the first to the last; each knows only those before it.
ORDER = (
    *("paths", "checks", "device", "terminal"),
    *("reading", "tokenization", "corpus", "masking"),
    *("model", "objectives", "checkpoints"),
    *("evaluation", "filling", "pretraining", "xray_findings", "xray", "baselines"),
    *("views", "exercises", "my_lessons", "doctor"),
    *("cli", "__main__"),
)
# What lessons put together: none of these knows another, whatever the order.
APART = {"views", "exercises", "tasks"}
# Rooms without a door: a lesson takes one view, from the module of that view.
OPEN = {"views"}
# Tools that go around a door all the same, and the reason.
AROUND = {
    ("mutants.py", "exercises"): "it judges the mutants of a solution as answers are judged",
}


class Import(NamedTuple):
    """`from spanbert_teach.masking.block import spend` is ("masking", "block", "spend")."""

    room: str
    module: str  # inside the room; "" through the door
    name: str


def imports(code: str) -> Iterator[Import]:
    """All that code imports from the rooms of the library, inside functions too."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            said = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            said = [(node.module, alias.name) for alias in node.names]
        else:
            continue
        for path, name in said:
            if name and is_module(f"{path}.{name}"):  # from spanbert_teach.masking import block
                path, name = f"{path}.{name}", ""
            package, _, rest = path.partition(".")
            if package == PACKAGE.name and rest:
                room, _, module = rest.partition(".")
                yield Import(room, module, name)


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def room_of(path: Path) -> str:
    """The room that a file of the library belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


LIBRARY = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from spanbert_teach.masking import mask_block", [("masking", "", "mask_block")]),
        ("from spanbert_teach.masking.block import spend", [("masking", "block", "spend")]),
        ("from spanbert_teach.masking import block as b", [("masking", "block", "")]),
        ("import spanbert_teach.masking.block", [("masking", "block", "")]),
        ("def f():\n    from spanbert_teach import masking", [("masking", "", "")]),
        ("from spanbert_teach import SENTENCE\nimport torch.nn", []),
    ],
)
def test_imports_are_seen_in_every_form(code, found):
    assert list(imports(code)) == found


# --- the order -----------------------------------------------------------------------------------


def test_every_room_has_its_place_in_the_order():
    assert {room_of(path) for path in LIBRARY} == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("room", ORDER)
def test_a_room_knows_only_the_rooms_before_it(room):
    before = ORDER[: ORDER.index(room)]
    for path in (path for path in LIBRARY if room_of(path) == room):
        known = {entered.room for entered in imports(source(path))} - {room}
        later = known - set(before)
        assert not later, f"{path.relative_to(ROOT)} knows {later}"
        assert room not in APART or not known & APART, f"{path.relative_to(ROOT)}: {known & APART}"


# --- the doors -----------------------------------------------------------------------------------


def around(code: str, own: str = "") -> list[Import]:
    """What code takes out of other rooms around their doors."""
    closed = (entered for entered in imports(code) if entered.room not in OPEN | {own})
    return [entered for entered in closed if entered.module]


def test_the_library_goes_through_the_doors():
    found = {path.relative_to(ROOT): around(source(path), room_of(path)) for path in LIBRARY}
    assert {path: entered for path, entered in found.items() if entered} == {}


def test_the_tools_go_through_the_doors():
    paths = ROOT.glob("tools/*.py")
    found = {(path.name, entered.room) for path in paths for entered in around(source(path))}
    assert found == set(AROUND)


def without_magics(cell: str) -> str:
    """The cell as Python: `%pip install ...` is nothing to Python."""
    return re.sub(r"(?m)^(\s*)[%!].*", r"\1pass", cell)


def test_a_lesson_goes_around_a_door_only_for_its_library_cells(notebook_path):
    """A cell with the library's source may name what its own module defines elsewhere."""
    notebook = read(notebook_path)
    shown = tagged(notebook, "library")
    needed = {
        node.id
        for cell in shown.values()
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Name)
    }
    for cell in code_cells(notebook):
        if any(tag.startswith("library:") for tag in tags(cell)):
            continue
        unneeded = [i for i in around(without_magics(cell.source)) if i.name not in needed]
        assert not unneeded, f"cell {cell.id}"
