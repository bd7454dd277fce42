"""Where the course keeps things: its data, the learner's own folder; files written whole."""

import contextlib
import errno
import hashlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

PACKAGE = Path(__file__).resolve().parent
HOME_VARIABLE = "SPANBERT_TEACH_HOME"


def checkout() -> Path | None:
    """The folder of the repository when the package runs from a checkout, else None."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "notebooks").is_dir() else None


def data_path(name: str = "") -> Path:
    """The path of a file or folder of the course's data, in a checkout and in an installed wheel.

    Args:
        name: path inside `data/`, with forward slashes: ``"corpus/train.txt"``.

    Raises:
        FileNotFoundError: nothing of that name is shipped; the message lists what is there.
    """
    root = checkout()
    folder = root / "data" if root else PACKAGE / "_data"
    path = folder / name
    if not path.exists():
        near = path.parent if path.parent.is_dir() else folder
        there = ", ".join(sorted(p.name for p in near.iterdir())) if near.is_dir() else "nothing"
        raise FileNotFoundError(
            f"The course ships no data called {name!r}. In {near.name}/ there is: {there}. "
            "If files are missing, get the repository again, or reinstall the package."
        )
    return path


def learner_folder() -> Path:
    """The learner's own folder: copies of the lessons and `progress.json`. Not created here.

    `SPANBERT_TEACH_HOME` wins; then Colab's `/content/my_lessons`; then `my_lessons/` in the
    checkout, or without one in the current folder; where that cannot be written, as in an
    installation that many share, `my_lessons/` in the home folder.
    """
    if given := os.environ.get(HOME_VARIABLE):
        return Path(given).expanduser()
    if "google.colab" in sys.modules:
        return Path("/content/my_lessons")
    usual = (checkout() or Path.cwd()) / "my_lessons"
    return usual if may_write(usual) else Path.home() / "my_lessons"


def may_write(folder: Path) -> bool:
    """Whether files can be put into a folder, or into the first above it that there is."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def elsewhere(error: OSError) -> str:
    """What could not be written, and how to choose another folder: for messages."""
    said = str(error).rstrip(".")
    return f"{said}. To keep your work in another folder, set {HOME_VARIABLE} to its path."


REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your share of the disk is used up",
    errno.EFBIG: "a file may not become that large here (see `ulimit -f`)",
    errno.EROFS: "the disk can only be read",
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
    errno.ENOENT: "there is no such folder",
}


def cannot_write(path: Path, error: OSError) -> OSError:
    """The same error as a sentence: which file or folder could not be written, and why."""
    if error.errno is None:  # it is one already
        return error
    reason = REASONS.get(error.errno, error.strerror)
    return type(error)(f"{str(path)!r} could not be written: {reason}.")


class _Noting(io.FileIO):
    """A file that remembers why it could not be written: torch says something else instead."""

    error: OSError | None = None

    def write(self, data) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            raise


def write_whole(path: Path, content: bytes | Callable[[BinaryIO], object]) -> None:
    """Write a file whole or not at all: a new one takes the place of `path` when it is complete.

    Args:
        content: the bytes, or a function that writes them into a file.

    Raises:
        OSError: it cannot be written, and why (see `cannot_write`); an old file is as it was, and
            nothing is left beside it.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    noted = None
    try:
        noted = _Noting(unfinished, "wb")
        with io.BufferedWriter(noted) as file:
            file.write(content) if isinstance(content, bytes) else content(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except Exception as error:
        reason = error if isinstance(error, OSError) else noted and noted.error
        if reason is None:
            raise
        raise cannot_write(path, reason) from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """The hash of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
