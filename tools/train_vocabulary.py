"""Train the course's vocabulary anew from the train split, byte for byte; about half a minute.

    python tools/train_vocabulary.py            # writes data/vocab.txt
    python tools/train_vocabulary.py --check    # trains and compares, changes nothing
    python tools/train_vocabulary.py --compare  # trains by three rules, and cuts held-out words

After the first, `python tools/build_data.py --checksums` lists the new file.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from spanbert_teach.corpus import course_documents  # noqa: E402
from spanbert_teach.tokenization import (  # noqa: E402
    PairTable,
    WordPieceTokenizer,
    count_words,
    match_longest,
    train_tokenizer,
    train_vocabulary,
)

SIZE = 8192


def paragraphs(split: str) -> Iterator[str]:
    """The public-domain text of a split."""
    return (p for document in course_documents(split) for p in document.paragraphs)


class ByFrequency(PairTable):
    """Byte pair encoding's rule: the most frequent pair."""

    def gains(self, count: np.ndarray, sides: np.ndarray) -> np.ndarray:
        return count


class ByRatio(PairTable):
    """The score that tutorials print for WordPiece: the gain of one occurrence only."""

    def gains(self, count: np.ndarray, sides: np.ndarray) -> np.ndarray:
        return count / (sides[:, 0] * sides[:, 1])


def compare() -> None:
    """Print into how many pieces test words fall, by the rule that chose the merges."""
    counts, held_out = count_words(paragraphs("train")), count_words(paragraphs("test"))
    for name, table in [("gain", PairTable), ("frequency", ByFrequency), ("ratio", ByRatio)]:
        vocabulary = set(train_vocabulary(counts, SIZE, table))
        cuts = {word: match_longest(word, vocabulary) or ["[UNK]"] for word in held_out}
        pieces = sum(len(cuts[word]) * count for word, count in held_out.items())
        print(f"{name:10} {pieces / held_out.total():.3f} pieces a word", flush=True)


def train() -> WordPieceTokenizer:
    """The course's tokenizer: cased, from the public-domain text of the train split."""
    return train_tokenizer(paragraphs("train"), SIZE)


def main() -> int:
    parser = argparse.ArgumentParser(description="Train the course's vocabulary.")
    parser.add_argument("--check", action="store_true", help="compare only, change nothing")
    parser.add_argument("--compare", action="store_true", help="three rules, change nothing")
    options = parser.parse_args()
    if options.compare:
        compare()
        return 0
    shipped = ROOT / "data" / "vocab.txt"
    tokenizer = train()
    if not options.check:
        tokenizer.save(shipped)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(Path(folder, "vocab.txt"))
        same = Path(folder, "vocab.txt").read_bytes() == shipped.read_bytes()
    print("data/vocab.txt is reproduced." if same else "What was trained differs from vocab.txt.")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
