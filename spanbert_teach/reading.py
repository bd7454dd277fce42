"""A learner's own files as documents: plain text, JSON lines, tables, packed or not.

A document is a tuple of paragraphs: one paragraph a line, a blank line between documents.
`read_documents` streams them, so memory stays flat; what is no text is refused by its kind, and
what a folder holds beside texts (earlier runs, checkpoints) is left out.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TextIO

PACKED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".lzma": lzma.open}
PLAIN = (".txt", ".md")
# A longer document, or a longer line, is handed on in parts, so that memory stays flat even on a
# text without a single blank line.
LONGEST = 1_000_000
# One record of JSON or of a table is read whole: no longer than this.
LONGEST_RECORD = 50_000_000


@dataclass(frozen=True)
class Document:
    """One document: its id, its title, where it comes from, and its paragraphs in order."""

    id: str
    title: str
    source: str
    paragraphs: tuple[str, ...]


def read_documents(path: str | Path, text_field: str = "text") -> Iterator[Document]:
    """Stream the documents of a text: one paragraph a line, a blank line between documents.

    The last document needs no blank line after it. A document of more than `LONGEST` characters is
    handed on in parts, each at most about that long; nothing is lost. A record of JSON lines
    (`.jsonl`, `.ndjson`, `.json`) or of a table (`.csv`, `.tsv`) is a document of its own.

    Args:
        path: a file, packed or not (.gz, .bz2, .xz, .lzma, or a .zip of several), or a folder: all
            its .txt and .md files, packed or not, sub-folders too, sorted by name; without hidden
            files and without what `left_out` names. UTF-8, with or without a byte order mark.
        text_field: the name of the text in a record, or of its column in a table.

    Raises:
        FileNotFoundError: nothing is there, or the folder has no such file.
        ValueError: no text in it, a kind of file that is no text, not UTF-8 (file, line and byte
            are named), a record without that field, or a damaged packed file.
    """
    if not str(path) or not Path(path).exists():
        raise FileNotFoundError(f"There is no file or folder {str(path)!r}. Is the name right?")
    path = Path(path)
    return _documents(path, files_of(path), text_field)


# --- Which files ----------------------------------------------------------------------------------


def files_of(path: Path) -> list[Path]:
    """The file itself, or the texts of a folder, sorted.

    Raises:
        FileNotFoundError: the folder has none.
    """
    if not path.is_dir():
        return [path]
    left = left_out(path)
    files = [
        file
        for file in sorted(path.rglob("*"))
        if is_plain(file.name) and file.is_file() and not _hidden(file, path)
        if not any(file.is_relative_to(folder) for folder in left)
    ]
    if not files:
        named = ", ".join(repr(str(folder)) for folder in left[:3])
        raise FileNotFoundError(
            f"The folder {str(path)!r} has no text in it: expected {', '.join(PLAIN)}, packed or "
            "not. Other kinds (.jsonl, .csv, .zip) are given one by one."
            + (f" What runs and checkpoints hold is no text: {named}." if left else "")
        )
    return files


def left_out(path: str | Path) -> list[Path]:
    """The folders in a folder that are no text: runs of `pretrain`, and checkpoints, whosever.

    A run keeps settings.json beside its log or state; a checkpoint config.json beside its weights.
    What lies deeper in one of these is not named again.
    """
    found: list[Path] = []
    path = Path(path)
    for file in sorted(path.rglob("*.json")):
        inside = any(file.is_relative_to(folder) for folder in found)
        if not inside and not _hidden(file, path) and (_is_run(file) or _is_checkpoint(file)):
            found.append(file.parent)
    return [f for f in found if not any(f != g and f.is_relative_to(g) for g in found)]


def _is_run(file: Path) -> bool:
    logged = any((file.parent / name).exists() for name in ("log.jsonl", "state.pt"))
    return file.name == "settings.json" and logged


def _is_checkpoint(file: Path) -> bool:
    weights = (".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json")
    names = (f"{stem}{end}" for stem in ("model", "pytorch_model") for end in weights)
    return file.name == "config.json" and any((file.parent / name).exists() for name in names)


def is_plain(name: str) -> bool:
    """A text by its name, packed or not."""
    return _unpacked(name).endswith(PLAIN)


def _unpacked(name: str) -> str:
    """The name in small letters, without the ending that says how it is packed."""
    name = name.lower()
    return next((name.removesuffix(end) for end in PACKED if name.endswith(end)), name)


def _hidden(file: Path, folder: Path) -> bool:
    """Inside a hidden folder, such as a notebook's checkpoints, or hidden itself."""
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


