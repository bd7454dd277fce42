"""Cleaning: Factbook fields and presidential addresses become paragraphs of plain text."""

import html
import re
import unicodedata
from collections.abc import Iterator

from spanbert_teach.corpus import sentences

SHORTEST = 12  # words; shorter fields are labels and figures, not prose
FIGURES = re.compile(r"seats by party|percent of vote|\.{5}|_{3}|(?:[$\d][\d,.]* ){5}")

# The prose of the Factbook: a field's key path (without its last "text" or "note") must match.
# Lists (parties, treaties, divisions, religions by percent), statistics and the sections on crime
# are left out.
PROSE_FIELDS = re.compile(
    "Introduction/.*|Geography/(Geographic overview|Wonders of the World/.*|Climate|"
    "Terrain|Natural hazards(/volcanism)?|Geography - note|Population distribution|"
    "Environment - current issues)|Environment/Environmental issues|"
    "Government/(Country name/(etymology|note)|Capital/etymology|Government type|Dependency status|"
    "Legal system|Constitution/amendment process|Executive branch/elections?/appointment.*|"
    "Legislative branch/(description|note)|"
    r"Judicial branch/(judge selection and term of office|highest court\(s\)|note)|"
    r"Flag( description)?(/note)?|National coat of arms|National anthem(\(s\)/history|/note))|"
    "Economy/(Economic overview|Economy - overview)|Communications/Broadcast media|"
    "Military( and Security)?/(Military - note|Military service age and obligation|"
    "Military equipment inventories and acquisitions|Military deployments)|"
    "Transportation/Transportation - note|Space/Space program overview|"
    "People and Society/Demographic profile|Transnational Issues/Disputes - international"
)
# Labels that stand before a text: "note 1:", "description:", "volcanism:".
LABEL = re.compile(
    r"^(?:(?:note|description|meaning|history|volcanism|overview|etymology)\s*\d*\s*[:-]\s*)+", re.I
)
ROMAN = re.compile(r"[IVX]{2,}")
TITLE = (
    "president|minister|premier|chancellor|king|queen|emperor|prince|princess|sultan|emir|amir|"
    "shah|pope|general|colonel|marshal|sheikh|shaykh|governor|leader|captain|explorer|navigator|"
    "dictator|strongman|ruler|commander|admiral|chairman|secretary|colonel|maj|gen|col|lt|capt|"
    "dr|sir|saint|st|bishop|sayyid|imam|de|da|dos|van|von|bin|ibn|al|el|ben|abd|abu|di|del|la"
)
CAPITALS = r"[A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ'’]*[A-ZÀ-ÖØ-Þ]"
SURNAME = re.compile(
    rf"(?P<before>\b(?:{TITLE}|[A-ZÀ-ÖØ-Þ][a-zß-ÿ'’\-]+|[A-ZÀ-Þ])[.,]?[\s-])(?P<name>{CAPITALS})\b",
)
ANY_CAPITALS = re.compile(rf"(?<![\w.&])({CAPITALS})(?![\w&])")
# What the rule of `surnames` gets wrong, found by reading: never names, and always names.
ACRONYMS = frozenset(
    re.findall(
        r"\w+",
        "ABOP APEC BRICS CAFTA DECHET ECB FANC FAPF JUSTICIA MEC NOTE OECS POLISARIO PROGRESSO "
        "UFR WWII HOPE MIN WIN KEY RSS ",
    )
)
NAMES = frozenset(
    re.findall(
        r"\w+",
        "ABIY ADDO ANTHONY ANWAR ARROYO ASHOKA BROWN CANEL CERAR CEREN CHIANG CHUBYNSKYI COELHO "
        "COWEN DENG DODD DUVALIER FRANK GAULLE GRIMALDI GYANENDRA HARAWA HATH HAYTHAM HLAING HU "
        "KENNY KHALIFA KHUBILAI KYI LADIN LANDAETA LEUNG LOUIS MANET MANNING MBASOGO MIKHALKOV "
        "MILLER MINDAUGAS MITCHELL MOLINA MOON MUTSWAIRO NAPOLEON NAYIF NEJAD NGUEMA NIETO "
        "NIYAZOW OBRADOR PANZA PAUL PAZ QABOOS ROMANOV ROSS RWABUGIRI SABAH SADAT SALIAS SAN "
        "SEIN SIRLEAF SPENCER SUGA SUU WACHIRALONGKON XI XIAO YINGLAK YOON ZAKARIAH ZUBAYR ",
    )
)


def plain(text: str) -> str:
    """One line of NFC text: no tags, entities, odd spaces, curly quotes or control characters."""
    text = html.unescape(html.unescape(text)).replace("\ufffd375 billion", "£375 billion")
    text = re.sub(r"</?[a-zA-Z][^<>]*>", "", text)
    text = unicodedata.normalize("NFC", text)
    for found, wanted in (("‘’‛ʼ´`", "'"), ("“”„‟", '"'), ("‐‑", "-"), ("…", "...")):
        text = re.sub(f"[{found}]", wanted, text)
    text = "".join(
        " " if unicodedata.category(c) in ("Zs", "Zl", "Zp") or c in "\t\n\r" else c for c in text
    )
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cn"))
    return re.sub(r"\s+", " ", text).strip()


