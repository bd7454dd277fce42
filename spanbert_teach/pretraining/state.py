"""The state of a run on the disk: whatever it needs to go on as if it had never stopped.

Weights and moments of the optimiser, in `state.pt`. The order of the blocks, the masks and the
dropout of a step follow from the seed and the step's number, so there is no other memory. Lesson
`05_sbo_vs_mlm`.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from spanbert_teach.paths import write_whole
from spanbert_teach.pretraining.settings import Settings

STATE, SETTINGS, LOG, FILM, CHECKPOINT = (
    "state.pt",
    "settings.json",
    "log.jsonl",
    "film.npz",
    "checkpoint",
)


def save_state(folder: Path, state: dict) -> None:
    """Write the state of a run; an old one stays until then."""
    write_whole(folder / STATE, lambda file: torch.save(state, file))


def load_state(folder: Path) -> dict | None:
    """The state of a run; None when there is none yet.

    Raises:
        ValueError: the file is damaged.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{str(path)!r} is damaged, so the run cannot go on from it ({reason}). Remove the "
            "file to start the run again from its first step, or copy it back from a backup."
        ) from None


def write_settings(folder: Path, settings: Settings) -> None:
    """Make the folder of a run, with its settings in it, unless it is there."""
    if (folder / SETTINGS).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(settings.as_json(), indent=2) + "\n"
    write_whole(folder / SETTINGS, text.encode())


def check_same_run(folder: Path, settings: Settings) -> None:
    """The folder must be new or empty (hidden files do not count), or that of the same run.

    Raises:
        ValueError: other settings, which are named, or a folder of something else.
    """
    path = folder / SETTINGS
    if not path.exists():
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{str(folder)!r} is a file. Expected a folder for the run.")
        there = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
        if there := [name for name in there if not name.startswith(".")]:
            raise ValueError(
                f"{str(folder)!r} is not the folder of a run, and not empty: "
                f"{', '.join(there[:5])}. Expected a new folder, or that of a run to go on with."
            )
        return
    try:
        old, new = json.loads(path.read_text(encoding="utf-8")), settings.as_json()
        old = Settings().as_json() | old  # a run that is older than a setting has its default
        differ = [name for name in new if old[name] != json.loads(json.dumps(new[name]))]
    except (ValueError, TypeError):
        raise ValueError(f"{str(path)!r} is damaged: it is no JSON with settings.") from None
    if differ:
        was = ", ".join(f"{name}={old[name]!r}, now {new[name]!r}" for name in differ)
        raise ValueError(
            f"{str(folder)!r} holds a run with other settings: {was}. Expected the same settings, "
            "to go on with it, or another folder."
        )


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Nobody else trains in this folder meanwhile.

    Raises:
        ValueError: somebody does.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(
            f"The run in {str(folder)!r} is under way in another process. Expected to be the only "
            "one: wait until it is done, or stop it with Ctrl-C."
        ) from None
    except NotImplementedError:  # some network disks have no locks
        pass
    try:
        yield
    finally:
        lock.release()


def read_log(path: Path, last_step: int) -> list[dict]:
    """The lines of a log up to a step; a half-written last line is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            break
        if record["step"] > last_step:
            break
        found.append(record)
    return found
