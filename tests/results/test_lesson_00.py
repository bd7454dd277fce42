"""The results of lesson 00, computed a second way: through the library."""

import random

import numpy as np
import pytest

from spanbert_teach import SENTENCE
from spanbert_teach.baselines import BoundaryCounts, guess_hidden
from spanbert_teach.corpus import course_documents, sentences, words
from spanbert_teach.paths import data_path
from spanbert_teach.reading import read_documents

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def counts() -> BoundaryCounts:
    return BoundaryCounts(words(p) for d in course_documents("train") for p in d.paragraphs)


@pytest.fixture(scope="module")
def held_out() -> list[list[str]]:
    found = [
        words(sentence)
        for document in course_documents("test")
        for paragraph in document.paragraphs
        for sentence in sentences(paragraph)
    ]
    found = [sentence for sentence in found if 12 <= len(sentence) <= 40]
    return found[:: len(found) // 200][:200]


def accuracy(counts, held_out, length, position, use_left=True, use_right=True) -> float:
    hits = 0
    for sentence in held_out:
        start = len(sentence) // 2 - (length - 1) // 2
        left = sentence[start - 1] if use_left else None
        right = sentence[start + length] if use_right else None
        [(word, _)] = guess_hidden(counts, left, right, length, position)
        hits += word == sentence[start + position - 1]
    return 100 * hits / len(held_out)


@pytest.mark.result("00-attribution")
def test_attribution(recorded_output):
    gains = [float(line.rpartition(" ")[2]) for line in recorded_output.splitlines()]
    assert gains == [1.3, 0.7, 1.3]
    assert recorded_output.startswith("Google BERT   → Our BERT      91.3 → 92.6")
    assert recorded_output.endswith("93.3 → 94.6  gain 1.3")


@pytest.mark.result("00-article-masking")
def test_article_masking(recorded_output, held_out):
    rng = random.Random(0)
    covered = total = 0
    for sentence in held_out:
        edges = np.zeros(len(sentence) + 1, dtype=int)
        for i in range(len(sentence)):
            length = 0
            while rng.random() >= 0.2:
                length += 1
            edges[i] += 1
            edges[min(i + length, len(sentence))] -= 1
        covered += np.count_nonzero(np.cumsum(edges)[:-1])
        total += len(sentence)
    expected = f"the article's rule hides {covered / total:.1%} of {total:,} words"
    assert recorded_output == expected
    assert covered / total > 0.95


@pytest.mark.result("00-corpus")
def test_corpus(recorded_output):
    lines = []
    for split in SPLITS:
        documents = list(course_documents(split))
        paragraphs = [p for d in documents for p in d.paragraphs]
        count = sum(len(words(p)) for p in paragraphs)
        lines.append(
            f"{split:10} {len(documents):4} documents  {len(paragraphs):6,} paragraphs  "
            f"{count:9,} words"
        )
    assert recorded_output == "\n".join(lines)


@pytest.mark.result("00-lost-document")
def test_lost_document(recorded_output, tmp_path):
    path = tmp_path / "one.txt"
    text = data_path("corpus/validation.txt").read_text(encoding="utf-8")
    path.write_text("\n".join(line for line in text.split("\n") if line), encoding="utf-8")
    right = sum(1 for _ in course_documents("validation"))
    # A text of more than a million characters is handed on in parts of one document.
    merged = 1 if list(read_documents(path)) else 0
    blank_lines = text.count("\n\n")
    assert recorded_output.splitlines() == [
        f"validation text      right: {right:3} documents   with the bug: {blank_lines:3}",
        f"without blank lines  right: {merged:3} documents   with the bug:   0",
    ]
    assert blank_lines == right - 1


@pytest.mark.result("00-neighbours")
def test_neighbours(recorded_output, counts):
    sentence = words(SENTENCE)
    place = sentence.index("believe")
    lines = []
    for name, word, offset in [
        ("after", sentence[place - 1], 1),
        ("before", sentence[place + 1], -1),
    ]:
        seen = counts.at(word, offset)
        best = [int(i) for i in np.argsort(-seen, kind="stable")[:5]]
        assert len({int(seen[i]) for i in best}) == 5, "a printed top five needs a margin"
        lines.append(f"{name} {word!r}: {[(counts.vocabulary[i], int(seen[i])) for i in best]}")
    assert recorded_output == "\n".join(lines)


@pytest.mark.result("00-guess")
def test_guess(recorded_output, counts):
    sentence = words(SENTENCE)
    place = sentence.index("believe")
    left, right = sentence[place - 1], sentence[place + 1]
    lines = []
    for name, sides in [
        ("both sides:", (left, right)),
        ("left only: ", (left, None)),
        ("right only:", (None, right)),
        ("no side:   ", (None, None)),
    ]:
        lines.append(f"{name} {guess_hidden(counts, *sides, 1, 1)[0][0]}")
    assert recorded_output == "\n".join([*lines, f"hidden was: {sentence[place]}"])


@pytest.mark.result("00-guess-span")
def test_guess_span(recorded_output, counts):
    sentence = words(SENTENCE)
    start = sentence.index("Voting")
    left, right = sentence[start - 1], sentence[start + 3]
    best = [guess_hidden(counts, left, right, 3, position)[0][0] for position in (1, 2, 3)]
    assert recorded_output == (
        f"guesses:    {' '.join(best)}\nhidden was: {' '.join(sentence[start : start + 3])}"
    )


@pytest.mark.result("00-one-word")
def test_one_word(recorded_output, counts, held_out):
    none, left, right, both = (
        accuracy(counts, held_out, 1, 1, *sides)
        for sides in [(False, False), (True, False), (False, True), (True, True)]
    )
    assert recorded_output == (
        f"no side {none:.1f}%   left only {left:.1f}%\n"
        f"right only {right:.1f}%   both sides {both:.1f}%\n"
        f"standard error of the last: {(both * (100 - both) / len(held_out)) ** 0.5:.1f}"
    )


@pytest.mark.result("00-span-of-three")
def test_span_of_three(recorded_output, counts, held_out):
    lines = []
    for name, sides in [("span of three:", (True, True)), ("no side:      ", (False, False))]:
        first, middle, last = (accuracy(counts, held_out, 3, place, *sides) for place in (1, 2, 3))
        lines.append(f"{name} first {first:.1f}%, middle {middle:.1f}%, last {last:.1f}%")
    assert recorded_output == "\n".join(lines)


@pytest.mark.result("00-reach")
def test_reach(recorded_output, counts, held_out):
    lines = []
    for name, sides in [("span of five:", (True, True)), ("no side:     ", (False, False))]:
        values = [accuracy(counts, held_out, 5, place, *sides) for place in range(1, 6)]
        lines.append(f"{name} " + "  ".join(f"{value:.1f}%" for value in values))
    assert recorded_output == "\n".join(lines)
