"""Progress of a pretraining run for a person at a terminal: a bar, speed, time left."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from spanbert_teach.pretraining_settings import Settings


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
