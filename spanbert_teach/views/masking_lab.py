"""The masking lab, the view of lesson 02: any text under any masking rule, and what comes of it.

`masking_state` gives the numbers (with `masking_draws` and `masking_verdict`); here they become a
static picture and a widget.
"""

import html

import traitlets

from spanbert_teach.corpus import piece_spans
from spanbert_teach.tokenization import WordPieceTokenizer
from spanbert_teach.views.colours import (
    DARK_GREEN,
    DARK_ORANGE,
    DARK_SKY,
    ORANGE,
    PALER_GREEN,
    SKY,
)
from spanbert_teach.views.masking_settings import START, clean
from spanbert_teach.views.masking_state import Lab
from spanbert_teach.views.masking_verdict import SIGNS
from spanbert_teach.views.own_function import Failed
from spanbert_teach.views.picture import element, elements
from spanbert_teach.views.texts import sendable, shorten
from spanbert_teach.views.view import AnsweringView, browser_side

STATIC_PIECES = 60
EMPTY = {"number": -1, "tokens": [], "starts": [], "under": []}
NO_VERDICT = {"state": "none", "sentence": "", "reasons": []}
NOTHING = {"answer": -1, "masks": 0, "verdict": NO_VERDICT}

KIND_NAMES = {"m": "[MASK]", "r": "random", "k": "kept"}
KIND_STYLES = {
    "m": f"background-color:{ORANGE};color:#000000;border:1px solid {DARK_ORANGE}",
    "r": f"background-color:{SKY};color:#000000;border:1px dashed {DARK_SKY}",
    "k": f"background-color:{PALER_GREEN};color:#000000;border:3px double {DARK_GREEN}",
}


def static_html(pieces: dict, shown: dict) -> str:
    """The lab without a kernel: a strip, a table of the lengths, the verdict. Safe to show."""
    kinds = {}
    masked = [piece for start, end, _ in shown.get("spans", ()) for piece in range(start, end)]
    for piece, kind in zip(masked, shown.get("kinds", ""), strict=True):
        kinds[piece] = kind
    random = dict(map(tuple, shown.get("random", ())))
    strip = []
    for place, token in enumerate(pieces["tokens"][:STATIC_PIECES]):
        kind = kinds.get(place)
        read = "[MASK]" if kind == "m" else random.get(place, token)
        style = KIND_STYLES.get(kind, "border:1px solid #999999")
        gap = "4px" if pieces["starts"][place] else "0px"
        style += f";display:inline-block;padding:1px 3px;margin:1px 0px 1px {gap}"
        strip.append(element("span", html.escape(read), style))
    more = len(pieces["tokens"]) - STATIC_PIECES
    tail = f" … and {more} more pieces" if more > 0 else ""
    judged = shown["verdict"]
    sign = SIGNS.get(judged["state"], "")
    legend = "".join(
        element("span", KIND_NAMES[kind], f"{style};padding:1px 3px;margin:2px")
        for kind, style in KIND_STYLES.items()
    )
    return (
        f"<div>{''.join(strip)}{tail}</div>"
        f"<p>What the model reads: {legend}</p>"
        f"{lengths_table(shown)}"
        f"<p><b>{sign} {html.escape(judged['sentence'])}</b></p>"
        "<p>Run the cell to move the sliders.</p>"
    )


def lengths_table(shown: dict) -> str:
    """The histogram as a table."""
    if not shown["masks"]:
        return ""
    rows = [
        (f"length in words ({shown['masks']:,} masks)", shown["bins"]),
        ("spans that came out", [f"{share:.1%}" for share in shown["realised"]]),
        ("the official rule on this text", [f"{share:.1%}" for share in shown["rule"]]),
        ("law of the drawn lengths", [f"{share:.1%}" for share in shown["law"]]),
    ]
    lines = [element("th", name) + elements("td", cells) for name, cells in rows]
    return element("table", elements("tr", lines))


