"""The view of lesson 01: greedy longest-match search, one look-up after the other.

The numbers come from `longest_match_state`; the browser draws them.
"""

import html
from pathlib import Path

import traitlets

from spanbert_teach.tokenization import SPECIAL_TOKENS, match_longest, split_words
from spanbert_teach.views.frame import View
from spanbert_teach.views.guards import first_characters
from spanbert_teach.views.longest_match_state import NO_ID, NOTHING, longest_match, shorten

LONGEST_TEXT = 2_000


def tried(shown: dict, first: int, last: int) -> list[str]:
    """The look-ups `first` to `last` - 1 in words, those in the middle left out."""
    texts = []
    for start, end, found, text in shown["lookups"][first:last]:
        text = text or ("##" if start else "") + shown["word"][start:end]
        texts.append(f"{'✓' if found else '✗'} {shorten(text)}")
    return texts if len(texts) <= 6 else [*texts[:3], "…", *texts[-2:]]


def static_html(shown: dict) -> str:
    """The view without a kernel: a table of the pieces. Safe to show anywhere."""
    rows = [
        (p["token"], "–" if p["id"] == NO_ID else p["id"], p["first"], p["last"])
        for p in shown["pieces"]
    ]
    done = rows[-1][-1] if rows else 0
    if done < len(shown["lookups"]):
        rows.append(("(none)", "–", done, len(shown["lookups"])))
    lines = []
    for token, number, first, last in rows:
        cells = (number, f"{last - first:,}", ", ".join(tried(shown, first, last)) or "–")
        style = 'style="text-align:left"'
        texts = "".join(f"<td {style}>{html.escape(str(text))}</td>" for text in cells)
        lines.append(f"<tr><td {style}><b>{html.escape(shorten(token))}</b></td>{texts}</tr>")
    heads = "".join(f"<th>{head}</th>" for head in ("piece", "id", "look-ups", "tried in order"))
    sentence = html.escape(shown["problem"] or shown["result"])
    return (
        (f"<table><tr>{heads}</tr>{''.join(lines)}</table>" if rows else "")
        + f"<p><b>{sentence}</b></p>"
        + "<p>✗: not in the vocabulary. ✓: found. Run the cell to step through the look-ups.</p>"
    )


class LongestMatchView(View):
    """Type a word and step through the search for its pieces.

    Args:
        vocabulary: piece -> id, as `load_tokenizer().vocabulary`.
        examples: words to choose from. The learner may type one too.
        word: the word at the beginning; if not given, the first example.
        match: the function that cuts; a learner's own works as well as the library's.
    """

    _esm = Path(__file__).parent / "static" / "longest_match.js"
    _css = Path(__file__).parent / "static" / "longest_match.css"

    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)
    shown = traitlets.Dict(NOTHING).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)

    def __init__(self, vocabulary, examples, word=None, match=match_longest):
        self.vocabulary, self.match = vocabulary, match
        super().__init__(examples=list(examples), text=examples[0] if word is None else word)
        self.observe(self._redraw, ["text"])
        self._redraw()

    def _redraw(self, _change=None) -> None:
        text, notes = first_characters(self.text, LONGEST_TEXT)
        words = text.split()
        if not words:
            notes.append("Type a word, or choose an example.")
            self.message, self.shown = " ".join(notes), NOTHING
            return
        if len(words) > 1:
            notes.append("Only the first word is cut: BERT splits a text at its spaces before.")
        parts = [part.text for part in split_words(words[0])]
        if len(parts) > 1 and words[0] not in SPECIAL_TOKENS:
            notes.append(
                f"BERT would split this into {len(parts):,} words first, {shorten(' '.join(parts))}"
                " – here it is searched as it stands."
            )
        self.message = " ".join(notes)
        self.shown = longest_match(words[0], self.vocabulary, self.match)

    def __repr__(self) -> str:
        return f"LongestMatchView({self.shown['problem'] or self.shown['result']!r})"

    def picture(self) -> str:
        return static_html(self.shown)
