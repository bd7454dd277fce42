"""Files of one's own: nothing is lost, memory stays flat, and what is no text is named."""

import bz2
import gzip
import json
import lzma
import os
import random
import re
import threading
import tracemalloc
import zipfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach import reading
from spanbert_teach.corpus import course_documents
from spanbert_teach.reading import left_out, read_documents

# Any text that can stand on one line: no NUL, no line breaks, no lone surrogates, no blank edges.
PARAGRAPH = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\ufeff"), min_size=1)
    .map(str.strip)
    .filter(bool)
)


DOCUMENTS = st.lists(st.lists(PARAGRAPH, min_size=1, max_size=4), min_size=1, max_size=5)


def written(documents: list[list[str]], newline: str, blank_lines: int, ending: str) -> bytes:
    blank = newline * (blank_lines + 1)
    return (blank.join(newline.join(d) for d in documents) + ending).encode("utf-8")


@given(
    documents=DOCUMENTS,
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    blank_lines=st.integers(1, 3),
    endings=st.integers(0, 2),
    mark=st.booleans(),
    packed=st.booleans(),
)
def test_what_is_written_is_read_back(
    tmp_path_factory, documents, newline, blank_lines, endings, mark, packed
):
    raw = written(documents, newline, blank_lines, newline * endings)
    raw = b"\xef\xbb\xbf" * mark + raw
    path = tmp_path_factory.mktemp("text") / ("text.txt.gz" if packed else "text.txt")
    path.write_bytes(gzip.compress(raw) if packed else raw)
    assert [list(d.paragraphs) for d in read_documents(path)] == documents


def test_the_last_document_needs_no_blank_line(tmp_path):
    path = tmp_path / "two.txt"
    path.write_text("one\n\ntwo, which ends without a line break", encoding="utf-8")
    assert [d.paragraphs for d in read_documents(path)][-1] == (
        "two, which ends without a line break",
    )


