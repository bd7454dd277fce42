"""What is seen of a run while it goes on: mean losses, speed, answers on held-out text, a film.

Lesson `05_sbo_vs_mlm`.
"""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from spanbert_teach import SENTENCE
from spanbert_teach.corpus import BlockTable, blocks
from spanbert_teach.evaluation import (
    MASKINGS,
    HeldOut,
    hidden_states,
    hide,
    mlm_answers,
    sbo_answers,
)
from spanbert_teach.objectives import SpanBert
from spanbert_teach.paths import write_whole
from spanbert_teach.pretraining.data import documents
from spanbert_teach.pretraining.settings import Settings
from spanbert_teach.tokenization import WordPieceTokenizer

MEASURED = 128  # held-out blocks


def held_out_questions(
    settings: Settings, tokenizer: WordPieceTokenizer
) -> tuple[dict[int, dict[str, HeldOut]], list[str]]:
    """For each length of the stages and each masking: held-out text to measure on, if any.

    Returns:
        The questions, and the fingerprints of the text they are from (see `documents`).
    """
    found, fingerprints = {}, []
    if settings.text and not settings.validation:
        return found, fingerprints
    for length in sorted({stage.length for stage in settings.stages}):
        fingerprints = []
        text = documents(settings.validation, "validation", settings.text_field, fingerprints)
        table = BlockTable.of(blocks(text, tokenizer, length))
        found[length] = {name: hide(table, tokenizer, name, MEASURED) for name in MASKINGS}
    return found, fingerprints


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


# --- The film: what the model makes of one sentence, at steps ever further apart ------------------

FRAMES = 24
HIDDEN_SPAN = "Voting Rights Act"
TOP = 5


def film_steps(steps: int, frames: int = FRAMES) -> list[int]:
    """At most `frames` numbers of steps from 1 to `steps`, evenly apart in their logarithms."""
    return sorted({round(step) for step in np.geomspace(1, steps, frames)})


def film_frame(model: SpanBert, tokenizer: WordPieceTokenizer) -> dict[str, np.ndarray]:
    """The sentence of the course as the model sees it now.

    Returns:
        attention: (layers, heads, length, length) uint8, 255 for all of it, of the whole sentence;
        mlm_top, sbo_top: (hidden pieces, 5) the likeliest ids where "Voting Rights Act" is hidden;
        mlm_share, sbo_share: the same shape, float16, their probabilities. No sbo_* without SBO.
    """
    encoding = tokenizer.encode(SENTENCE)
    first = SENTENCE.index(HIDDEN_SPAN)
    last = first + len(HIDDEN_SPAN)
    inside = [i for i, (a, b) in enumerate(encoding.offsets) if first <= a < b <= last]
    ids = torch.tensor([encoding.ids])
    masked = ids.clone()
    masked[0, inside] = tokenizer.id("[MASK]")
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    with torch.no_grad():
        seen = model.encoder(ids.to(device), output_attentions=True).attentions
        hidden = model.encoder(masked.to(device)).hidden
        logits = {"mlm": model.mlm(hidden[0, inside])}
        if model.sbo is not None:
            count = min(len(inside), model.sbo.positions.num_embeddings)
            ends = [torch.full((count,), column) for column in (0, inside[0] - 1, inside[-1] + 1)]
            places = (x.to(device) for x in (*ends, torch.arange(count)))
            logits["sbo"] = model.sbo(hidden, *places)
    model.train(training)
    frame = {"attention": (torch.cat(seen) * 255).round().byte().cpu().numpy()}
    for head, scores in logits.items():
        share, top = model.known(scores).softmax(-1).topk(TOP)
        frame[f"{head}_top"] = top.to(torch.int32).cpu().numpy()
        frame[f"{head}_share"] = share.half().cpu().numpy()
    return frame


def add_frame(path: Path, step: int, frame: dict[str, np.ndarray]) -> None:
    """Write a frame into a film, behind the frames of earlier steps; later ones are left out."""
    film: dict[str, np.ndarray] = {}
    if path.exists():
        with np.load(path) as old:
            earlier = old["step"] < step
            film = {name: old[name][earlier] for name in old.files}
    added = {name: values[None] for name, values in {"step": np.array(step), **frame}.items()}
    film = {
        name: np.concatenate([film[name], values]) if name in film else values
        for name, values in added.items()
    }
    write_whole(path, lambda file: np.savez_compressed(file, **film))


# --- Progress for a person at a terminal ----------------------------------------------------------


@contextmanager
def show_progress(settings: Settings) -> Iterator[Callable[[dict], None]]:
    """A `watch` for `pretrain`: a bar on a terminal, a line for each record elsewhere."""
    silent = None if os.environ.get("RANK", "0") == "0" else True  # of several, one shows it
    with tqdm(total=settings.steps, unit="step", disable=silent, smoothing=0.1) as bar:

        def watch(record: dict) -> None:
            said = in_words(record)
            if bar.disable:
                print(f"step {record['step']} of {settings.steps}: {said}")
                sys.stdout.flush()
                return
            if bar.n == 0 and record["step"] > 1:  # goes on with an old run
                bar.initial = bar.n = record["step"]
            bar.update(record["step"] - bar.n)
            bar.set_postfix_str(said)

        yield watch


def in_words(record: dict) -> str:
    """Losses and speed; what was measured on held-out text, where it was."""
    said = [f"MLM {record['mlm']:.3f} nats"]
    if record["sbo"] is not None:
        said.append(f"SBO {record['sbo']:.3f}")
    said.append(f"{record['pieces_per_second']:,} pieces/s")
    for masking, heads in record.get("held_out", {}).items():
        found = ", ".join(f"{head.upper()} {a['accuracy']:.1%}" for head, a in heads.items())
        said.append(f"held-out {masking}: {found}")
    return ", ".join(said)
