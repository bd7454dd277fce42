"""The contract of the lessons: what a learner sees runs, is the library, and says the truth.

Library cells are the library's own source; results that a lesson builds by hand are recorded, run
again by nbval, and computed a second way by the tests in tests/results/; prose quotes only those.
`tests/test_contract_bites.py` breaks each of these on a copy and sees the contract fail.
"""

import ast
import os
import re
import subprocess
import symtable
import sys
from collections import Counter

import nbformat
import pytest

from spanbert_teach.exercises.lookup import lesson_exercises
from spanbert_teach.paths import data_path
from tools.lessons import library_source, sync
from tools.notebooks import (
    ROOT,
    code_cells,
    has,
    is_deeper,
    kernel_environment,
    lessons,
    read,
    recorded,
    solution_path,
    tagged,
)
from tools.prose import figures, unbacked

pytestmark = pytest.mark.contract


def test_library_cells_are_the_library_source(lesson):
    for name, cell in tagged(read(lesson), "library").items():
        assert cell.source == library_source(name), (
            f"{lesson.name}: the cell library:{name} differs from the library. "
            "Edit the library, then run `make sync`."
        )


def test_nothing_is_out_of_step():
    changed = sync(write_files=False)
    assert not changed, f"`make sync` would change {changed}"


def result_markers() -> Counter:
    """How many tests name each result id, read from the test sources."""
    found: Counter = Counter()
    for path in (ROOT / "tests" / "results").glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    if ast.unparse(decorator).startswith("pytest.mark.result("):
                        found[decorator.args[0].value] += 1
    return found


def test_every_result_has_exactly_one_test(lesson):
    number = lesson.name[:2]
    ids = set(tagged(read(lesson), "result"))
    tested = {name: n for name, n in result_markers().items() if name.startswith(f"{number}-")}
    assert len(ids) >= 6, f"{lesson.name} has only {len(ids)} result cells"
    assert tested == dict.fromkeys(ids, 1)


def without_magics(source: str) -> str:
    return "\n".join("" if line.lstrip().startswith("%") else line for line in source.splitlines())


