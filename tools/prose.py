"""Numbers in prose: which a sentence names, and which a result, the paper or a definition backs.

A paragraph, list item or table row that names a figure says where the figure comes from, in an
HTML comment that a reader does not see:

    <!-- claim: 00-one-word -->     the recorded output of that result cell has the number
    <!-- paper: 7 -->               table 7 in data/paper.json has the number
    <!-- given: 15%, the budget -->   not measured: the comment repeats the number and says why

Small whole numbers ("three words", "the first 5") and years need no comment: see `figures`.
"""

import json
import re
from pathlib import Path

COMMENT = re.compile(r"<!--\s*(claim|paper|given):\s*(.*?)\s*-->", re.S)
NUMBER = re.compile(r"(?<![\w.,])[-−+]?\d+(?:,\d{3})*(?:\.\d+)?(?: ?%)?(?![\w])")
# What is no prose: code, formulas, comments, tags, link targets, and names that hold a number.
NOT_PROSE = re.compile(
    r"```.*?```|`[^`]*`|<code>.*?</code>|\$\$.*?\$\$|\$[^$\n]*\$|<!--.*?-->|<[^>]+>|\]\([^)]*\)|https?://\S+"
    r"|§ ?[\d.]+|\b(?:[Tt]ables?|[Ff]igures?|[Ll]essons?|[Ss]ections?|SQuAD|Python|Python ≥) [\d.]+"
    r"|^\s*\d+\. |\b\d\d-\d\b|\bCC BY[\w-]* [\d.]+",
    re.S | re.M,
)


def blocks(markdown: str) -> list[str]:
    """The paragraphs, list items and table rows of a markdown text."""
    text = re.sub(r"\n(?=\s*(?:[-*+]|\d+\.|\|) ?)", "\n\n", markdown)
    return [block for block in re.split(r"\n\s*\n", text) if block.strip()]


def numbers(text: str) -> list[str]:
    """Every number in a text, written one way: no thousands commas, '-' for a minus, no plus."""
    found = (match.group() for match in NUMBER.finditer(text))
    return [n.replace(",", "").replace("−", "-").replace(" ", "").lstrip("+") for n in found]


def figures(block: str) -> list[str]:
    """The numbers of a block that need a source: all but small whole numbers and years."""
    prose = NOT_PROSE.sub(" ", block)
    return [n for n in numbers(prose) if not _is_small(n) and not _is_year(n)]


def _is_small(number: str) -> bool:
    return re.fullmatch(r"-?\d+", number) is not None and abs(int(number)) <= 12


def _is_year(number: str) -> bool:
    return re.fullmatch(r"1[789]\d\d|20\d\d", number) is not None


def unbacked(markdown: str, results: dict[str, str], paper: Path) -> list[str]:
    """What is wrong with the figures of a markdown text: one sentence for each.

    Args:
        markdown: the source of a cell, or a whole file.
        results: recorded output by result id.
        paper: path of paper.json.
    """
    problems = []
    for block in blocks(markdown):
        named = figures(block)
        sources = COMMENT.findall(re.sub(r"`[^`]*`", " ", block))
        if not sources and named:
            problems.append(f"{', '.join(named)} without a source in: {block.strip()[:80]!r}")
        if not sources:
            continue
        backed: list[str] = []
        for kind, value in sources:
            if kind == "given":
                backed += numbers(value)
                continue
            for key in re.split(r"[,\s]+", value):
                if kind == "claim" and key not in results:
                    problems.append(f"claim {key!r} names no result cell: {block.strip()[:80]!r}")
                elif kind == "claim":
                    backed += numbers(results[key])
                else:
                    backed += paper_numbers(paper, key)
        bare = {n.rstrip("%") for n in backed}
        for number in named:
            if number.rstrip("%") not in bare:
                problems.append(f"{number} is not in its source: {block.strip()[:80]!r}")
    return problems


def paper_numbers(paper: Path, table: str) -> list[str]:
    """Every number of one table of the paper, as prose writes it."""
    tables = json.loads(paper.read_text(encoding="utf-8"))["tables"]
    if table not in tables:
        raise ValueError(f"The paper has tables {', '.join(tables)}, and no table {table!r}.")
    return numbers(json.dumps(tables[table]["rows"]).replace('"', " "))
