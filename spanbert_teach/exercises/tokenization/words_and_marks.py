"""Exercise 01-1: words and marks."""

import re
import string

from spanbert_teach.exercises.checking import ENDLESS
from spanbert_teach.exercises.form import Exercise, Property, Slip, case
from spanbert_teach.exercises.kinds import texts
from spanbert_teach.tokenization import category, is_punctuation, split_words

NO_WORDS = {"hint": "A text without words is an empty list.", "misconception": "empty-text"}
CASES = (
    case("A (small) well-known firm."),
    case("It isn't $5."),
    case("and so on"),
    case("Wait... what?!"),
    case("a well-known (U.S.) firm"),
    case("  so \t far,\n\nso   good\n"),
    case("Zoë paid 42 crowns in 1903"),
    case("“No” — she said. ¿Don’t you?"),
    case("1+1=2^1 <a|b> ~$ snake_case `x`"),
    case("x".join(string.punctuation)),
    case("It cost 5€ at 20°"),
    case("a"),
    case("."),
    case("", **NO_WORDS),
    case(" \n ", **NO_WORDS),
)


# --- properties: first the letters, then the borders between words -------------------------------


def _marks(text):
    return [char for char in text if is_punctuation(char)]


def _letters(words):
    return [char for char in "".join(words) if not is_punctuation(char)]


def _glued(words):
    """Words that hold a mark and something else."""
    return [word for word in words if len(word) > 1 and _marks(word)]


def _marks_at(words, place):
    """The glued words, if each holds one mark only, at its beginning (0) or its end (-1)."""
    glued = _glued(words)
    alike = all(is_punctuation(word[place]) and len(_marks(word)) == 1 for word in glued)
    return glued if alike else []


PROPERTIES = (
    Property(
        lambda got, *_: "" in got,
        "empty-words",
        "There are empty words in it. They come from two separators side by side; keep a word "
        "only if it is not ''. (text.split() without an argument makes none.)",
    ),
    Property(
        lambda got, *_: [word for word in got if re.search(r"\s", word)],
        "keeps-white-space",
        "{} holds white space. Tabs and line ends separate words as spaces do, and belong to "
        "none: char.isspace() and text.split() know them all.",
    ),
    Property(
        lambda got, right, text: "".join(right) != "".join(got) == "".join(right).lower(),
        "lower-cased",
        'Capitals stay: "It" is not "it". Names depend on them.',
    ),
    Property(
        lambda got, right, text: got and got == right[: len(got)],
        "last-word-lost",
        "The last word is missing: no space comes after it. Keep what is left at the end.",
    ),
    Property(
        lambda got, right, text: (
            "".join(got) != "".join(right) and sorted("".join(got)) == sorted("".join(right))
        ),
        "other-order",
        "The order has changed: a mark stays where it stands.",
    ),
    Property(
        lambda got, right, text: (
            _letters(got) == _letters(right) and len("".join(got)) < len("".join(right))
        ),
        "drops-marks",
        "Marks are missing. They are not thrown away: each is a word of its own.",
    ),
    Property(
        lambda got, right, text: "".join(got) != "".join(right),
        "other-letters",
        "All letters and marks of the text stay, each once, and nothing is added but borders.",
    ),
    Property(
        lambda got, *_: [word for word in got if len(word) == len(_marks(word)) > 1],
        "marks-together",
        "{} is more than one word: every mark is one.",
    ),
    Property(
        lambda got, *_: set(_marks("".join(_glued(got)))) <= set("'’") and _glued(got),
        "keeps-contractions",
        "{} is three words for BERT: what stands before the apostrophe, the apostrophe, and what "
        "stands after it.",
    ),
    Property(
        lambda got, *_: set(_marks("".join(_glued(got)))) == {"_"},
        "underscore-is-a-letter",
        r"The underscore is a mark too; only in regular expressions \w counts it as a letter.",
    ),
    Property(
        lambda got, *_: [word for word in _glued(got) if not "".join(_marks(word)).isascii()],
        "ascii-marks-only",
        "{} holds a mark that no English keyboard has. string.punctuation is ASCII only; "
        "is_punctuation(char) knows all of Unicode.",
    ),
    Property(
        lambda got, *_: [w for w in _glued(got) if any(category(m)[0] == "S" for m in _marks(w))],
        "symbols-forgotten",
        "{} holds a mark that is easily forgotten: $, +, <, = and ^ are symbols for Unicode, but "
        "BERT takes them as marks. is_punctuation(char) knows.",
    ),
    Property(
        lambda got, *_: _marks_at(got, 0),
        "no-border-after",
        "{} still holds what comes after the mark: the border before a mark is there, the one "
        "after it is missing.",
    ),
    Property(
        lambda got, *_: _marks_at(got, -1),
        "no-border-before",
        "{} still holds what comes before the mark: the border after a mark is there, the one "
        "before it is missing.",
    ),
    Property(
        lambda got, *_: _glued(got),
        "glued-marks",
        "{} has a mark glued to it. Marks stand anywhere, not only at the end of a word, and each "
        "is a word of its own.",
    ),
    Property(
        lambda got, right, text: "€" in text,
        "own-idea-of-marks",
        "€ and ° are no marks for BERT: is_punctuation('€') is False, so they stay with their "
        "neighbours. Ask it, instead of splitting at all that is no letter.",
    ),
    Property(
        lambda *_: True,
        "splits-words",
        "A word is cut in two. Only white space and marks separate words; ë is a letter, and "
        "digits stand together like letters.",
    ),
)


