"""Blocks: nothing lost, nothing mixed, no word cut that need not be; and their table."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanbert_teach.corpus import (
    Block,
    BlockTable,
    Document,
    blocks,
    course_documents,
    load_spans,
    piece_spans,
)
from spanbert_teach.tokenization import load_tokenizer

TOKENIZER = load_tokenizer()
CLS, SEP = TOKENIZER.id("[CLS]"), TOKENIZER.id("[SEP]")
LONG = "Antananarivo" * 4
PARAGRAPH = st.lists(
    st.sampled_from(["the", "Isthmus", "successor", ",", LONG, "relinquished", "\x00", "[MASK]"]),
    max_size=20,
).map(" ".join)
DOCUMENTS = st.lists(st.lists(PARAGRAPH, max_size=4), max_size=4)


def document(number: int, *paragraphs: str) -> Document:
    return Document(f"d{number}", "", "", paragraphs)


def whole(text: Document) -> tuple[list[int], list[bool]]:
    """The pieces of a document and its word starts, paragraph after paragraph."""
    encodings = [TOKENIZER.encode(p, special_tokens=False) for p in text.paragraphs]
    return [i for e in encodings for i in e.ids], [s for e in encodings for s in e.word_starts]


def check(found: list[Block], documents: list[Document], length: int) -> None:
    assert [b.document for b in found] == sorted(
        (b.document for b in found), key=[d.id for d in documents].index
    )
    for text in documents:
        own = [b for b in found if b.document == text.id]
        ids, starts = whole(text)
        assert [i for b in own for i in b.ids[1:-1]] == ids
        assert [s for b in own for s in b.word_starts[1:-1]] == starts
        for block in own:
            assert block.ids[0] == CLS and block.ids[-1] == SEP
            assert not block.word_starts[0] and not block.word_starts[-1]
            assert len(block.word_starts) == len(block.ids) <= length
        for block, following in pairwise(own):
            ends_inside_a_word = not following.word_starts[1]
            if ends_inside_a_word:  # one word fills all of it
                assert len(block.ids) == length and not any(block.word_starts[2:-1])
            else:  # the next word would not have fitted
                later = following.word_starts[2:-1]
                word = later.index(True) + 1 if True in later else len(later) + 1
                assert len(block.ids) + word > length


@settings(max_examples=200, deadline=None)
@given(documents=DOCUMENTS, length=st.integers(3, 30))
def test_blocks_give_each_document_back(documents, length):
    documents = [document(i, *paragraphs) for i, paragraphs in enumerate(documents)]
    check(list(blocks(documents, TOKENIZER, length)), documents, length)


@pytest.mark.parametrize("length", [32, 128, 512])
def test_blocks_of_the_validation_text(length):
    documents = list(course_documents("validation"))
    found = list(blocks(iter(documents), TOKENIZER, length))
    check(found, documents, length)
    assert {b.document for b in found} == {d.id for d in documents}
    # Nearly full, but for the last block of each document.
    full = [b for b, c in pairwise(found) if b.document == c.document]
    assert sum(len(b.ids) for b in full) / len(full) > 0.95 * length


def test_a_block_goes_on_across_paragraphs():
    [block] = blocks([document(0, "the", "the the")], TOKENIZER, 10)
    the = TOKENIZER.id("the")
    assert block == Block([CLS, the, the, the, SEP], [False, True, True, True, False], "d0")


def test_a_document_without_pieces_has_no_block():
    assert list(blocks([document(0), document(1, "\x00", " ")], TOKENIZER, 10)) == []


def test_documents_are_read_one_at_a_time():
    taken = []

    def documents():
        for number in range(1000):
            taken.append(number)
            yield document(number, "the Isthmus")

    stream = blocks(documents(), TOKENIZER, 10)
    assert taken == []
    next(stream)
    next(stream)
    assert taken == [0, 1]


def test_no_room_is_said_at_once():
    with pytest.raises(ValueError, match="has no room"):
        blocks([], TOKENIZER, 2)


# --- tagged spans -------------------------------------------------------------------------------


def test_characters_to_pieces():
    offsets = [(0, 3), (4, 11), (11, 13), (14, 16)]
    found = {
        (0, 3): (0, 1),
        (4, 13): (1, 3),
        (0, 16): (0, 4),
        (2, 5): (0, 2),  # one letter of a piece is enough
        (12, 15): (2, 4),
        (11, 12): (2, 3),
    }
    assert piece_spans(offsets, found) == list(found.values())
    assert piece_spans(offsets, [(3, 4), (13, 14), (16, 20)]) == []  # white space touches no piece
    assert piece_spans([], [(0, 3)]) == [] and piece_spans(offsets, []) == []


def places(text: Document, spans: list) -> list[tuple[int, int]]:
    """Where the spans of a document stand in its pieces, counted through all paragraphs."""
    found, before = [], 0
    for paragraph, own in zip(text.paragraphs, spans, strict=True):
        offsets = TOKENIZER.encode(paragraph, special_tokens=False).offsets
        for start, end in own:
            touched = [i for i, (a, b) in enumerate(offsets) if a < end and b > start]
            found.append((before + touched[0], before + touched[-1] + 1))
        before += len(offsets)
    return found


@pytest.mark.parametrize("kind", ["entity", "noun_phrase"])
@pytest.mark.parametrize("length", [16, 128])
def test_spans_of_blocks_are_those_of_the_text(kind, length):
    """Every span is in its block, and only what a block's end cuts is in none."""
    documents = list(course_documents("validation"))[:12]
    spans = load_spans("validation", kind)[: sum(len(d.paragraphs) for d in documents)]
    found = list(blocks(documents, TOKENIZER, length, spans))
    assert [replace(b, spans=()) for b in found] == list(blocks(documents, TOKENIZER, length))
    rest = iter(spans)
    for text in documents:
        expected = places(text, [next(rest) for _ in text.paragraphs])
        kept, ends = [], [0]
        for block in (b for b in found if b.document == text.id):
            kept += [(start + ends[-1], end + ends[-1]) for start, end in block.spans]
            ends.append(ends[-1] + len(block.ids) - 2)
        cut = [place for place in expected if any(place[0] < end < place[1] for end in ends)]
        assert kept == [place for place in expected if place not in cut]
        assert len(cut) < len(ends)


