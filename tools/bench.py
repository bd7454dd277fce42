"""`make bench`: how fast the library is, beside a well-known peer in the same process.

    python tools/bench.py                  all benchmarks
    python tools/bench.py tokenization     one of them
    python tools/bench.py --json FILE      the figures in a file, too

Seconds depend on the machine and on what else it does; the ratio to the peer is what counts. Both
sides run on one thread (the model on two), by turns, three times each (the model eleven times); the
median is shown.
"""

import argparse
import dataclasses
import datetime
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Read when the libraries are loaded, so before they are.
os.environ |= {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from tokenizers import BertWordPieceTokenizer  # noqa: E402
from transformers import BertConfig, BertModel  # noqa: E402

from spanbert_teach.corpus import (  # noqa: E402
    SPLITS,
    BlockRows,
    BlockTable,
    blocks,
    course_documents,
)
from spanbert_teach.device import choose_precision  # noqa: E402
from spanbert_teach.masking import mask_batch, mask_block, piece_unigram, redraw  # noqa: E402
from spanbert_teach.model import SpanBertConfig, SpanBertEncoder  # noqa: E402
from spanbert_teach.paths import data_path  # noqa: E402
from spanbert_teach.tokenization import WordPieceTokenizer, load_tokenizer  # noqa: E402

ROUNDS = 3


def by_turns(
    ours: Callable[[], None], peer: Callable[[], None], rounds: int = ROUNDS
) -> tuple[float, float]:
    """Median seconds of both, each run `rounds` times, one after the other."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for run, taken in zip((ours, peer), seconds, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def tokenization() -> dict[str, float]:
    """Every line of the corpus to ids and offsets: a new tokenizer each time, nothing remembered.

    Both sides open the vocabulary and end with the ids and offsets as Python lists.
    """
    lines = [
        paragraph
        for wikipedia in (False, True)
        for split in SPLITS
        for document in course_documents(split, wikipedia=wikipedia)
        for paragraph in document.paragraphs
    ]
    path = str(data_path("vocab.txt"))
    pieces = 0

    def ours() -> None:
        nonlocal pieces
        tokenizer = WordPieceTokenizer.load(path)
        pieces = 0
        for line in lines:
            encoding = tokenizer.encode(line)
            pieces += len(encoding.ids) if encoding.offsets else 0

    def peer() -> None:
        tokenizer = BertWordPieceTokenizer(path, lowercase=False)
        for line in lines:
            encoding = tokenizer.encode(line)
            _ = encoding.ids, encoding.offsets

    seconds, peer_seconds = by_turns(ours, peer)
    return {
        "lines": len(lines),
        "characters": sum(map(len, lines)),
        "pieces": pieces,
        "seconds": round(seconds, 2),
        "tokenizers_seconds": round(peer_seconds, 2),
        "ratio": round(seconds / peer_seconds, 2),
    }


def masking() -> dict[str, float | str]:
    """Span masking of held-out text, all targets included, and its share of a training step.

    A block of 126 or 510 pieces of text is a row of 128 or 512. The step is forward and backward of
    the course's encoder, batch 32 x 128, logits where something is predicted; no optimiser and no
    heads yet, so a real step is longer.
    """
    tokenizer = load_tokenizer()
    specials = [tokenizer.id(token) for token in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")]
    mask_id, rng, epoch = specials[-1], np.random.default_rng(1), 0

    def full_rows(length: int, count: int) -> BlockRows:
        stream = blocks(course_documents("validation"), tokenizer, length)
        found = [block for block in stream if len(block.ids) == length]
        table = BlockTable.of((found * (count // len(found) + 1))[:count])
        return table.rows(range(count))

    short, long = full_rows(128, 64), full_rows(512, 64)
    unigram = piece_unigram(long.ids, len(tokenizer), specials)
    known = {"mask_id": mask_id, "unigram": unigram}

    def batches(rows: BlockRows, times: int) -> None:
        nonlocal epoch
        arrays, index = (rows.ids, rows.word_starts, rows.maskable), np.arange(len(rows.ids))
        for _ in range(times):
            epoch += 1
            mask_batch(*arrays, seed=1, epoch=epoch, index=index, **known)

    def one_by_one() -> None:
        for ids, starts in zip(short.ids, short.word_starts, strict=True):
            mask_block(ids[1:-1], starts[1:-1], rng, **known)

    text, starts = long.ids[0, 1:501], long.word_starts[0, 1:501]
    batches(short, 20)
    batches(long, 20)
    of_126, of_510 = by_turns(lambda: batches(short, 300), lambda: batches(long, 100))
    thousand, single = by_turns(lambda: redraw(text, starts, 1000, seed=1, **known), one_by_one)

    for_step = full_rows(128, 32)
    step, precision = training_step(for_step.ids, len(tokenizer), known)
    step()
    for_masking, ten_steps = by_turns(
        lambda: batches(for_step, 300), lambda: [step() for _ in range(10)]
    )
    return {
        "blocks_of_126_per_second": round(64 * 300 / of_126),
        "blocks_of_510_per_second": round(64 * 100 / of_510),
        "thousand_redraws_of_500_ms": round(1000 * thousand, 1),
        "mask_block_per_second": round(64 / single),
        "masking_ms_of_32_blocks": round(1000 * for_masking / 300, 3),
        "step_ms": round(1000 * ten_steps / 10, 1),
        "step_precision": precision,
        "share_of_step": round((for_masking / 300) / (ten_steps / 10), 5),
    }


def training_step(ids: np.ndarray, vocabulary: int, known: dict) -> tuple[Callable[[], None], str]:
    """Forward and backward of the course's encoder on masked rows, and the number format."""
    maskable = np.ones(ids.shape, dtype=bool)
    maskable[:, [0, -1]] = False
    index = np.arange(len(ids))
    masked = mask_batch(ids, maskable, maskable, seed=1, epoch=0, index=index, **known)
    encoder = SpanBertEncoder(SpanBertConfig.course(vocab_size=vocabulary))
    words = encoder.embeddings.word_embeddings.weight
    precision = choose_precision(torch.device("cpu"))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = encoder(masked.input_ids).hidden[masked.mask] @ words.T
        targets = masked.mlm_targets[masked.mask]
        torch.nn.functional.cross_entropy(logits.float(), targets).backward()
        encoder.zero_grad()

    return step, precision


def model() -> dict[str, object]:
    """The encoder beside transformers' BertModel in its default attention, sdpa: the same weights.

    The course's size, 32 rows of 128 pieces, two threads. Ratio = the peer's seconds / ours, so
    above 1 we are faster. "forward" is evaluation, "training" forward and backward. FLOP: of the
    matrix products, two for each multiplication; three times as many in training. Peak: the median
    of linear maps of 2048 x 2048 on 2048 rows, in the same process.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    try:
        precisions = ["fp32"]
        if choose_precision(torch.device("cpu")) == "bf16":
            precisions.append("bf16")
        figures: dict[str, object] = {"threads": torch.get_num_threads()}
        for precision in precisions:
            figures[precision] = model_figures(precision)
    finally:
        torch.set_num_threads(threads)
    return figures


def model_figures(precision: str) -> dict[str, object]:
    """All figures of the model in one number format."""
    rows, length, vocabulary = 32, 128, SpanBertConfig.course().vocab_size
    ids = torch.randint(5, vocabulary, (rows, length), generator=torch.Generator().manual_seed(1))
    lengths = torch.linspace(0.2, 1.0, rows)[:, None] * length
    mask = torch.arange(length) < lengths.round()
    peak = matmul_peak(torch.bfloat16 if precision == "bf16" else torch.float32)
    flop = encoder_flop(SpanBertConfig.course(), rows, length)
    figures: dict[str, object] = {"peak_gflop_per_second": round(peak / 1e9)}
    cases = {
        "forward": (False, 0.0, None),
        "training": (True, 0.0, None),
        "training_with_dropout": (True, 0.1, None),
        "forward_padded": (False, 0.0, mask),
        "training_padded": (True, 0.0, mask),
    }
    for name, (training, dropout, padding) in cases.items():
        runs = [
            encoder_run(encoder, ids, padding, training, precision) for encoder in pair(dropout)
        ]
        for run in runs:
            run()
        ours, peer = by_turns(*runs, rounds=11)
        work = flop * (3 if training else 1)
        figures[name] = {
            "dropout": dropout,
            "padding": 0.0 if padding is None else round(1 - padding.float().mean().item(), 2),
            "gflop": round(work / 1e9, 1),
            "ms": round(1000 * ours, 1),
            "transformers_ms": round(1000 * peer, 1),
            "ratio": round(peer / ours, 2),
            "share_of_peak": round(work / ours / peak, 2),
        }
    return figures


def pair(dropout: float) -> tuple[SpanBertEncoder, BertModel]:
    """Our encoder and the peer's, with the same weights."""
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    config = SpanBertConfig.course(**rates)
    peer = BertModel(BertConfig(**dataclasses.asdict(config)), add_pooling_layer=False)
    ours = SpanBertEncoder(config)
    ours.load_state_dict(peer.state_dict())
    return ours, peer


def encoder_run(
    encoder: SpanBertEncoder | BertModel,
    ids: torch.Tensor,
    mask: torch.Tensor | None,
    training: bool,
    precision: str,
) -> Callable[[], None]:
    """One pass over a batch: forward in evaluation, or forward and backward in training."""
    encoder.train(training)
    # Nothing is asked of padding: its hidden states get no gradient.
    weights = torch.ones(ids.shape) if mask is None else mask.float()

    def run() -> None:
        with (
            torch.set_grad_enabled(training),
            torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"),
        ):
            output = encoder(ids, mask)
        if training:
            hidden = output.hidden if hasattr(output, "hidden") else output.last_hidden_state
            (hidden.float().square().mean(-1) * weights).mean().backward()
            encoder.zero_grad()

    return run


def encoder_flop(config: SpanBertConfig, rows: int, length: int) -> int:
    """Of the matrix products of one forward pass, padding included."""
    linears = 4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size
    attention = 2 * length * config.hidden_size
    return 2 * rows * length * config.num_hidden_layers * (linears + attention)


def matmul_peak(dtype: torch.dtype, size: int = 2048) -> float:
    """FLOP a second of this machine: the median of eleven large linear maps."""
    x, weight = torch.randn(2, size, size, dtype=dtype)

    def multiply() -> None:
        torch.nn.functional.linear(x, weight)

    multiply()
    seconds, _ = by_turns(multiply, lambda: None, rounds=11)
    return 2 * size**3 / seconds


BENCHMARKS = {"tokenization": tokenization, "masking": masking, "model": model}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the library against its peers.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; all when none")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(BENCHMARKS)):
        parser.error(f"no benchmark {', '.join(unknown)}; there is {', '.join(BENCHMARKS)}")
    figures = {name: BENCHMARKS[name]() for name in options.names or BENCHMARKS}
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    report = {"date": datetime.date.today().isoformat(), "machine": machine, **figures}
    text = json.dumps(report, indent=2) + "\n"
    print(text, end="")
    if options.json:
        options.json.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
