"""What a model is asked, the same of each, and what it answers: by hand, and piece by piece."""

import json
import math
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import generator, stir
from torch.nn import functional as F

from spanbert_teach import evaluation
from spanbert_teach.corpus import Block, BlockTable, blocks, course_documents
from spanbert_teach.evaluation import (
    MASKINGS,
    Answers,
    answers,
    held_out,
    hidden_states,
    hide,
    joined,
    mlm_answers,
    sbo_answers,
    sbo_columns,
    shuffled_boundaries,
    trio_table,
)
from spanbert_teach.masking import IGNORE, KINDS, SboBatch, masking_budget
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import SpanBert
from spanbert_teach.paths import data_path
from spanbert_teach.tokenization import SPECIAL_TOKENS, WordPieceTokenizer, load_tokenizer

# --- what is asked -------------------------------------------------------------------------------

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


CONFIG = SpanBertConfig(
    vocab_size=len(TOKENIZER),
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=48,
    max_position_embeddings=80,
)
HELD = hide(table_of([60, 33, 1, 50, 60, 12, 45]), TOKENIZER, "spans")


def model(**options) -> SpanBert:
    return stir(SpanBert(CONFIG, generator=generator(1), **options), seed=2)


# --- numbers that can be checked by hand ---------------------------------------------------------


def test_accuracy_and_loss_of_three_answers_by_hand():
    share = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.6, 0.3, 0.1]])
    row, column, target = torch.tensor([[0, 0, 1], [3, 4, 2], [0, 1, 1]])
    found = answers(share.log() + 5, row, column, target)  # a shift changes no probability
    assert found.guess.tolist() == [0, 2, 0]
    assert found.correct.tolist() == [True, False, False]
    assert found.accuracy == pytest.approx(1 / 3)
    np.testing.assert_allclose(found.loss, [math.log(2), math.log(8), -math.log(0.3)], rtol=1e-6)
    assert found.cross_entropy == pytest.approx(math.log(2 * 8 / 0.3) / 3)
    assert (found.row.tolist(), found.column.tolist()) == ([0, 0, 1], [3, 4, 2])
    assert found.target.tolist() == [0, 1, 1]


def test_unknown_is_never_a_right_answer():
    """Who guesses [UNK] where [UNK] stands has named no word; the loss is as it is."""
    encoding = TOKENIZER.encode("a 語 b 語 " * 15)
    block = Block(encoding.ids, encoding.word_starts, "mixed")
    held = hide(BlockTable.of([block] * 4), TOKENIZER, "spans")
    unknown = TOKENIZER.id("[UNK]")
    net = model()
    with torch.no_grad():
        net.mlm.bias[unknown] = net.sbo.bias[unknown] = 1e4  # it says nothing else
    for found in (mlm_answers(net, held), sbo_answers(net, held)):
        assert (found.guess == unknown).all() and (found.target == unknown).sum() > 2
        assert found.accuracy == 0 and not found.correct.any()
        assert found.loss[found.target == unknown].max() < 1e-3


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("masking", ["tokens", "spans"])
def test_no_recorded_figure_hangs_on_unknown_pieces(split, masking):
    """The test split has one [UNK], a mark that the corpus nowhere else has; it is not hidden."""
    held = held_out(split, masking)
    assert (held.rows.ids == held.unknown).sum() == (split == "test")
    assert not (held.masked.mlm_targets[held.masked.mask] == held.unknown).any()


def test_joined_answers_are_one_after_the_other():
    def part(*numbers):
        return Answers(*(np.array(numbers) + k for k in range(5)))

    found = joined([part(1, 2), part(), part(7)])
    assert found.row.tolist() == [1, 2, 7] and found.loss.tolist() == [5, 6, 11]


# --- the same, piece by piece --------------------------------------------------------------------


@torch.no_grad()
def alone(model: SpanBert, row: int) -> torch.Tensor:
    """(length, hidden) of one block, without padding and without the others."""
    size = int(HELD.rows.real[row].sum())
    return model.eval().encoder(HELD.masked.input_ids[row : row + 1, :size]).hidden[0]


def nats(logits: torch.Tensor, target: int) -> float:
    return float(torch.logsumexp(logits, -1) - logits[target])