class MaskingLab(AnsweringView):
    """Move sliders, choose rules and mistakes, and see what is masked, how long, and whether right.

    Args:
        tokenizer: cuts the texts; unigram: (vocabulary,) what random pieces are drawn from.
        paragraphs: texts to choose from. The learner may type one too.
        choose: the learner's own `choose_masked(word_starts, law, budget, rng)`; None: the library.
        tagged: "entity" and "noun_phrase" -> for each paragraph its spans in characters, as
            `load_spans` gives them.
        settings: what to begin with, see `masking_state.masking_lab`.
    """

    _esm, _css = browser_side("masking_lab")

    paragraphs = traitlets.List(traitlets.Unicode()).tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    settings = traitlets.Dict(START).tag(sync=True)
    pieces = traitlets.Dict(EMPTY).tag(sync=True)  # sent once a text
    shown = traitlets.Dict(NOTHING).tag(sync=True)

    def __init__(self, tokenizer, paragraphs, unigram, choose=None, tagged=None, **settings):
        self._lab = Lab(tokenizer, unigram, choose)
        self._spans, self._read = tagged or {}, None
        paragraphs = [sendable(text) for text in paragraphs]
        labels = [label(tokenizer, paragraph) for paragraph in paragraphs]
        super().__init__(clean(settings), paragraphs=paragraphs, labels=labels)

    def compute(self, settings: dict) -> tuple[dict, list[str]]:
        settings = clean(settings)
        number, text = self._current_text(settings)
        if self._read != (number, text):
            self._read = (number, text)
            found = self._lab.read(text, self._tagged(number, text))
            known = self.pieces["number"] + 1
            self.pieces = self._lab.pieces(known) if found else EMPTY | {"number": known}
        if self._lab.text is None:
            raise Failed("Type some text, or choose a paragraph: here is nothing to mask yet.")
        notes = [*self._lab.text.notes, *self._notes(settings, number)]
        return self._lab.shown(settings), notes

    def _current_text(self, settings: dict) -> tuple[int, str]:
        number = settings["paragraph"]
        if 0 <= number < len(self.paragraphs):
            return number, self.paragraphs[number]
        return -1, settings["text"]

    def _tagged(self, number: int, text: str) -> dict[str, list]:
        """The marked spans of a paragraph, in pieces; of a text of one's own there are none."""
        if number < 0 or not self._spans:
            return {}
        offsets = self._lab.tokenizer.encode(text, special_tokens=False).offsets
        return {k: piece_spans(offsets, spans[number]) for k, spans in self._spans.items()}

    def _notes(self, settings: dict, number: int) -> list[str]:
        """What a learner should know of these settings, in sentences."""
        notes, scheme = [], settings["scheme"]
        kinds = {"entity": "entities", "noun_phrase": "noun phrases"}
        if scheme in kinds and not self._lab.text.tagged.get(scheme):
            where = "a text of your own" if number < 0 else "this text"
            notes.append(
                f"No {kinds[scheme]} are marked in {where}; whole words are masked instead."
            )
        if self._lab.own(settings):
            notes.append(
                f"Running on your own {getattr(self._lab.choose, '__name__', 'function')}."
            )
        elif self._lab.choose is not None:
            notes.append("Running on the library: your own function is for the official rule.")
        if settings["preset"] == "paper":
            notes.append(
                "The paper’s text: words are always complete, every word is as likely to begin a "
                "span, and [CLS] and [SEP] serve as boundaries."
            )
        if settings["preset"] == "article":
            notes.append("A blog article’s formula, taken literally: it has no budget.")
        return notes

    def __repr__(self) -> str:
        judged = self.shown["verdict"]
        sign = SIGNS.get(judged["state"], "")
        sentence = f"{sign} {judged['sentence']}".strip() or self.message
        return f"MaskingLab({sentence!r})"

    def picture(self) -> str:
        return static_html(self.pieces, self.shown)


def label(tokenizer: WordPieceTokenizer, paragraph: str) -> str:
    """A paragraph in the list: how it begins, and how long it is."""
    begin = shorten(paragraph, 60)
    return f"{begin} ({len(tokenizer.encode(paragraph, special_tokens=False)):,} pieces)"