def test_a_span_of_a_block_reads_as_in_the_text():
    text = "General Ulysses S. Grant met Lincoln at City Point."
    [block] = blocks([document(0, "the", text)], TOKENIZER, 60, [[], [(0, 24), (29, 36), (40, 50)]])
    read = [TOKENIZER.decode(block.ids[1 + start : 1 + end]) for start, end in block.spans]
    assert read == ["General Ulysses S . Grant", "Lincoln", "City Point"]


def test_spans_for_other_paragraphs_are_refused():
    documents = [document(0, "the", "the the"), document(1, "the")]
    assert [b.spans for b in blocks(documents, TOKENIZER, 9, [[], [(0, 3)], []])] == [((1, 2),), ()]
    with pytest.raises(ValueError, match="no spans for all paragraphs of the document 'd1'"):
        list(blocks(documents, TOKENIZER, 9, [[], []]))
    with pytest.raises(ValueError, match="spans for more paragraphs"):
        list(blocks(documents, TOKENIZER, 9, [[], [], [], []]))


def test_spans_are_read_one_paragraph_at_a_time():
    taken = []

    def spans():
        for number in range(1000):
            taken.append(number)
            yield []

    stream = blocks((document(i, "the") for i in range(1000)), TOKENIZER, 10, spans())
    next(stream)
    assert taken == [0]


# --- the table of blocks -------------------------------------------------------------------------

PIECE = st.tuples(st.integers(4, 2**31 - 1), st.booleans())
TEXT = st.lists(PIECE, min_size=1, max_size=20)


def framed(pieces) -> Block:
    """`[CLS] ... [SEP]` around (id, word start) pairs."""
    ids, starts = zip(*pieces, strict=True)
    return Block([2, *ids, 3], [False, *starts, False], "a document")


BLOCKS = st.lists(TEXT.map(framed), min_size=1, max_size=8)


def assert_rows(rows, found: list[Block]) -> None:
    """The rows are these blocks, and nothing else."""
    length = max(len(block.ids) for block in found)
    for name in ("ids", "word_starts", "real", "maskable"):
        assert getattr(rows, name).shape == (len(found), length), name
        assert getattr(rows, name).dtype == (np.int64 if name == "ids" else bool), name
    for number, block in enumerate(found):
        size = len(block.ids)
        padding = [0] * (length - size)
        assert rows.ids[number].tolist() == block.ids + padding
        assert rows.word_starts[number].tolist() == block.word_starts + padding
        assert rows.real[number].tolist() == [1] * size + padding
        assert rows.maskable[number].tolist() == [0] + [1] * (size - 2) + [0] + padding


@given(blocks=BLOCKS, data=st.data())
def test_rows_are_the_blocks_in_the_order_asked_for(blocks, data):
    table = BlockTable.of(blocks)
    assert len(table) == len(blocks)
    numbers = data.draw(st.lists(st.integers(0, len(blocks) - 1), min_size=1, max_size=12))
    assert_rows(table.rows(numbers), [blocks[number] for number in numbers])
    assert_rows(table.rows(np.array(numbers)), [blocks[number] for number in numbers])


@given(blocks=BLOCKS)
def test_the_arrays_are_the_blocks_one_behind_the_other(blocks):
    table = BlockTable.of(iter(blocks))
    assert table.ids.tolist() == [piece for block in blocks for piece in block.ids]
    assert table.word_starts.tolist() == [start for block in blocks for start in block.word_starts]
    ends = np.cumsum([len(block.ids) for block in blocks])
    assert table.starts.tolist() == [0, *ends]
    # Five bytes a piece.
    assert table.ids.itemsize + table.word_starts.itemsize == 5


def test_rows_of_real_text_and_rows_that_can_be_written_on():
    tokenizer = load_tokenizer()
    documents = list(islice(course_documents("validation"), 3))
    expected = list(blocks(documents, tokenizer, 64))
    table = BlockTable.of(blocks(documents, tokenizer, 64))
    everything = table.rows(range(len(table)))
    assert_rows(everything, expected)
    assert not everything.real.all()
    assert everything.maskable.sum() == table.ids.size - 2 * len(table)
    before = table.ids.copy()
    everything.ids[:] = 0
    everything.word_starts[:] = False
    assert (table.ids == before).all() and table.word_starts.any()


def test_blocks_are_read_as_a_stream():
    open_blocks = 0

    def stream() -> Iterator[Block]:
        nonlocal open_blocks
        for number in range(1000):
            open_blocks += 1
            yield framed([(5 + number, True)])

    assert BlockTable.of(stream()).ids[1::3].tolist() == list(range(5, 1005))
    assert open_blocks == 1000


def test_no_block_is_an_empty_text():
    with pytest.raises(ValueError, match="the text is empty"):
        BlockTable.of([])