@torch.no_grad()
def test_mlm_answers_are_those_of_each_hidden_piece():
    net = model()
    found = mlm_answers(net, HELD)
    places = HELD.masked.mask.nonzero().tolist()
    assert list(map(list, zip(found.row, found.column, strict=True))) == places
    for number, (row, column) in enumerate(places):
        logits = net.mlm(alone(net, row)[column])
        target = HELD.rows.ids[row, column]
        assert found.target[number] == target
        assert found.guess[number] == logits.argmax()
        assert found.loss[number] == pytest.approx(nats(logits, target), abs=1e-4)
    hits = [HELD.rows.ids[r, c] == g for (r, c), g in zip(places, found.guess, strict=True)]
    assert found.accuracy == pytest.approx(np.mean(hits))


@torch.no_grad()
def test_sbo_answers_are_those_of_each_piece_of_a_span():
    net = model()
    found = sbo_answers(net, HELD)
    layers = ((net.sbo.linear1, net.sbo.norm1), (net.sbo.linear2, net.sbo.norm2))
    number = 0
    for row, start, end in HELD.masked.spans.tolist():
        length = HELD.rows.maskable[row].sum()
        if start == 1 or end == length + 1:
            continue  # at the edge
        states = alone(net, row)
        for place in range(min(end - start, 15)):
            read = [states[start - 1], states[end], net.sbo.positions.weight[place]]
            x = torch.cat(read)
            for linear, norm in layers:
                x = norm(F.gelu(linear(x)))
            logits = net.encoder.embeddings.word_embeddings.weight @ x + net.sbo.bias
            assert (found.row[number], found.column[number]) == (row, start + place)
            target = HELD.rows.ids[row, start + place]
            assert found.target[number] == target and found.guess[number] == logits.argmax()
            assert found.loss[number] == pytest.approx(nats(logits, target), abs=1e-4)
            number += 1
    assert number == len(found.target) > 10


def test_parts_are_as_the_whole(monkeypatch):
    net = model()
    whole = mlm_answers(net, HELD), sbo_answers(net, HELD)
    monkeypatch.setattr(evaluation, "PART", 7)
    for a, b in zip(whole, (mlm_answers(net, HELD), sbo_answers(net, HELD)), strict=True):
        for name in ("row", "column", "target", "guess"):
            assert (getattr(a, name) == getattr(b, name)).all()
        np.testing.assert_allclose(a.loss, b.loss, atol=1e-5)


# --- hidden states -------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_hidden_states_are_without_dropout_and_restore_the_mode(training):
    net = model().train(training)
    a, b = hidden_states(net, HELD), hidden_states(net, HELD, batch=3)
    assert net.training is training and net.encoder.training is training
    torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
    assert a.dtype == torch.float32 and a.shape == (*HELD.rows.ids.shape, 32)
    assert not a.requires_grad
    for row in (0, 2):
        states = alone(net, row)
        torch.testing.assert_close(a[row, : len(states)], states, atol=1e-5, rtol=0)


def test_the_mode_is_restored_after_a_failure():
    net = model().train()
    net.encoder.forward = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        hidden_states(net, HELD)
    assert net.training


def test_bf16_gives_nearly_the_same_states_as_float32():
    net = model()
    exact, rough = hidden_states(net, HELD), hidden_states(net, HELD, "bf16")
    assert rough.dtype == torch.float32 and not torch.equal(exact, rough)
    assert (exact - rough)[torch.from_numpy(HELD.rows.real)].abs().mean() < 0.05


def test_known_hidden_states_are_used():
    net = model()
    hidden = hidden_states(net, HELD)
    for ask in (mlm_answers, sbo_answers):
        assert (ask(net, HELD, hidden).loss == ask(net, HELD).loss).all()
        assert (ask(net, HELD, hidden + 1).loss != ask(net, HELD).loss).any()


# --- shuffled boundaries -------------------------------------------------------------------------


def sbo_of(spans) -> SboBatch:
    """The targets of spans (row, left, number of pieces)."""
    rows = [
        (row, left, left + size + 1, place, 100 * number + place)
        for number, (row, left, size) in enumerate(spans)
        for place in range(size)
    ]
    return SboBatch(*torch.tensor(rows, dtype=torch.long).reshape(-1, 5).T)