def test_a_folder_is_read_in_sorted_order_and_ids_differ(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.txt").write_text("third", encoding="utf-8")
    (tmp_path / "a.md").write_text("first\n\nsecond", encoding="utf-8")
    (tmp_path / "b" / "d.txt.gz").write_bytes(gzip.compress(b"fourth"))
    (tmp_path / "notes.pdf").write_bytes(b"\xff not text")
    documents = list(read_documents(tmp_path))
    assert [d.paragraphs[0] for d in documents] == ["first", "second", "third", "fourth"]
    assert len({d.id for d in documents}) == 4
    assert documents[2].source == "b/c.txt"


@given(
    lines=st.lists(PARAGRAPH | st.just(""), max_size=12),
    longest=st.integers(1, 12),
)
def test_long_documents_and_long_lines_lose_nothing(tmp_path_factory, lines, longest):
    path = tmp_path_factory.mktemp("long") / "text.txt"
    path.write_bytes("\n".join([*lines, "end"]).encode("utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "LONGEST", longest)
        parts = [p for d in read_documents(path) for p in d.paragraphs]
    # Only white space at a cut may go.
    assert "".join("".join(parts).split()) == "".join("".join([*lines, "end"]).split())


def test_a_long_line_is_cut_at_a_space_and_ends_no_document(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST", 10)
    path = tmp_path / "line.txt"
    path.write_text("alpha beta gamma delta\nnext\n", encoding="utf-8")
    documents = list(read_documents(path))
    assert " ".join(p for d in documents for p in d.paragraphs) == "alpha beta gamma delta next"
    assert all(sum(map(len, d.paragraphs)) <= 10 for d in documents)


def test_the_rest_of_a_long_last_line_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST", 10)
    path = tmp_path / "line.txt"
    path.write_text("alpha beta", encoding="utf-8")  # a part ends where the text ends
    assert [d.paragraphs for d in read_documents(path)] == [("alpha", "beta")]


def test_a_line_exactly_as_long_as_a_part_is_not_followed_by_a_blank_line(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST", 20)
    path = tmp_path / "line.txt"
    path.write_text("x" * 19 + " \nyy\n", encoding="utf-8")
    monkeypatch.setattr(reading, "_groups", lambda lines: [tuple(lines)])
    assert next(iter(read_documents(path))).paragraphs == ("x" * 19, "yy")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"fine\n\ncaf\xe9 au lait\n", ["line 3, byte 4 is 0xE9", "Save it as UTF-8"]),
        (b"cut at the end \xe2\x82", ["line 1, byte 16 is 0xE2"]),
        ("text".encode("utf-16"), ["line 1, byte 1", "UTF-16"]),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_bad_encoding_is_named_with_file_line_and_byte(tmp_path, raw, expected, packed):
    path = tmp_path / ("latin.txt.gz" if packed else "latin.txt")
    path.write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(ValueError) as error:
        list(read_documents(path))
    for part in [path.name, *expected]:
        assert part in str(error.value)


def test_the_documents_before_a_bad_byte_are_not_silently_all(tmp_path):
    (tmp_path / "a.txt").write_text("good", encoding="utf-8")
    (tmp_path / "b.txt").write_bytes(b"bad \xff")
    with pytest.raises(ValueError, match=r"b\.txt"):
        list(read_documents(tmp_path))


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        read_documents(tmp_path / "missing.txt")
    with pytest.raises(FileNotFoundError, match="no text in it"):
        read_documents(tmp_path)
    (tmp_path / "empty.txt").write_text("\n \n", encoding="utf-8")
    for path in (tmp_path, tmp_path / "empty.txt"):
        with pytest.raises(ValueError, match="is empty"):
            list(read_documents(path))


@pytest.mark.parametrize(
    "raw",
    [b"just text", gzip.compress(b"text " * 999)[:-12], b""],
    ids=["no gzip", "cut off", "empty"],
)
def test_a_gz_that_is_no_complete_gzip(tmp_path, raw):
    path = tmp_path / "text.gz"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"not a complete gzip file|is empty"):
        list(read_documents(path))


@pytest.mark.parametrize("blank_lines", [True, False])
def test_memory_stays_flat(tmp_path, blank_lines):
    """60 MB of the corpus, with its blank lines and as one document without any."""
    block = "\n".join(p for d in course_documents("validation") for p in d.paragraphs[:40]) + "\n"
    block = block + "\n" if blank_lines else block
    path = tmp_path / "large.txt"
    times = 60_000_000 // len(block.encode("utf-8")) + 1
    with path.open("wb") as stream:
        for _ in range(times):
            stream.write(block.encode("utf-8"))
    tracemalloc.start()
    characters = sum(len(p) + 1 for d in read_documents(path) for p in d.paragraphs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert characters == times * len(block.rstrip("\n") + "\n")
    assert peak < 10_000_000


def test_a_nul_byte_is_named_with_its_line(tmp_path):
    path = tmp_path / "wide.txt"
    path.write_bytes("one\ntwo\n".encode("utf-16-le"))
    with pytest.raises(ValueError, match=r"wide.txt.*line 1 holds the byte 0x00.*UTF-16"):
        list(read_documents(path))


def test_hidden_files_of_a_folder_are_no_text(tmp_path):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    for name in ["a.txt", ".b.txt", ".ipynb_checkpoints/c.txt"]:
        (tmp_path / name).write_text(name, encoding="utf-8")
    assert [d.paragraphs for d in read_documents(tmp_path)] == [("a.txt",)]


def test_no_name_is_no_folder():
    with pytest.raises(FileNotFoundError):
        list(read_documents(""))


# --- packed texts ---------------------------------------------------------------------------------


def paragraphs(path, **options) -> list[str]:
    return [p for document in read_documents(path, **options) for p in document.paragraphs]


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
PACKERS[".lzma"] = partial(lzma.compress, format=lzma.FORMAT_ALONE)
TWO = "one\ntwo\n\nthree ½\n"


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("kind", [".txt", ".jsonl", ""])
def test_what_is_packed_is_unpacked(tmp_path, ending, kind):
    text = TWO if kind != ".jsonl" else "".join(json.dumps({"text": t}) + "\n" for t in (TWO, "x"))
    path = tmp_path / f"text{kind}{ending}"
    path.write_bytes(PACKERS[ending](text.encode()))
    expected = [("one", "two"), ("three ½",)] + [("x",)] * (kind == ".jsonl")
    assert [d.paragraphs for d in read_documents(path)] == expected


@pytest.mark.parametrize("ending", PACKERS)
def test_a_folder_holds_packed_texts_and_a_damaged_one_is_named(tmp_path, ending):
    path = tmp_path / f"text.md{ending}"
    path.write_bytes(PACKERS[ending](TWO.encode()))
    assert paragraphs(tmp_path) == ["one", "two", "three ½"]
    path.write_bytes(PACKERS[ending](random.Random(0).randbytes(9999).hex().encode())[:-2000])
    with pytest.raises(ValueError, match=rf"'.*text\.md{re.escape(ending)}' is called {ending}"):
        paragraphs(tmp_path)
    path.write_bytes(b"no such thing, but letters")
    with pytest.raises(ValueError, match=f"is called {re.escape(ending)} but is not a complete"):
        paragraphs(tmp_path)


def test_a_zip_is_its_texts(tmp_path):
    members = {
        "b/second.txt": b"second",
        "a.md": b"first",
        "c.jsonl": b'{"text": "third"}',
        "d.txt.gz": gzip.compress(b"fourth"),
        "picture.png": b"\x89PNG\r\n\x1a\n",
        "__MACOSX/a.md": b"of the system",
        ".hidden.txt": b"hidden",
    }
    path = zipped(tmp_path / "texts.zip", members)
    found = list(read_documents(path))
    assert [d.paragraphs for d in found] == [("first",), ("second",), ("third",), ("fourth",)]
    assert found[1].source == "texts.zip/b/second.txt" and found[1].title == "second"
    zipped(path, {"a.txt": b"good", "b.txt": b"caf\xe9"})
    with pytest.raises(
        ValueError, match=r"'b\.txt' in '.*texts\.zip' is not UTF-8: line 1, byte 4"
    ):
        paragraphs(path)
    zipped(path, {"picture.png": b"\x89PNG"})
    with pytest.raises(ValueError, match=r"texts\.zip' has no text in it"):
        paragraphs(path)
    path.write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(ValueError, match=r"is called \.zip but is not a complete zip"):
        paragraphs(path)


def test_a_damaged_text_in_a_zip_is_named(tmp_path):
    path = zipped(tmp_path / "texts.zip", {"a.txt": b"words and more words"})
    raw = bytearray(path.read_bytes())
    raw[40] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"^'a\.txt' in '.*texts\.zip' is damaged"):
        paragraphs(path)


def test_a_pipe_is_read_from_its_beginning(tmp_path):
    """As in `--text <(zcat …)`: what is read from it once is gone."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(TWO,), daemon=True)
    writer.start()
    assert paragraphs(path) == ["one", "two", "three ½"]
    writer.join()


# --- records --------------------------------------------------------------------------------------

RECORDS = [{"id": 1, "text": "one\ntwo"}, {"id": 2, "text": 'three, "four" ½'}, {"text": None}]
ONE_A_LINE = "\n".join(map(json.dumps, RECORDS)) + "\n\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", ONE_A_LINE),
        ("a.ndjson", "\ufeff" + ONE_A_LINE),
        ("a.json", ONE_A_LINE),
        ("a.json", json.dumps(RECORDS, indent=2)),
        ("a.json", json.dumps(["one\ntwo", 'three, "four" ½'])),
        ("a.csv", 'id,text\r\n1,"one\r\ntwo"\r\n2,"three, ""four"" ½"\r\n3,\r\n4\r\n'),
        ("a.tsv", 'text\tid\n"one\ntwo"\t1\n"three, ""four"" ½"\t2\n'),
    ],
    ids=["jsonl", "ndjson", "lines", "list", "strings", "csv", "tsv"],
)
def test_the_text_of_records_is_read_a_document_each(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode())
    found = [d.paragraphs for d in read_documents(path)]
    assert found == [("one", "two"), ('three, "four" ½',)]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", '{"body": "one", "n": 2}\n'), ("a.csv", "n,body\n2,one\n")],
)
def test_the_text_may_have_another_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    assert paragraphs(path, text_field="body") == ["one"]
    with pytest.raises(
        ValueError, match=r"line [12] of .* has no 'text'; it has .*'body'"
    ) as error:
        paragraphs(path)
    assert "--text-field NAME" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", '{"text": "one"}\n{"text": "tw', "line 2 of .* is not JSON"),
        ("a.jsonl", '{"text": 7}\n', "line 1 of .* is int, no text"),
        ("a.jsonl", "[" * 100_000, "line 1 of .* is not JSON"),
        ("a.json", '[{"text": "one"}, {}]', "entry 2 of .* has no 'text'; it has nothing"),
        ("a.csv", 'text\n"one\n', "after line 1: no row of a table"),
        ("a.csv", "", "is empty"),
    ],
)
def test_what_is_wrong_with_a_record_is_said_with_its_place(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=said):
        paragraphs(path)


def test_a_record_that_never_ends_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST_RECORD", 100)
    for name in ("a.jsonl", "a.json"):
        path = tmp_path / name
        path.write_text("[" + "1, " * 100 + "2]")
        with pytest.raises(ValueError, match="more than 100 letters"):
            paragraphs(path)


def test_memory_stays_flat_over_many_records(tmp_path):
    line = json.dumps({"text": "word " * 2000}) + "\n"
    path = tmp_path / "large.jsonl.xz"
    with lzma.open(path, "wt", preset=0) as stream:
        for _ in range(3000):
            stream.write(line)
    tracemalloc.start()
    assert sum(1 for _ in read_documents(path)) == 3000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


# --- what is no text ------------------------------------------------------------------------------

STRANGERS = {
    "paper.pdf": (b"%PDF-1.7\n", "a PDF"),
    "letter.docx": (b"PK\x03\x04\x14\0\x06\0", "a zip, or a document"),
    "texts.txt": (b"PK\x03\x04\x14\0\0\0", "a zip, or a document"),
    "text.txt": (gzip.compress(b"text"), "packed by gzip.*end in .gz"),
    "text.xz.txt": (lzma.compress(b"text"), "packed by xz"),
    "text.zst": (b"\x28\xb5\x2f\xfd\x04\x00", "packed by zstd"),
    "text.tar.gz": (gzip.compress(b"a" * 257 + b"ustar\x0000"), "tar archive"),
    "table.parquet": (b"PAR1\x15\x04", "a table of a kind"),
    "page.html": (b"<p>Words</p>", "a web page"),
    "page.txt": (b"\xef\xbb\xbf\n<!DOCTYPE html><p>Words", "a web page"),
    "lesson.ipynb": (b'{"cells": []}', "a notebook"),
    "photo.md": (b"\x89PNG\r\n\x1a\n\0\0", "a picture"),
    "weights.txt": (b"\x80\x02}q\x00", "numbers of a Python program"),
    "noise.bin": (b"\xfe\x00\x01\x02", "It looks like no text at all: leave it out"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_text_is_refused_by_its_kind(tmp_path, name):
    content, said = STRANGERS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        paragraphs(tmp_path / name)
    assert name in str(error.value) and "as UTF-8" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["RIFF raff", "ID3 tags", "MZ, the poet", "PAR1 is", "Rar! he said"]
)
def test_text_that_only_begins_like_another_kind_is_text(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    assert paragraphs(tmp_path) == [text]


# --- runs and checkpoints in a folder -------------------------------------------------------------


def test_runs_and_checkpoints_are_left_out_of_a_folder(tmp_path):
    own = [
        "runs/notes.txt",
        "settings/settings.json",
        "settings/a.txt",
        "app/config.json",
        "app/b.md",
    ]
    theirs = [
        *("runs/first/settings.json", "runs/first/log.jsonl", "runs/first/log.txt"),
        *("runs/first/checkpoint/config.json", "runs/first/checkpoint/model.safetensors"),
        *("runs/first/checkpoint/vocab.txt", "runs/second/settings.json", "runs/second/state.pt"),
        *("bert/config.json", "bert/pytorch_model.bin", "bert/vocab.txt", "bert/README.md"),
    ]
    for name in own + theirs:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert paragraphs(tmp_path) == ["app/b.md", "runs/notes.txt", "settings/a.txt"]
    named = [folder.relative_to(tmp_path).as_posix() for folder in left_out(tmp_path)]
    assert named == ["bert", "runs/first", "runs/second"]
    with pytest.raises(FileNotFoundError, match=r"no text in it.*no text: '.*first'"):
        read_documents(tmp_path / "runs/first")
    assert paragraphs(tmp_path / "runs/first/log.txt") == ["runs/first/log.txt"]
