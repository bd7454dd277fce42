"""The hidden span view of lesson 00: hide words, and see what counting makes of the two sides."""

import html
from collections.abc import Callable, Sequence

import traitlets

from spanbert_teach.baselines import BoundaryCounts, guess_hidden
from spanbert_teach.corpus import words
from spanbert_teach.views.colours import BLUE, ORANGE
from spanbert_teach.views.own_function import Failed
from spanbert_teach.views.picture import element, elements
from spanbert_teach.views.texts import first_characters, whole_percent
from spanbert_teach.views.view import AnsweringView, browser_side

MASK = "[MASK]"
LONGEST_TEXT = 2_000
LONGEST_SPAN = 6
TOP = 4
NOTHING = {"answer": 0, "tokens": [], "start": 0, "length": 0, "left": None, "right": None}
NOTHING |= {"answers": [], "guesses": []}
TOO_SHORT = (
    "Type at least three words, one to hide and one on either side of it. "
    "Words are split at spaces and punctuation."
)


def hide_span(sentence: Sequence[str], start: int, length: int) -> list[str]:
    """The sentence with `length` words from `start` on replaced, each by its own `[MASK]`.

    `start` counts from 0. The list that is passed in is not changed. Lesson `00_start_here`.
    """
    return [*sentence[:start], *[MASK] * length, *sentence[start + length :]]


def hidden_span(
    counts: BoundaryCounts,
    sentence: Sequence[str],
    start: int,
    length: int,
    see_left: bool = True,
    see_right: bool = True,
    hide: Callable[[Sequence[str], int, int], list[str]] = hide_span,
) -> dict:
    """What the view shows, as plain numbers and strings.

    Returns:
        tokens: the sentence as `hide` leaves it; start, length: the span, moved inside the
        sentence so that a word stays on either side; left, right: the boundary words that may be
        used (None: not used); answers: the hidden words; guesses: per hidden word, (word, share)
        pairs, best first.
    """
    length = max(1, min(length, len(sentence) - 2, LONGEST_SPAN))
    start = max(1, min(start, len(sentence) - 1 - length))
    left = sentence[start - 1] if see_left else None
    right = sentence[start + length] if see_right else None
    return {
        "tokens": list(hide(list(sentence), start, length)),
        "start": start,
        "length": length,
        "left": left,
        "right": right,
        "answers": list(sentence[start : start + length]),
        "guesses": [
            guess_hidden(counts, left, right, length, position, TOP)
            for position in range(1, length + 1)
        ],
    }


def static_html(shown: dict) -> str:
    """The view without a kernel: the sentence, and a table of guesses. Safe to show anywhere."""
    start, end = shown["start"], shown["start"] + shown["length"]
    strip = []
    for i, token in enumerate(shown["tokens"]):
        style = "padding:2px 4px;margin:1px;display:inline-block;border:1px solid #999999"
        if token == MASK:
            style += f";background-color:{ORANGE};color:#000000;font-weight:bold"
        elif i in (start - 1, end):
            style += f";border:2px solid {BLUE}"
        strip.append(element("span", html.escape(token), style))
    heads = ["", "hidden word", *(f"guess {n}" for n in range(1, TOP + 1))]
    rows = [elements("th", heads)]
    for answer, guesses in zip(shown["answers"], shown["guesses"], strict=True):
        mark = "✓" if guesses[0][0] == answer else "✗"
        cells = [mark, element("b", html.escape(answer))]
        cells += [html.escape(f"{word} {whole_percent(share)}") for word, share in guesses]
        rows.append(elements("td", cells))
    return (
        f"<div>{' '.join(strip)}</div><table>{elements('tr', rows)}</table>"
        "<p>Orange: hidden. Thick blue border: the boundary words. "
        "Run the cell to hide other words.</p>"
    )


class HiddenSpanView(AnsweringView):
    """Sliders over `hidden_span`: which words are hidden, and which side may be seen.

    Args:
        counts: what the guesses are looked up in.
        examples: sentences to choose from, as text. The learner may type one too.
        start, length: the first hidden word (from 0) and how many are hidden.
        hide: the function that hides; a learner's own works as well as the library's.
    """

    _esm, _css = browser_side("hidden_span")

    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    longest = traitlets.Int(LONGEST_SPAN).tag(sync=True)
    shown = traitlets.Dict(NOTHING).tag(sync=True)

    def __init__(self, counts, examples, start=3, length=1, hide=hide_span):
        self.counts, self.hide = counts, hide
        settings = {"text": examples[0], "start": start, "length": length}
        settings |= {"see_left": True, "see_right": True}
        super().__init__(settings, examples=list(examples))

    def compute(self, settings: dict) -> tuple[dict, list[str]]:
        text, notes = first_characters(settings["text"], LONGEST_TEXT)
        # Invisible characters, such as those inside an emoji sequence, are no words to hide.
        sentence = [word for word in words(text) if word.isprintable()]
        if len(sentence) < 3:
            raise Failed(TOO_SHORT)
        span = settings["start"], settings["length"]
        seen = settings["see_left"], settings["see_right"]
        return hidden_span(self.counts, sentence, *span, *seen, hide=self.hide), notes

    def __repr__(self) -> str:
        return f"HiddenSpanView({' '.join(self.shown['tokens'])!r})"

    def picture(self) -> str:
        return static_html(self.shown)
