"""The progress of a class: many files and pasted lines, merged into one table."""

import re
from collections import Counter, defaultdict
from pathlib import Path

from spanbert_teach.exercises.judging import NOT_ATTEMPTED, RIGHT
from spanbert_teach.exercises.progress import (
    FILE,
    MARK,
    Damaged,
    Standing,
    read_attempts,
    read_line,
    standings,
)

# From the mark to its check sum, over line breaks, but never into the next learner's line.
PASTED = re.compile(rf"{MARK}\b(?:(?!{MARK}).)*?\bcrc=\w+", re.IGNORECASE | re.DOTALL)
Learners = dict[str, dict[str, Standing]]


def class_table(paths: list[Path], titles: dict[str, str]) -> str:
    """Merge progress files, pasted lines and folders of them into a plain text table.

    A learner is named by the line they pasted, else by the folder or file it came from.

    Args:
        titles: exercise id -> title. Only lessons that someone has begun are shown.
    """
    learners: Learners = {}
    problems: list[str] = []
    for path in _files(paths, problems):
        try:
            if path.suffix == ".json":
                _add_file(learners, path)
            else:
                problems += _add_lines(learners, path)
        except Damaged as reason:
            problems.append(f"{path}: {reason}")
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
    parts = [_table(learners, titles)] if learners else ["No progress was found."]
    if problems:
        parts.append("Could not be read:\n" + "\n".join(f"  {line}" for line in problems))
    return "\n\n".join(parts)


def _files(paths: list[Path], problems: list[str]) -> list[Path]:
    """The files that are meant, each once, in a stable order."""
    found: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            inside = [*path.rglob("*.json"), *path.rglob("*.txt")]
            here = sorted(file for file in inside if not _is_no_progress(file.relative_to(path)))
            if not here:
                problems.append(f"{path}: there is no {FILE} and no text file in this folder")
        elif path.exists():
            here = [path]
        else:
            problems.append(f"{path}: there is no such file")
            here = []
        for file in here:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _is_no_progress(file: Path) -> bool:
    """Notebook checkpoints, the record of what was handed out, files that were set aside."""
    hidden = any(part.startswith(".") for part in file.parts)
    return hidden or file.name.startswith("progress.broken-")


def _add_file(learners: Learners, path: Path) -> None:
    full = path.resolve()
    name = full.stem
    if full.name == FILE:
        # .../ana/my_lessons/progress.json is Ana's
        name = next((p.name for p in full.parents if p.name != "my_lessons"), "") or full.stem
    found = standings(read_attempts(path))
    # Two files are two learners, even when their folders have the same name.
    own, number = _printable(name), 2
    while own in learners:
        own, number = f"{_printable(name)} ({number})", number + 1
    learners[own] = found


def _add_lines(learners: Learners, path: Path) -> list[str]:
    """Add the pasted lines of a text file; returns what was wrong with some of them."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Damaged(f"it is not UTF-8 text at byte {error.start}") from error
    text = re.sub(r"(?m)^[> \t]+", "", text)  # quoted in a mail
    complete = {match.start(): match[0] for match in PASTED.finditer(text)}
    starts = [match.start() for match in re.finditer(MARK, text, re.IGNORECASE)]
    if not starts:
        raise Damaged(f"there is no line in it that begins with {MARK}")
    problems = []
    for start in starts:
        number = text.count("\n", 0, start) + 1
        try:
            _, name, found = read_line(complete.get(start, MARK))
        except Damaged as reason:
            problems.append(f"{path}, line {number}: {reason}. Ask for this line again.")
            continue
        name = name or (path.stem if len(starts) == 1 else f"{path.stem}, line {number}")
        before = learners.setdefault(_printable(name), {})
        for exercise, at in found.items():
            if _rank(at) >= _rank(before.get(exercise, Standing())):
                before[exercise] = at
    return problems


def _rank(at: Standing) -> tuple[bool, int]:
    """Of two lines from one learner the later counts: solved, else after more attempts."""
    return at.state == RIGHT, at.attempts


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _table(learners: Learners, titles: dict[str, str]) -> str:
    seen = {exercise for found in learners.values() for exercise in found}
    lessons = {exercise.partition("-")[0] for exercise in seen}
    shown = sorted(
        seen | {name for name in titles if name.partition("-")[0] in lessons}, key=_order
    )
    width = max([len(_heading(name, titles)) for name in shown], default=0)
    lines = [f"Learners: {len(learners)}", ""]
    lines.append(f"{'exercise':{width}}  right  stuck  not attempted")
    stuck: dict[tuple[str, str], list[str]] = defaultdict(list)
    for exercise in shown:
        counts = Counter()
        for name, found in learners.items():
            at = found.get(exercise, Standing())
            counts[at.state if at.state in (RIGHT, NOT_ATTEMPTED) else "stuck"] += 1
            if at.state not in (RIGHT, NOT_ATTEMPTED):
                on = at.misconception or at.state
                stuck[_printable(on), exercise].append(f"{name} ({at.attempts})")
        heading = _heading(exercise, titles)
        lines.append(
            f"{heading:{width}}  {counts[RIGHT]:5}  {counts['stuck']:5}  {counts[NOT_ATTEMPTED]:13}"
        )
    if stuck:
        lines += ["", "Stuck, the most common first (in brackets: attempts)"]
        ranked = sorted(
            stuck.items(), key=lambda item: (-len(item[1]), _order(item[0][1]), item[0])
        )
        for (on, exercise), names in ranked:
            people = ", ".join(sorted(names))
            lines.append(f"  {_printable(exercise)} {on}: {len(names)}, {people}")
    return "\n".join(lines)


def _heading(exercise: str, titles: dict[str, str]) -> str:
    return f"{_printable(exercise)}  {titles.get(exercise, '(not in this version)')}"


def _order(exercise: str) -> tuple[str, int, str]:
    """Exercise 10 comes after exercise 9."""
    lesson, _, number = exercise.partition("-")
    return lesson, int(number) if number.isdigit() else 0, exercise
