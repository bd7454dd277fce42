"""A learner's progress: one JSON file of attempts, its table, and one line to hand in.

The file holds no time stamps and no names:
`{"version": 1, "attempts": [{"exercise", "verdict", "misconception", "attempt"}, ...]}`
"""

import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from filelock import FileLock, Timeout

from spanbert_teach.exercises.form import Exercise
from spanbert_teach.exercises.judging import NOT_ATTEMPTED, RIGHT, SIGN, UNFINISHED, WRONG, Verdict
from spanbert_teach.paths import write_whole

FILE, VERSION, MARK = "progress.json", 1, "spanbert-progress"
ATTEMPTED = (RIGHT, WRONG, UNFINISHED)
LOCK_SECONDS = 5


class Damaged(ValueError):
    """A progress file or line that cannot be read; the message says why."""


@dataclass(frozen=True)
class Standing:
    """Where a learner stands in one exercise.

    Solved stays solved; `attempts` then counts up to the first right answer. `misconception` is
    the last one that was named, None where none was.
    """

    state: str = NOT_ATTEMPTED
    attempts: int = 0
    misconception: str | None = None


def record(verdict: Verdict, folder: Path) -> str | None:
    """Append an attempt to the folder's progress file; returns a warning, or None.

    "Not attempted" is not recorded and creates no folder. The file is replaced as a whole, under
    a lock, so that neither a crash nor a second notebook loses or tears an entry. A file that
    cannot be read is set aside under another name.
    """
    if verdict.state == NOT_ATTEMPTED:
        return None
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".progress.lock", timeout=LOCK_SECONDS):
            warning = None
            try:
                attempts = read_attempts(path)
            except Damaged as reason:
                aside = _free_name(folder)
                os.replace(path, aside)
                attempts = []
                warning = (
                    f"Your {FILE} could not be read ({reason}). It is kept as {aside.name}, "
                    "and a new one begins."
                )
            attempts.append(
                {
                    "exercise": verdict.exercise,
                    "verdict": verdict.state,
                    "misconception": verdict.misconception,
                    "attempt": 1 + sum(a["exercise"] == verdict.exercise for a in attempts),
                }
            )
            content = {"version": VERSION, "attempts": attempts}
            text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
            write_whole(path, text.encode())
            return warning
    except Timeout:
        return f"This attempt was not recorded: another notebook is still writing {FILE}."
    except (OSError, NotImplementedError) as error:  # the latter: a disk without file locks
        return f"This attempt was not recorded: {str(error).rstrip('.')}."


def read_attempts(path: Path) -> list[dict]:
    """The attempts in a progress file, in order; none where there is no file.

    Raises:
        Damaged: the file is no progress file, or was written by a newer version of the course.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise Damaged(f"it is not UTF-8 text at byte {error.start}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise Damaged(f"it is not complete JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("attempts"), list):
        raise Damaged("it does not hold a list of attempts")
    if content.get("version") != VERSION:
        raise Damaged(f"it has version {content.get('version')!r}, this course reads {VERSION}")
    for number, entry in enumerate(content["attempts"], start=1):
        if not _is_attempt(entry):
            raise Damaged(f"attempt {number} in it is not one that a check has written")
    return content["attempts"]


def _is_attempt(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("exercise"), str)
        and entry.get("verdict") in ATTEMPTED
        and isinstance(entry.get("misconception"), str | None)
        and isinstance(entry.get("attempt"), int)
    )


def _free_name(folder: Path) -> Path:
    number = 1
    while (folder / f"progress.broken-{number}.json").exists():
        number += 1
    return folder / f"progress.broken-{number}.json"


def standings(attempts: list[dict]) -> dict[str, Standing]:
    """Where the learner stands, by exercise id."""
    found: dict[str, Standing] = {}
    for entry in attempts:
        before = found.get(entry["exercise"], Standing())
        if before.state != RIGHT:
            found[entry["exercise"]] = Standing(
                entry["verdict"],
                before.attempts + 1,
                entry["misconception"] or before.misconception,
            )
    return found


def progress_table(exercises: tuple[Exercise, ...], found: dict[str, Standing]) -> str:
    """A plain text table of one lesson: id, title, state, attempts, last misconception."""
    rows = [("", "exercise", "title", "attempts", "last misconception")]
    for exercise in exercises:
        at = found.get(exercise.id, Standing())
        attempts = str(at.attempts) if at.attempts else "-"
        rows.append(
            (SIGN[at.state], exercise.id, exercise.title, attempts, at.misconception or "-")
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        cells[3] = row[3].rjust(widths[3])
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def progress_line(
    lesson: str, exercises: tuple[Exercise, ...], found: dict[str, Standing], name: str | None
) -> str:
    """One line to hand in: readable, so that a learner sees what it says, and self-checking.

    `spanbert-progress 1 lesson=00 name=Ana 00-1=right/3 00-2=wrong/2/off-by-one crc=1a2b3c4d`
    """
    words = [MARK, str(VERSION), f"lesson={lesson}"]
    if name:
        words.append(f"name={quote(name, safe='')}")
    for exercise in exercises:
        at = found.get(exercise.id, Standing())
        state = "none" if at.state == NOT_ATTEMPTED else f"{at.state}/{at.attempts}"
        misconception = f"/{quote(at.misconception, safe='')}" if at.misconception else ""
        words.append(f"{exercise.id}={state}{misconception}")
    text = " ".join(words)
    return f"{text} crc={zlib.crc32(text.encode()):08x}"


def read_line(text: str) -> tuple[str, str | None, dict[str, Standing]]:
    """Read a pasted line: (lesson, name or None, standings). Line breaks inside it do no harm.

    Raises:
        Damaged: the line is incomplete, was changed, or is of another version.
    """
    words = text.split()
    if len(words) < 4 or words[1] != str(VERSION):
        if len(words) > 1 and words[1].isdigit() and words[1] != str(VERSION):
            raise Damaged(f"it is of version {words[1]}, this course reads {VERSION}")
        raise Damaged("it is incomplete")
    words[0] = words[0].lower()  # phones like a capital at the beginning
    *body, crc = words
    if crc != f"crc={zlib.crc32(' '.join(body).encode()):08x}":
        raise Damaged("its check sum does not match: something was cut off or changed")
    lesson, name, found = "", None, {}
    for key, _, value in (word.partition("=") for word in body[2:]):
        if key == "lesson":
            lesson = value
        elif key == "name":
            name = unquote(value)
        else:
            found[key] = _read_standing(value)
    return lesson, name, found


def _read_standing(text: str) -> Standing:
    if text == "none":
        return Standing()
    state, attempts, misconception = [*text.split("/"), "", ""][:3]
    if state not in ATTEMPTED or not attempts.isdigit():
        raise Damaged(f"it says {text!r}, which no check has written")
    return Standing(state, int(attempts), unquote(misconception) or None)
