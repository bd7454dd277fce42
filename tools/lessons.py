"""`make sync` and `make execute`: bring the lessons in step with the library, and run them.

    python tools/lessons.py sync      write library cells, set-up cells, badges, minutes, the frame
                                      of the solutions, the README's table
    python tools/lessons.py execute   sync, then run every lesson and store it normalised
    python tools/lessons.py check     say what sync would change, and change nothing

`LESSON=02` narrows each to one lesson.
"""

import ast
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.minutes import minutes_in_table, minutes_line, store_processor_minutes
from tools.notebooks import (
    NOTEBOOKS,
    ROOT,
    code_cells,
    has,
    kernel_environment,
    lessons,
    read,
    recorded,
    solution_path,
    tagged,
    tags,
    write,
)

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# A number with a unit of time, memory or share, and the blanks that align it: "  3.5 ms", "45%".
MEASURED = re.compile(r" *\d[\d.,]* ?(?:ms|s|GB|%)(?!\w)")


def project() -> tuple[str, str]:
    """The version of the course and the public address of the repository ("" when unset)."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["project"]["version"], settings["tool"]["spanbert-teach"]["source"].rstrip("/")


# --- sync ---------------------------------------------------------------------------------------


def library_source(name: str) -> str:
    """The source of `module.name`: function (with decorators), class or constant, cut by AST."""
    module, _, symbol = name.rpartition(".")
    path = ROOT / "spanbert_teach" / (module.replace(".", "/") + ".py")
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names, first = [node.name], min([node.lineno, *(d.lineno for d in node.decorator_list)])
        elif isinstance(node, ast.Assign):
            names, first = [t.id for t in node.targets if isinstance(t, ast.Name)], node.lineno
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names, first = [node.target.id], node.lineno
        else:
            continue
        if symbol in names:
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    raise SystemExit(f"A cell is tagged library:{name}, but {path.name} defines no {symbol!r}.")


def setup_source() -> str:
    version, source = project()
    return f'''\
# Set-up: on Colab this installs the course, elsewhere it does nothing. Safe to run again.
import importlib.util, os, sys

if "google.colab" in sys.modules and not importlib.util.find_spec("spanbert_teach"):
    source = os.environ.get("SPANBERT_TEACH_SOURCE", "{source}")
    source or sys.exit("Where is the course? Set os.environ['SPANBERT_TEACH_SOURCE'] first.")
    %pip install -q --no-deps "spanbert-teach @ git+{{source}}@v{version}"
if not importlib.util.find_spec("spanbert_teach"):
    sys.exit("Not installed. Colab: right address, public, tag v{version} pushed? Else: make lab")
importlib.import_module("spanbert_teach").check_version("{version}")'''


def badge_source(lesson: Path) -> str:
    version, source = project()
    if source.startswith("https://github.com/"):
        address = (
            source.removeprefix("https://").removesuffix(".git").replace("github.com", "github")
        )
        link = (
            f"https://colab.research.google.com/{address}/blob/v{version}/notebooks/{lesson.name}"
        )
        first = f"[▶ **Open in Colab**]({link})"
    else:
        first = "▶ **On Colab:** *File → Upload notebook* (this copy does not know its address)"
    steps = (
        "Then: *File → Save a copy in Drive*; *Edit → Clear all outputs*; "
        "*Runtime → Change runtime type* to choose a GPU (no lesson needs one to be read). "
        "What you write there is gone with the runtime: download it before you leave."
    )
    return f"{first}\n\n<small>{steps}</small>"


def generated_sources(lesson: Path, notebook: NotebookNode) -> dict[str, str]:
    return {
        "setup": setup_source(),
        "badge": badge_source(lesson),
        "minutes": minutes_line(lesson, notebook),
    }


def sync_lesson(lesson: Path, notebook: NotebookNode) -> None:
    """Refresh in place the cells of a lesson that are not written by hand."""
    for position, cell in enumerate(notebook.cells):
        for tag in tags(cell):
            kind, _, name = tag.partition(":")
            if kind in ("setup", "badge", "minutes"):
                cell.source = generated_sources(lesson, notebook)[kind]
            elif kind == "library":
                cell.source = library_source(name)
        name_cell(cell, lesson, position, {other.id for other in notebook.cells})


def name_cell(cell: NotebookNode, lesson: Path, position: int, taken: set[str]) -> None:
    """Give a cell that an editor made a readable id: its lesson and its first words."""
    if re.fullmatch(r"\d\d-[a-z0-9-]+", cell.id):
        return
    words = re.findall(r"[a-z0-9]+", cell.source.lower())[:4] or ["cell"]
    name = "-".join([lesson.name[:2], *words])[:50]
    cell.id = name if name not in taken else f"{name}-{position}"


def solutions_notebook(lesson: Path, notebook: NotebookNode) -> NotebookNode:
    """The solutions of a lesson: cards and checks copied from it around the solution cells."""
    path = solution_path(lesson)
    written = tagged(read(path), "solution") if path.exists() else {}
    stubs = tagged(notebook, "stub")
    if orphans := set(written) - set(stubs):
        raise SystemExit(
            f"{path.name} holds solutions to {', '.join(sorted(orphans))}, which {lesson.name} no "
            "longer asks. Rename the solution's tag with the exercise, or delete its cell."
        )
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    number = lesson.name[:2]
    intro = (
        f"# Solutions: {title}\n\nOne right answer to each exercise of "
        f"[the lesson](../{lesson.name}); others are right too, the checks decide. "
        "Try first: a solution that is read before it is needed teaches little."
    )
    cells = [nbformat.v4.new_markdown_cell(intro, id=f"{number}-solutions")]
    for cell in notebook.cells:
        if has(cell, "setup") or has(cell, "prelude"):
            kept = [tag for tag in tags(cell) if tag in ("setup", "prelude")]
            cells.append(code_cell(cell.source, cell.id, kept))
    for name, card in tagged(notebook, "exercise").items():
        cells.append(nbformat.v4.new_markdown_cell(card.source, id=card.id))
        stub = stubs[name].source
        source = written[name].source if name in written else stub.rpartition("check(")[0].rstrip()
        cells.append(code_cell(source, f"{name}-solution", [f"solution:{name}"]))
        check = stub.splitlines()[-1]
        cells.append(code_cell(check, f"{name}-check", []))
    frame = nbformat.v4.new_notebook(cells=cells, metadata=dict(notebook.metadata))
    if path.exists():
        keep_outputs(read(path), frame)
    return frame


def code_cell(source: str, name: str, cell_tags: list[str]) -> NotebookNode:
    metadata = {"tags": cell_tags} if cell_tags else {}
    return nbformat.v4.new_code_cell(source, id=name, metadata=metadata)


def keep_outputs(old: NotebookNode, new: NotebookNode) -> None:
    """Cells whose source did not change keep what they showed."""
    before = {cell.id: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in code_cells(new):
        same = before.get(cell.id)
        if same is not None and same.source == cell.source:
            cell.outputs, cell.execution_count = same.outputs, same.execution_count


def readme_table(everything: list[Path]) -> str:
    rows = ["| lesson | what you can do afterwards | minutes | exercises |", "|---|---|---|---|"]
    for lesson in everything:
        notebook = read(lesson)
        title, _, rest = notebook.cells[0].source.partition("\n")
        promise = rest.strip().splitlines()[0].strip("*_ ")
        link = f"[{title.lstrip('# ')}](notebooks/{lesson.name})"
        rows.append(f"| {' | '.join([link, promise, *minutes_in_table(lesson, notebook)])} |")
    return "\n".join(rows)


def synced_readme() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    everything = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    start, end = "<!-- lessons -->", "<!-- /lessons -->"
    if text.count(start) != 1 or text.count(end) != 1:
        raise SystemExit(f"README.md needs {start} and {end}, each once: the table goes between.")
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{readme_table(everything)}\n{end}{after}"


def sync(write_files: bool = True) -> list[str]:
    """Bring everything in step; return the names of the files that differ (or differed)."""
    changed = []
    for lesson in lessons():
        notebook = read(lesson)
        before = nbformat.writes(notebook)
        sync_lesson(lesson, notebook)
        solutions = solution_path(lesson)
        frame = solutions_notebook(lesson, notebook)
        if nbformat.writes(notebook) != before:
            changed.append(lesson.name)
        if not solutions.exists() or nbformat.writes(read(solutions)) != nbformat.writes(frame):
            changed.append(f"solutions/{solutions.name}")
        if write_files:
            write(lesson, notebook)
            write(solutions, frame)
    readme = ROOT / "README.md"
    if readme.read_text(encoding="utf-8") != synced_readme():
        changed.append("README.md")
        if write_files:
            readme.write_text(synced_readme(), encoding="utf-8", newline="\n")
    return changed


# --- execute ------------------------------------------------------------------------------------


def run(path: Path, network_log: Path) -> float:
    """Execute one notebook in a fresh kernel, store it normalised; the kernel's CPU seconds."""
    notebook = read(path)
    # Time on the processor, not on the clock: a busy machine does not change the table.
    notebook.cells.append(code_cell("import time; print(time.process_time())", "cpu-seconds", []))
    before = read(path)
    with tempfile.TemporaryDirectory() as home:
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(path.parent)}},
            # Less than an error: ipykernel warns of unencrypted loopback at every start.
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
        try:
            client.execute(env=kernel_environment(Path(home), network_log))
        except CellExecutionError as error:
            failed = next(c for c in notebook.cells if any_error(c))
            raise SystemExit(
                f"{path.name}, cell {failed.id}: {error.ename}: {error.evalue}"
            ) from error
    seconds = float(recorded(notebook.cells.pop()))
    normalise(notebook, before)
    write(path, notebook)
    return seconds


