"""The sentence that runs through the course is fit for it (design of the course)."""

import math
from collections import Counter

from spanbert_teach import SENTENCE
from spanbert_teach.corpus import course_documents, sentences, words
from spanbert_teach.tokenization import load_tokenizer


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
    name = ["Voting", "Rights", "Act"]
    [start] = [i for i in range(len(tokens)) if tokens[i : i + 3] == name]
    assert start >= 3 and start + 3 <= len(tokens) - 3


def test_one_word_occurs_twice():
    repeated = {word for word, n in Counter(words(SENTENCE)).items() if n == 2 and word.isalpha()}
    assert repeated == {"the"}


def test_its_pieces_make_a_budget_of_four_and_one_word_has_three():
    encoding = load_tokenizer().encode(SENTENCE, special_tokens=False)
    assert 21 <= len(encoding.ids) <= 24
    assert math.ceil(0.15 * len(encoding.ids)) == 4
    starts = [i for i, start in enumerate(encoding.word_starts) if start]
    assert max(b - a for a, b in zip(starts, [*starts[1:], len(encoding.ids)], strict=True)) >= 3
