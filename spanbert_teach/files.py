"""Files: written whole or not at all, and told apart by their hash."""

import hashlib
import os
from pathlib import Path


def write_whole(path: Path, write) -> None:
    """Call `write(file)` on a new file, which then takes the place of `path`: all or nothing."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def sha256(path: Path) -> str:
    """The hash of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