def any_error(cell: NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.get("outputs", []))


def normalise(notebook: NotebookNode, before: NotebookNode) -> None:
    """Remove what differs from run to run; keep a stored output that differs only in measures."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    earlier = {cell.id: cell for cell in before.cells}
    for cell in code_cells(notebook):
        cell.metadata = {"tags": tags(cell)} if tags(cell) else {}
        for output in cell.outputs:
            if "data" in output:
                output.data.pop(WIDGET_VIEW, None)
        old = earlier[cell.id]
        if has(cell, "nbval-ignore-output") and says_the_same(old, cell):
            cell.outputs = old.outputs


def says_the_same(old: NotebookNode, new: NotebookNode) -> bool:
    """Whether two runs of a cell differ in nothing but measured times, memory and shares.

    A picture goes with the description beside it: its bytes are not compared.
    """
    return old.source == new.source and list(said(old)) == list(said(new))


def said(cell: NotebookNode) -> Iterator[tuple[str, str]]:
    """What a cell puts out as text, by kind, without the measured numbers."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.name, MEASURED.sub(" #", output.text)
        for kind, text in output.get("data", {}).items():
            yield kind, "" if kind.startswith("image/") else MEASURED.sub(" #", str(text))


def execute() -> None:
    sync()
    with tempfile.TemporaryDirectory() as folder:
        network_log = Path(folder) / "network.txt"
        for lesson in lessons():
            for path in (lesson, solution_path(lesson)):
                seconds = run(path, network_log)
                print(f"{path.relative_to(ROOT).as_posix()}: {seconds:.0f} s", flush=True)
                if path == lesson:
                    store_processor_minutes(lesson, seconds)
        if network_log.exists():
            raise SystemExit(f"A lesson asked for the network: {network_log.read_text()}")
    sync()


def main() -> None:
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command == "sync":
        print("\n".join(f"updated {name}" for name in sync()) or "everything is in step")
    elif command == "check":
        if changed := sync(write_files=False):
            raise SystemExit(f"Out of step: {', '.join(changed)}. Run `make sync`.")
    elif command == "execute":
        os.chdir(ROOT)
        execute()
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
