"""The held-out question: the same blocks, the same hidden pieces, whoever is asked."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spanbert_teach.corpus import Block, BlockTable, blocks, course_documents
from spanbert_teach.evaluation import MASKINGS, held_out, hide
from spanbert_teach.masking import IGNORE, KINDS, masking_budget
from spanbert_teach.tokenization import SPECIAL_TOKENS, WordPieceTokenizer, load_tokenizer

TOKENIZER = WordPieceTokenizer([*SPECIAL_TOKENS, *"abcdefghijklmnopqrst"])
MASK, FIRST = TOKENIZER.id("[MASK]"), len(SPECIAL_TOKENS)


def table_of(lengths, seed=0) -> BlockTable:
    """Blocks of random letters with so many pieces of text."""
    rng = np.random.default_rng(seed)
    frame = TOKENIZER.id("[CLS]"), TOKENIZER.id("[SEP]")

    def block(length):
        text = rng.integers(FIRST, len(TOKENIZER), length).tolist()
        starts = [True, *(rng.random(length - 1) < 0.8).tolist()]
        return Block([frame[0], *text, frame[1]], [False, *starts, False], "letters")

    return BlockTable.of(map(block, lengths))


LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, masking=st.sampled_from(list(MASKINGS)), seed=st.integers(0, 99))
def test_what_is_hidden_reads_mask_and_nothing_else_is_changed(lengths, masking, seed):
    held = hide(table_of(lengths, seed), TOKENIZER, masking)
    ids, masked = torch.from_numpy(held.rows.ids), held.masked
    assert (masked.input_ids[masked.mask] == MASK).all()
    assert torch.equal(masked.input_ids[~masked.mask], ids[~masked.mask])
    assert torch.equal(masked.mlm_targets[masked.mask], ids[masked.mask])
    assert (masked.mlm_targets[~masked.mask] == IGNORE).all()
    assert not (masked.mask.numpy() & ~held.rows.maskable).any()
    assert masked.mask.sum(1).tolist() == [masking_budget(length) for length in lengths]
    assert (masked.replacements == KINDS.index("mask")).all()


@settings(max_examples=30, deadline=None)
@given(lengths=LENGTHS, masking=st.sampled_from(list(MASKINGS)), most=st.integers(1, 10))
def test_fewer_blocks_are_the_same_questions(lengths, masking, most):
    table = table_of(lengths)
    everything, some = hide(table, TOKENIZER, masking), hide(table, TOKENIZER, masking, most)
    count = min(most, len(lengths))
    numbers = [number * len(lengths) // count for number in range(count)]
    assert len(set(numbers)) == len(some.rows.ids) == count
    width = some.rows.ids.shape[1]
    for name in ("input_ids", "mask", "mlm_targets"):
        whole = getattr(everything.masked, name)[numbers]
        assert torch.equal(getattr(some.masked, name), whole[:, :width]), name
    assert (some.rows.ids == everything.rows.ids[numbers][:, :width]).all()


def test_spans_have_boundaries_and_single_pieces_have_none():
    table = table_of([60] * 30)
    spans, tokens = (hide(table, TOKENIZER, masking).masked for masking in ("spans", "tokens"))
    assert len(spans.sbo.target) > 200 and len(tokens.sbo.target) == 0
    # Boundaries can be read: nothing there is hidden.
    for side in (spans.sbo.left, spans.sbo.right):
        assert (spans.input_ids[spans.sbo.batch, side] != MASK).all()
    length = lambda found: (found.spans[:, 2] - found.spans[:, 1]).float()  # noqa: E731
    assert length(spans).mean() > 2 and length(tokens).max() == 1
    assert not torch.equal(spans.mask, tokens.mask)


def test_asked_again_it_is_the_same_question():
    table = table_of([40] * 5)
    a, b = (hide(table, TOKENIZER, "spans").masked for _ in range(2))
    assert torch.equal(a.input_ids, b.input_ids) and torch.equal(a.sbo.target, b.sbo.target)


def test_an_unknown_masking_is_named():
    with pytest.raises(ValueError, match=r"masking='words': expected one of tokens, spans"):
        hide(table_of([5]), TOKENIZER, "words")


def test_the_course_asks_its_held_out_splits():
    tokenizer = load_tokenizer()
    found = held_out("validation", "spans", 64, 50)
    assert found is held_out("validation", "spans", 64, 50)
    assert held_out("validation", "tokens", 64, 50) is not found
    assert found.rows.ids.shape == (50, 64)
    first = next(blocks(course_documents("validation"), tokenizer, 64))
    assert found.rows.ids[0].tolist()[: len(first.ids)] == first.ids
    # From the whole split, not from its beginning.
    documents = list(islice(course_documents("validation"), 4))
    beginning = {tuple(block.ids) for block in blocks(documents, tokenizer, 64)}
    rows = zip(found.rows.ids, found.rows.real, strict=True)
    assert sum(tuple(ids[real].tolist()) in beginning for ids, real in rows) < 25
    assert (found.masked.input_ids[found.masked.mask] == tokenizer.id("[MASK]")).all()
    with pytest.raises(ValueError, match="split 'training'"):
        held_out("training")
