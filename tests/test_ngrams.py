"""Kneser-Ney and the filling of hidden pieces, against fractions by hand and brute force."""

import json
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach.corpus import BlockRows, BlockTable, blocks, course_documents
from spanbert_teach.evaluation import held_out
from spanbert_teach.paths import data_path
from spanbert_teach.tokenization import load_tokenizer
from tools.ngram_filling import (
    TwoSided,
    across,
    fill_hidden,
    fill_runs,
    find_runs,
    largest,
    neighbours_score,
    rescore,
    sweep,
)
from tools.ngrams import (
    BACKWARD,
    CONTEXTS,
    FORWARD,
    NOTHING,
    KneserNey,
    closed_form_discounts,
    count_levels,
    fit_side,
    windows,
)

DISCOUNTS = ((0.5, 1.0, 1.25), (0.75, 1.0, 1.5), (0.875, 1.25, 1.75), (0.5, 0.75, 2.0))
TOY = 5


def fitted(ids: np.ndarray, offsets: tuple[int, ...], vocabulary: int = TOY, discounts=DISCOUNTS):
    """A model of rows without padding, all of which is text."""
    contexts = windows(ids, np.ones(ids.shape, dtype=bool), offsets).reshape(-1, len(offsets))
    levels = count_levels(contexts, ids.ravel(), vocabulary)
    return KneserNey(levels, vocabulary, discounts and discounts[: len(levels)])


