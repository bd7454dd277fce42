"""The learner's own copies of the lessons: handed out, kept up to date, never overwritten.

Nobody works in `notebooks/`. A copy without work in it follows the course; a copy with work in
it stays as it is, and the changed lesson arrives beside it as `NN_topic.new.ipynb`. What counts
as work is the text of the cells: having run a lesson changes nothing.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from spanbert_teach.paths import write_whole

RECORD = ".handed_out.json"
STATIC_PICTURE = ("image/png", "text/html", "text/plain")


def refresh(lessons: Path, target: Path) -> list[str]:
    """Bring the learner's copies in `target` up to date with the course's `lessons`.

    Safe to call at any time and as often as you like: a second call does nothing. Nothing is
    written outside `target`, and only copies whose cells are exactly as they were handed out are
    ever replaced or removed.

    Args:
        lessons: the folder with the course's `NN_topic.ipynb` (subfolders are not looked at).
        target: the learner's folder; created if missing.

    Returns:
        Sentences to show, one for each thing that happened; the last says where to work.

    Raises:
        FileNotFoundError: there is no lesson in `lessons`.
        ValueError: a lesson is not a notebook, or both folders are the same.
        NotADirectoryError: `target` is a file.
    """
    course = _read_course(Path(lessons), Path(target))
    target = Path(target)
    target.mkdir(parents=True, exist_ok=True)
    record, intact = _read_record(target)
    before = json.dumps(record, sort_keys=True)
    said = []
    if not intact and any((target / name).exists() for name in course):
        said.append(
            f"The list of what was handed out ({RECORD}) is missing or damaged, so every lesson "
            "already in this folder counts as your work and stays."
        )
    for name, notebook in course.items():
        said += _refresh_one(name, notebook, target, record["copies"])
    gone = sorted(n for n in record["copies"] if _lesson_of(n) not in course)
    said += [
        f"{name} is no longer a lesson of the course; your copy stays."
        for name in gone
        if name not in record["gone"] and (target / name).exists()
    ]
    record["gone"] = gone
    if json.dumps(record, sort_keys=True) != before:
        _write(target / RECORD, record)
    where = target.name
    said.append(f"Work in {where}/, for example in {where}/{min(course)}: these copies are yours.")
    return said


def _refresh_one(name: str, notebook: dict, target: Path, handed: dict[str, str]) -> list[str]:
    """Bring one lesson up to date; `handed` (file name -> fingerprint) is changed in place."""
    current = fingerprint(notebook)
    found = _fingerprint_of(target / name)

    if found == current:  # also heals the list after an interruption
        handed[name] = current
        return _tidy(name, target, handed)

    if not os.path.lexists(target / name):
        _hand_out(name, notebook, target, handed)
        return [f"{name}: here is your copy of this lesson.", *_tidy(name, target, handed)]

    if found is not None and found == handed.get(name):
        _hand_out(name, notebook, target, handed)
        said = f"{name}: the lesson has changed; your copy had no work in it and was replaced."
        return [said, *_tidy(name, target, handed)]

    # From here on the copy is the learner's, or cannot be read: it stays. A lesson that was
    # already offered is not offered again, even if the learner has deleted or renamed that file
    # since; only a damaged file, or no readable copy at all, is a reason to do so.
    for offered in [name, *_family(name, target, handed)]:
        deleted = not os.path.lexists(target / offered)
        usable = found is not None if deleted else _fingerprint_of(target / offered) is not None
        if handed.get(offered) == current and usable:
            return []
    for beside in _names_beside(name):
        there = _fingerprint_of(target / beside)
        if there is not None and there == current:
            handed[beside] = current
            return []
        free = not os.path.lexists(target / beside)
        if free or (there is not None and there == handed.get(beside)):
            break
    _hand_out(beside, notebook, target, handed)
    if found is None:
        why = f"{name} cannot be read as a notebook; it stays as it is"
        return [f"{why}, and a fresh copy of the lesson is in {beside}."]
    why = f"{name}: the lesson has changed. Your copy has your work in it and stays as it is"
    return [f"{why}; the new lesson is in {beside}."]


def _tidy(name: str, target: Path, handed: dict[str, str]) -> list[str]:
    """The copy is current, so an unworked-in `.new` copy has no purpose any more: remove it."""
    said = []
    for beside in _family(name, target, handed):
        there = _fingerprint_of(target / beside)
        if there is not None and there == handed.get(beside):
            (target / beside).unlink()
            said.append(f"{beside} had no work in it and was removed: {name} is up to date.")
        if not os.path.lexists(target / beside):
            handed.pop(beside, None)
    return said


def _names_beside(name: str) -> Iterator[str]:
    """`NN_topic.new.ipynb`, then `NN_topic.new2.ipynb` and so on, without end."""
    stem = name.removesuffix(".ipynb")
    yield f"{stem}.new.ipynb"
    number = 2
    while True:
        yield f"{stem}.new{number}.ipynb"
        number += 1


def _family(name: str, target: Path, handed: dict[str, str]) -> list[str]:
    """The `.new` names of a lesson that exist as a file or are on the list."""
    names = []
    for beside in _names_beside(name):
        if not os.path.lexists(target / beside) and beside not in handed:
            return names
        names.append(beside)
    return names  # not reached: the names never end


def _lesson_of(name: str) -> str:
    """The lesson that a copy belongs to: `00_a.new2.ipynb` -> `00_a.ipynb`."""
    return name.split(".", 1)[0] + ".ipynb"


def fingerprint(notebook: dict) -> str:
    """A hash of what a person can write in a notebook: type and text of its cells, in order.

    Empty cells do not count: Shift+Enter on the last cell adds one.
    """
    cells = [[cell["cell_type"], _source(cell)] for cell in notebook["cells"]]
    text = json.dumps([[kind, source] for kind, source in cells if source.strip()])
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _source(cell: dict) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def handout(notebook: dict) -> dict:
    """The notebook as a learner gets it: outputs and counts cleared.

    Cells tagged `view` keep their static picture (PNG, HTML, text), so that there is something
    to see before anything has run. The argument is not changed.
    """
    copy = json.loads(json.dumps(notebook))
    copy.get("metadata", {}).pop("widgets", None)
    for cell in copy["cells"]:
        metadata = cell.setdefault("metadata", {})
        metadata.pop("execution", None)
        if cell["cell_type"] != "code":
            continue
        cell["execution_count"] = None
        is_view = "view" in metadata.get("tags", [])
        pictures = [_static(out) for out in cell.get("outputs", []) if is_view and "data" in out]
        cell["outputs"] = [out for out in pictures if out["data"]]
    return copy


def _static(output: dict) -> dict:
    kept = {
        part: {m: v for m, v in output.get(part, {}).items() if m in STATIC_PICTURE}
        for part in ("data", "metadata")
    }
    return {"output_type": "display_data", **kept}


def _read_notebook(path: Path) -> dict:
    """Raises OSError or ValueError when this is not a notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    try:
        fingerprint(notebook)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("not the structure of a notebook") from error
    return notebook


