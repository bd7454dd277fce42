"""Wikitext to paragraphs: running prose, no tables, lists, references, formulas or headings."""

import re

from tools.data_clean import SHORTEST, plain

# Everything from these headings on is apparatus.
APPARATUS = re.compile(
    r"^=+\s*(See also|References?|Notes?|Footnotes|External links|Further reading|Bibliography|"
    r"Works cited|Sources|Citations|Notes and references|References and notes|Publications|"
    r"Selected (?:works|bibliography)|Filmography|Gallery|Discography)\s*=+\s*$",
    re.I | re.M,
)
DROPPED_TAGS = "ref|math|gallery|source|code|timeline|chem|score|imagemap|syntaxhighlight|poem"


def without_nested(text: str, opening: str, closing: str, replace=lambda inside: "") -> str:
    """The text with each innermost-to-outermost `opening ... closing` replaced."""
    pattern = re.compile(
        re.escape(opening)
        + rf"((?:(?!{re.escape(opening)}|{re.escape(closing)}).)*)"
        + re.escape(closing),
        re.S,
    )
    while True:
        shorter = pattern.sub(lambda match: replace(match[1]), text)
        if shorter == text:
            return text
        text = shorter


def template(inside: str) -> str:
    """What a template shows in running prose; most show nothing that prose needs."""
    name, *values = [part.strip() for part in inside.split("|")]
    plain_values = [value for value in values if "=" not in value]
    name = name.lower()
    if name in ("convert", "cvt") and len(plain_values) > 1:
        if plain_values[1] in ("to", "-", "–", "and") and len(plain_values) > 3:
            return " ".join(plain_values[:4])
        return f"{plain_values[0]} {plain_values[1]}".replace(" e6", " million ")
    if name in ("lang", "transl", "tooltip", "abbr") and plain_values:
        return plain_values[1] if name == "lang" and len(plain_values) > 1 else plain_values[-1]
    if name.startswith("lang-") and plain_values:
        return plain_values[0]
    if name in (
        "nowrap",
        "nihongo",
        "small",
        "smaller",
        "quote",
        "as of",
        "angbr",
        "val",
        "vanchor",
    ):
        return f"As of {' '.join(plain_values)}" if name == "as of" else "".join(plain_values[:1])
    if name == "'s":
        return "'s"
    if name in ("nbsp", "spaces", "snd", "spaced ndash", "ndash", "mdash"):
        return " – " if "dash" in name or name == "snd" else " "
    return ""


def link(inside: str) -> str:
    """The text of a `[[link]]`; files, categories and other languages' pages show none."""
    target, _, shown = inside.partition("|")
    if re.match(r"\s*:?\s*(file|image|category|media|[a-z]{2,3}(-[a-z]+)?)\s*:", target, re.I):
        return ""
    return shown.rpartition("|")[2] if shown else target.partition("#")[0].lstrip(":")


def wikipedia_paragraphs(wikitext: str) -> list[str]:
    """The prose paragraphs of one article, in order."""
    text = re.sub(r"<!--.*?-->", "", wikitext, flags=re.S)
    if match := APPARATUS.search(text):
        text = text[: match.start()]
    text = re.sub(rf"<({DROPPED_TAGS})\b[^>]*/\s*>", "", text, flags=re.I)
    text = re.sub(rf"<({DROPPED_TAGS})\b[^>]*>.*?</\1\s*>", "", text, flags=re.S | re.I)
    text = without_nested(text, "{{", "}}", template)
    text = without_nested(text, "{|", "|}")
    text = without_nested(text, "[[", "]]", link)
    text = re.sub(r"\[(?:https?:|ftp:)?//\S+\s*([^\]]*)\]", r"\1", text)
    text = re.sub(r"(?<=\w)'''(?=s\b)", "'", text)  # the possessive of a title in italics
    text = re.sub(r"'{2,}", "", text)
    text = re.sub(r"__[A-Z]+__", "", text)
    found = []
    for line in re.sub(r"(?i)<br\s*/?>", " ", text).split("\n"):
        if line[:1] in "*#:;=|!{} \t<" and not line.startswith("<blockquote>"):
            continue  # a list item, heading, table row, or markup of another kind
        paragraph = tidy(plain(line))
        if is_prose(paragraph):
            found.append(paragraph)
    return found


def tidy(text: str) -> str:
    """The text without the holes that removed templates leave: empty brackets, doubled marks."""
    for _ in range(3):
        text = re.sub(r"\(\s*[,;:/]\s*|\(\s+", "(", text)
        text = re.sub(r"\s*[,;:/]?\s*\)", ")", text)
        text = re.sub(r"\s*(\(\s*(?:or|and)?\s*\)|\[\s*\])", "", text)
    text = re.sub(r"(?<=[.!?\"])\[\d+\]", "", text)
    text = re.sub(r"\s+([,;.?!])(?=\s|$)", r"\1", text)
    text = re.sub(r"([,;])(?:\s*[,;])+", r"\1", text)
    return re.sub(r"\s+", " ", text).strip()


def is_prose(paragraph: str) -> bool:
    """Whether a cleaned line is a paragraph of sentences without leftovers of markup."""
    return (
        len(paragraph.split()) >= SHORTEST
        and (paragraph[0].isupper() or paragraph[0].isdigit() or paragraph[0] in "\"'(")
        and paragraph[-1] in ".?!\"')"
        and not re.search(r"[{}|<>\\]|\[\[|\]\]|https?:|\"\"|align=|style=|&\w+;", paragraph)
    )