def toy_rows(seed: int = 0, rows: int = 30, length: int = 9) -> np.ndarray:
    """Pieces that mostly follow from the two before, so that contexts matter."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(TOY, size=(rows, length))
    for i in range(2, length):
        rule = (2 * ids[:, i - 1] + ids[:, i - 2]) % TOY
        ids[:, i] = np.where(rng.random(rows) < 0.7, rule, ids[:, i])
    return ids


def toy_model(seed: int = 0, **options) -> TwoSided:
    """Forward and backward models for every distance, counted in `toy_rows`."""
    ids, everywhere = toy_rows(seed), np.ones((30, 9), dtype=bool)
    rows = BlockRows(ids, everywhere, everywhere, everywhere)
    exponents = np.array(
        [[[0.9, 0.8, -0.7], [1.0, 0.5, -0.6]], [[0.6, 0.9, -0.5], [0.7, 0.7, -0.4]]]
    )
    sides = (fit_side(rows, side, TOY) for side in (FORWARD, BACKWARD))
    return TwoSided(*sides, exponents, **options)


# --- Kneser-Ney ----------------------------------------------------------------------------------


def test_bigram_by_hand():
    """The text "a b a b c". After a: b twice. After b: a and c. The first a follows nothing."""
    model = fitted(np.array([[0, 1, 0, 1, 2]]), (-1,), vocabulary=3)
    # Different contexts: a two (b, and the edge), b one (a), c one (b); D = 1/2 and 1.
    third = Fraction(1, 2) * Fraction(1, 3)
    unigram = [Fraction(1, 4) + third, Fraction(1, 8) + third, Fraction(1, 8) + third]
    assert model.distribution([]) == pytest.approx([float(p) for p in unigram], abs=1e-15)
    after_a = [Fraction(5, 24), Fraction(31, 48), Fraction(7, 48)]
    after_b = [Fraction(7, 16), Fraction(7, 32), Fraction(11, 32)]
    for context, expected in ((0, after_a), (1, after_b), (2, unigram)):
        assert sum(expected) == 1
        got = model.distribution([context])
        assert got == pytest.approx([float(p) for p in expected], abs=1e-15)


def by_definition(ids: np.ndarray, order: int, context: tuple[int, ...], piece: int) -> Fraction:
    """Interpolated Kneser-Ney from its definition, in fractions; forward, context nearest first."""
    events = [
        (tuple(int(p) for p in row[max(0, i - order + 1) : i][::-1]), int(row[i]))
        for row in ids
        for i in range(len(row))
    ]

    def count(near: tuple[int, ...], piece: int) -> int:
        inside = [c for c, w in events if w == piece and c[: len(near)] == near]
        if len(near) == order - 1:
            return len(inside)
        at_edge = sum(c == near for c in inside)
        return at_edge + len({c[len(near)] for c in inside if len(c) > len(near)})

    def probability(near: tuple[int, ...] | None) -> Fraction:
        if near is None:
            return Fraction(1, TOY)
        counts = [count(near, w) for w in range(TOY)]
        if not sum(counts):
            return probability(near[:-1])
        taken = [
            Fraction(DISCOUNTS[len(near)][min(n, 3) - 1]) if n else Fraction(0) for n in counts
        ]
        shorter = probability(near[:-1] if near else None)
        return (counts[piece] - taken[piece] + sum(taken) * shorter) / sum(counts)

    return probability(context[: order - 1])


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=5),
    st.lists(st.integers(0, TOY - 1), max_size=2).map(tuple),
)
def test_trigrams_follow_the_definition(text, context):
    ids = np.array(text)
    model = fitted(ids, (-1, -2))
    expected = [float(by_definition(ids, 3, context, piece)) for piece in range(TOY)]
    assert model.distribution(context) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("offsets", [(-1, -2, -3), (1, 2, 3), (-2, -3), (3,)])
def test_distributions_sum_to_one(offsets):
    model = fitted(toy_rows()[:6, :6], offsets)
    for context in product(range(TOY), repeat=len(offsets)):
        for size in range(len(offsets) + 1):
            found = model.distribution(context[:size])
            assert found.sum() == pytest.approx(1, abs=1e-12)
            assert (found > 0).all()


def test_rows_and_probability_are_the_distribution():
    ids = toy_rows()
    model = fitted(ids, (-1, -2, -3))
    contexts = windows(ids, ids != 3, (-1, -2, -3)).reshape(-1, 3)
    rows, pieces = model.rows(contexts, np.float64), ids.ravel()
    for row, context in zip(rows, contexts, strict=True):
        np.testing.assert_allclose(row, model.distribution(context), rtol=1e-12)
    expected = rows[np.arange(len(rows)), pieces]
    np.testing.assert_allclose(model.probability(contexts, pieces), expected, rtol=1e-12)
    assert model.rows(contexts).dtype == np.float32
    np.testing.assert_allclose(model.rows(contexts), rows, rtol=1e-5)


def test_forward_on_reversed_text_is_backward():
    ids = toy_rows()
    forward, backward = fitted(ids[:, ::-1], (-1, -2)), fitted(ids, (1, 2))
    unlike = fitted(ids, (-1, -2))
    for context in product(range(TOY), repeat=2):
        np.testing.assert_array_equal(forward.distribution(context), backward.distribution(context))
    assert any(
        not np.allclose(unlike.distribution(c), backward.distribution(c))
        for c in product(range(TOY), repeat=2)
    )


def test_a_longer_context_predicts_better():
    """Text in which a piece follows from two, not from one."""
    text, other, nats = toy_rows(0, rows=300), toy_rows(1), []
    for offsets in ((-1,), (-1, -2)):
        contexts = windows(other, np.ones(other.shape, dtype=bool), offsets)
        model = fitted(text, offsets)
        found = model.probability(contexts.reshape(-1, len(offsets)), other.ravel())
        nats.append(-np.log(found).mean())
    assert nats[1] < nats[0] - 0.2


def test_closed_form_discounts():
    counts = np.repeat([1, 2, 3, 4, 9], [10, 4, 2, 1, 7])
    y = 10 / 18
    expected = [1 - 2 * y * 4 / 10, 2 - 3 * y * 2 / 4, 3 - 4 * y * 1 / 2]
    np.testing.assert_allclose(closed_form_discounts(counts), expected)


def test_nothing_to_count_is_said():
    with pytest.raises(ValueError, match="nothing to count"):
        count_levels(np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64), TOY)


def test_windows_end_at_what_is_not_visible():
    ids = np.array([[7, 8, 9, 6, 5]])
    visible = np.array([[True, True, False, True, True]])
    before = windows(ids, visible, (-1, -2))[0].tolist()
    assert before == [[NOTHING] * 2, [7, NOTHING], [8, 7], [NOTHING] * 2, [6, NOTHING]]
    after = windows(ids, visible, (2, 3))[0].tolist()
    assert after == [[NOTHING] * 2, [6, 5], [5, NOTHING], [NOTHING] * 2, [NOTHING] * 2]
    assert (windows(ids, visible, (-9, 9)) == NOTHING).all()


# --- filling -------------------------------------------------------------------------------------


def test_find_runs():
    hidden = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 1, 1]], dtype=bool)
    assert find_runs(hidden).tolist() == [[0, 0, 2], [0, 3, 4], [2, 1, 4]]


@given(st.integers(1, 40), st.integers(0, 10**6))
def test_largest_is_a_sort(many, seed):
    scores = np.random.default_rng(seed).permutation(3 * 320).reshape(3, 320)
    expected = np.sort(scores, axis=1)[:, -many:]
    found = np.take_along_axis(scores, largest(scores, many), 1)
    np.testing.assert_array_equal(np.sort(found, axis=1), expected)


def one(model: TwoSided, left: list[int], right: list[int], gap: tuple[int, int]) -> np.ndarray:
    """(vocabulary,) the product for one place, straight from the formula."""
    a, b, c = model.exponents[min(gap[0], 2) - 1, min(gap[1], 2) - 1]
    before = model.forward[gap[0] - 1].distribution(left)
    after = model.backward[gap[1] - 1].distribution(right)
    score = before**a * after**b * model.forward[0].unigram ** c
    return score / score.sum()


LEFT, RIGHT = [1, 0, 2, 4], [3, 3, 0, NOTHING]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_wide_beam_is_exhaustive(length):
    """With every filling in the beam, the sweep gives the sum over all fillings."""
    model = toy_model(beam=TOY**length)
    right = RIGHT[:3]
    expected = np.zeros((length, TOY))
    for filling in product(range(TOY), repeat=length):
        share = 1.0
        for i in range(length):
            share *= one(model, [*filling[:i][::-1], *LEFT], right, (1, length - i))[filling[i]]
        for i in range(length):
            expected[i, filling[i]] += share
    sides = np.array([LEFT]), np.array([RIGHT])
    found = sweep(model, *sides, across(model, *sides, length))[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    narrow = sweep(replace(model, beam=1), *sides, across(model, *sides, length))[0]
    assert length == 1 or not np.allclose(narrow, expected, atol=1e-3)


def test_what_the_beam_drops_is_read_across_the_gap():
    model = toy_model(beam=1)
    first = one(model, LEFT, RIGHT[:3], (1, 2))
    best = int(first.argmax())
    filled = one(model, [best, *LEFT], RIGHT[:3], (1, 1))
    unfilled = one(model, LEFT, RIGHT[:3], (2, 1))
    expected = first[best] * filled + (1 - first[best]) * unfilled
    sides = np.array([LEFT]), np.array([RIGHT])
    found = sweep(model, *sides, across(model, *sides, 2))[0]
    np.testing.assert_allclose(found, [first, expected], atol=1e-5)


def test_both_sweeps_count_the_same():
    model = toy_model(beam=3)
    left, right = np.array([LEFT]), np.array([RIGHT])
    unfilled = across(model, left, right, 3)
    there = sweep(model, left, right, unfilled)
    back = sweep(model.mirrored(), right, left, unfilled[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(fill_runs(model, left, right, 3), (there + back) / 2, atol=1e-6)
    assert not np.allclose(there, back, atol=1e-3)
    only = replace(model, exponents=np.array([[[1.0, 0.0, 0.0]]]))
    first = fill_runs(only, left, right, 2)[0, 0]
    np.testing.assert_allclose(first, model.forward[0].distribution(LEFT), atol=1e-6)


def test_neighbours_are_scored_one_by_one():
    model = toy_model()
    found = neighbours_score(
        model.forward[0], np.array([LEFT]), np.array([RIGHT]), np.array([[0, 4]])
    )[0]
    for piece, score in zip((0, 4), found, strict=True):
        known, expected = [piece, *LEFT], 0.0
        for ahead in RIGHT[:3]:
            expected += np.log(model.forward[0].distribution(known)[ahead])
            known = [ahead, *known]
        assert score == pytest.approx(expected)


def test_rescoring_all_pieces_is_a_softmax_and_some_keeps_the_others():
    model = toy_model(rescoring=np.array([0.5, 0.4, -0.1, 0.6, 0.3]), candidates=TOY)
    left, right = np.array([LEFT]), np.array([RIGHT])
    logs = (
        np.log(model.forward[0].rows(left)),
        np.log(model.backward[0].rows(right)),
        np.log(model.forward[0].unigram),
    )
    pieces, even = np.arange(TOY)[None], np.full((1, TOY), 1 / TOY)
    ahead = neighbours_score(model.forward[0], left, right, pieces)
    behind = neighbours_score(model.backward[0], right, left, pieces)
    score = np.exp(0.5 * logs[0] + 0.4 * logs[1] - 0.1 * logs[2] + 0.6 * ahead + 0.3 * behind)
    found = rescore(model, even.copy(), left, right, logs)
    np.testing.assert_allclose(found, score / score.sum(), rtol=1e-5)
    start = np.array([[0.1, 0.3, 0.1, 0.2, 0.3]])
    some = rescore(replace(model, candidates=2), start.copy(), left, right, logs)
    np.testing.assert_array_equal(some[0, [0, 2, 3]], start[0, [0, 2, 3]])
    assert some.sum() == pytest.approx(1) and some[0, 1] != pytest.approx(0.3)


@pytest.mark.parametrize("trust", [None, 0.3])
def test_a_hidden_piece_is_never_seen(trust):
    model = toy_model(rescoring=np.array([0.5, 0.4, -0.1, 0.6, 0.3]), candidates=3, trust=trust)
    rng = np.random.default_rng(0)
    ids, hidden = toy_rows(5), rng.random((30, 9)) < 0.4
    real = np.ones_like(hidden)
    other = np.where(hidden, rng.integers(TOY, size=ids.shape), ids)
    assert (other != ids).any()
    found = fill_hidden(model, ids, hidden, real)
    np.testing.assert_array_equal(found, fill_hidden(model, other, hidden, real))
    assert found.shape == (hidden.sum(), TOY)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    # And what is visible matters.
    shown = np.where(hidden, ids, (ids + 1) % TOY)
    assert not np.allclose(found, fill_hidden(model, shown, hidden, real), atol=0.01)


def test_each_distribution_stands_where_its_piece_is():
    """Runs are filled by length; the rows come back in the order of the hidden pieces."""
    model = toy_model()
    ids, hidden = toy_rows(6), np.random.default_rng(1).random((30, 9)) < 0.4
    found = iter(fill_hidden(model, ids, hidden, np.ones_like(hidden)))
    for row in range(30):
        alone = fill_hidden(model, ids[[row]], hidden[[row]], np.ones((1, 9), dtype=bool))
        for expected in alone:
            np.testing.assert_allclose(next(found), expected, atol=1e-6)


def test_trusted_pieces_are_read_by_other_runs():
    model = toy_model(trust=0.0)
    ids = np.array([[1, 0, 2, 4, 1, 0, 3]])
    hidden = np.array([[0, 0, 1, 0, 1, 0, 0]], dtype=bool)
    real = np.ones_like(hidden)
    once = fill_hidden(replace(model, trust=None), ids, hidden, real)
    shown, alone = ids.copy(), hidden.copy()
    shown[0, 2], alone[0, 2] = once[0].argmax(), False
    expected = fill_hidden(replace(model, trust=None), shown, alone, real)
    found = fill_hidden(model, ids, hidden, real)
    np.testing.assert_allclose(found[1], expected[0], atol=1e-6)
    assert not np.allclose(found[1], once[1], atol=1e-4)
    never = fill_hidden(replace(model, trust=1.1), ids, hidden, real)
    np.testing.assert_array_equal(never, once)


# --- the course's corpus -------------------------------------------------------------------------


@cache
def run() -> dict:
    return json.loads(data_path("runs/ngrams.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("masking", ["tokens", "spans"])
def test_the_recorded_run_is_in_order(masking):
    recorded = run()["maskings"][masking]
    for split in ("validation", "test"):
        assert recorded["hidden"][split] == int(held_out(split, masking).masked.mask.sum())
        nats = {name: of["cross_entropy"] for name, of in recorded[split].items()}
        assert nats["product"] == min(nats.values())
        assert nats["bigram product"] < nats["unigram"] > nats["forward"]
        accuracy = {name: of["accuracy"] for name, of in recorded[split].items()}
        assert accuracy["product"] == max(accuracy.values())
    assert recorded["best"] == "product"


def test_spans_by_length_and_position_add_up():
    runs = find_runs(held_out("test", "spans").masked.mask.numpy())
    lengths = np.bincount(runs[:, 2] - runs[:, 1])
    for of in run()["maskings"]["spans"]["by span length and position"].values():
        for length, at in of.items():
            assert at["spans"] == lengths[int(length)]
            assert len(at["accuracy"]) == int(length)


@cache
def course_models() -> tuple[list[KneserNey], list[KneserNey]]:
    """Both sides on the train split, with the recorded discounts: a quarter of a minute."""
    table = BlockTable.of(blocks(course_documents("train"), load_tokenizer(), 128))
    rows, discounts = table.rows(np.arange(len(table))), run()["discounts"]
    assert len(discounts["forward"]) == len(CONTEXTS)
    return tuple(
        fit_side(rows, side, run()["vocabulary"], discounts[name])
        for name, side in (("forward", FORWARD), ("backward", BACKWARD))
    )


@pytest.mark.slow
@pytest.mark.parametrize("masking", ["tokens", "spans"])
def test_the_recorded_figures_come_again(masking):
    recorded, question = run()["maskings"][masking], held_out("test", masking)
    model = TwoSided(
        *course_models(),
        np.array(recorded["exponents"]),
        np.array(recorded["rescoring"]),
        recorded["beam"],
        recorded["candidates"],
        recorded["trust"],
    )
    ids, hidden = question.masked.input_ids[:60].numpy(), question.masked.mask[:60].numpy()
    found = fill_hidden(model, ids, hidden, question.rows.real[:60])
    answers = question.rows.ids[:60][hidden]
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    nats = -np.log(found[np.arange(len(found)), answers].astype(float)).mean()
    accuracy = (found.argmax(axis=1) == answers).mean()
    expected = recorded["first 60 blocks of test"]["product"]
    # Another processor may round, and so break a tie of the beam, differently.
    assert accuracy == pytest.approx(expected["accuracy"], abs=0.002)
    assert nats == pytest.approx(expected["cross_entropy"], abs=0.002)
