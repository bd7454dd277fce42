"""Asks the course's three checkpoints about held-out text and writes data/runs/trio.json.

    python tools/measure_trio.py                  the test split, as the lesson quotes it
    python tools/measure_trio.py --print-only     the same, without writing
    python tools/measure_trio.py --again runs     and the branches with another seed and with
                                                  dropout, which lie in runs/ when they were trained
                                                  here; without this their figures stay as they are

The three share their trunk: their training differs from there on (`tools/pretrain_trio.py`). All
are asked the same: 777 blocks of documents that nobody trained on, 15% of their pieces hidden,
every hidden piece reads [MASK]. Beside them the n-grams of `tools/measure_ngrams.py`. Some
minutes; nothing in the result depends on the date, so two runs write the same bytes.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from spanbert_teach.checkpoints import load_model  # noqa: E402
from spanbert_teach.corpus import BlockTable, blocks, course_documents  # noqa: E402
from spanbert_teach.evaluation import (  # noqa: E402
    MASKINGS,
    Answers,
    HeldOut,
    held_out,
    hidden_states,
    hide,
    mlm_answers,
    sbo_answers,
    sbo_columns,
    shuffled_boundaries,
)
from spanbert_teach.masking import SboBatch  # noqa: E402
from spanbert_teach.objectives import SpanBert  # noqa: E402
from spanbert_teach.paths import data_path  # noqa: E402
from spanbert_teach.pretraining import CHECKPOINT  # noqa: E402
from tools.pretrain_trio import AGAIN, LONGER_WITH_DROPOUT  # noqa: E402

TRIO = {"mlm-tokens": "course-mlm-tokens", "mlm-spans": "course-mlm-spans", "spanbert": "course"}
FEW = 100  # blocks: so many are asked again whenever the tests run
LONGEST = 10  # spans of more pieces are too few to compare by position


def figures(answers: Answers) -> dict[str, float]:
    """Accuracy and cross-entropy of a head."""
    return {
        "accuracy": round(answers.accuracy, 4),
        "cross_entropy": round(answers.cross_entropy, 4),
        "pieces": len(answers.target),
    }


def places_in_spans(answers: Answers, spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each answer the length of its span, and its place in it, from 1."""
    length = np.zeros((spans[:, 0].max() + 1, spans[:, 2].max()), dtype=int)
    place = np.zeros_like(length)
    for row, start, end in spans:
        length[row, start:end] = end - start
        place[row, start:end] = np.arange(1, end - start + 1)
    return length[answers.row, answers.column], place[answers.row, answers.column]


def asked_of_sbo(answers: Answers, sbo: SboBatch) -> np.ndarray:
    """(answers,) bool: the pieces that SBO is asked for, too, which those at an edge are not."""
    asked = set(zip(sbo.batch.tolist(), sbo_columns(sbo).tolist(), strict=True))
    places = zip(answers.row.tolist(), answers.column.tolist(), strict=True)
    return np.array([place in asked for place in places])


def by_place(answers: Answers, held: HeldOut) -> dict[str, list[float]]:
    """For each length of a span up to `LONGEST`: the accuracy at each place, where SBO is asked."""
    length, place = places_in_spans(answers, held.masked.spans.numpy())
    asked = asked_of_sbo(answers, held.masked.sbo)
    return {
        str(n): [
            round(float(answers.correct[asked & (length == n) & (place == p)].mean()), 6)
            for p in range(1, n + 1)
        ]
        for n in range(1, LONGEST + 1)
    }


def by_length(held: HeldOut) -> dict[str, int]:
    """How many spans of each length up to `LONGEST` SBO is asked for."""
    sbo = held.masked.sbo
    ends = torch.unique(torch.stack([sbo.batch, sbo.left, sbo.right]), dim=1)
    lengths = ends[2] - ends[1] - 1
    return {str(n): int((lengths == n).sum()) for n in range(1, LONGEST + 1)}


def sbo_figures(model: SpanBert, held: HeldOut, hidden: torch.Tensor) -> dict[str, dict]:
    """SBO with the true boundaries, and with those of other spans."""
    shuffled = shuffled_boundaries(held.masked.sbo, np.random.default_rng(1))
    return {
        "sbo": figures(sbo_answers(model, held, hidden)),
        "sbo_shuffled": figures(sbo_answers(model, held, hidden, shuffled)),
    }


