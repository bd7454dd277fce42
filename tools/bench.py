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

from tokenizers import BertWordPieceTokenizer  # noqa: E402

from spanbert_teach.corpus import SPLITS, course_documents  # noqa: E402
from spanbert_teach.paths import data_path  # noqa: E402
from spanbert_teach.tokenization import WordPieceTokenizer  # noqa: E402

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


BENCHMARKS = {"tokenization": tokenization}


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
