"""The count-based baseline on held-out text: tuned on validation, reported on test.

    python tools/measure_ngrams.py [--json data/runs/ngrams.json]

Counts the train split, tunes the discounts and, for each masking, how forward and backward are put
together, on the validation split, and writes accuracy and cross-entropy (nats a hidden piece) of
unigram, bigram, forward, backward and their product on validation and test. About ten minutes on
one core; a second run gives the same bytes.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

# Read when numpy is loaded, so before it is.
os.environ["OMP_NUM_THREADS"] = "1"
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from spanbert_teach.corpus import BlockRows, BlockTable, blocks, course_documents  # noqa: E402
from spanbert_teach.evaluation import MASKINGS, HeldOut, held_out  # noqa: E402
from spanbert_teach.paths import write_whole  # noqa: E402
from spanbert_teach.tokenization import load_tokenizer  # noqa: E402
from tools.ngram_filling import TwoSided, fill_hidden, find_runs, multiply  # noqa: E402
from tools.ngram_tuning import (  # noqa: E402
    BAYES,
    EXAMPLES,
    SEED,
    tune_discounts,
    tune_exponents,
    tune_two_sided,
)
from tools.ngrams import BACKWARD, FORWARD, KneserNey, count_levels, fit_side, offsets, windows  # noqa: E402

COMMAND = "python tools/measure_ngrams.py"
SIDES = {"forward": FORWARD, "backward": BACKWARD}
# How sure a filled-in piece has to be before other runs may read it; None: they never do.
TRUST = (None, 0.2, 0.3, 0.5)
# Every so many blocks of validation are enough to choose.
EVERY = 6
# Blocks that are filled in at once, and the first so many of test once more for the tests.
CHUNK, FIRST = 60, 60


def filled(model: TwoSided, question: HeldOut, every: int = 1) -> Iterator[np.ndarray]:
    """The distributions of all hidden pieces, some blocks at a time; or of every n-th block."""
    ids, real = question.masked.input_ids.numpy()[::every], question.rows.real[::every]
    hidden = question.masked.mask.numpy()[::every]
    for i in range(0, len(ids), CHUNK):
        part = slice(i, i + CHUNK)
        yield fill_hidden(model, ids[part], hidden[part], real[part])


def graded(
    rows: Iterator[np.ndarray], question: HeldOut, every: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """(hidden,) whether the likeliest piece is right, and the negative log-probability in nats."""
    hidden = question.masked.mask.numpy()[::every]
    answers, right, nats = question.rows.ids[::every][hidden], [], []
    for found in rows:
        answer, answers = answers[: len(found)], answers[len(found) :]
        right.append(found.argmax(axis=1) == answer)
        nats.append(-np.log(found[np.arange(len(found)), answer].astype(float)))
    return np.concatenate(right), np.concatenate(nats)


def figures(right: np.ndarray, nats: np.ndarray) -> dict[str, float]:
    """Accuracy, and cross-entropy in nats a hidden piece."""
    return {
        "accuracy": round(float(right.mean()), 4),
        "cross_entropy": round(float(nats.mean()), 4),
    }


def by_position(right: np.ndarray, question: HeldOut) -> dict[str, dict]:
    """For spans of 1 to 10 pieces: how many, and the accuracy at each position."""
    runs = find_runs(question.masked.mask.numpy())
    lengths = runs[:, 2] - runs[:, 1]
    first, found = np.cumsum(lengths) - lengths, {}
    for length in range(1, 11):
        starts = first[lengths == length]
        accuracy = right[starts[:, None] + np.arange(length)].mean(axis=0)
        found[str(length)] = {"spans": len(starts), "accuracy": accuracy.round(4).tolist()}
    return found


def tune_trust(model: TwoSided, question: HeldOut) -> TwoSided:
    """The model with the one of `TRUST` that has the least cross-entropy."""
    models = [replace(model, trust=trust) for trust in TRUST]
    losses = [graded(filled(m, question, EVERY), question, EVERY)[1].mean() for m in models]
    print("trust", dict(zip(TRUST, np.round(losses, 4).tolist(), strict=True)), flush=True)
    return models[int(np.argmin(losses))]


def counted(unigram: np.ndarray, question: HeldOut) -> Iterator[np.ndarray]:
    """The same distribution for every hidden piece."""
    yield np.broadcast_to(unigram, (int(question.masked.mask.sum()), len(unigram)))


def bigram_rows(
    models: dict[str, KneserNey], exponents: np.ndarray, question: HeldOut
) -> Iterator[np.ndarray]:
    """Products of two bigrams; a hidden neighbour says nothing, so that the unigram is left."""
    hidden = question.masked.mask.numpy()
    visible = question.rows.real & ~hidden
    near = [windows(question.rows.ids, visible, (SIDES[s],))[hidden] for s in models]
    unigram = np.log(models["forward"].unigram).astype(np.float32)
    for i in range(0, int(hidden.sum()), 500):
        logs = [
            np.log(model.rows(contexts[i : i + 500]))
            for model, contexts in zip(models.values(), near, strict=True)
        ]
        yield multiply(exponents.astype(np.float32), *logs, unigram)


def tune_bigrams(models: dict[str, KneserNey], question: HeldOut) -> np.ndarray:
    """(3,) exponents of forward bigram, backward bigram and unigram."""
    hidden = question.masked.mask.numpy()
    some = np.random.default_rng(SEED).permutation(int(hidden.sum()))[: 2 * EXAMPLES]
    visible = question.rows.real & ~hidden
    logs = [
        np.log(model.rows(windows(question.rows.ids, visible, (SIDES[side],))[hidden][some]))
        for side, model in models.items()
    ]
    unigram = np.log(models["forward"].unigram).astype(np.float32)
    scores = np.stack([*logs, np.broadcast_to(unigram, logs[0].shape)])
    return tune_exponents(scores, question.rows.ids[hidden][some], BAYES).round(3)


def one_side(model: TwoSided, side: str) -> TwoSided:
    """Reads one side only, as it is, without tuning."""
    only = np.zeros((1, 1, 3))
    only[..., list(SIDES).index(side)] = 1
    return TwoSided(model.forward, model.backward, only, None, model.beam)


class Fitted(NamedTuple):
    """Models of both sides, "forward" and "backward".

    Attributes:
        sides: 5-grams, and those with a gap, by side: a list for each.
        bigrams: by side.
        discounts: what was tuned, by the name of the model.
    """

    sides: dict[str, list[KneserNey]]
    bigrams: dict[str, KneserNey]
    discounts: dict[str, list]


def fitted(rows: BlockRows, vocabulary: int, validation: BlockRows) -> Fitted:
    """Count and smooth the training text, with discounts tuned on validation."""
    sides, bigrams, discounts = {}, {}, {}
    text = validation.maskable

    def tuned(model: KneserNey, places: tuple[int, ...]) -> list[list[float]]:
        contexts = windows(validation.ids, validation.real, places)[text]
        found, value = tune_discounts(model, contexts, validation.ids[text])
        print(f"places {places}: {value:.4f} nats a visible piece of validation", flush=True)
        return found

    for name, side in SIDES.items():
        sides[name] = fit_side(rows, side, vocabulary)
        discounts[name] = []
        for i, model in enumerate(sides[name]):
            discounts[name].append(tuned(model, offsets(side, i + 1)))
            sides[name][i] = KneserNey(model.levels, vocabulary, discounts[name][i])
        contexts = windows(rows.ids, rows.real, (side,))[rows.maskable]
        levels = count_levels(contexts, rows.ids[rows.maskable], vocabulary)
        discounts[f"{name} bigram"] = tuned(KneserNey(levels, vocabulary), (side,))
        bigrams[name] = KneserNey(levels, vocabulary, discounts[f"{name} bigram"])
    return Fitted(sides, bigrams, discounts)


def measured(masking: str, sides: dict, bigrams: dict, unigram: np.ndarray) -> dict:
    """All figures of one masking."""
    validation, test = (held_out(split, masking) for split in ("validation", "test"))
    model = tune_trust(tune_two_sided(sides, validation), validation)
    pair = tune_bigrams(bigrams, validation)
    baselines = {
        "unigram": lambda question: counted(unigram, question),
        "bigram forward": lambda question: bigram_rows(bigrams, np.eye(3)[0], question),
        "bigram backward": lambda question: bigram_rows(bigrams, np.eye(3)[1], question),
        "bigram product": lambda question: bigram_rows(bigrams, pair, question),
        "forward": lambda question: filled(one_side(model, "forward"), question),
        "backward": lambda question: filled(one_side(model, "backward"), question),
        "product": lambda question: filled(model, question),
    }
    found: dict = {
        "hidden": {
            "validation": int(validation.masked.mask.sum()),
            "test": int(test.masked.mask.sum()),
        },
        "bigram exponents": pair.tolist(),
        "exponents": model.exponents.tolist(),
        "rescoring": model.rescoring.tolist(),
        "beam": model.beam,
        "candidates": model.candidates,
        "trust": model.trust,
        "validation": {},
        "test": {},
        f"first {FIRST} blocks of test": {},
    }
    few = int(test.masked.mask[:FIRST].sum())
    for name, rows in baselines.items():
        began = time.perf_counter()
        found["validation"][name] = figures(*graded(rows(validation), validation))
        between = time.perf_counter()
        right, nats = graded(rows(test), test)
        found["test"][name] = figures(right, nats)
        found[f"first {FIRST} blocks of test"][name] = figures(right[:few], nats[:few])
        if masking == "spans":
            found.setdefault("by span length and position", {})[name] = by_position(right, test)
        print(masking, name, found["validation"][name], found["test"][name], end=" ")
        print(f"{between - began:.0f} s, {time.perf_counter() - between:.0f} s", flush=True)
    # Chosen where it may be: on validation.
    losses = {name: of["cross_entropy"] for name, of in found["validation"].items()}
    found["best"] = min(losses, key=losses.get)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the n-gram baselines.")
    parser.add_argument("--json", type=Path, default=ROOT / "data" / "runs" / "ngrams.json")
    options = parser.parse_args()
    tokenizer = load_tokenizer()
    table = BlockTable.of(blocks(course_documents("train"), tokenizer, 128))
    rows = table.rows(np.arange(len(table)))
    validation = held_out("validation", "tokens").rows
    began = time.perf_counter()
    sides, bigrams, discounts = fitted(rows, len(tokenizer), validation)
    print(f"counted and smoothed in {time.perf_counter() - began:.0f} s", flush=True)
    pieces = rows.ids[rows.maskable]
    unigram = np.bincount(pieces, minlength=len(tokenizer)) + 1.0
    result = {
        "command": COMMAND,
        "what": "n-gram baselines on held-out blocks: accuracy, cross-entropy in nats",
        "train pieces": len(pieces),
        "vocabulary": len(tokenizer),
        "discounts": discounts,
        "maskings": {
            masking: measured(masking, sides, bigrams, unigram / unigram.sum())
            for masking in MASKINGS
        },
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    # A row of numbers in one line.
    text = re.sub(
        r"\[[^][{}]*\]", lambda row: " ".join(row[0].split()), json.dumps(result, indent=1)
    )
    write_whole(options.json, (text + "\n").encode())


if __name__ == "__main__":
    main()
