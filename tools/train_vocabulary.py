"""Train the course's vocabulary anew from the train split, byte for byte; about half a minute.

    python tools/train_vocabulary.py            # writes data/vocab.txt
    python tools/train_vocabulary.py --check    # trains and compares, changes nothing

After the first, `python tools/build_data.py --checksums` lists the new file.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from spanbert_teach.corpus import course_documents  # noqa: E402
from spanbert_teach.tokenization import WordPieceTokenizer  # noqa: E402

SIZE = 8192


def train() -> WordPieceTokenizer:
    """The course's tokenizer: cased, from the public-domain text of the train split."""
    texts = (p for document in course_documents("train") for p in document.paragraphs)
    return WordPieceTokenizer.train(texts, SIZE)


def main() -> int:
    parser = argparse.ArgumentParser(description="Train the course's vocabulary.")
    parser.add_argument("--check", action="store_true", help="compare only, change nothing")
    options = parser.parse_args()
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
