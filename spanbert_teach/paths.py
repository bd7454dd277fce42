"""Where the course keeps things: the data it ships, and the learner's own folder."""

import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


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
    checkout; then `my_lessons/` in the current folder.
    """
    if given := os.environ.get("SPANBERT_TEACH_HOME"):
        return Path(given).expanduser()
    if "google.colab" in sys.modules:
        return Path("/content/my_lessons")
    return (checkout() or Path.cwd()) / "my_lessons"