def difference(ours: Answers, other: Answers) -> dict[str, float]:
    """How many points of accuracy `ours` is ahead on the same pieces, and the standard error.

    Blocks are drawn anew, as a whole, 2,000 times. That is the spread over text; the spread over
    seeds of training is not in it.
    """
    ahead = ours.correct.astype(float) - other.correct
    blocks = ours.row.max() + 1
    total, count = (np.bincount(ours.row, weights, blocks) for weights in (ahead, None))
    drawn = np.random.default_rng(1).integers(blocks, size=(2000, blocks))
    means = total[drawn].sum(1) / count[drawn].sum(1)
    return {
        "points": round(100 * float(ahead.mean()), 2),
        "standard_error": round(100 * float(means.std()), 2),
    }


def as_trained(model: SpanBert, masking: str) -> dict[str, float]:
    """The same with 80/10/10 replacements, as in training: some hidden pieces stand there to copy.

    This is how the accuracy of masked language models is usually told; it is higher.
    """
    table = BlockTable.of(blocks(course_documents("test"), model.tokenizer, 128))
    return figures(mlm_answers(model, hide(table, model.tokenizer, masking, replaced=True)))


def measure(model: SpanBert, masking: str) -> dict[str, object]:
    """Every head of a model on the test split; "on_few" is what the tests ask again."""
    held, few = held_out("test", masking), held_out("test", masking, most=FEW)
    hidden, hidden_few = (hidden_states(model, asked) for asked in (held, few))
    mlm = mlm_answers(model, held, hidden)
    found: dict[str, object] = {
        "mlm": figures(mlm),
        "mlm_as_trained": as_trained(model, masking),
        "on_few": {"mlm": figures(mlm_answers(model, few, hidden_few))},
    }
    if masking == "tokens":
        return found
    asked = asked_of_sbo(mlm, held.masked.sbo)
    found["mlm_where_sbo"] = {"accuracy": round(float(mlm.correct[asked].mean()), 4)}
    found["mlm_by_place"] = by_place(mlm, held)
    if model.sbo is not None:
        found |= sbo_figures(model, held, hidden)
        found["on_few"] |= sbo_figures(model, few, hidden_few)
        found["sbo_by_place"] = by_place(sbo_answers(model, held, hidden), held)
    return found


def trained_again(runs: Path) -> dict[str, object]:
    """MLM of the branches with another seed, and of the one with dropout; the pair compared."""
    models = {n: load_model(runs / n / CHECKPOINT) for n in (*AGAIN, *LONGER_WITH_DROPOUT)}
    found: dict[str, object] = {"command": "python tools/measure_trio.py --again runs"}
    found |= {name: {} for name in models}
    for masking in MASKINGS:
        held = held_out("test", masking)
        mlm = {name: mlm_answers(model, held) for name, model in models.items()}
        for name, model in models.items():
            found[name][masking] = {
                "mlm": figures(mlm[name]),
                "mlm_as_trained": as_trained(model, masking),
            }
        found[f"{masking}: spanbert-again ahead of"] = {
            "mlm-spans-again": difference(mlm["spanbert-again"], mlm["mlm-spans-again"])
        }
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the course's three checkpoints.")
    parser.add_argument("--print-only", action="store_true", help="do not write the file")
    parser.add_argument("--again", type=Path, help="where the branches trained once more are kept")
    options = parser.parse_args()
    path = data_path("runs") / "trio.json"
    models = {name: load_model(checkpoint) for name, checkpoint in TRIO.items()}
    spans = held_out("test", "spans")
    report: dict[str, object] = {
        "command": "python tools/measure_trio.py",
        "trunk": "shared by the three; see runs/<name>/run.json",
        "blocks": len(spans.rows.ids),
        "spans_by_length": by_length(spans),
    }
    for name, model in models.items():
        report[name] = {masking: measure(model, masking) for masking in MASKINGS}
    for masking in MASKINGS:
        held = held_out("test", masking)
        mlm = {name: mlm_answers(model, held) for name, model in models.items()}
        report[f"{masking}: spanbert ahead of"] = {
            name: difference(mlm["spanbert"], mlm[name]) for name in ("mlm-spans", "mlm-tokens")
        }
    if options.again is None:
        report["again"] = json.loads(path.read_text(encoding="utf-8"))["again"]
    else:
        report["again"] = trained_again(options.again)
    text = json.dumps(report, indent=2) + "\n"
    print(text, end="")
    if not options.print_only:
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
