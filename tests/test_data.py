"""The shipped data: whole, clean, split without leaks, and described by its own tables."""

import hashlib
import json
import re
import unicodedata
from functools import cache

import pytest

from spanbert_teach.corpus import SPAN_KINDS, SPLITS, Document, course_documents, load_spans
from spanbert_teach.paths import data_path
from tools import data_clean, data_split, data_wikitext
from tools.data_sources import PACKAGES

TEXTS = [(split, wikipedia) for wikipedia in (False, True) for split in SPLITS]
MEGABYTE = 1_000_000


@cache
def documents(split: str, wikipedia: bool) -> tuple[Document, ...]:
    return tuple(course_documents(split, wikipedia=wikipedia))


def paragraphs(*splits: str) -> list[str]:
    """The paragraphs of these splits, public-domain text and Wikipedia."""
    chosen = [d for split in splits for wiki in (False, True) for d in documents(split, wiki)]
    return [p for d in chosen for p in d.paragraphs]


@cache
def rows() -> tuple[dict, ...]:
    lines = data_path("corpus/documents.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


# --- whole ---------------------------------------------------------------------------------------


def test_every_file_is_listed_with_its_sha256():
    listed = {}
    for line in data_path("checksums.sha256").read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ", 1)
        listed[name] = digest
    folder = data_path()
    there = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    there = {n: p for n, p in there.items() if not p.name.startswith(".")}
    del there["checksums.sha256"]
    assert {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in there.items()} == listed


def test_the_corpus_is_small():
    sizes = [p.stat().st_size for p in data_path("corpus").rglob("*") if p.is_file()]
    assert sum(sizes) <= 16 * MEGABYTE
    assert max(sizes) <= 15 * MEGABYTE
    spans = sum(p.stat().st_size for p in data_path("corpus").glob("spans.*.npz"))
    assert spans < 2.5 * MEGABYTE


def test_provenance_names_every_package_and_file():
    text = data_path("PROVENANCE.md").read_text(encoding="utf-8")
    for package in PACKAGES:
        for part in (package.name, package.version, package.sha256, package.inside, package.file):
            assert part in text, f"{part} is missing in PROVENANCE.md"
    for licence in data_path("LICENSES").iterdir():
        assert licence.name in text


def test_every_wikipedia_title_is_attributed():
    text = data_path("corpus/attribution.md").read_text(encoding="utf-8")
    titles = [row["title"] for row in rows() if row["source"] == "Wikipedia"]
    assert len(titles) == 96
    assert all(f"- {title} (page " in text for title in titles)
    assert "creativecommons.org/licenses/by-sa/3.0" in text


# --- described -----------------------------------------------------------------------------------


def test_each_row_matches_its_document():
    assert len({row["id"] for row in rows()}) == len(rows())
    for split, wikipedia in TEXTS:
        name = f"wikipedia.{split}.txt" if wikipedia else f"{split}.txt"
        own = [row for row in rows() if row["file"] == name]
        for row, document in zip(own, documents(split, wikipedia), strict=True):
            assert (row["id"], row["title"]) == (document.id, document.title)
            assert row["paragraphs"] == len(document.paragraphs)
            assert row["words"] == sum(len(p.split()) for p in document.paragraphs)


def test_a_document_holds_what_its_title_says():
    """Rows and texts that slipped against each other would still agree in number."""
    named = total = 0
    for document in documents("train", False):
        if document.source.startswith("World Factbook") and len(document.paragraphs) > 5:
            total += 1
            named += document.title.split()[-1].lower() in " ".join(document.paragraphs).lower()
    assert total > 300
    assert named / total > 0.97
    kennedy = [d for d in documents("train", False) if d.id == "address/1962_john_f_kennedy_d"]
    assert kennedy and "Kennedy" in kennedy[0].title


@pytest.mark.parametrize("wikipedia", [False, True])
def test_the_split_is_about_90_5_5_by_words(wikipedia):
    count = {
        s: sum(len(p.split()) for d in documents(s, wikipedia) for p in d.paragraphs)
        for s in SPLITS
    }
    share = {split: n / sum(count.values()) for split, n in count.items()}
    assert 0.88 < share["train"] < 0.92
    assert 0.04 < share["validation"] < 0.06
    assert 0.04 < share["test"] < 0.06


# --- clean ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("split", "wikipedia"), TEXTS)
def test_one_paragraph_a_line_and_one_blank_line_between_documents(split, wikipedia):
    raw = data_path(f"corpus/{'wikipedia.' * wikipedia}{split}.txt").read_bytes()
    text = raw.decode("utf-8")
    assert b"\r" not in raw
    assert text.endswith("\n")
    assert not text.startswith("\n")
    assert "\n\n\n" not in text
    assert not text.endswith("\n\n")
    for line in text.split("\n"):
        assert line == " ".join(line.split())


DIRT = {
    "tags and wiki markup": r"</?[a-zA-Z]+[^<>]*>|\[\[|\]\]|\{\{|\}\}|\{\||\|\}|'''|\|",
    "entities": r"&(?:[a-zA-Z]{2,8}|#\d+);",
    "broken encoding": "\ufffd|Ã[\u0080-\u00bf]|â€|Â[\u0080-\u00bf]",
    "links": r"https?://",
    "labels": r"(?m)^(?:note|description|volcanism)\s*\d*\s*:",
    "stenography": r"(?i)[\[(](?:applause|laughter)\.?[\])]",
    "holes": r"\(\s*\)|\[\s*\]|\(\s*[,;]|\s[,;](?=\s)",
    "table figures": r"\.{6}|_{3}|seats by party",
}


@pytest.mark.parametrize("kind", DIRT)
def test_no_dirt(kind):
    text = "\n".join(paragraphs(*SPLITS))
    found = [text[max(0, m.start() - 30) : m.end() + 30] for m in re.finditer(DIRT[kind], text)]
    assert found == []


def test_no_control_characters_and_nfc():
    text = "\n".join(paragraphs(*SPLITS))
    kinds = {c: unicodedata.category(c) for c in set(text) - {"\n"}}
    assert {c for c, kind in kinds.items() if kind in ("Cc", "Cf", "Co", "Cn", "Cs")} == set()
    assert {c for c, kind in kinds.items() if kind in ("Zs", "Zl", "Zp")} == {" "}
    assert unicodedata.is_normalized("NFC", text)


def test_surnames_are_in_title_case_and_acronyms_are_not():
    text = "\n".join(p for d in documents("train", False) for p in d.paragraphs)
    for name in ("Columbus", "Mugabe", "Gbagbo", "Putin", "Elizabeth"):
        assert name in text
        assert not re.search(rf"\b{name.upper()}\b", text)
    for acronym in ("NATO", "EU", "US", "UK", "IMF", "OPEC", "UNESCO", "HIV"):
        assert re.search(rf"\b{acronym}\b", text)


# --- split without leaks -------------------------------------------------------------------------


def shingles(paragraph: str) -> set[int]:
    """Runs of 8 words, lower case, without punctuation; of all words when there are fewer."""
    found = re.findall(r"\w+", paragraph.lower())
    return set(map(hash, zip(*(found[i:] for i in range(8)), strict=False))) or {hash(tuple(found))}


def leaks(sides: dict[str, list[str]], limit: float = 0.5) -> list[tuple[str, str]]:
    """(side, paragraph) where half of the paragraph's shingles or more are on the other sides.

    Every side is measured against the others, so that a short paragraph inside a long one is found
    whichever side it is on.
    """
    sets = {side: [shingles(p) for p in texts] for side, texts in sides.items()}
    unions = {side: set().union(*own) for side, own in sets.items()}
    found = []
    for side, texts in sides.items():
        others = [union for other, union in unions.items() if other != side]
        for text, own in zip(texts, sets[side], strict=True):
            shared = sum(any(shingle in union for union in others) for shingle in own)
            if shared >= limit * len(own):
                found.append((side, text))
    return found


def test_no_near_duplicate_crosses_the_splits():
    assert leaks({split: paragraphs(split) for split in SPLITS}) == []


def test_a_planted_near_duplicate_is_found():
    sides = {"train": paragraphs("train")[:500], "test": paragraphs("test")[:100]}
    assert leaks(sides) == []
    original = next(p for p in sides["train"] if len(p.split()) > 60)
    changed = original.split()
    changed[5], changed[30] = "something", "else"
    sides["test"] = [*sides["test"], " ".join(changed)]
    assert leaks(sides) == [("train", original), ("test", " ".join(changed))]
    short = " ".join(original.split()[:20])
    long = f"a text in which a short one is hidden {short} and then goes on " + "and on " * 30
    assert leaks({"train": [short], "test": [long]}) == [("train", short)]


def test_countries_and_years_are_held_out_whole():
    place: dict[str, set[str]] = {}
    for row in rows():
        if row["source"].startswith("World Factbook"):
            code = {"cc": "uc", "sk": "nn"}.get(row["id"][-2:], row["id"][-2:])
            place.setdefault(code, set()).add(row["file"])
        elif row["source"] == "State of the Union":
            place.setdefault(str(row["year"]), set()).add(row["file"])
    assert len(place) > 350
    assert {name: files for name, files in place.items() if len(files) > 1} == {}


# --- spans ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SPAN_KINDS)
@pytest.mark.parametrize(("split", "wikipedia"), TEXTS)
def test_spans_slice_whole_words_in_order(split, wikipedia, kind):
    texts = [p for d in documents(split, wikipedia) for p in d.paragraphs]
    for text, spans in zip(texts, load_spans(split, kind, wikipedia=wikipedia), strict=True):
        before = 0
        for start, end in spans.tolist():
            assert before <= start < end <= len(text)
            span = text[start:end]
            assert span == span.strip()
            assert start == 0 or not (text[start - 1].isalnum() and span[0].isalnum())
            assert end == len(text) or not (span[-1].isalnum() and text[end].isalnum())
            before = end


def test_known_spans():
    texts = [(d.id, p) for d in documents("train", False) for p in d.paragraphs]
    chosen = next(i for i, (name, _) in enumerate(texts) if name == "factbook-2025/au")
    text = texts[chosen][1]
    assert text.startswith("Once the center of power for the large Austro-Hungarian Empire")
    entities, phrases = (
        [text[a:b] for a, b in load_spans("train", kind)[chosen]] for kind in SPAN_KINDS
    )
    assert {"Austria", "EU", "NATO", "World War II"} <= set(entities)
    assert {"its defeat", "a decade", "the occupation"} <= set(phrases)


def test_there_is_enough_to_mask():
    count = {kind: sum(map(len, load_spans("train", kind))) for kind in SPAN_KINDS}
    length = sum(len(p.split()) for d in documents("train", False) for p in d.paragraphs)
    assert 0.03 < count["entity"] / length < 0.12
    assert 0.15 < count["noun_phrase"] / length < 0.35


# --- the paper's tables --------------------------------------------------------------------------


def test_the_papers_tables():
    paper = json.loads(data_path("paper.json").read_text(encoding="utf-8"))
    tables = paper["tables"]
    assert sorted(tables) == list("1234567")
    for table in tables.values():
        assert {"title", "split", "unit", "columns", "rows"} <= set(table)
        for row in table["rows"].values():
            assert set(row) <= set(table["columns"])
            assert all(0 < value < 100 for value in row.values())
    assert tables["1"]["rows"]["SpanBERT"] == {
        "SQuAD 1.1 EM": 88.8,
        "SQuAD 1.1 F1": 94.6,
        "SQuAD 2.0 EM": 85.7,
        "SQuAD 2.0 F1": 88.7,
    }
    assert tables["2"]["rows"]["SpanBERT"]["Average"] == 81.5
    assert tables["3"]["rows"]["SpanBERT"]["Average F1"] == 79.6
    assert tables["4"]["rows"]["SpanBERT"] == {"P": 70.8, "R": 70.9, "F1": 70.8}
    assert tables["5"]["rows"]["SpanBERT"]["Average"] == 82.8
    assert tables["6"]["rows"]["Geometric spans"]["SQuAD 2.0 F1"] == 85.4
    assert tables["6"]["rows"]["Subword tokens"]["Coreference F1"] == 77.7
    assert tables["7"]["rows"]["Span masking (1 sequence) + SBO"]["Coreference F1"] == 79.0


def test_the_papers_averages_add_up():
    """A typing error in a table would show here."""
    tables = json.loads(data_path("paper.json").read_text(encoding="utf-8"))["tables"]
    for row in tables["2"]["rows"].values():
        values = [value for column, value in row.items() if column != "Average"]
        assert sum(values) / len(values) == pytest.approx(row["Average"], abs=0.1)
    best = tables["3"]["rows"]["SpanBERT"]
    mean = sum(best[f"{measure} F1"] for measure in ("MUC", "B3", "CEAF")) / 3
    assert mean == pytest.approx(best["Average F1"], abs=0.1)
    for row in tables["4"]["rows"].values():
        if "P" in row:
            harmonic = 2 * row["P"] * row["R"] / (row["P"] + row["R"])
            assert harmonic == pytest.approx(row["F1"], abs=0.11)
    nsp = tables["7"]["rows"]["Span masking (2 sequences) + NSP"]
    assert nsp == tables["6"]["rows"]["Geometric spans"]


# --- the builder's rules -------------------------------------------------------------------------


def test_a_surname_is_recognised_by_its_place_and_an_acronym_by_its_brackets():
    texts = [
        "President Xavier BETTEL met the ruling party; BETTEL then left",
        "the North Atlantic Treaty Organization (NATO) under General NATO rules",
        "King William III of Orange and Sean O'BRIEN",
    ]
    names = data_clean.surnames(texts)
    assert [data_clean.title_case(text, names) for text in texts] == [
        "President Xavier Bettel met the ruling party; Bettel then left",
        "the North Atlantic Treaty Organization (NATO) under General NATO rules",
        "King William III of Orange and Sean O'Brien",
    ]


def test_a_factbook_field_becomes_clean_paragraphs():
    country = {
        "Geography": {
            "Geography - note": {
                "text": "<strong>note 1</strong>: lies&nbsp;in the middle of a very large "
                "ocean far away from everything<br><br><strong>note 2:</strong> too short"
            },
            "Area": {"text": "a figure " * 20},
        }
    }
    assert data_clean.factbook_paragraphs(country) == [
        "lies in the middle of a very large ocean far away from everything"
    ]


def test_an_address_is_grouped_into_whole_sentences():
    sentence = "We have done ten things well in this year. "
    text = "THE PUBLIC LANDS. " + sentence * 30 + "[Applause] Thank you."
    found = data_clean.address_paragraphs(text)
    assert " ".join(found) == (sentence * 30 + "Thank you.")
    assert all(60 <= len(p.split()) <= 130 for p in found[:-1])


def test_wikitext_becomes_prose():
    text = (
        "{{Infobox|a={{b}}}}\n'''Albedo''' ({{IPA|x}}) is the [[light|share of light]] that a "
        "surface sends back over {{convert|5|km}}.<ref>source</ref>\n* a list\n== See also ==\nmore"
    )
    assert data_wikitext.wikipedia_paragraphs(text) == [
        "Albedo is the share of light that a surface sends back over 5 km."
    ]


def test_repeats_and_leaks_are_dropped_by_the_builder():
    def draft(name: str, *texts: str) -> data_split.Draft:
        return data_split.Draft(name, name, "s", None, f"s/{name}", list(texts))

    first = " ".join(f"w{i}" for i in range(40))
    second = first.replace("w20", "other")
    drafts = [draft("a", first), draft("b", second, "quite another text " * 4)]
    assert data_split.drop_repeats(drafts) == {"s": 1}
    assert drafts[1].paragraphs == ["quite another text " * 4]
    parts = {"train": [draft("a", first)], "validation": [draft("b", second)], "test": []}
    assert data_split.drop_leaks(parts) == 1
    assert parts["validation"] == []
