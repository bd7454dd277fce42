"""Hidden pieces filled in by n-grams from both sides: the baseline that trained models must beat.

Where one piece is hidden, a forward and a backward 5-gram each give a distribution, and their
product does better than either. Where several in a row are hidden, a beam fills those before the
one in question, and n-grams with a gap look across those behind it. Lesson `05_sbo_vs_mlm`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tools.ngrams import BACKWARD, FORWARD, NOTHING, KneserNey, windows


@dataclass(frozen=True, eq=False)
class TwoSided:
    """Forward and backward n-grams, and how their distributions are put together.

    P(piece) is proportional to forward^a x backward^b x unigram^c, with (a, b, c) by the distances
    to the nearest visible (or filled) piece on the left and on the right. (1, 1, -1) would be
    Bayes' rule if left and right were independent given the piece.

    Attributes:
        forward, backward: a model for each distance, from 1 on; the last for all longer ones.
        exponents: (distances, distances, 3) a, b, c; [i, j] is for distance i + 1 on the left and
            j + 1 on the right, the last for all longer ones. All a or all b zero: one side only.
        rescoring: (5,) exponents for the best pieces where both neighbours are known: of forward,
            backward, unigram, and of what each piece makes of its neighbours: the forward
            probability of the four pieces after it, the backward one of the four before it. None:
            not rescored.
        beam: how many fillings are followed.
        candidates: how many best pieces are rescored.
        trust: the pieces that are filled in with at least this probability then count as visible
            for the other runs, and all is filled in again. None: once only.
    """

    forward: Sequence[KneserNey]
    backward: Sequence[KneserNey]
    exponents: np.ndarray
    rescoring: np.ndarray | None = None
    beam: int = 8
    candidates: int = 100
    trust: float | None = None

    def mirrored(self) -> "TwoSided":
        """The same, with left and right exchanged."""
        return replace(
            self,
            forward=self.backward,
            backward=self.forward,
            exponents=self.exponents.transpose(1, 0, 2)[:, :, [1, 0, 2]],
            rescoring=None if self.rescoring is None else self.rescoring[[1, 0, 2, 4, 3]],
        )

    def exponents_at(self, left: int, right: int) -> np.ndarray:
        """(3,) float32 for these distances, from 1 on."""
        last = len(self.exponents)
        return self.exponents[min(left, last) - 1, min(right, last) - 1].astype(np.float32)


def log_rows(models: Sequence[KneserNey], distance: int, contexts: np.ndarray) -> np.ndarray:
    """(contexts, vocabulary) float32 log-probabilities; contexts (contexts, at least 4)."""
    model = models[min(distance, len(models)) - 1]
    return np.log(model.rows(contexts[:, : len(model.levels) - 1]))


def multiply(
    exponents: np.ndarray, before: np.ndarray, after: np.ndarray, unigram: np.ndarray
) -> np.ndarray:
    """The normalised product of three distributions, given as logarithms, to these exponents."""
    a, b, c = exponents
    score = a * before + (b * after + c * unigram)
    score -= score.max(axis=-1, keepdims=True)
    np.exp(score, out=score)
    score /= score.sum(axis=-1, keepdims=True)
    return score


def largest(scores: np.ndarray, many: int, group: int = 16) -> np.ndarray:
    """(rows, many) the places of the largest scores (rows, columns), in no order.

    They stand in those groups whose own largest are the largest: only these are looked through,
    which is about ten times as fast as `argpartition` on whole rows.
    """
    columns = scores.shape[1]
    if columns % group or columns // group <= many:
        return np.argpartition(-scores, many - 1, axis=1)[:, :many]
    peaks = scores.reshape(len(scores), -1, group).max(axis=2)
    groups = np.argpartition(-peaks, many - 1, axis=1)[:, :many]
    places = (groups[:, :, None] * group + np.arange(group)).reshape(len(scores), -1)
    of = np.take_along_axis(scores, places, 1)
    return np.take_along_axis(places, np.argpartition(-of, many - 1, axis=1)[:, :many], 1)


def neighbours_score(
    model: KneserNey, behind: np.ndarray, ahead: np.ndarray, pieces: np.ndarray
) -> np.ndarray:
    """(places, pieces) log-probability of the pieces ahead of a place, by the piece put there.

    Args:
        model: a 5-gram that reads from behind to ahead.
        behind, ahead: (places, 4) the known pieces on both sides of the place, nearest first.
        pieces: (places, pieces) what is put there.
    """
    places, many = pieces.shape
    total, size = np.zeros((places, many)), behind.shape[1]
    for j in range(size):
        live = np.flatnonzero((ahead[:, j] != NOTHING) & model.counted[ahead[:, j]])
        context = np.empty((len(live), many, size), dtype=np.int64)
        context[:, :, :j] = ahead[live, None, :j][:, :, ::-1]
        context[:, :, j] = pieces[live]
        context[:, :, j + 1 :] = behind[live, None, : size - 1 - j]
        of = np.repeat(ahead[live, j], many)
        total[live] += np.log(model.probability(context.reshape(-1, size), of)).reshape(-1, many)
    return total


def best_pieces(
    model: TwoSided, product: np.ndarray, left: np.ndarray, right: np.ndarray, logs: Sequence
) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest pieces of each place: (places, candidates), and (5, places, candidates) scores.

    Args:
        product: (places, vocabulary) by which they are chosen.
        left, right: (places, 4) the known neighbours.
        logs: log-probabilities, forward, backward and unigram: (places or 1, vocabulary) each.
    """
    many = min(model.candidates, product.shape[1])
    top = largest(product, many)
    scores = [np.take_along_axis(np.broadcast_to(log, product.shape), top, 1) for log in logs]
    scores.append(neighbours_score(model.forward[0], left, right, top))
    scores.append(neighbours_score(model.backward[0], right, left, top))
    return top, np.stack(scores)


