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

from spanbert_teach.paths import cannot_write, write_whole

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


@contextmanager
def keeping(folder: Path | None) -> Iterator[None]:
    """What ends a run within it also says what is kept of the run, and how to go on."""
    try:
        yield
    except (OSError, FloatingPointError) as error:
        if folder is None:
            raise
        if isinstance(error, OSError):
            raise type(error)(f"{error} {kept(folder)}") from None
        state = "the last good state that was saved" if (folder / STATE).exists() else "no state"
        raise FloatingPointError(
            f"{error} In {str(folder)!r} there is {state}, and no checkpoint was written."
        ) from None


def kept(folder: Path) -> str:
    """What is there when a file of a run could not be written."""
    if not (folder / STATE).exists():
        return "Nothing of the run was saved yet: put right, the same command begins it again."
    return "The last state that was saved is kept: put right, the same command goes on from there."


def add_record(path: Path, record: dict) -> None:
    """Write a record at the end of a log; where that fails, at most half a line is left."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    except OSError as error:
        raise cannot_write(path, error) from None


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
