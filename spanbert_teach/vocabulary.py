"""The file `vocab.txt`, in which BERT keeps its pieces: one a line, the line number is the id."""

import os
from collections.abc import Sequence
from pathlib import Path

from spanbert_teach.wordpiece import BETWEEN_SPACES, UNKNOWN

EXPECTED = "Expected BERT's vocab.txt: UTF-8, one piece a line, [UNK] among them."


def check_vocabulary(tokens: Sequence[str], name: str = "The vocabulary") -> None:
    """Raise a ValueError, with the line, when the pieces are no vocabulary."""
    if list(tokens) in ([], [""]):
        raise ValueError(f"{name} is empty. {EXPECTED}")
    if UNKNOWN not in tokens:
        looks_like = " It looks like JSON." if tokens[0].lstrip().startswith(("{", "[{")) else ""
        raise ValueError(f"{name} has no {UNKNOWN}.{looks_like} {EXPECTED}")
    lines: dict[str, int] = {}
    for line, token in enumerate(tokens, 1):
        if not BETWEEN_SPACES.fullmatch(token):
            raise ValueError(f"{name} has white space or nothing in line {line}: {token!r}.")
        if token in lines:
            raise ValueError(
                f"{name} has {token!r} in line {lines[token]} and in line {line}, "
                "but a piece can have one id only."
            )
        lines[token] = line


def read_vocabulary(path: str | Path) -> list[str]:
    """The pieces of a `vocab.txt`, in order.

    Raises:
        FileNotFoundError, ValueError: no such file, or no vocabulary in it; the line is named.
    """
    path = Path(path)
    name = repr(str(path))
    if not path.is_file():
        raise FileNotFoundError(f"There is no vocabulary file {name}. Is the name right?")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8 (byte {error.start + 1}). {EXPECTED}") from None
    tokens = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    check_vocabulary(tokens, name)
    return tokens


def write_vocabulary(path: str | Path, tokens: Sequence[str]) -> None:
    """Write `vocab.txt`, the same bytes on every system; an old file stays until it is done."""
    path = Path(path)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes("".join(token + "\n" for token in tokens).encode("utf-8"))
    os.replace(unfinished, path)
