"""The course's corpus: its documents and spans, sentences and words."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach import corpus
from spanbert_teach.corpus import course_documents, load_spans, sentences, words


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
