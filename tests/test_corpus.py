"""Streaming text: nothing is lost, memory stays flat, and errors say what to do."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach import corpus
from spanbert_teach.corpus import course_documents, load_spans, read_documents, sentences, words

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
        patch.setattr(corpus, "LONGEST", longest)
        parts = [p for d in read_documents(path) for p in d.paragraphs]
    # Only white space at a cut may go.
    assert "".join("".join(parts).split()) == "".join("".join([*lines, "end"]).split())


def test_a_long_line_is_cut_at_a_space_and_ends_no_document(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "LONGEST", 10)
    path = tmp_path / "line.txt"
    path.write_text("alpha beta gamma delta\nnext\n", encoding="utf-8")
    documents = list(read_documents(path))
    assert " ".join(p for d in documents for p in d.paragraphs) == "alpha beta gamma delta next"
    assert all(sum(map(len, d.paragraphs)) <= 10 for d in documents)


def test_the_rest_of_a_long_last_line_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "LONGEST", 10)
    path = tmp_path / "line.txt"
    path.write_text("alpha beta", encoding="utf-8")  # a part ends where the text ends
    assert [d.paragraphs for d in read_documents(path)] == [("alpha", "beta")]


def test_a_line_exactly_as_long_as_a_part_is_not_followed_by_a_blank_line(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "LONGEST", 20)
    path = tmp_path / "line.txt"
    path.write_text("x" * 19 + " \nyy\n", encoding="utf-8")
    monkeypatch.setattr(corpus, "_groups", lambda lines: [tuple(lines)])
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


def test_the_course_corpus_has_ids_titles_and_sources():
    documents = list(course_documents("test"))
    assert {d.source for d in documents} == {
        "World Factbook 2025",
        "World Factbook 2016",
        "State of the Union",
    }
    assert len({d.id for d in documents}) == len(documents) > 20
    only = list(course_documents("test", source="State of the Union"))
    assert only == [d for d in documents if d.source == "State of the Union"]
    assert all(d.title.startswith("State of the Union") for d in only)
    assert {d.source for d in course_documents("test", wikipedia=True)} == {"Wikipedia"}


def test_wrong_names_list_the_right_ones():
    with pytest.raises(ValueError, match="train, validation, test"):
        course_documents("dev")
    with pytest.raises(ValueError, match="World Factbook 2025"):
        course_documents("train", source="Factbook")
    with pytest.raises(ValueError, match="entity, noun_phrase"):
        load_spans("train", "verb")


def test_spans_follow_the_paragraphs_with_and_without_a_source():
    for source in (None, "State of the Union"):
        paragraphs = [p for d in course_documents("test", source=source) for p in d.paragraphs]
        spans = load_spans("test", "entity", source=source)
        assert len(spans) == len(paragraphs)
        assert all(s.shape[1] == 2 and s.dtype == np.int64 for s in spans)
        named = {p[a:b] for p, s in zip(paragraphs, spans, strict=True) for a, b in s}
        assert {"Congress", "the United States"} <= named


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("One. Two! Three? Four.", ["One.", "Two!", "Three?", "Four."]),
        ("Mr. Smith met Dr. Jones.", ["Mr. Smith met Dr. Jones."]),
        ("John F. Kennedy spoke. He won.", ["John F. Kennedy spoke.", "He won."]),
        ("The U.S. Army left.", ["The U.S. Army left."]),
        ('"Go." She went.', ['"Go."', "She went."]),
        (
            "It grew by 3.5 percent. In 1999 it fell.",
            ["It grew by 3.5 percent.", "In 1999 it fell."],
        ),
        ("about 3 ft. deep", ["about 3 ft. deep"]),
        ("No end", ["No end"]),
        ("", []),
    ],
)
def test_sentences(paragraph, expected):
    assert sentences(paragraph) == expected


@given(st.text())
def test_sentences_joined_give_the_paragraph_back(paragraph):
    assert " ".join(sentences(paragraph)) == " ".join(paragraph.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop, well-known U.S.", ["Don't", "stop", ",", "well-known", "U.S."]),
        ("1,204.5 km (3%)", ["1,204.5", "km", "(", "3", "%", ")"]),
        ("Côte d'Ivoire's 20th", ["Côte", "d'Ivoire's", "20th"]),
        ("the end. 'So'", ["the", "end", ".", "'", "So", "'"]),
        ("Σωκράτης, 東京", ["Σωκράτης", ",", "東京"]),
        (" \t", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


@given(st.text())
def test_words_drop_only_white_space(text):
    assert "".join(words(text)) == "".join(text.split())


def test_the_whole_train_text_is_read_once_with_nothing_lost():
    path = Path(corpus.data_path("corpus/train.txt"))
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line]
    assert [p for d in course_documents("train") for p in d.paragraphs] == lines


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