def rescore(
    model: TwoSided, product: np.ndarray, left: np.ndarray, right: np.ndarray, logs: Sequence
) -> np.ndarray:
    """`product` with what its best pieces have together shared out anew; see `best_pieces`."""
    if model.rescoring is None:
        return product
    top, scores = best_pieces(model, product, left, right, logs)
    share = np.tensordot(model.rescoring, scores, 1)
    share = np.exp(share - share.max(axis=1, keepdims=True))
    together = np.take_along_axis(product, top, 1).sum(axis=1, keepdims=True)
    share *= together / share.sum(axis=1, keepdims=True)
    np.put_along_axis(product, top, share.astype(product.dtype), 1)
    return product


def across(model: TwoSided, left: np.ndarray, right: np.ndarray, length: int) -> np.ndarray:
    """(runs, length, vocabulary) for runs of hidden pieces, from what is visible alone.

    Args:
        left, right: (runs, 4) the visible pieces before and after each run, nearest first.
        length: how many pieces are hidden in each.
    """
    unigram, found = np.log(model.forward[0].unigram).astype(np.float32), []
    for i in range(length):
        before = log_rows(model.forward, i + 1, left)
        after = log_rows(model.backward, length - i, right)
        at = model.exponents_at(i + 1, length - i)
        found.append(multiply(at, before, after, unigram))
    return np.stack(found, axis=1)