def factbook_fields(node: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The prose fields of one country, in the file's order; a repeated field once."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from factbook_fields(value, (*path, key.strip()))
    elif isinstance(node, str):
        where = "/".join(path)
        if PROSE_FIELDS.fullmatch(re.sub("/text$", "", where)) or (
            where.endswith("/note") and PROSE_FIELDS.fullmatch(where[: -len("/note")])
        ):
            yield node


def factbook_paragraphs(country: dict) -> list[str]:
    """The paragraphs of one country, capitals still as the Factbook has them."""
    found = []
    for field in factbook_fields(country):
        for part in re.split(r"(?i)(?:<br\s*/?>\s*)+|</?p\b[^>]*>|</?li\b[^>]*>|\+\+", field):
            text = LABEL.sub("", plain(part).lstrip("•*- "))
            text = re.sub(r"\s+([,;.])(?=\s|$)", r"\1", text).replace("( ", "(").replace(" )", ")")
            if len(text.split()) >= SHORTEST and not FIGURES.search(text) and text not in found:
                found.append(text)
    return found


def surnames(paragraphs: list[str]) -> frozenset[str]:
    """The Factbook's surnames: words in CAPITALS that follow a title or a first name somewhere.

    A word that also stands alone in brackets, as "(NATO)" does, is an acronym.
    """
    text = "\n".join(paragraphs)
    names = {match["name"] for match in SURNAME.finditer(text)}
    defined = set(re.findall(rf"\(\"?({CAPITALS})\"?[);,]", text))
    defined |= set(re.findall(rf"\bor ({CAPITALS})\b", text))
    likely = {
        name
        for name in names - defined - ACRONYMS
        if len(name) > 2 and re.search("[AEIOUYÀ-Þ]", name) and not ROMAN.fullmatch(name)
    }
    return frozenset(likely | NAMES)


def title_case(paragraph: str, names: frozenset[str]) -> str:
    """The paragraph with these surnames in title case: "Xavier BETTEL" becomes "Xavier Bettel"."""
    return ANY_CAPITALS.sub(
        lambda match: capitalised(match[1]) if match[1] in names else match[1], paragraph
    )


def capitalised(name: str) -> str:
    """The name in title case: "O'BRIEN" gives "O'Brien", "MCDONALD" gives "McDonald"."""
    name = re.sub(r"[^'’]+", lambda part: part[0].capitalize(), name)
    return re.sub(r"^Mc([a-z])", lambda match: "Mc" + match[1].upper(), name)


def address_paragraphs(text: str) -> list[str]:
    """An address (one line in the source) in paragraphs of whole sentences, 60 to 130 words."""
    text = plain(text)
    # What the stenographer noted, and the printed page.
    text = re.sub(
        r"(?i)[\[(](?:applause|laughter|laughs|p\.\s*\d+|vol\. \d+, p\. \d+|missing text|sic|\d+|"
        r"at this point,[^\])]*)\.?[\])]",
        " ",
        text,
    )
    text = re.sub(r"\[Footnote [^\]]*\]", " ", text)
    text = re.sub(r"[\[\]]", "", text)  # an editor's insertion: keep the words
    # Headings stand in capitals, with or without a full stop, between the sentences.
    heading = (
        r"(?=[A-Z' &,.:-]*[A-Z]{4})(?:[IVX]+\. )?(?:[A-Z][A-Z'&,-]*[ :]+){2,}"
        r"(?=[A-Z][a-z]|[AI] [a-z])"
    )
    text = re.sub(rf"(?:^|(?<=[.!?:\"] )){heading}", "", re.sub(r"\s+", " ", text).strip())
    text = re.sub(r"(?:^|(?<=[.!?] ))The President\. (?=[A-Z])", "", text)  # the speaker
    text = re.sub(r"(?<=[.;:!?] )-(?=[A-Z])", "", text)  # the items of a list
    text = re.sub(r"\s+([,;.?!])(?=\s|$)", r"\1", text)
    found, paragraph, size = [], [], 0
    for sentence in sentences(text):
        length = len(sentence.split())
        if FIGURES.search(sentence) or not re.search("[a-z]", sentence):
            continue
        if paragraph and (size >= 100 or (size >= 60 and size + length > 130)):
            found.append(" ".join(paragraph))
            paragraph, size = [], 0
        paragraph.append(sentence)
        size += length
    if paragraph and size < SHORTEST and found:
        found[-1] += " " + " ".join(paragraph)
    elif paragraph:
        found.append(" ".join(paragraph))
    return found