# --- Documents ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """One text: how messages name it, the name that tells its kind, and its unpacked bytes."""

    shown: str
    name: str
    open: Callable[[], AbstractContextManager[io.BufferedReader]]


def _documents(path: Path, files: list[Path], text_field: str) -> Iterator[Document]:
    """The documents of the files; a ValueError when there is none in all of them."""
    number = 0
    for file in files:
        inside = file.relative_to(path).as_posix() if path.is_dir() else file.name
        for source in _sources(file):
            name = f"{inside}/{source.name}" if _is_zip(file) else inside
            title = PurePosixPath(source.name).name.split(".")[0]
            for paragraphs in _groups(_lines_of(source, text_field)):
                number += 1
                yield Document(f"{name}#{number}", title, name, paragraphs)
    if number == 0:
        raise ValueError(f"{str(path)!r} is empty: expected one paragraph a line, as UTF-8 text.")


def _groups(lines: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Lines between blank lines, in groups of at most about `LONGEST` characters."""
    group, size = [], 0
    for line in lines:
        if group and (not line or size + len(line) > LONGEST):
            yield tuple(group)
            group, size = [], 0
        if line:
            group.append(line)
            size += len(line)
    if group:
        yield tuple(group)


def _is_zip(file: Path) -> bool:
    return file.name.lower().endswith(".zip")


def _sources(file: Path) -> Iterator[Source]:
    """The texts of a file: itself, or the members of a zip whose names are those of texts."""
    shown = repr(str(file))
    if not _is_zip(file):
        opener = next((PACKED[end] for end in PACKED if file.name.lower().endswith(end)), open)
        yield Source(shown, file.name, partial(opener, file, "rb"))
        return
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in sorted(archive.namelist()) if _is_member(name)]
    except zipfile.BadZipFile as error:
        raise ValueError(_damaged(shown, file.name, error)) from None
    if not names:
        raise ValueError(f"{shown} has no text in it: expected .txt, .md, .jsonl or .csv files.")
    for name in names:
        yield Source(f"{name!r} in {shown}", name, partial(_member, file, name))


def _is_member(name: str) -> bool:
    """A text by its name, and nothing that a system has put into the zip for itself."""
    own = any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
    return not own and (is_plain(name) or _reader(name) is not None)


@contextmanager
def _member(file: Path, name: str) -> Iterator[io.BufferedReader]:
    """A member of a zip, unpacked."""
    opener = next((PACKED[end] for end in PACKED if name.lower().endswith(end)), None)
    with zipfile.ZipFile(file) as archive, archive.open(name) as stream:
        yield stream if opener is None else opener(stream, "rb")


def _lines_of(source: Source, text_field: str) -> Iterator[str]:
    """The stripped lines of a text, whatever its kind; blank ones between documents."""
    reader = _reader(source.name) or _plain
    try:
        with source.open() as unpacked:
            refuse_by_kind(source, unpacked.peek(HEAD)[:HEAD])  # a pipe can be read only once
            yield from reader(io.TextIOWrapper(unpacked, "utf-8-sig"), source, text_field)
    except UnicodeDecodeError:
        raise ValueError(_bad_encoding(source)) from None
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise ValueError(_damaged(source.shown, source.name, error)) from None
    except RuntimeError as error:  # zipfile's: a password is needed, or a method is not known
        raise ValueError(f"{source.shown} cannot be unpacked ({error}). Unpack it first.") from None
    except OSError as error:
        if error.errno is not None:  # the system's; gzip and bz2 raise theirs without a number
            raise
        raise ValueError(_damaged(source.shown, source.name, error)) from None


def _plain(stream: TextIO, source: Source, text_field: str) -> Iterator[str]:
    """Plain text, which has no fields."""
    return _lines(stream, source)


def _lines(stream: TextIO, source: Source) -> Iterator[str]:
    """The stripped lines of plain text; one longer than `LONGEST` in parts, cut at a space."""
    rest, inside = "", False
    while piece := stream.readline(LONGEST):
        if "\0" in piece:
            raise ValueError(_not_text(source))
        text, rest = rest + piece, ""
        ended = piece.endswith("\n")
        if not ended and len(text) >= LONGEST:
            cut = text.rfind(" ") + 1 or len(text)
            text, rest = text[:cut], text[cut:]
        # The end of a long line may be empty: that is no blank line.
        if text.strip() or not inside:
            yield text.strip()
        inside = not ended
    if rest.strip():
        yield rest.strip()


# --- Records: JSON lines and tables ---------------------------------------------------------------


def _reader(name: str) -> Callable[[TextIO, Source, str], Iterator[str]] | None:
    """What reads a file of records of this name; None for every other text."""
    ending = PurePosixPath(_unpacked(name)).suffix
    return {
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".json": _json,
        ".csv": partial(_table, delimiter=","),
        ".tsv": partial(_table, delimiter="\t"),
    }.get(ending)


def _json_lines(
    stream: TextIO, source: Source, text_field: str, begun: tuple[str, ...] = ()
) -> Iterator[str]:
    """The text of each line's object, then a blank line; `begun`: lines that are read already."""
    for number, line in enumerate(chain(begun, _whole_lines(stream, source)), 1):
        if line.strip():
            where = f"line {number} of {source.shown}"
            yield from _record(_parsed(line, where), where, source, text_field)


def _json(stream: TextIO, source: Source, text_field: str) -> Iterator[str]:
    """JSON lines under another name; or one list of objects or strings, which is read whole."""
    first = stream.readline(LONGEST_RECORD)
    if _is_object(first):
        yield from _json_lines(stream, source, text_field, (first,))
        return
    whole = first + stream.read(LONGEST_RECORD)
    if len(whole) >= LONGEST_RECORD:
        raise ValueError(
            f"{source.shown} is one JSON value of more than {LONGEST_RECORD:,} letters. Expected "
            "JSON lines: an object a line."
        )
    found = _parsed(whole, source.shown)
    for number, value in enumerate(found if isinstance(found, list) else [found], 1):
        yield from _record(value, f"entry {number} of {source.shown}", source, text_field)


def _is_object(line: str) -> bool:
    """The line is a JSON object, whole."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _table(stream: TextIO, source: Source, text_field: str, delimiter: str) -> Iterator[str]:
    """The text of each row of a table whose first row names its columns, then a blank line."""
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_RECORD))
    rows = csv.DictReader(stream, delimiter=delimiter, strict=True)
    try:
        for row in rows:
            where = f"line {rows.line_num} of {source.shown}"
            yield from _record(row, where, source, text_field)
    except csv.Error as error:
        after = f"after line {rows.line_num}"
        raise ValueError(f"{source.shown}, {after}: no row of a table ({error}).") from None


def _whole_lines(stream: TextIO, source: Source) -> Iterator[str]:
    """The lines of a stream; a ValueError for one that is too long to be a record."""
    while line := stream.readline(LONGEST_RECORD):
        if len(line) == LONGEST_RECORD:
            raise ValueError(f"{source.shown} has a line of more than {LONGEST_RECORD:,} letters.")
        yield line


def _parsed(text: str, where: str) -> object:
    """JSON; a ValueError that says where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not JSON: {error}.") from None


def _record(found: object, where: str, source: Source, text_field: str) -> Iterator[str]:
    """The lines of a record's text, and a blank line behind them."""
    if isinstance(found, dict):
        if text_field not in found:
            there = ", ".join(repr(str(name)) for name in list(found)[:8] if name is not None)
            raise ValueError(
                f"{where} has no {text_field!r}; it has {there or 'nothing'}. Give the name of the "
                "text: --text-field NAME, or text_field in Python."
            )
        found = found[text_field]
    if not isinstance(found, str | None):
        kind = type(found).__name__
        raise ValueError(f"{where} is {kind}, no text. Expected a string in {text_field!r}.")
    text = (found or "").replace("\0", "")  # no sign of UTF-16 here, where it is written out
    yield from _lines(io.StringIO(text, newline=None), source)
    yield ""


# --- What is no text ------------------------------------------------------------------------------

# How a file begins: what it is, and what to do.
AS_TEXT = "Save its text as .txt in the program that made it."
UNPACK = "Unpack it, and give the folder."
AS_TABLE = "Save its text as .jsonl or .csv."
LEAVE = "Leave it out."
PAGE = ("a web page, whose tags are no text", AS_TEXT)
KINDS: dict[bytes, tuple[str, str]] = {
    rb"%PDF-|%!PS": ("a PDF or PostScript", AS_TEXT),
    rb"\{\\rtf|\xd0\xcf\x11\xe0": ("a document of an office program", AS_TEXT),
    rb"(\xef\xbb\xbf)?\s*(?i:<!doctype html|<html)": PAGE,
    rb"PK\x03\x04|PK\x05\x06": ("a zip, or a document that is one inside", f"{AS_TEXT} {UNPACK}"),
    rb"\x1f\x8b": ("packed by gzip", "Let its name end in .gz."),
    rb"BZh[1-9]1AY": ("packed by bzip2", "Let its name end in .bz2."),
    rb"\xfd7zXZ": ("packed by xz", "Let its name end in .xz."),
    rb"\x28\xb5\x2f\xfd": ("packed by zstd", "Unpack it first: unzstd FILE."),
    rb"7z\xbc\xaf|Rar!\x1a|(?s:.{257})ustar": ("a 7z, rar or tar archive", UNPACK),
    rb"PAR1[\x00-\x1f]|ARROW1\x00|Obj\x01": ("a table of a kind that is not read", AS_TABLE),
    rb"SQLite format 3\x00": ("a database", AS_TABLE),
    rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|RIFF.{4}(WAVE|AVI|WEBP)|ID3[\x02-\x04]|\x00\x00\x00.ftyp": (
        "a picture, or sound",
        LEAVE,
    ),
    rb"\x7fELF|MZ.\x00|\xcf\xfa\xed\xfe": ("a program", LEAVE),
    rb"\x93NUMPY|\x80[\x02-\x05]": ("numbers of a Python program", LEAVE),
}
# What begins like text, and is none.
NAMES = {
    **dict.fromkeys((".html", ".htm", ".xhtml"), PAGE),
    ".xml": ("XML, whose tags are no text", AS_TEXT),
    ".ipynb": ("a notebook", "Save its text as .txt or .md."),
}
BOMS = (b"\xff\xfe", b"\xfe\xff")