def sweep(model: TwoSided, left: np.ndarray, right: np.ndarray, unfilled: np.ndarray) -> np.ndarray:
    """Runs of hidden pieces read from left to right, the pieces before each filled by a beam.

    The distribution of a place is the mean over the fillings of the places before it, each with
    its probability. What the beam does not follow has the rest, and takes `unfilled` instead.

    Args:
        left, right: (runs, 4) the visible neighbours of each run, nearest first.
        unfilled: (runs, length, vocabulary) from `across`.

    Returns:
        The same shape.
    """
    runs, length, vocabulary = unfilled.shape
    unigram = np.log(model.forward[0].unigram).astype(np.float32)
    fillings, log_share = np.zeros((runs, 1, 0), dtype=np.int64), np.zeros((runs, 1))
    found = np.empty_like(unfilled)
    for i in range(length):
        width = fillings.shape[1]
        near = np.concatenate([fillings[:, :, ::-1], np.repeat(left[:, None], width, 1)], axis=2)
        near = near[:, :, : left.shape[1]].reshape(runs * width, -1)
        before = log_rows(model.forward, 1, near)
        after = np.repeat(log_rows(model.backward, length - i, right), width, axis=0)
        rows = multiply(model.exponents_at(1, length - i), before, after, unigram)
        if i == length - 1:
            far = np.repeat(right, width, axis=0)
            rows = rescore(model, rows, near, far, (before, after, unigram))
        rows, share = rows.reshape(runs, width, vocabulary), np.exp(log_share)
        found[:, i] = np.einsum("rk,rkv->rv", share.astype(rows.dtype), rows)
        rest = 1 - share.sum(axis=1, keepdims=True)
        found[:, i] += np.maximum(rest, 0).astype(rows.dtype) * unfilled[:, i]
        if i < length - 1:
            longer = (np.log(rows) + log_share[:, :, None]).reshape(runs, -1)
            beam = min(model.beam, longer.shape[1])
            best = largest(longer, beam)
            log_share = np.take_along_axis(longer, best, 1)
            kept = np.take_along_axis(fillings, (best // vocabulary)[:, :, None], 1)
            fillings = np.concatenate([kept, (best % vocabulary)[:, :, None]], axis=2)
    return found


def fill_runs(model: TwoSided, left: np.ndarray, right: np.ndarray, length: int) -> np.ndarray:
    """(runs, length, vocabulary): the mean of a sweep from the left and one from the right.

    A model of one side is swept from there only. Arguments as for `across`.
    """
    unfilled, found = across(model, left, right, length), []
    if model.exponents[..., 0].any():
        found.append(sweep(model, left, right, unfilled))
    # From either side a single piece looks the same.
    if model.exponents[..., 1].any() and not (found and length == 1):
        mirrored = sweep(model.mirrored(), right, left, unfilled[:, ::-1])
        found.append(mirrored[:, ::-1])
    return found[0] if len(found) == 1 else (found[0] + found[1]) / 2


def find_runs(hidden: np.ndarray) -> np.ndarray:
    """(runs, 3) row, start and end (exclusive) of all stretches of hidden pieces, in order."""
    edge = np.diff(np.pad(hidden.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    row, start = np.nonzero(edge == 1)
    return np.stack([row, start, np.nonzero(edge == -1)[1]], axis=1)


def fill_hidden(
    model: TwoSided, ids: np.ndarray, hidden: np.ndarray, real: np.ndarray
) -> np.ndarray:
    """A distribution for every hidden piece of padded rows.

    Args:
        ids: (batch, length); what stands at hidden places is not read.
        hidden: (batch, length) bool, the pieces to fill in.
        real: (batch, length) bool, False for padding.

    Returns:
        (hidden, vocabulary) float32, in the order of `ids[hidden]`; a row sums to 1.
    """
    found = filled_once(model, np.where(hidden, NOTHING, ids), hidden, real)
    if model.trust is not None:
        guessed = np.where(found.max(axis=1) >= model.trust, found.argmax(axis=1), NOTHING)
        shown = ids.copy()
        shown[hidden] = guessed
        found = filled_once(model, shown, hidden, real)
    return found


def filled_once(
    model: TwoSided, shown: np.ndarray, hidden: np.ndarray, real: np.ndarray
) -> np.ndarray:
    """As `fill_hidden`; `shown` has `NOTHING` where a piece is hidden, or a guess.

    A guess is read by other runs only: the neighbours of a run lie outside it.
    """
    size, visible = len(model.forward[0].levels) - 1, real & (shown != NOTHING)
    before = windows(shown, visible, [FORWARD * (i + 1) for i in range(size)])
    after = windows(shown, visible, [BACKWARD * (i + 1) for i in range(size)])
    runs, vocabulary = find_runs(hidden), model.forward[0].vocabulary
    lengths = runs[:, 2] - runs[:, 1]
    first = np.cumsum(lengths) - lengths
    found = np.empty((lengths.sum(), vocabulary), dtype=np.float32)
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length)
        # A few at a time: the rows of all fillings stay in the processor's cache.
        for some in np.array_split(same, -(-len(same) * (model.beam if length > 1 else 1) // 128)):
            row, start, end = runs[some].T
            filled = fill_runs(model, before[row, start], after[row, end - 1], length)
            found[first[some][:, None] + np.arange(length)] = filled
    return found
