"""The sentence that runs through the course is fit for it (design of the course)."""

from collections import Counter

from spanbert_teach import SENTENCE
from spanbert_teach.corpus import course_documents, sentences, words


def test_it_stands_in_a_held_out_public_domain_document():
    assert any(
        SENTENCE in sentences(paragraph)
        for document in course_documents("test")
        for paragraph in document.paragraphs
    )


def test_no_training_document_has_it():
    assert not any(SENTENCE in p for d in course_documents("train") for p in d.paragraphs)


def test_it_has_a_name_away_from_both_ends():
    tokens = words(SENTENCE)
    name = ["Government", "of", "Colombia"]
    [start] = [i for i in range(len(tokens)) if tokens[i : i + 3] == name]
    assert start >= 3 and start + 3 <= len(tokens) - 3


def test_one_word_occurs_twice():
    repeated = {word for word, n in Counter(words(SENTENCE)).items() if n == 2 and word.isalpha()}
    assert repeated == {"the"}
