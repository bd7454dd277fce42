"""Blocks in flat arrays: any of them come back as the padded rows of a batch."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach.corpus import Block, BlockTable, blocks, course_documents
from spanbert_teach.tokenization import load_tokenizer

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