# --- slips --------------------------------------------------------------------------------------


def _words(text, is_mark=is_punctuation, before=" ", after=" "):
    """Right, but for one place: what is taken for a mark, or what is put on either side of it."""
    return "".join(f"{before}{c}{after}" if is_mark(c) else c for c in text).split()


def _for_ever(text):
    words, start = [], 0
    while start < len(text):
        end = start
        while end < len(text) and not text[end].isspace() and not is_punctuation(text[end]):
            end += 1
        words += [text[start:end]] if end > start else []
        start = end
    return words


SLIPS = (
    Slip(
        lambda text: text.split(),
        "white-space-only",
        "It splits at white space only. A mark is a word of its own, even in the middle.",
    ),
    Slip(lambda text: [word.strip(string.punctuation) for word in text.split()], "drops-marks"),
    Slip(lambda text: re.findall(r"\w+", text), "drops-marks"),
    Slip(lambda text: re.sub(r"(\W)(?=\s|$)", r" \1", text).split(), "glued-marks"),
    Slip(lambda text: re.findall(r"[^\W_]+(?:['’]\w+)?|[^\w\s]|_", text), "keeps-contractions"),
    Slip(lambda text: [word.strip() for word in re.split(r"(\W|_)", text)], "empty-words"),
    Slip(lambda text: re.findall(r"\w+|[^\w\s]+", text), "marks-together"),
    Slip(lambda text: _words(text, ".,!?;:'\"()-".__contains__), "symbols-forgotten"),
    Slip(lambda text: _words(text, string.punctuation.__contains__), "ascii-marks-only"),
    Slip(lambda text: re.findall(r"\w+|[^\w\s]", text), "underscore-is-a-letter"),
    Slip(lambda text: re.findall(r"[^\W_]+|[^\w\s]|_", text), "own-idea-of-marks"),
    Slip(lambda text: _words(text.lower()), "lower-cased"),
    Slip(lambda text: re.findall(r"[A-Za-z]+|[0-9]+|\S", text), "splits-words"),
    Slip(
        lambda text: [char for char in text if not char.isspace()],
        "single-letters",
        "It splits into letters. Letters that stand together are one word.",
    ),
    Slip(lambda text: re.findall(r"\w+(?=\W)|[^\w\s]", text), "last-word-lost"),
    Slip(
        lambda text: [word for word in re.sub(r"([^\w\s]|_)", r" \1 ", text).split(" ") if word],
        "keeps-white-space",
    ),
    Slip(lambda text: re.findall(r"[^\W_]+", text) + _marks(text), "other-order"),
    Slip(lambda text: " ".join(_words(text)), "not-a-list"),
    Slip(lambda text: _words(text, after=""), "no-border-after"),
    Slip(lambda text: _words(text, before=""), "no-border-before"),
    Slip(lambda text: [_words(text)[0], *_words(text)[1:]], "empty-text"),
    Slip(_for_ever, ENDLESS, "Each turn must move on: a space too has to be passed."),
)


def _in_groups(text):
    groups = [""]
    for char in text:
        if is_punctuation(char):
            groups += [char, ""]
        elif char.isspace():
            groups.append("")
        else:
            groups[-1] += char
    return [group for group in groups if group]


WORDS_AND_MARKS = Exercise(
    id="01-1",
    title="Words and marks",
    function="words_and_marks",
    minutes=6,
    difficulty=2,
    right=lambda text: [word.text for word in split_words(text)],
    cases=CASES,
    kind=texts("words"),
    properties=PROPERTIES,
    slips=SLIPS,
    alternative=_in_groups,
)
