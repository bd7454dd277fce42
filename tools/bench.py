"""`make bench`: how fast the library is, beside a well-known peer in the same process.

    python tools/bench.py                  all benchmarks
    python tools/bench.py tokenization     one of them
    python tools/bench.py --json FILE      the figures in a file, too

Seconds depend on the machine and on what else it does; the ratio to the peer is what counts. Both
sides run on one thread, by turns, three times each; the median is shown.
"""

import argparse
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

from spanbert_teach.corpus import SPLITS, blocks, course_documents  # noqa: E402
from spanbert_teach.device import choose_precision  # noqa: E402
from spanbert_teach.masking import mask_batch, mask_block, piece_unigram, redraw  # noqa: E402
from spanbert_teach.paths import data_path  # noqa: E402
from spanbert_teach.tokenization import WordPieceTokenizer, load_tokenizer  # noqa: E402

ROUNDS = 3


def by_turns(ours: Callable[[], None], peer: Callable[[], None]) -> tuple[float, float]:
    """Median seconds of both, each run `ROUNDS` times, one after the other."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
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

    A block of 126 or 510 pieces of text is a row of 128 or 512. The step is a stand-in until the
    course's encoder exists: torch's TransformerEncoder of 4 layers x 256, batch 32 x 128, logits
    where something is predicted, forward and backward.
    """
    tokenizer = load_tokenizer()
    specials = [tokenizer.id(token) for token in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")]
    mask_id, rng, epoch = specials[-1], np.random.default_rng(1), 0

    def full_rows(length: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        stream = blocks(course_documents("validation"), tokenizer, length)
        found = [block for block in stream if len(block.ids) == length]
        found = (found * (count // len(found) + 1))[:count]
        ids = np.array([block.ids for block in found])
        maskable = np.ones(ids.shape, dtype=bool)
        maskable[:, [0, -1]] = False
        return ids, np.array([block.word_starts for block in found]), maskable

    short, long = full_rows(128, 64), full_rows(512, 64)
    unigram = piece_unigram(long[0], len(tokenizer), specials)
    known = {"mask_id": mask_id, "unigram": unigram}

    def batches(rows: tuple[np.ndarray, np.ndarray, np.ndarray], times: int) -> None:
        nonlocal epoch
        for _ in range(times):
            epoch += 1
            mask_batch(*rows, seed=1, epoch=epoch, index=np.arange(len(rows[0])), **known)

    def one_by_one() -> None:
        for ids, starts, _ in zip(*short, strict=True):
            mask_block(ids[1:-1], starts[1:-1], rng, **known)

    text, starts = long[0][0, 1:501], long[1][0, 1:501]
    batches(short, 20)
    batches(long, 20)
    of_126, of_510 = by_turns(lambda: batches(short, 300), lambda: batches(long, 100))
    thousand, single = by_turns(lambda: redraw(text, starts, 1000, seed=1, **known), one_by_one)

    for_step = tuple(part[:32] for part in short)
    step, precision = stand_in_step(for_step[0], len(tokenizer), known)
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
        "stand_in_step_ms": round(1000 * ten_steps / 10, 1),
        "stand_in_precision": precision,
        "share_of_stand_in_step": round((for_masking / 300) / (ten_steps / 10), 5),
    }


def stand_in_step(ids: np.ndarray, vocabulary: int, known: dict) -> tuple[Callable[[], None], str]:
    """A training step without the course's encoder, and its number format."""
    torch.manual_seed(1)
    maskable = np.ones(ids.shape, dtype=bool)
    maskable[:, [0, -1]] = False
    index = np.arange(len(ids))
    masked = mask_batch(ids, maskable, maskable, seed=1, epoch=0, index=index, **known)
    layer = torch.nn.TransformerEncoderLayer(256, 4, 1024, 0.1, "gelu", batch_first=True)
    encoder = torch.nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
    embeddings = torch.nn.Embedding(vocabulary, 256)
    precision = choose_precision(torch.device("cpu"))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            hidden = encoder(embeddings(masked.input_ids))
            logits = hidden[masked.mask] @ embeddings.weight.T
        targets = masked.mlm_targets[masked.mask]
        torch.nn.functional.cross_entropy(logits.float(), targets).backward()
        for parameter in (*encoder.parameters(), embeddings.weight):
            parameter.grad = None

    return step, precision


BENCHMARKS = {"tokenization": tokenization, "masking": masking}


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
