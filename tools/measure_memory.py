"""How much memory streaming takes: the corpus repeated to a large text, read in a fresh process.

    python tools/measure_memory.py [--gigabytes 1.0] [--gzip]

Prints the growth of resident memory while `read_documents` streams the text; the limit is 100 MB.
Linux and macOS.
"""

import argparse
import gzip
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 100_000_000


def resident() -> int:
    """The resident memory of this process in bytes: now on Linux, the most so far on macOS."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def stream(path: str) -> None:
    """Read the text; print the largest growth in bytes, documents and characters."""
    from spanbert_teach.reading import read_documents

    before = most = resident()
    documents = characters = 0
    for document in read_documents(path):
        documents += 1
        characters += sum(map(len, document.paragraphs))
        most = max(most, resident())
    print(most - before, documents, characters)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the memory that streaming a text takes.")
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--gzip", action="store_true", help="stream a gzip of the text")
    options = parser.parse_args()
    block = (ROOT / "data" / "corpus" / "train.txt").read_bytes() + b"\n"
    times = round(options.gigabytes * 1e9 / len(block))
    failed = False
    for name, text in (
        ("blank lines kept", block),
        ("no blank line", block.replace(b"\n\n", b"\n")),
    ):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "large.txt.gz" if options.gzip else "large.txt")
            with gzip.open(path, "wb", 1) if options.gzip else path.open("wb") as out:
                for _ in range(times):
                    out.write(text)
            code = f"import sys; sys.path[:0] = {[str(ROOT)]!r}; "
            code += f"from tools.measure_memory import stream; stream({str(path)!r})"
            done = subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True
            )
        growth, documents, characters = map(int, done.stdout.split())
        failed |= growth >= LIMIT
        print(
            f"{name}: {times * len(text) / 1e9:.2f} GB, {documents:,} documents, "
            f"{characters:,} characters: resident growth {growth / 1e6:.1f} MB (limit 100 MB)"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
