"""The exercises of lesson 01, in order; the first, words and marks, is here.

01-2 is in `tokenization_cut`, 01-3 in `tokenization_merge`; 01-4 and 01-5, which count places, are
in `tokenization_places`.
"""

import re
import string

from spanbert_teach.exercises.checking import (
    ENDLESS,
    Wrong,
    call,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Slip
from spanbert_teach.exercises.kinds import expect_texts
from spanbert_teach.unicode_rules import category
from spanbert_teach.wordpiece import is_punctuation, split_words

# --- 01-1: words and marks ----------------------------------------------------------------------


def check_words_and_marks(fn) -> None:
    """`words_and_marks(text)`: split at white space; each punctuation mark is its own word."""
    for text in (
        "A (small) well-known firm.",
        "It isn't $5.",
        "and so on",
        "Wait... what?!",
        "a well-known (U.S.) firm",
        "  so \t far,\n\nso   good\n",
        "Zoë paid 42 crowns in 1903",
        "“No” — she said. ¿Don’t you?",
        "1+1=2^1 <a|b> ~$ snake_case `x`",
        "x".join(string.punctuation),
        "It cost 5€ at 20°",
        "a",
        ".",
        "",
        " \n ",
    ):
        expected = [word.text for word in split_words(text)]
        given = shown_call(fn, text)
        try:
            got = call(fn, text)
        except Wrong as wrong:
            if expected or "IndexError" not in wrong.message:
                raise
            hint = "A text without words gives an empty list."
            raise Wrong(f"{wrong.message}\n{hint}", "empty-text") from wrong
        expect_texts(got, given, "words")
        if got != expected:
            hint, misconception = _word_slip(text, got, expected)
            message = f"{given} should be {shown(expected)}, but is {shown(got)}.\n{hint}"
            raise Wrong(message, misconception)


def _marks(text: str) -> list[str]:
    return [char for char in text if is_punctuation(char)]


def _word_slip(text: str, got: list[str], expected: list[str]) -> tuple[str, str]:
    """The hint and the misconception that wrong words tell of."""
    if "" in got:
        return (
            "There are empty words in it. They come from two separators side by side; "
            "keep a word only if it is not ''. (text.split() without an argument makes none.)",
            "empty-words",
        )
    if spaced := [word for word in got if re.search(r"\s", word)]:
        return (
            f"{shown(spaced[0])} holds white space. Tabs and line ends separate words as spaces "
            "do, and belong to none: char.isspace() and text.split() know them all.",
            "keeps-white-space",
        )
    letters, wanted = "".join(got), "".join(expected)
    if letters == wanted:
        return _border_slip(text, got)
    if letters == wanted.lower():
        return 'Capitals stay: "It" is not "it". Names depend on them.', "lower-cased"
    if got and got == expected[: len(got)]:
        return (
            "The last word is missing: no space comes after it. Keep what is left at the end.",
            "last-word-lost",
        )
    if sorted(letters) == sorted(wanted):
        return "The order has changed: a mark stays where it stands.", "other-order"
    if [char for char in letters if not is_punctuation(char)] == [
        char for char in wanted if not is_punctuation(char)
    ]:
        if len(letters) > len(wanted):
            return "There are more marks than in the text: each is one word, once.", "marks-twice"
        return (
            "Marks are missing. They are not thrown away: each is a word of its own.",
            "drops-marks",
        )
    return "All letters of the text stay, and nothing is added but borders.", "other-letters"


def _border_slip(text: str, got: list[str]) -> tuple[str, str]:
    """As `_word_slip`, where the letters are right and only the borders between words are not."""
    if got == text.split():
        return (
            "It splits at white space only. A mark is a word of its own, even in the middle.",
            "white-space-only",
        )
    if runs := [word for word in got if len(word) > 1 and len(_marks(word)) == len(word)]:
        return f"{shown(runs[0])} is {len(runs[0])} words: every mark is one.", "marks-together"
    glued = [word for word in got if len(word) > 1 and _marks(word)]
    marks = {mark for word in glued for mark in _marks(word)}
    if marks and marks <= set("'’"):
        return (
            f"{shown(glued[0])} is three words for BERT: what stands before the apostrophe, the "
            "apostrophe, and what stands after it.",
            "keeps-contractions",
        )
    if marks == {"_"}:
        return (
            r"The underscore is a mark too; only in regular expressions \w counts it as a letter.",
            "underscore-is-a-letter",
        )
    if foreign := [word for word in glued if any(not m.isascii() for m in _marks(word))]:
        return (
            f"{shown(foreign[0])} holds a mark that no English keyboard has. string.punctuation is "
            "ASCII only; is_punctuation(char) knows all of Unicode.",
            "ascii-marks-only",
        )
    if symbols := [word for word in glued if any(category(m)[0] == "S" for m in _marks(word))]:
        return (
            f"{shown(symbols[0])} holds a mark that is easily forgotten: $, +, <, = and ^ are "
            "symbols for Unicode, but BERT takes them as marks. is_punctuation(char) knows.",
            "symbols-forgotten",
        )
    if glued and all(is_punctuation(word[0]) and len(_marks(word)) == 1 for word in glued):
        return (
            f"{shown(glued[0])} still holds what comes after the mark: the border before a mark is "
            "there, the one after it is missing.",
            "no-border-after",
        )
    if glued and all(is_punctuation(word[-1]) and len(_marks(word)) == 1 for word in glued):
        return (
            f"{shown(glued[0])} still holds what comes before the mark: the border after a mark is "
            "there, the one before it is missing.",
            "no-border-before",
        )
    if glued:
        return (
            f"{shown(glued[0])} has a mark glued to it. Marks stand anywhere, not only at the end "
            "of a word, and each is a word of its own.",
            "glued-marks",
        )
    if "€" in text:
        return (
            "€ and ° are no marks for BERT: is_punctuation('€') is False, so they stay with their "
            "neighbours. Ask it, instead of splitting at all that is no letter.",
            "own-idea-of-marks",
        )
    if all(len(word) == 1 for word in got):
        return "It splits into letters. Letters that stand together are one word.", "single-letters"
    return (
        "A word is cut in two. Only white space and marks separate words; ë is a letter, and "
        "digits stand together like letters.",
        "splits-words",
    )


def _words_split(text):
    return text.split()


def _words_stripped(text):
    return [word.strip(string.punctuation) for word in text.split()]


def _words_last_mark(text):
    words = []
    for word in text.split():
        if len(word) > 1 and is_punctuation(word[-1]):
            words += [word[:-1], word[-1]]
        else:
            words.append(word)
    return words


def _words_letters_only(text):
    return re.findall(r"\w+", text)


def _words_contractions(text):
    return re.findall(r"[^\W_]+['’][^\W_]+|[^\W_]+|[^\w\s]|_", text)


def _words_re_split(text):
    return [word.strip() for word in re.split(r"(\W|_)", text)]


def _words_runs(text):
    return re.findall(r"\w+|[^\w\s]+", text)


def _words_known_marks(text):
    for mark in ".,!?;:'\"()-":
        text = text.replace(mark, f" {mark} ")
    return text.split()


def _words_ascii_marks(text):
    for mark in string.punctuation:
        text = text.replace(mark, f" {mark} ")
    return text.split()


def _words_underscore(text):
    return re.findall(r"\w+|[^\w\s]", text)


def _words_not_word(text):
    return re.findall(r"[^\W_]+|[^\w\s]|_", text)


def _words_lowered(text):
    return _words_alternative(text.lower())


def _words_ascii_letters(text):
    return re.findall(r"[A-Za-z]+|[0-9]+|\S", text)


def _words_without_the_last(text):
    words, word = [], ""
    for char in text:
        if is_punctuation(char) or char.isspace():
            words += [part for part in (word, char.strip()) if part]
            word = ""
        else:
            word += char
    return words


def _words_only_spaces(text):
    spaced = "".join(f" {char} " if is_punctuation(char) else char for char in text)
    return [word for word in spaced.split(" ") if word]


def _words_in_two_passes(text):
    return re.findall(r"[^\W_]+", text) + _marks(text)


def _words_one_letter(text):
    return [char for char in text if not char.isspace()]


def _words_joined(text):
    return " ".join(_words_alternative(text))


def _words_space_before(text):
    spaced = ""
    for char in text:
        spaced += " " + char if is_punctuation(char) else char
    return spaced.split()


def _words_space_after(text):
    spaced = ""
    for char in text:
        spaced += char + " " if is_punctuation(char) else char
    return spaced.split()


def _words_for_ever(text):
    words, start = [], 0
    while start < len(text):
        end = start
        while end < len(text) and not text[end].isspace() and not is_punctuation(text[end]):
            end += 1
        if end > start:
            words.append(text[start:end])
        elif is_punctuation(text[end]):
            words.append(text[end])
            end += 1
        start = end
    return words


def _words_alternative(text):
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
    more=check_words_and_marks,
    slips=(
        Slip(_words_split, "white-space-only"),
        Slip(_words_stripped, "drops-marks"),
        Slip(_words_letters_only, "drops-marks"),
        Slip(_words_last_mark, "glued-marks"),
        Slip(_words_contractions, "keeps-contractions"),
        Slip(_words_re_split, "empty-words"),
        Slip(_words_runs, "marks-together"),
        Slip(_words_known_marks, "symbols-forgotten"),
        Slip(_words_ascii_marks, "ascii-marks-only"),
        Slip(_words_underscore, "underscore-is-a-letter"),
        Slip(_words_not_word, "own-idea-of-marks"),
        Slip(_words_lowered, "lower-cased"),
        Slip(_words_ascii_letters, "splits-words"),
        Slip(_words_one_letter, "single-letters"),
        Slip(_words_without_the_last, "last-word-lost"),
        Slip(_words_only_spaces, "keeps-white-space"),
        Slip(_words_in_two_passes, "other-order"),
        Slip(_words_joined, "not-a-list"),
        Slip(_words_space_before, "no-border-after"),
        Slip(_words_space_after, "no-border-before"),
        Slip(_words_for_ever, ENDLESS),
    ),
    alternative=_words_alternative,
)