HEAD = 512  # bytes: all of these signs are among the first


def refuse_by_kind(source: Source, head: bytes) -> None:
    """Raise a ValueError that says what a file is, by its first bytes or its name, if no text."""
    begins = next((KINDS[begin] for begin in KINDS if re.match(begin, head)), None)
    kind = begins or NAMES.get(PurePosixPath(_unpacked(source.name)).suffix)
    if kind is not None and head:
        what, to_do = kind
        raise ValueError(f"{source.shown} is {what}: it cannot be read as text. {to_do}")


def _not_text(source: Source) -> str:
    """The sentence that names the first line with a NUL: UTF-16 without a mark, or no text."""
    with source.open() as stream:
        number = next((n for n, line in enumerate(stream, start=1) if b"\0" in line), 1)
    return (
        f"{source.shown} is not UTF-8 text: line {number} holds the byte 0x00. If it is UTF-16, "
        "save it as UTF-8 in your editor; if it is no text at all, leave it out."
    )


def _bad_encoding(source: Source) -> str:
    """The sentence that names the first line and byte of a file that is not UTF-8."""
    what_to_do = "Save it as UTF-8 in your editor and try again."
    with source.open() as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                if number == 1 and line[:2] in BOMS:
                    what_to_do = f"It looks like UTF-16. {what_to_do}"
                elif b"\0" in line:
                    what_to_do = "It looks like no text at all: leave it out."
                byte = f"byte {error.start + 1} is 0x{line[error.start]:02X}"
                return f"{source.shown} is not UTF-8: line {number}, {byte}. {what_to_do}"
    return f"{source.shown} is not UTF-8. {what_to_do}"


def _damaged(shown: str, name: str, error: Exception) -> str:
    """The sentence for a packed file that is cut off, damaged, or called what it is not."""
    ending = PurePosixPath(name.lower()).suffix
    kinds = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".lzma": "lzma", ".zip": "zip"}
    if ending not in kinds:
        return f"{shown} is damaged ({error}). Get it again."
    return (
        f"{shown} is called {ending} but is not a complete {kinds[ending]} file "
        f"({error}). Get it again, or unpack it and give the .txt."
    )