def names_of(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell gives a value at its top level, and those it uses from outside."""
    source = without_magics(source)
    loops = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.For)]
    own = {n.id for loop in loops for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
    top = symtable.symtable(source, "cell", "exec")
    defined = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    used = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    inner = list(top.get_children())
    while inner:
        scope = inner.pop()
        used |= {s.get_name() for s in scope.get_symbols() if s.is_global()}
        inner += scope.get_children()
    return defined, used - own


def library_imports(source: str) -> set[str]:
    """The names that a cell imports from the library."""
    return {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(without_magics(source)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spanbert_teach")
        for alias in node.names
    }


# What a hand-built step may take from the library: the data itself, not what is computed from it.
# (`trio_table` sets out figures that lie in data/runs, and computes none.)
DATA = {
    "data_path",
    "course_documents",
    "sentences",
    "words",
    "SENTENCE",
    "load_minilm",
    "trio_table",
}
# What a lesson builds by hand and proves is the data of those that come after it.
# (A held-out question is blocks, lesson 01, with masks, lesson 02; a checkpoint is an encoder,
# lesson 04, and tensors by name.)
BUILT = {
    "load_tokenizer": "01",
    "blocks": "01",
    "held_out": "02",
    "SpanBertConfig": "04",
    "SpanBertEncoder": "04",
    "load_checkpoint": "04",
}


def data_of(number: str) -> set[str]:
    """The names that the hand-built steps of a lesson may take from the library."""
    return DATA | {name for name, lesson in BUILT.items() if lesson < number}


def taken_from_library(notebook, data: set[str] = DATA) -> dict[str, set[str]]:
    """For each result cell, the names of the library that its value goes back to.

    Follows names from the result cell to the cells above that give them their value, and on.
    """
    uses: dict[str, set[str]] = {}
    library: set[str] = set()
    found = {}
    for cell in code_cells(notebook):
        defined, used = names_of(cell.source)
        imported = library_imports(cell.source) - data
        shown = any(tag.startswith("library:") for tag in cell.metadata.get("tags", []))
        library |= imported | (defined if shown else set())
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("result:"):
                reached, todo = set(imported), used
                while todo:
                    name = todo.pop()
                    reached.add(name)
                    todo |= uses.get(name, set()) - reached
                found[tag.removeprefix("result:")] = reached & library
        for name in defined:
            uses[name] = uses.get(name, set()) | used
    return found


def test_results_come_from_hand_built_steps(lesson):
    """A result may not reach, through any chain of names, a library cell or an import of one."""
    taken = taken_from_library(read(lesson), data_of(lesson.name[:2]))
    assert not {name: names for name, names in taken.items() if names}


def needed_from_elsewhere(notebook) -> set[str]:
    """Names that a cell uses, though only a *Deeper* section which it is not in defines them."""
    homes: dict[str, set[int]] = {}
    needed, section = set(), 0
    for cell, deeper in zip(notebook.cells, is_deeper(notebook), strict=True):
        if cell.cell_type == "markdown":
            # Each *Deeper* section has a number of its own; all of the core path is 0.
            opens = deeper and re.match(r"#+ Deeper", cell.source)
            section = section + 1 if opens else section
        elif cell.source.strip():
            here = section if deeper else 0
            defined, used = names_of(cell.source)
            needed |= {n for n in used if n in homes and not homes[n] & {0, here}} - defined
            for name in defined:
                homes.setdefault(name, set()).add(here)
    return needed


def test_deeper_sections_can_be_skipped(lesson):
    """Neither the core path nor another *Deeper* section needs what one of them defines."""
    assert not needed_from_elsewhere(read(lesson))


def test_what_a_deeper_section_defines_is_missed_elsewhere():
    def lesson_of(*sources):
        kinds = {True: nbformat.v4.new_markdown_cell, False: nbformat.v4.new_code_cell}
        cells = [kinds[source.startswith("#")](source) for source in sources]
        return nbformat.v4.new_notebook(cells=cells)

    first = ["x = 1", "## Deeper: a", "y = x", "print(y)", "## Deeper: b"]
    assert not needed_from_elsewhere(lesson_of(*first, "y = 2", "print(x, y)"))
    assert needed_from_elsewhere(lesson_of(*first, "print(y)")) == {"y"}
    assert needed_from_elsewhere(lesson_of(*first, "## Recap", "print(y)")) == {"y"}


def test_a_lesson_builds_by_hand_what_later_ones_take_as_data():
    assert "blocks" in data_of("02") and not {"blocks", "load_tokenizer"} & data_of("01")


def test_a_result_taken_from_the_library_is_found():
    def cell(source, *tags):
        return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})

    hand = cell("def double(x):\n    return x + x")
    result = cell("print(quadruple(1))", "result:00-a")
    by_hand = cell("def quadruple(x):\n    return double(double(x))")
    imported = cell("from spanbert_teach.maths import double")
    shown = cell(hand.source, "library:maths.double")
    for first, taken in [(hand, set()), (imported, {"double"}), (shown, {"double"})]:
        notebook = nbformat.v4.new_notebook(cells=[first, by_hand, result])
        assert taken_from_library(notebook) == {"00-a": taken}


def test_figures_in_prose_have_a_source(notebook_path):
    lesson_results = {
        name: recorded(cell)
        for lesson in lessons()
        for name, cell in tagged(read(lesson), "result").items()
    }
    problems = []
    for cell in read(notebook_path).cells:
        if cell.cell_type == "markdown" and not has(cell, "minutes") and not has(cell, "badge"):
            problems += unbacked(cell.source, lesson_results, data_path("paper.json"))
    assert not problems, f"{notebook_path.name}:\n" + "\n".join(problems)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_figures_of_the_readme_have_a_source(name):
    results = {
        key: recorded(cell)
        for lesson in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
        for key, cell in tagged(read(lesson), "result").items()
    }
    text = (ROOT / name).read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- lessons -->")  # the table is generated
    prose = before + rest.partition("<!-- /lessons -->")[2]
    assert not unbacked(prose, results, data_path("paper.json"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The guesser finds 23.5% of them.", ["23.5%"]),
        ("It has 1,234 words and −0.4 points.", ["1234", "-0.4"]),
        ("In 2020, three of 12 words, see Table 7, §3.1 and lesson 02.", []),
        ("`0.15` and $p = 0.2$ are code and formula, not prose.", []),
        ("A gain of +1.3 points over 200 sentences", ["1.3", "200"]),
    ],
)
def test_figures_are_found_in_prose(text, expected):
    assert figures(text) == expected


def test_prose_checker_rejects(tmp_path):
    paper = tmp_path / "paper.json"
    paper.write_text('{"tables": {"7": {"rows": {"SBO": {"SQuAD 2.0": 86.8}}}}}', encoding="utf-8")
    results = {"00-a": "accuracy 23.5%"}
    assert not unbacked("It is 23.5%. <!-- claim: 00-a -->", results, paper)
    assert not unbacked("F1 is 86.8. <!-- paper: 7 -->", results, paper)
    assert not unbacked("Mask 15%. <!-- given: 15%, by definition -->", results, paper)
    assert unbacked("Mask 15%. <!-- given: by definition -->", results, paper)
    assert unbacked("23.5% of 300. <!-- given: 300, the sample -->", results, paper)
    assert unbacked("12-40 words", results, paper)
    assert unbacked("It is 23.5%.", results, paper)
    assert unbacked("It is 24.5%. <!-- claim: 00-a -->", results, paper)
    assert unbacked("It is 23.5%. <!-- claim: 00-b -->", results, paper)
    assert unbacked("F1 is 86.9. <!-- paper: 7 -->", results, paper)
    assert unbacked("- fine\n- It is 23.5%.", results, paper)


def test_runs_strictly_as_recorded_and_offline(notebook_path, tmp_path):
    """nbval runs the notebook with the network off and compares every output that is recorded."""
    log = tmp_path / "network.txt"
    command = [sys.executable, "-m", "pytest", "--disable-plugin-autoload", "-p", "nbval"]
    command += ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
    command += ["-p", "no:cacheprovider", "-x", "-q", "--no-header"]
    command += [f"--nbval-sanitize-with={ROOT / 'tests' / 'nbval_sanitize.cfg'}"]
    environment = kernel_environment(tmp_path / "home", log)
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [*command, "-o", "addopts=", str(notebook_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    ran = len(code_cells(read(notebook_path)))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(rf"\b{ran} passed", done.stdout), done.stdout[-2000:]
    assert not log.exists(), f"asked for the network: {log.read_text(encoding='utf-8')}"
    if notebook_path.parent.name != "solutions":
        assert not (tmp_path / "home").exists(), "an untouched lesson wrote into progress"


def test_offline_guard_refuses_and_reports(tmp_path):
    log = tmp_path / "network.txt"
    code = "import urllib.request as u\ntry: u.urlopen('http://example.invalid')\nexcept OSError: 0"
    environment = kernel_environment(tmp_path, log)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert log.read_text(encoding="utf-8").strip() == "example.invalid"


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff_accepts_code_and_notebooks(command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache", str(ROOT)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout


def test_solutions_exist(lesson):
    wanted = set(tagged(read(lesson), "stub"))
    assert set(tagged(read(solution_path(lesson)), "solution")) == wanted


def test_the_exercises_of_lesson_and_library_are_the_same(lesson):
    known = [exercise.id for exercise in lesson_exercises(lesson.name[:2])]
    assert list(tagged(read(lesson), "stub")) == known