SPAN = st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(1, 15))


@given(
    spans=st.lists(SPAN, min_size=2, max_size=20, unique_by=lambda span: span[:2]),
    seed=st.integers(0, 99),
)
def test_no_span_keeps_its_boundaries_and_all_targets_stay(spans, seed):
    true = sbo_of(spans)
    other = shuffled_boundaries(true, np.random.default_rng(seed))
    assert torch.equal(other.target, true.target) and torch.equal(other.position, true.position)
    own = list(zip(true.batch.tolist(), true.left.tolist(), true.right.tolist(), strict=True))
    given_ = list(zip(other.batch.tolist(), other.left.tolist(), other.right.tolist(), strict=True))
    assert all(a != b for a, b in zip(own, given_, strict=True))
    pairs = set(zip(own, given_, strict=True))
    assert len(pairs) == len(spans)  # all pieces of a span move together
    assert {b for _, b in pairs} == set(own)  # and each boundary is given to one span


def test_shuffled_boundaries_depend_on_the_generator_alone():
    true = HELD.masked.sbo
    a, b = (shuffled_boundaries(true, np.random.default_rng(1)) for _ in range(2))
    c = shuffled_boundaries(true, np.random.default_rng(2))
    assert torch.equal(a.left, b.left) and not torch.equal(a.left, c.left)


def test_one_span_has_no_other_to_change_with():
    with pytest.raises(ValueError, match="one span"):
        shuffled_boundaries(sbo_of([(0, 3, 4)]), np.random.default_rng(0))
    empty = shuffled_boundaries(sbo_of([]), np.random.default_rng(0))
    assert len(empty.target) == 0


def test_answers_with_other_boundaries_are_about_the_same_pieces():
    net = model()
    true = sbo_answers(net, HELD)
    shuffled = shuffled_boundaries(HELD.masked.sbo, np.random.default_rng(0))
    other = sbo_answers(net, HELD, sbo=shuffled)
    for name in ("row", "column", "target"):
        assert (getattr(true, name) == getattr(other, name)).all()
    assert (true.loss != other.loss).mean() > 0.9


def test_columns_are_where_the_targets_stand():
    columns = sbo_columns(HELD.masked.sbo).numpy()
    assert (HELD.rows.ids[HELD.masked.sbo.batch, columns] == HELD.masked.sbo.target.numpy()).all()


# --- what was measured ---------------------------------------------------------------------------


def test_the_table_of_the_trio_says_what_the_files_say():
    head, *lines = trio_table().splitlines()
    assert head.count("nats") == 2 and len(lines) == 8
    assert all(len(line) == len(lines[0]) and line[23] == " " for line in lines), "columns"
    rows = {line[:23].rstrip(): line[23:].split() for line in lines}
    trio, ngrams = (
        json.loads(data_path(f"runs/{name}.json").read_text(encoding="utf-8"))
        for name in ("trio", "ngrams")
    )
    one = trio["mlm-tokens"]["tokens"]["mlm"]
    assert rows["mlm-tokens"][:2] == [f"{one['accuracy']:.1%}", f"{one['cross_entropy']:.2f}"]
    two = trio["again"]["spanbert-again"]["spans"]["mlm"]
    assert rows["spanbert, another seed"][2:] == [
        f"{two['accuracy']:.1%}",
        f"{two['cross_entropy']:.2f}",
    ]
    counted = ngrams["maskings"]["spans"]["test"]["product"]
    assert rows["5-grams, both sides"][2] == f"{counted['accuracy']:.1%}"


# --- what cannot be asked ------------------------------------------------------------------------


def test_questions_that_cannot_be_answered_are_refused():
    with pytest.raises(ValueError, match="no span boundary head"):
        sbo_answers(model(sbo=False), HELD)
    tokens = hide(table_of([60, 33]), TOKENIZER, "tokens")
    with pytest.raises(ValueError, match="no span is hidden"):
        sbo_answers(model(), tokens)
    assert len(mlm_answers(model(sbo=False), tokens).target) == tokens.masked.mask.sum()
