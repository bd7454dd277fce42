"""What a reader of the library has to open stays little, and every public name has a reader."""

import ast

import pytest
from nbformat import writes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import names
from tools.names import PACKAGE, library, reach, unread

# A made-up library: a room `hall` with its door, and what reads it.
HALL = {
    "hall": "from spanbert_teach.hall.stairs import climb",
    "hall.stairs": """
from spanbert_teach.hall.steps import Step
from spanbert_teach.floor import HEIGHT, walk as go

def climb(count):
    return [Step(HEIGHT) for _ in range(count)], go

def fall():
    return climb(0)
""",
    "hall.steps": """
class Step:
    def rise(self):
        return creak(self)

def creak(step):
    return step

def sweep():
    return Step
""",
    "floor": "HEIGHT = 3\ndef walk():\n    return 1\ndef dance():\n    return 2",
    "roof": "from spanbert_teach.hall import climb\ndef look():\n    return climb(9)",
}


@pytest.fixture
def modules(tmp_path, monkeypatch) -> dict[str, ast.Module]:
    """The made-up library in a folder without lessons and tools."""
    monkeypatch.setattr(names, "ROOT", tmp_path)
    return {f"spanbert_teach.{name}": ast.parse(text) for name, text in HALL.items()}


def test_reach_follows_a_chain_through_a_door(modules):
    """Functions and classes by name, those that they name, and no constant; no other function."""
    found = reach(modules, "spanbert_teach.roof", "look")
    assert {module.removeprefix("spanbert_teach."): own for module, own in found.items()} == {
        "roof": {"look"},
        "hall.stairs": {"climb"},
        "hall.steps": {"Step", "creak"},
        "floor": {"walk"},
    }
    del found["spanbert_teach.roof"]
    assert reach(modules, "spanbert_teach.hall", "climb") == found
    assert reach(modules, "spanbert_teach.hall", "nothing") == {}


def test_unread_finds_what_nobody_names(modules):
    assert unread(modules) == ["hall.stairs.fall", "hall.steps.sweep", "floor.dance", "roof.look"]


def test_a_lesson_or_a_tool_is_a_reader_and_a_cell_of_the_library_is_none(modules, tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "party.py").write_text("from spanbert_teach.floor import dance")
    (tmp_path / "notebooks").mkdir()
    cells = [
        new_code_cell("look()"),
        new_code_cell("fall()", metadata={"tags": ["library:hall.fall"]}),
        new_markdown_cell("`sweep`"),
    ]
    (tmp_path / "notebooks" / "00_hall.ipynb").write_text(writes(new_notebook(cells=cells)))
    assert unread(modules) == ["hall.stairs.fall", "hall.steps.sweep"]


def test_on_the_command_line(capsys):
    assert names.main(["reach", "masking.mask_block"]) == 0
    assert capsys.readouterr().out.startswith("masking.mask_block: 2 files\n  masking.block: ")
    with pytest.raises(SystemExit):
        names.main(["reach", "masking.mask_blocks"])
    assert "the library has no function masking.mask_blocks" in capsys.readouterr().err


# --- the library itself --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "files"),
    [("masking.mask_block", 2), ("masking.mask_batch", 6), ("checkpoints.load_checkpoint", 9)],
)
def test_a_reader_opens_few_files(function, files):
    module, _, name = function.rpartition(".")
    found = reach(library(), f"spanbert_teach.{module}", name)
    assert 0 < len(found) <= files, f"{function}: {sorted(found)}"


# Public, though no lesson, tool or other module names it; with the reason.
UNREAD = {
    "checkpoints.load.load_tokenizer_of": "for users: the tokenizer of a checkpoint from the hub",
    **{
        f"views.colours.{name}": "for the style sheets: var(--pale-sky) and so on"
        for name in ("PALE_SKY", "PALE_GREEN", "DEEP_GREEN", "DEEP_RED", "BRIGHT_GREEN")
    },
}


def test_every_public_name_is_read_by_something():
    assert set(unread(library())) == set(UNREAD)


def test_the_library_can_be_seen_at_one_glance():
    shown = [path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(shown) <= 24, sorted(shown)


LONGEST = 450  # lines: what can be read at one sitting
# Longer all the same, with the reason.
LONG: dict[str, str] = {}


def test_every_file_can_be_read_at_one_sitting():
    lines = {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8").count("\n")
        for path in PACKAGE.rglob("*.py")
    }
    assert {name for name, number in lines.items() if number > LONGEST} == set(LONG)
