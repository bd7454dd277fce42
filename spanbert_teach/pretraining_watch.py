"""What is measured while a run goes on: mean losses, speed, answers on held-out text.

Lesson `05_sbo_vs_mlm`.
"""

import math
import time
from dataclasses import dataclass, field

from spanbert_teach.block_table import BlockTable
from spanbert_teach.corpus import blocks
from spanbert_teach.evaluation import hidden_states, mlm_answers, sbo_answers
from spanbert_teach.held_out import MASKINGS, HeldOut, hide
from spanbert_teach.objectives import SpanBert
from spanbert_teach.pretraining_data import documents
from spanbert_teach.pretraining_settings import Settings
from spanbert_teach.tokenization import WordPieceTokenizer

MEASURED = 128  # held-out blocks


def held_out_questions(
    settings: Settings, tokenizer: WordPieceTokenizer
) -> dict[int, dict[str, HeldOut]]:
    """For each length of the stages and each masking: held-out text to measure on, if any."""
    if settings.text and not settings.validation:
        return {}
    found = {}
    for length in sorted({stage.length for stage in settings.stages}):
        stream = blocks(documents(settings.validation, "validation"), tokenizer, length)
        table = BlockTable.of(stream)
        found[length] = {name: hide(table, tokenizer, name, MEASURED) for name in MASKINGS}
    return found


def measure(model: SpanBert, questions: dict[str, HeldOut], precision: str) -> dict:
    """Accuracy and cross-entropy of the heads, for each masking."""
    found = {}
    for masking, held in questions.items():
        hidden = hidden_states(model, held, precision)
        heads = {"mlm": mlm_answers(model, held, hidden)}
        if model.sbo is not None and len(held.masked.sbo.target):
            heads["sbo"] = sbo_answers(model, held, hidden)
        found[masking] = {
            head: {"accuracy": round(a.accuracy, 4), "cross_entropy": round(a.cross_entropy, 4)}
            for head, a in heads.items()
        }
    return found


@dataclass
class Tally:
    """What was seen since the last record."""

    seen: dict = field(default_factory=dict)
    since: float = field(default_factory=time.perf_counter)

    def add(self, found: dict) -> None:
        for name, value in found.items():
            self.seen[name] = self.seen.get(name, 0) + value

    def record(self, step: int, rate: float, norm: float) -> dict:
        """A record of the log; the tally starts again.

        `norm` is None where it is not finite: with fp16 such a step changes no weight.
        """
        seen, seconds = self.seen, time.perf_counter() - self.since
        self.seen, self.since = {}, time.perf_counter()
        return {
            "step": step,
            "mlm": round(seen["mlm"] / max(seen["mlm_count"], 1), 4),
            "sbo": round(seen["sbo"] / seen["sbo_count"], 4) if seen["sbo_count"] else None,
            "rate": rate,
            "norm": round(norm, 4) if math.isfinite(norm) else None,
            "pieces": seen["pieces"],
            "pieces_per_second": round(seen["pieces"] / seconds),
        }
