"""How strong the counting opponent is made: discounts and exponents, tuned on validation.

Used by `tools/measure_ngrams.py`.
"""

import numpy as np

from spanbert_teach.evaluation import HeldOut
from tools.ngram_filling import TwoSided, best_pieces, find_runs, log_rows, multiply
from tools.ngrams import BACKWARD, FORWARD, KneserNey, find, offsets, windows

BAYES = np.array([1.0, 1.0, -1.0])
# Exponents by distance 1, 2, 3, and 4 or more; at most so many examples each, chosen by SEED.
DISTANCES, EXAMPLES, SEED = 4, 1500, 0
# As strong as so many examples, the prior holds exponents of rare cases near `BAYES`.
PRIOR = 20.0


def tune_discounts(
    model: KneserNey, contexts: np.ndarray, pieces: np.ndarray
) -> tuple[list[list[float]], float]:
    """Discounts by coordinate descent on the mean negative log-probability; and its value."""
    terms = []
    for level, number in zip(model.levels, model.numbers(contexts), strict=True):
        capped, first = np.minimum(level.counts, 3), level.starts[:-1]
        of_each = np.stack([np.add.reduceat((capped == r) * 1.0, first) for r in (1, 2, 3)], 1)
        total = np.add.reduceat(level.counts, first)[number]
        at, there = find(level.grams, number * model.vocabulary + pieces)
        count = np.where(there & (number >= 0), level.counts[at], 0)
        terms.append((number >= 0, count, total, of_each[number]))

    def loss(discounts: np.ndarray) -> float:
        found = np.full(len(pieces), 1 / model.vocabulary)
        for (seen, count, total, of_each), discount in zip(terms, discounts, strict=True):
            kept = count - np.concatenate([[0.0], discount])[np.minimum(count, 3)]
            found = np.where(seen, (kept + of_each @ discount * found) / total, found)
        return float(-np.log(found).mean())

    best = model.discounts.copy()
    step, value = np.full(best.shape, 0.1), loss(best)
    for _ in range(9):
        for place in np.ndindex(best.shape):
            for sign in (1, -1):
                other = best.copy()
                other[place] = np.clip(other[place] + sign * step[place], 0.01, place[1] + 0.99)
                if (found := loss(other)) < value - 1e-7:
                    best, value = other, found
                    step[place] *= 1.3
                    break
            else:
                step[place] /= 2.5
    return best.round(3).tolist(), value


def tune_exponents(
    scores: np.ndarray, answers: np.ndarray, start: np.ndarray, prior: float = PRIOR
) -> np.ndarray:
    """Exponents of a product of distributions by Newton's method; the problem is convex.

    Args:
        scores: (factors, examples, pieces) logarithms; answers: (examples,) the right place.
    """
    x, examples = start.copy(), np.arange(len(answers))
    right = scores[:, examples, answers].astype(float)
    for _ in range(8):
        share = np.tensordot(x, scores, 1)
        share = np.exp(share - share.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        mean = np.einsum("np,fnp->fn", share, scores)
        square = [[np.einsum("np,np,np->", share, f, g) for g in scores] for f in scores]
        gradient = (right - mean).sum(axis=1) - prior * (x - start)
        x = x + np.linalg.solve(np.array(square) - mean @ mean.T + prior * np.eye(len(x)), gradient)
    return x


def tune_two_sided(sides: dict[str, list[KneserNey]], question: HeldOut) -> TwoSided:
    """Exponents by distance and exponents of rescoring, from what is visible around each piece."""
    forward, backward = sides["forward"], sides["backward"]
    ids, hidden = question.rows.ids, question.masked.mask.numpy()
    visible = question.rows.real & ~hidden
    places = np.array([(*r, i) for r in find_runs(hidden) for i in range(r[1], r[2])])
    row, start, end, here = places.T
    left, right = here - start + 1, end - here
    before = windows(ids, visible, offsets(FORWARD, 1))[row, start]
    after = windows(ids, visible, offsets(BACKWARD, 1))[row, end - 1]
    answer, unigram = ids[row, here], np.log(forward[0].unigram).astype(np.float32)
    rng, exponents = np.random.default_rng(SEED), np.empty((DISTANCES, DISTANCES, 3))
    for i, j in np.ndindex(DISTANCES, DISTANCES):
        some = np.minimum(left, DISTANCES) == i + 1
        some = np.flatnonzero(some & (np.minimum(right, DISTANCES) == j + 1))
        some = rng.permutation(some)[:EXAMPLES]
        exponents[i, j] = BAYES
        if len(some):
            scores = np.empty((3, len(some), len(unigram)), dtype=np.float32)
            scores[2] = unigram
            for factor, models, distance, near in (
                (0, forward, left[some], before[some]),
                (1, backward, right[some], after[some]),
            ):
                for d in np.unique(distance):
                    scores[factor, distance == d] = log_rows(models, d, near[distance == d])
            exponents[i, j] = tune_exponents(scores, answer[some], BAYES).round(3)
        if i == j == 0:
            product = multiply(exponents[0, 0].astype(np.float32), *scores)
            model = TwoSided(forward, backward, exponents)
            top, best = best_pieces(model, product, before[some], after[some], scores)
            among = (top == answer[some, None]).any(axis=1)
            at = (top == answer[some, None]).argmax(axis=1)[among]
            of = tune_exponents(best[:, among], at, np.array([0.5, 0.5, 0.0, 0.5, 0.5]))
    return TwoSided(forward, backward, exponents, of.round(3))
