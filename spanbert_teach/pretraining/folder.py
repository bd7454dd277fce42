"""The folder of a run: one run in it, and one process at a time.

`settings.json` holds the settings of the run and, under "fingerprints", hashes of what it reads:
`{"text": [one a path], "validation": [one a path], "vocabulary": one}`. A run goes on where both
are the same; what the files are called does not count. Lesson `05_sbo_vs_mlm`.
"""

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from spanbert_teach.paths import cannot_write, write_whole
from spanbert_teach.pretraining.settings import FINGERPRINTS, Settings
from spanbert_teach.pretraining.state import SETTINGS
from spanbert_teach.tokenization import WordPieceTokenizer

LOCK = ".lock"
READ = ("text", "validation", "vocabulary")  # known by its fingerprint, not by its path

# --- One process ----------------------------------------------------------------------------------


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Nobody else trains in this folder meanwhile. It is made, and goes again if nothing begins.

    Raises:
        ValueError: somebody does, or the folder is that of something else.
        OSError: nothing can be written there.
    """
    lock, made = FileLock(folder / LOCK), []
    try:
        check_free(folder)
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        while not (folder / LOCK).exists():  # removed by the one that had it, in the same moment
            lock.release()
            lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(
            f"The run in {str(folder)!r} is under way in another process. Expected to be the only "
            "one: wait until it is done, or stop it with Ctrl-C."
        ) from None
    except NotImplementedError:  # some network disks have no locks
        pass
    except OSError as error:
        remove_empty(made)
        raise cannot_write(folder, error) from None
    try:
        yield
    finally:
        begun = (folder / SETTINGS).exists()
        if not begun:
            with contextlib.suppress(OSError):
                (folder / LOCK).unlink(missing_ok=True)
        lock.release()
        if not begun:
            remove_empty(made)


def remove_empty(folders: list[Path]) -> None:
    """Remove folders, inner ones first, up to one that has something in it or is not there."""
    with contextlib.suppress(OSError):
        for path in folders:
            path.rmdir()


def check_free(folder: Path) -> None:
    """Raise a ValueError unless the folder is new, empty (but for hidden files), or of a run."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is a file. Expected a folder for the run.")
    if not folder.exists() or (folder / SETTINGS).exists():
        return
    there = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if there and not (folder / SETTINGS).exists():  # it may have been begun just now
        raise ValueError(
            f"{str(folder)!r} is not the folder of a run, and not empty: {', '.join(there[:5])}. "
            "Expected a new folder, or that of a run to go on with."
        )


# --- One run --------------------------------------------------------------------------------------


def fingerprints(
    text: list[str], validation: list[str], tokenizer: WordPieceTokenizer
) -> dict[str, list[str] | str]:
    """Hashes of all that a run reads; those of the texts were taken while they were read."""
    pieces = json.dumps([tokenizer.lowercase, *tokenizer.tokens, *map(repr, tokenizer.added)])
    vocabulary = hashlib.sha256(pieces.encode()).hexdigest()
    return {"text": text, "validation": validation, "vocabulary": vocabulary}


def stored_run(folder: Path) -> dict | None:
    """What `settings.json` says; None where no run was begun."""
    path = folder / SETTINGS
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not isinstance(found.get(FINGERPRINTS, {}), dict):
            raise ValueError
    except ValueError:
        raise ValueError(f"{str(path)!r} is damaged: it is no JSON with settings.") from None
    return found


def check_same_settings(folder: Path, settings: Settings) -> None:
    """Raise a ValueError that names what differs from the settings of the run in the folder.

    What has a fingerprint is compared when it has been read: see `check_same_texts`.
    """
    old, new = stored_run(folder), settings.as_json()
    if old is None:
        return
    old = Settings().as_json() | old  # a run that is older than a setting has its default
    compared = [name for name in new if not (FINGERPRINTS in old and name in READ)]
    differ = [name for name in compared if old[name] != json.loads(json.dumps(new[name]))]
    if differ:
        was = ", ".join(f"{name}={old[name]!r}, now {new[name]!r}" for name in differ)
        raise ValueError(
            f"{str(folder)!r} holds a run with other settings: {was}. Expected the same settings, "
            "to go on with it, or another folder."
        )


def check_same_texts(folder: Path, settings: Settings, now: dict) -> None:
    """Raise a ValueError that names what the run in the folder did not read as it is now.

    Args:
        now: the fingerprints of this moment.
    """
    old = stored_run(folder)
    if old is None or FINGERPRINTS not in old:
        return
    was = old[FINGERPRINTS]
    for name, what in (("text", "text"), ("validation", "held-out text")):
        if (before := was.get(name) or []) != now[name]:
            begun, parts = (
                named(paths or (), marks)
                for paths, marks in ((old.get(name), before), (getattr(settings, name), now[name]))
            )
            said = (
                f"It was begun with {', '.join(begun) or 'none'}, and now there is "
                f"{', '.join(parts) or 'none'}"
            )
            new = [part for part, mark in zip(parts, now[name], strict=True) if mark not in before]
            if new and len(parts) == len(before):
                said = f"It was begun with other words than are in {', '.join(new)} now"
            raise ValueError(refused(folder, what, said))
    if was.get("vocabulary") != now["vocabulary"]:
        name = "the course's" if settings.vocabulary is None else repr(settings.vocabulary)
        said = f"It was begun with other pieces than are in {name} now"
        raise ValueError(refused(folder, "vocabulary", said))


def named(paths: Sequence[str], marks: Sequence[str]) -> list[str]:
    """The parts of a text as words: their paths, or the course's own text."""
    return [repr(path) for path in paths] or ["the course's own"] * len(marks)


def refused(folder: Path, what: str, said: str) -> str:
    """The sentence that refuses to go on with a run that reads something else."""
    return (
        f"{str(folder)!r} holds a run with another {what}. {said}. Expected the same {what}, to go "
        "on with it, or another folder."
    )


def write_settings(folder: Path, settings: Settings, now: dict) -> None:
    """Write the settings of a run and the fingerprints of what it reads, unless they are there."""
    old = stored_run(folder)
    if old is not None and FINGERPRINTS in old:
        return
    if old is not None:
        print(
            f"⚠ The run in {str(folder)!r} was begun by an earlier version of the course, so "
            "nobody can tell whether its text and vocabulary are still the same. From now on it "
            "is looked at.",
            file=sys.stderr,
        )
    text = json.dumps((old or settings.as_json()) | {FINGERPRINTS: now}, indent=2) + "\n"
    write_whole(folder / SETTINGS, text.encode())