def _fingerprint_of(path: Path) -> str | None:
    """None when there is no such file, or when it cannot be read as a notebook."""
    try:
        return fingerprint(_read_notebook(path))
    except (OSError, ValueError):
        return None


def _read_course(lessons: Path, target: Path) -> dict[str, dict]:
    """All lessons, read before anything is written."""
    if lessons.resolve() == target.resolve():
        raise ValueError(
            f"The lessons and the learner's copies cannot both be in {target}. "
            "Choose another folder for the copies, for example my_lessons."
        )
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(
            f"{target} is a file, and your copies of the lessons need a folder of that name. "
            "Move or rename the file, then try again."
        )
    course = {}
    for path in sorted(lessons.glob("[0-9][0-9]_*.ipynb")):
        if "." in path.stem:  # NN_topic.new.ipynb: a learner's, not a lesson
            continue
        try:
            course[path.name] = _read_notebook(path)
        except ValueError as error:
            raise ValueError(
                f"The lesson {path} is not a readable notebook ({error}). "
                "Get the file again, for example with `git checkout` of this file."
            ) from error
    if not course:
        raise FileNotFoundError(
            f"There is no lesson (NN_topic.ipynb) in {lessons}. "
            "Is the repository complete, and is this its notebooks folder?"
        )
    return course


def _read_record(target: Path) -> tuple[dict, bool]:
    """The list of what was handed out, and whether it was there and intact."""
    empty = {"copies": {}, "gone": []}
    try:
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
        copies, gone = record["copies"], record["gone"]
        if not isinstance(copies, dict) or not isinstance(gone, list):
            return empty, False
    except (OSError, ValueError, KeyError, TypeError):
        return empty, False
    return {"copies": copies, "gone": gone}, True


def _hand_out(name: str, notebook: dict, target: Path, handed: dict[str, str]) -> None:
    _write(target / name, handout(notebook))
    handed[name] = fingerprint(notebook)


def _write(path: Path, content: dict) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    write_whole(path, text.encode())
